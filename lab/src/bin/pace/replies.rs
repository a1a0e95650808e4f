//! Where does one reply end and the next begin? For what GET and SET are answered with; everything else is an error, for a benchmark of
//! refusals would be a fast one.

use std::io;

/// What has come of the reply that is not whole.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    line: Vec<u8>,
    /// How much of a value is still to come, its line end included.
    left: usize,
}

impl Replies {
    /// Takes what came; how many replies ended in it.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let mut whole = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let now = self.left.min(bytes.len());
                bytes = &bytes[now..];
                self.left -= now;
                whole += usize::from(self.left == 0);
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                break;
            };
            self.line.extend_from_slice(&bytes[..=end]);
            bytes = &bytes[end + 1..];
            self.left = value_after(&self.line)?;
            whole += usize::from(self.left == 0);
            self.line.clear();
        }
        Ok(whole)
    }
}

/// How many bytes follow on this first line of a reply.
fn value_after(line: &[u8]) -> io::Result<usize> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if text.starts_with('+') {
        return Ok(0);
    }
    let length = text.strip_prefix('$').and_then(|length| length.parse::<usize>().ok());
    length.map(|length| length + 2).ok_or_else(|| io::Error::other(format!("was answered {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        let stream = b"+OK\r\n$5\r\na\r\nbc\r\n$0\r\n\r\n+OK\r\n";
        for cut in 0..stream.len() {
            let mut replies = Replies::default();
            let (head, tail) = stream.split_at(cut);
            assert_eq!(replies.take(head).unwrap() + replies.take(tail).unwrap(), 4, "cut at {cut}");
        }
    }

    #[test]
    fn an_error_and_a_missing_key_are_no_replies_to_count() {
        assert!(Replies::default().take(b"-READONLY no\r\n").is_err());
        assert!(Replies::default().take(b"$-1\r\n").is_err());
    }
}
