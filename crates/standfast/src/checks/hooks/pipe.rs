//! How is a line said in a named pipe that nobody may be reading?

use std::io;
use std::path::Path;

use host::fifo::Fifo;

/// A named pipe that somebody may read.
#[derive(Default)]
pub(super) struct Pipe {
    pipe: Option<Fifo>,
    /// Lines that nobody took.
    pub(super) dropped: u64,
}

impl Pipe {
    pub(super) fn tell(&mut self, path: &Path, line: &str) {
        let Err(why) = self.write(path, line) else { return };
        self.dropped += 1;
        let (line, times) = (line.trim_end(), self.dropped);
        tracing::warn!(fifo = %path.display(), "not told \"{line}\": {why} (dropped so far: {times})");
    }

    fn write(&mut self, path: &Path, line: &str) -> Result<(), String> {
        let pipe = match self.pipe.take().filter(|pipe| pipe.is_at(path)) {
            Some(pipe) => pipe,
            None => Fifo::open(path)
                .map_err(|e| format!("{e}. `fifo` wants the path of a named pipe; one that is not there is made"))?,
        };
        let said = self.pipe.insert(pipe).say(line);
        said.map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => {
                "it is full, because nobody reads it: start, or mend, who is to read it, or take `fifo` out of the file"
                    .to_owned()
            }
            _ => e.to_string(),
        })
    }
}
