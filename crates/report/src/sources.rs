//! Where a report's source text comes from. Finding files is the business of `lockcheck_events::source`.

use lockcheck_events::source::SourceMap;

/// Gives the text and the path of a site's file.
pub trait Sources {
    /// The file's text as it was built; `None` where that is not to be had.
    fn text(&self, package: &str, file: &str) -> Option<String>;

    /// The path to show: one that can be opened from the current folder, if there is one.
    fn path(&self, package: &str, file: &str) -> Option<String>;
}

/// No source text at all: every place is shown as `file:line:column`.
pub struct NoSources;

impl Sources for NoSources {
    fn text(&self, _package: &str, _file: &str) -> Option<String> {
        None
    }

    fn path(&self, _package: &str, _file: &str) -> Option<String> {
        None
    }
}

impl Sources for SourceMap {
    fn text(&self, package: &str, file: &str) -> Option<String> {
        SourceMap::text(self, package, file)
    }

    fn path(&self, package: &str, file: &str) -> Option<String> {
        let path = SourceMap::path(self, package, file)?;
        let current = std::env::current_dir().ok();
        let short = current.as_deref().and_then(|current| path.strip_prefix(current).ok());
        short.unwrap_or(&path).to_str().map(str::to_owned)
    }
}
