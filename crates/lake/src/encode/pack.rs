//! Packing pages with zstd, in one context and one buffer for all of a file's.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;

/// The level: a higher one makes files a tenth smaller at twice the time.
const LEVEL: i32 = 1;

/// Packs one page after the other.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Result<Self> {
        let compressor = Compressor::new(LEVEL).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Self { compressor, buffer: Vec::new() })
    }

    pub(super) fn pack(&mut self, raw: &[u8]) -> Result<Bytes> {
        self.buffer.clear();
        self.buffer.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.compressor
            .compress_to_buffer(raw, &mut self.buffer)
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Bytes::copy_from_slice(&self.buffer))
    }
}
