//! What has each refused request been told, should nobody take it in time?
//!
//! Not all that are refused together are refused for one reason: a replica that is loading, a write and a read of one pipeline.

use alloc::collections::VecDeque;
use alloc::rc::Rc;

/// The words for refused requests that wait, in their order. Those that stand together and heard the same have them once.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    words: VecDeque<Rc<[u8]>>,
    bytes: usize,
}

/// Words that are kept, as much as replies that are parked. At the bound a request has those of the one behind it: a server that words
/// each of its refusals anew, and at length, says nothing that a client would look at.
const MAX_BYTES: usize = 256 * 1024;

impl Heard {
    /// In front of all that are known: whoever is refused now was sent before those that wait.
    pub(crate) fn push_front(&mut self, words: &[u8]) {
        let next = self.words.front();
        let is_full = self.bytes + words.len() > MAX_BYTES;
        let words = match next {
            Some(next) if is_full || **next == *words => next.clone(),
            _ => {
                self.bytes += words.len();
                words.into()
            }
        };
        self.words.push_front(words);
    }

    /// The first refused one waits no more.
    pub(crate) fn pop_front(&mut self) {
        if let Some(words) = self.words.pop_front()
            && Rc::strong_count(&words) == 1
        {
            self.bytes -= words.len();
        }
    }

    /// What the last one was told, which is not waiting in this list any more.
    pub(crate) fn pop_back(&mut self) -> Option<Rc<[u8]>> {
        let words = self.words.pop_back()?;
        if Rc::strong_count(&words) == 1 {
            self.bytes -= words.len();
        }
        Some(words)
    }

    /// What the first refused one was told.
    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.words.front().map(|words| &**words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_same_words_are_kept_once_and_all_words_have_a_bound() {
        let mut heard = Heard::default();
        let long = vec![b'x'; MAX_BYTES / 2];
        for words in [&b"-LOADING"[..], b"-LOADING", b"-READONLY", &long, &long, &long[1..], b"-MASTERDOWN"] {
            heard.push_front(words);
        }
        assert_eq!(heard.first(), Some(&b"-MASTERDOWN"[..]));
        assert!(heard.bytes <= MAX_BYTES);
        let mut said = vec![];
        while let Some(words) = heard.first() {
            said.push(words.len());
            heard.pop_front();
        }
        let (long, longer) = (long.len() - 1, long.len());
        // The second long one found no room, and has the words of the one behind it.
        assert_eq!(said, [11, longer, longer, longer, 9, 8, 8], "{long}");
        assert_eq!(heard.bytes, 0);
    }
}
