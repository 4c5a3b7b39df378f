//! Panics of decoders: caught, and kept quiet, because their words may repeat what a customer's file says.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::IngestError;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is reading a customer's file just now. Whoever prints panics leaves out their words then.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Reads `file` on this thread; a panic is that file's error.
pub(crate) fn contained<T>(file: &str, read: impl FnOnce() -> Result<T, IngestError>) -> Result<T, IngestError> {
    let before = DECODING.replace(true);
    // Whatever a panic leaves half done is of this file alone, and dropped with it.
    let result = catch_unwind(AssertUnwindSafe(read));
    DECODING.set(before);
    result.unwrap_or_else(|_| Err(IngestError::Decoder { file: file.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_files_error_and_tells_nothing() {
        let cell = "a customer's cell";
        let error = contained("R-00001.csv.gz", || {
            assert!(is_decoding());
            assert!(cell.is_empty(), "{cell}");
            Ok(())
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`R-00001.csv.gz`") && !error.contains(cell), "{error}");
        assert!(!is_decoding());
        assert_eq!(contained("f", || Ok(1)), Ok(1));
    }
}
