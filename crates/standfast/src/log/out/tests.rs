use std::sync::Arc;

use super::*;

/// A reader that a test can stop.
#[derive(Clone)]
struct Reader(Arc<(Mutex<Read>, Condvar)>);

struct Read {
    text: String,
    is_stopped: bool,
    /// Bytes that are taken before every further write is refused.
    room: usize,
    /// What a write is told once.
    refuses: Option<io::ErrorKind>,
}

impl Reader {
    fn new(is_stopped: bool) -> Self {
        let read = Read { text: String::new(), is_stopped, room: usize::MAX, refuses: None };
        Self(Arc::new((Mutex::new(read), Condvar::new())))
    }

    /// A log of `bound` bytes that ends at this reader.
    fn log(&self, bound: usize) -> &'static Out {
        let reader = self.clone();
        let sink = Box::new(move |lines: &[u8]| reader.take(lines));
        let out: &'static Out = Box::leak(Box::new(Out::new(bound)));
        out.start(Pen::new(sink, "nobody read".to_owned(), |lost, prose| format!("lost={lost} {prose}\n"))).unwrap();
        out
    }

    fn take(&self, lines: &[u8]) -> io::Result<usize> {
        let (read, changed) = &*self.0;
        let mut read = changed.wait_while(read.lock().unwrap(), |read| read.is_stopped).unwrap();
        if let Some(kind) = read.refuses.take() {
            return Err(kind.into());
        }
        let len = lines.len().min(read.room);
        if len == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        read.room -= len;
        read.text.push_str(std::str::from_utf8(&lines[..len]).unwrap());
        Ok(len)
    }

    fn set(&self, change: impl FnOnce(&mut Read)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// What was read once all of it was written.
    fn read(&self, out: &Out) -> String {
        let until = clock::now() + Duration::from_secs(30);
        // A flush would give up on a reader that was slow until a moment ago.
        while !out.is_written() {
            assert!(clock::now() < until, "it does not come on");
            thread::sleep(Duration::from_millis(1));
        }
        self.0.0.lock().unwrap().text.clone()
    }
}

/// Waits until the thread has taken what waited and stands in its write.
fn wait_for_the_writer(out: &Out) {
    while !out.state().waiting.is_empty() {
        thread::yield_now();
    }
}

#[test]
fn lines_come_out_whole_and_in_order() {
    let reader = Reader::new(false);
    let out = reader.log(MAX_WAITING);
    let lines: Vec<String> = (0..5_000).map(|n| format!("line {n} {}\n", "x".repeat(n % 100))).collect();
    lines.iter().for_each(|line| out.put(line.as_bytes()));
    assert_eq!(reader.read(out), lines.concat());
    assert_eq!(out.standing(), Standing { lost: 0, stuck: None });
}

#[test]
fn at_the_bound_new_lines_are_lost_and_the_first_that_is_written_behind_them_tells_how_many() {
    let reader = Reader::new(true);
    let out = reader.log(32);
    out.put(b"on its way\n");
    wait_for_the_writer(out);
    out.put(b"waits for the writer\n");
    out.put(b"finds no more room\n");
    // It would fit, but a gap is in one place.
    out.put(b"short\n");
    assert_eq!(out.standing().lost, 2);
    reader.set(|read| read.is_stopped = false);
    let text = reader.read(out);
    let (before, told) = text.split_once("lost=2 ").expect(&text);
    assert_eq!(before, "on its way\nwaits for the writer\n");
    assert!(told.starts_with("2 log lines were lost in ") && told.contains(" because nobody read. "), "{told}");
    out.put(b"there is room\n");
    assert!(reader.read(out).ends_with("\nthere is room\n"));
    assert_eq!(out.standing().lost, 2, "told once, and counted for ever");
}

#[test]
fn a_line_that_could_never_be_held_is_lost_alone() {
    let reader = Reader::new(false);
    let out = reader.log(8);
    out.put(b"longer than the queue\n");
    assert!(reader.read(out).starts_with("lost=1 1 log lines"));
    out.put(b"short\n");
    assert!(reader.read(out).ends_with("\nshort\n"));
}

#[test]
fn who_ends_does_not_wait_for_a_reader_that_stands_still() {
    let reader = Reader::new(true);
    let out = reader.log(MAX_WAITING);
    let began = clock::now();
    out.put(b"line\n");
    out.flush();
    let took = clock::now().since(began);
    assert!(took >= STUCK, "it may only be slow: {took:?}");
    let stuck = out.standing().stuck.expect("nobody reads");
    assert!(stuck >= STUCK);
    reader.set(|read| read.is_stopped = false);
    assert_eq!(reader.read(out), "line\n");
    assert_eq!(out.standing().stuck, None);
}

#[test]
fn a_reader_that_has_gone_costs_lines_and_nothing_else() {
    let reader = Reader::new(false);
    let out = reader.log(MAX_WAITING);
    // The last line is cut in the middle.
    reader.set(|read| read.room = "first\nsec".len());
    out.put(b"first\nsecond\n");
    reader.read(out);
    for _ in 0..3 {
        out.put(b"to nobody\n");
        reader.read(out);
    }
    assert_eq!(out.standing(), Standing { lost: 4, stuck: None });
    reader.set(|read| read.room = usize::MAX);
    out.put(b"somebody again\n");
    let text = reader.read(out);
    let told = text.strip_prefix("first\nsec\nlost=4 4 log lines were lost in ").expect(&text);
    assert!(told.contains("could not be written: broken pipe") && told.ends_with("\nsomebody again\n"), "{told}");
}

#[test]
fn a_pipe_that_does_not_let_itself_be_waited_for_is_tried_again() {
    for refuses in [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted] {
        let reader = Reader::new(false);
        let out = reader.log(MAX_WAITING);
        reader.set(|read| read.refuses = Some(refuses));
        out.put(b"line\n");
        assert_eq!(reader.read(out), "line\n");
        assert_eq!(out.standing().lost, 0);
    }
}

#[test]
fn a_log_without_a_thread_keeps_nobody() {
    let out = Out::new(8);
    out.put(b"line\n");
    out.put(b"another\n");
    out.flush();
    assert_eq!(out.standing().lost, 1);
}

#[test]
fn pieces_end_where_lines_end_as_long_as_a_pipe_takes_them_as_one() {
    assert_eq!(piece(b"a\nb\nc"), b"a\nb\n");
    let long = [b'x'; 2 * PIECE];
    assert_eq!(piece(&long).len(), PIECE);
    let mut lines = vec![b'x'; PIECE - 1];
    lines.extend_from_slice(b"\nmore\n");
    assert_eq!(piece(&lines).len(), PIECE);
}
