//! A bar on stderr while a long file is read: only on a terminal, only after a moment, and gone when it is done.
//!
//! What it looks like and how it is drawn is indicatif's business. Programs never see one: not with
//! `--message-format json`, and not where stderr leads anywhere but to a terminal.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Format;

/// What takes less than this needs no bar.
const QUIET: Duration = Duration::from_millis(500);
/// Drawings in a second, at most.
const HZ: u8 = 10;
/// The bar, how much of the file is read, how long the rest may take, and which file it is.
const TEMPLATE: &str = "[{bar:30}] {percent:>3}% {msg} ({eta} left)";

/// How far the reading of one file has come.
pub struct Bar {
    /// `None` where nobody is to see it.
    bar: Option<ProgressBar>,
    /// When it is shown; `None` once it is.
    shown_at: Option<Instant>,
}

impl Bar {
    /// For the file, of `total` bytes.
    pub fn new(path: &Path, total: u64, format: Format) -> Bar {
        let seen = format != Format::Json && total > 0 && std::io::stderr().is_terminal();
        Bar::seen(seen, path, total)
    }

    fn seen(seen: bool, path: &Path, total: u64) -> Bar {
        let shown_at = Some(Instant::now() + QUIET);
        if !seen {
            return Bar { bar: None, shown_at };
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is one");
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(lockcheck_report::escape::text(&name).into_owned());
        Bar { bar: Some(bar), shown_at }
    }

    /// So many bytes more.
    pub fn advance(&mut self, bytes: u64) {
        let Some(bar) = &self.bar else { return };
        if self.shown_at.is_some_and(|at| Instant::now() >= at) {
            self.shown_at = None;
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(HZ));
        }
        bar.inc(bytes);
    }
}

impl Bar {
    /// The file is read: what is printed from here on stands where the bar stood.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Reads on, and shows how far it has come.
pub struct Progress<R> {
    input: R,
    bar: Bar,
}

impl<R: Read> Progress<R> {
    /// Reads `input`, a file of `total` bytes.
    pub fn new(input: R, path: &Path, total: u64, format: Format) -> Progress<R> {
        Progress { input, bar: Bar::new(path, total, format) }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        match read {
            0 => self.bar.finish(),
            _ => self.bar.advance(read as u64),
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_see_no_bar() {
        let mut text = String::new();
        let mut input = Progress::new(&b"abc"[..], Path::new("x"), 3, Format::Json);
        assert!(input.bar.bar.is_none());
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }

    #[test]
    fn a_bar_counts_and_is_not_drawn_at_first() {
        let mut bar = Bar::seen(true, Path::new("folder/t\x1b.std"), 1000);
        bar.advance(400);
        bar.advance(200);
        let drawn = bar.bar.as_ref().unwrap();
        assert_eq!((drawn.position(), drawn.length()), (600, Some(1000)));
        assert!(drawn.is_hidden() && !drawn.message().contains('\x1b'));
        bar.shown_at = Some(Instant::now());
        bar.advance(0);
        assert!(bar.shown_at.is_none());
        bar.finish();
        assert!(bar.bar.is_none());
        assert!(Bar::seen(false, Path::new("t.std"), 1000).bar.is_none());
    }
}
