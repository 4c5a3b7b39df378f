//! What can go wrong while a sample is written.

use std::path::{Path, PathBuf};

/// Why a sample bill was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A folder or file could not be written.
    #[error("`{path}` can't be written: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The specification asks for something no bill has.
    #[error("{0}")]
    Spec(String),
    /// A month has to hold one line of each kind at least.
    #[error(
        "{rows} rows a month are too few to hold every kind of line: ask for {needed} or more, or for fewer accounts"
    )]
    TooFewRows {
        /// Rows asked for.
        rows: u64,
        /// Rows that would do.
        needed: u64,
    },
}

impl SampleError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
