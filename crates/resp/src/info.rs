//! What did `INFO` say? Lookups in the text as it came, without a copy.

/// The text of an `INFO` reply.
///
/// ```
/// let info = resp::info::Info::new("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
/// assert_eq!(info.field("role"), Some("master"));
/// assert_eq!(info.number("connected_slaves"), Some(0));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Info<'t> {
    text: &'t str,
}

/// One replica as its master sees it: a line `slave<N>:ip=..,port=..,state=..,offset=..,lag=..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica<'t> {
    /// The host that the replica announced or connected from: an address or a name.
    pub host: &'t str,
    /// The port that it listens on.
    pub port: u16,
    /// `online` once it follows the stream, before that how far its first copy is.
    pub state: &'t str,
    /// The position in the replication stream that it has acknowledged; 0 before it is online.
    pub offset: u64,
    /// Seconds since it acknowledged anything. -1 while it is not online.
    pub lag: i64,
}

impl<'t> Info<'t> {
    /// Wraps the text; nothing is looked at yet.
    pub fn new(text: &'t str) -> Self {
        Self { text }
    }

    /// The value of the first line `name:value`.
    pub fn field(&self, name: &str) -> Option<&'t str> {
        self.fields().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value of `name` as a number; `None` also if it is not one or does not fit.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.field(name)?.parse().ok()
    }

    /// All lines `name:value`, in order. Section titles and empty lines are left out.
    pub fn fields(&self) -> impl Iterator<Item = (&'t str, &'t str)> + use<'t> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'))
    }

    /// The replicas that a master lists, in order. A line without host or port is left out: there is
    /// nothing to connect to.
    pub fn replicas(&self) -> impl Iterator<Item = Replica<'t>> + use<'t> {
        self.fields().filter_map(|(name, row)| {
            let index = name.strip_prefix("slave")?;
            let numbered = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            if numbered { Replica::parse(row) } else { None }
        })
    }
}

impl<'t> Replica<'t> {
    fn parse(row: &'t str) -> Option<Self> {
        let part = |name: &str| row.split(',').filter_map(|part| part.split_once('=')).find(|part| part.0 == name);
        let text = |name| part(name).map(|part| part.1);
        Some(Self {
            host: text("ip").filter(|host| !host.is_empty())?,
            port: text("port")?.parse().ok()?,
            state: text("state").unwrap_or(""),
            offset: text("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0),
            lag: text("lag").and_then(|lag| lag.parse().ok()).unwrap_or(-1),
        })
    }

    /// Whether it follows the stream: only then offset and lag say something.
    pub fn is_online(&self) -> bool {
        self.state == "online"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const MASTER: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:7a9b\r\nexecutable:/usr/bin/x:y\r\n\
        \r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave_repl_offset:9\r\n\
        slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=1\r\n\
        slave1:ip=fd00::3,port=6380,state=wait_bgsave,offset=0,lag=0\r\n\
        slave2:ip=,port=6380,state=online,offset=0,lag=0\r\n\
        slave3:ip=h,port=66000,state=online,offset=0,lag=0\r\n\
        slave4:garbage\r\nmaster_repl_offset:1300\r\n";

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let info = Info::new(MASTER);
        assert_eq!(info.field("role"), Some("master"));
        assert_eq!(info.field("executable"), Some("/usr/bin/x:y"));
        assert_eq!(info.field("rol"), None);
        assert_eq!(info.field("# Server"), None);
        assert_eq!(info.number("master_repl_offset"), Some(1300));
        assert_eq!(info.number("run_id"), None);
    }

    #[test]
    fn replicas_that_can_be_reached_are_listed() {
        let replicas: Vec<_> = Info::new(MASTER).replicas().collect();
        assert_eq!(
            replicas,
            [
                Replica { host: "10.0.0.2", port: 6379, state: "online", offset: 1234, lag: 1 },
                Replica { host: "fd00::3", port: 6380, state: "wait_bgsave", offset: 0, lag: 0 },
            ]
        );
        assert!(replicas[0].is_online() && !replicas[1].is_online());
    }

    #[test]
    fn a_text_that_is_not_info_has_no_fields() {
        for text in ["", "\r\n", "hello", "# only\r\n"] {
            assert_eq!(Info::new(text).fields().count(), 0);
        }
    }
}
