//! Data in chunks of whole rows: collected, shuffled and compressed on all cores, then written one after the other.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rayon::prelude::*;

use super::sink::Sink;
use crate::diag::Result;

/// Bytes that are collected before they are compressed together.
const BATCH: usize = 4 << 20;

/// A chunk in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) address: u64,
    pub(super) size: u32,
}

/// The chunks of a dataset.
pub(super) struct Chunks {
    /// Rows of a chunk.
    pub(super) rows: u64,
    /// The level of compression.
    pub(super) deflate: Option<u32>,
    pub(super) written: Vec<Chunk>,
    bytes: usize,
    element: usize,
    pending: Vec<u8>,
}

impl Chunks {
    /// Chunks of so many rows and bytes, of elements of the given size.
    pub(super) fn new(rows: u64, bytes: usize, element: usize, deflate: Option<u32>) -> Self {
        Chunks { rows, deflate, written: Vec::new(), bytes, element, pending: Vec::new() }
    }

    pub(super) fn append(&mut self, mut bytes: &[u8], sink: &mut Sink) -> Result<()> {
        let batch = (BATCH / self.bytes).clamp(1, 64) * self.bytes;
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(batch - self.pending.len()));
            self.pending.extend_from_slice(taken);
            bytes = rest;
            if self.pending.len() == batch {
                self.flush(sink)?;
            }
        }
        Ok(())
    }

    /// Writes what is left; the last chunk is filled up with zeros.
    pub(super) fn finish(&mut self, sink: &mut Sink) -> Result<()> {
        self.pending.resize(self.pending.len().next_multiple_of(self.bytes), 0);
        self.flush(sink)?;
        self.pending = Vec::new();
        Ok(())
    }

    fn flush(&mut self, sink: &mut Sink) -> Result<()> {
        let mut put = |bytes: &[u8]| -> Result<()> {
            self.written.push(Chunk { address: sink.append(bytes)?, size: bytes.len() as u32 });
            Ok(())
        };
        if let Some(level) = self.deflate {
            let compressed: Vec<Vec<u8>> =
                self.pending.par_chunks(self.bytes).map(|c| compress(c, self.element, level)).collect();
            compressed.iter().try_for_each(|chunk| put(chunk))?;
        } else {
            self.pending.chunks(self.bytes).try_for_each(put)?;
        }
        self.pending.clear();
        Ok(())
    }
}

/// The bytes of equal significance together, then deflate.
fn compress(chunk: &[u8], element: usize, level: u32) -> Vec<u8> {
    let mut shuffled = Vec::new();
    let bytes = if element > 1 {
        shuffled.reserve_exact(chunk.len());
        for byte in 0..element {
            shuffled.extend(chunk.iter().skip(byte).step_by(element));
        }
        &shuffled
    } else {
        chunk
    };
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(chunk.len() / 2), Compression::new(level));
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
