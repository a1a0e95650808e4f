//! What do the two servers answer, and do?

use resp::{Request, RequestScanner};

use crate::{Is, Link, World};

impl World {
    pub(crate) fn process(&mut self, link: &mut Link, n: usize) {
        for _ in 0..n {
            let Ok(Some(Request::Command(request))) = RequestScanner::default().next(&link.inbox) else { return };
            let words: Vec<String> =
                request.arguments(&link.inbox).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            link.inbox.drain(..request.len());
            let reply = self.answer(link, &words);
            link.outbox.extend(reply.bytes());
        }
    }

    /// One answer for each name.
    fn listen(&self, link: &mut Link, words: &[String]) -> String {
        assert!(!self.shared && link.multi.is_none(), "on a connection of its own, and not within a transaction");
        let verb = words[0].to_lowercase();
        let mut answers = String::new();
        for name in &words[1..] {
            if verb == "subscribe" {
                link.listens.insert(name.clone());
            } else {
                link.listens.remove(name);
            }
            let (n, of) = (verb.len(), link.listens.len());
            answers += &format!("*3\r\n${n}\r\n{verb}\r\n$2\r\n{name}\r\n:{of}\r\n");
        }
        answers
    }

    /// What a server answers, and does.
    fn answer(&mut self, link: &mut Link, words: &[String]) -> String {
        let is = self.servers[link.server];
        let name = words[0].as_str();
        if name.ends_with("SUBSCRIBE") {
            return self.listen(link, words);
        }
        let id: usize = words.get(1).and_then(|w| w.parse().ok()).unwrap_or_default();
        let writes = matches!(name, "SET" | "BLPOP");
        let refusal = match is {
            Is::Loading if !matches!(name, "MULTI" | "EXEC" | "DISCARD" | "WATCH" | "UNWATCH" | "SELECT") => {
                Some("LOADING Redis is loading the dataset in memory")
            }
            Is::Replica if writes => Some("READONLY You can't write against a read only replica."),
            _ => None,
        };
        if let Some(refusal) = refusal {
            link.dirty |= link.multi.is_some();
            return format!("-{refusal}\r\n");
        }
        match name {
            "MULTI" if link.multi.is_some() => "-ERR MULTI calls can not be nested\r\n".to_owned(),
            "MULTI" => {
                link.multi = Some(Vec::new());
                link.dirty = false;
                "+OK\r\n".to_owned()
            }
            "EXEC" => self.exec(link),
            "DISCARD" => {
                link.watching &= link.multi.is_none();
                link.multi.take().map_or("-ERR DISCARD without MULTI\r\n", |_| "+OK\r\n").to_owned()
            }
            "WATCH" if link.multi.is_some() => "-ERR WATCH inside MULTI is not allowed\r\n".to_owned(),
            _ if link.multi.is_some() => {
                link.multi.as_mut().unwrap().push((id, name.to_owned()));
                "+QUEUED\r\n".to_owned()
            }
            "WATCH" => {
                link.watching = true;
                "+OK\r\n".to_owned()
            }
            "UNWATCH" => {
                link.watching = false;
                "+OK\r\n".to_owned()
            }
            // Somebody unblocked it, now and then.
            "BLPOP" if id.is_multiple_of(3) => "-UNBLOCKED force unblock from blocking operation\r\n".to_owned(),
            _ => self.execute(link, id, name),
        }
    }

    fn exec(&mut self, link: &mut Link) -> String {
        let Some(queued) = link.multi.take() else { return "-ERR EXEC without MULTI\r\n".to_owned() };
        let watching = std::mem::take(&mut link.watching);
        if link.dirty {
            return "-EXECABORT Transaction discarded because of previous errors.\r\n".to_owned();
        }
        let writes = queued.iter().any(|(_, name)| matches!(name.as_str(), "SET" | "BLPOP"));
        match self.servers[link.server] {
            Is::Replica if writes => {
                return "-EXECABORT Transaction discarded because: READONLY You can't write against a read only \
                        replica.\r\n"
                    .to_owned();
            }
            Is::Loading => {
                return "-EXECABORT Transaction discarded because: LOADING Redis is loading\r\n".to_owned();
            }
            _ => {}
        }
        for (id, _) in &queued {
            self.watching.insert(*id, watching);
        }
        let replies: Vec<String> = queued.iter().map(|(id, name)| self.execute(link, *id, name)).collect();
        format!("*{}\r\n{}", replies.len(), replies.concat())
    }

    fn execute(&mut self, link: &mut Link, id: usize, name: &str) -> String {
        let last = self.executed.last().copied().unwrap_or_default();
        match name {
            "SET" | "BLPOP" => {
                self.executed.push(id);
                format!("+w{id}.{}\r\n", link.db)
            }
            "SELECT" => {
                link.db = u8::try_from(id).unwrap();
                "+OK\r\n".to_owned()
            }
            "UNWATCH" => "+OK\r\n".to_owned(),
            "LRANGE" => {
                let text = format!("r{id}.{}.{last}.{:900}", link.db, "");
                format!("${}\r\n{text}\r\n", text.len())
            }
            _ => {
                let text = format!("r{id}.{}.{last}", link.db);
                format!("${}\r\n{text}\r\n", text.len())
            }
        }
    }
}
