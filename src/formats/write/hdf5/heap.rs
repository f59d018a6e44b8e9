//! The global heap: texts of any length, in collections that elements point into.

use super::bytes::Bytes;
use super::sink::Sink;
use crate::diag::Result;

/// The smallest collection that readers accept.
const SMALLEST: usize = 4096;

/// Collections double up to this size.
const LARGEST: usize = 64 << 10;

/// Bytes before the first text of a collection, and before each text.
const HEAD: usize = 16;

/// The collection that is being filled. Its place in the file is reserved already.
#[derive(Default)]
pub(super) struct Heap {
    address: u64,
    capacity: usize,
    bytes: Vec<u8>,
    texts: u16,
}

impl Heap {
    /// Stores a text and appends the element that points to it. An empty text is stored as well: an element that points
    /// nowhere stands for no text at all, which programs in C++ do not expect.
    pub(super) fn put(&mut self, text: &str, sink: &mut Sink, element: &mut Vec<u8>) -> Result<()> {
        let need = HEAD + text.len().next_multiple_of(8);
        if self.bytes.len() + need > self.capacity || self.texts == u16::MAX {
            self.open(need, sink)?;
        }
        self.texts += 1;
        self.bytes.put16(self.texts);
        // One element points here.
        self.bytes.put16(1);
        self.bytes.put32(0);
        self.bytes.put64(text.len() as u64);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.pad_from(start);
        element.put32(text.len() as u32);
        element.put64(self.address);
        element.put32(u32::from(self.texts));
        Ok(())
    }

    fn open(&mut self, need: usize, sink: &mut Sink) -> Result<()> {
        let capacity = (self.capacity * 2).clamp(SMALLEST, LARGEST).max(HEAD + need);
        self.close(sink)?;
        self.address = sink.reserve(capacity as u64)?;
        self.capacity = capacity;
        self.texts = 0;
        self.bytes.extend_from_slice(b"GCOL\x01\0\0\0");
        self.bytes.put64(capacity as u64);
        Ok(())
    }

    /// Writes the collection; what is left of it is marked as free.
    pub(super) fn close(&mut self, sink: &mut Sink) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let free = self.capacity - self.bytes.len();
        if free >= HEAD {
            self.bytes.put64(0);
            self.bytes.put64(free as u64);
        }
        self.bytes.resize(self.capacity, 0);
        sink.write_at(self.address, &self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
