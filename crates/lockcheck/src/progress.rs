//! A bar on stderr while a long file is read: only on a terminal, only after a moment, and gone when it is done.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::args::Format;
use crate::output;

/// What takes less than this needs no bar.
const QUIET: Duration = Duration::from_millis(500);
/// Time between two drawings.
const STEP: Duration = Duration::from_millis(100);
/// Characters of the bar itself.
const WIDTH: usize = 30;

/// Reads on, and draws how far it has come.
pub struct Progress<R> {
    input: R,
    /// `None` where nobody is to see it.
    bar: Option<Bar>,
}

struct Bar {
    /// What is read, for the reader.
    title: String,
    /// Bytes in all.
    total: u64,
    /// Bytes read.
    done: u64,
    /// When to draw next.
    next: Instant,
    /// Whether something stands on the terminal.
    drawn: bool,
}

impl<R: Read> Progress<R> {
    /// Reads `input`, a file of `total` bytes.
    pub fn new(input: R, path: &Path, total: u64, format: Format) -> Progress<R> {
        let seen = format != Format::Json && total > 0 && std::io::stderr().is_terminal();
        let title = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let title = lockcheck_report::escape::text(&title).into_owned();
        let bar = || Bar { title, total, done: 0, next: Instant::now() + QUIET, drawn: false };
        Progress { input, bar: seen.then(bar) }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Some(bar) = &mut self.bar {
            bar.advance(read as u64, Instant::now());
        }
        Ok(read)
    }
}

impl Bar {
    fn advance(&mut self, bytes: u64, now: Instant) {
        self.done += bytes;
        if now >= self.next {
            self.next = now + STEP;
            self.drawn = true;
            output::to_stderr(&self.line());
        }
    }

    /// The bar, over whatever stands on the line.
    fn line(&self) -> String {
        let done = self.done.min(self.total);
        let filled = (done as u128 * WIDTH as u128 / u128::from(self.total.max(1))) as usize;
        let percent = u128::from(done) * 100 / u128::from(self.total.max(1));
        let bar = "=".repeat(filled) + &" ".repeat(WIDTH - filled);
        format!("\r[{bar}] {percent:>3}% {}\x1b[K", self.title)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn {
            output::to_stderr("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_never_overflows() {
        let now = Instant::now();
        let bar = |done| Bar { title: "t.std".to_owned(), total: 1000, done, next: now, drawn: false };
        assert_eq!(bar(0).line(), format!("\r[{}]   0% t.std\x1b[K", " ".repeat(30)));
        assert_eq!(bar(500).line(), format!("\r[{}{}]  50% t.std\x1b[K", "=".repeat(15), " ".repeat(15)));
        assert_eq!(bar(5000).line(), format!("\r[{}] 100% t.std\x1b[K", "=".repeat(30)));
    }

    #[test]
    fn programs_see_no_bar() {
        let mut text = String::new();
        let mut input = Progress::new(&b"abc"[..], Path::new("x"), 3, Format::Json);
        assert!(input.bar.is_none());
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }
}
