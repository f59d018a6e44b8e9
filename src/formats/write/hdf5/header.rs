//! Object headers: what a group or dataset is, in messages.

use super::Type;
use super::bytes::Bytes;
use crate::diag::{Error, Result};

/// The most bytes that a message can hold, its padding included.
const MESSAGE: usize = 65528;

/// A header of version 1 that is being put together.
pub(super) struct Header {
    messages: Vec<u8>,
    count: usize,
}

impl Header {
    pub(super) fn new() -> Self {
        Header { messages: Vec::new(), count: 0 }
    }

    fn message(&mut self, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let out = &mut self.messages;
        out.put16(kind);
        let size = out.len();
        out.extend_from_slice(&[0; 6]);
        let start = out.len();
        fill(out);
        out.pad_from(start);
        let length = out.len() - start;
        if length > MESSAGE {
            return Err(Error::argument(format!(
                "{length} bytes in an attribute or a type: HDF5 takes at most {MESSAGE} there"
            )));
        }
        out[size..size + 2].copy_from_slice(&(length as u16).to_le_bytes());
        self.count += 1;
        Ok(())
    }

    /// Where the members of a group are found.
    pub(super) fn symbol_table(&mut self, tree: u64, heap: u64) -> Result<()> {
        self.message(0x11, |out| {
            out.put64(tree);
            out.put64(heap);
        })
    }

    pub(super) fn dataspace(&mut self, shape: &[u64], largest: Option<&[u64]>) -> Result<()> {
        self.message(0x01, |out| dataspace(shape, largest, out))
    }

    pub(super) fn datatype(&mut self, kind: &Type) -> Result<()> {
        self.message(0x03, |out| kind.encode(out))
    }

    /// Elements that were never written are zero.
    pub(super) fn fill_value(&mut self, chunked: bool) -> Result<()> {
        self.message(0x05, |out| out.extend([2, if chunked { 3 } else { 2 }, 2, 1, 0, 0, 0, 0]))
    }

    /// Elements that were never written are this one.
    pub(super) fn repeated(&mut self, element: &[u8]) -> Result<()> {
        self.message(0x05, |out| {
            out.extend([2, 2, 2, 1]);
            out.put32(element.len() as u32);
            out.extend_from_slice(element);
        })
    }

    pub(super) fn contiguous(&mut self, address: u64, size: u64) -> Result<()> {
        self.message(0x08, |out| {
            out.extend([3, 1]);
            out.put64(address);
            out.put64(size);
        })
    }

    pub(super) fn chunked(&mut self, tree: u64, chunk: &[u32], element: u32) -> Result<()> {
        self.message(0x08, |out| {
            out.extend([3, 2, chunk.len() as u8 + 1]);
            out.put64(tree);
            for &d in chunk {
                out.put32(d);
            }
            out.put32(element);
        })
    }

    /// Shuffle (where elements have more than one byte) and deflate.
    pub(super) fn filters(&mut self, element: u32, level: u32) -> Result<()> {
        self.message(0x0b, |out| {
            out.extend([1, if element > 1 { 2 } else { 1 }, 0, 0, 0, 0, 0, 0]);
            if element > 1 {
                filter(out, 2, "shuffle", element);
            }
            filter(out, 1, "deflate", level);
        })
    }

    pub(super) fn attribute(&mut self, name: &str, kind: &Type, shape: &[u64], data: &[u8]) -> Result<()> {
        let (mut described, mut space) = (Vec::new(), Vec::new());
        kind.encode(&mut described);
        dataspace(shape, None, &mut space);
        // Names and types that do not fit their 16 bits do not fit the message either.
        self.message(0x0c, |out| {
            out.extend([3, 0]);
            out.put16((name.len() + 1) as u16);
            out.put16(described.len() as u16);
            out.put16(space.len() as u16);
            // UTF-8.
            out.push(1);
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            out.extend_from_slice(&described);
            out.extend_from_slice(&space);
            out.extend_from_slice(data);
        })
    }

    /// The bytes of the header.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        let Ok(count) = u16::try_from(self.count) else {
            return Err(Error::argument(format!("{} attributes at one object", self.count)));
        };
        let Ok(size) = u32::try_from(self.messages.len()) else {
            return Err(Error::argument("attributes of more than 4 GB at one object"));
        };
        let mut out = vec![1, 0];
        out.put16(count);
        // One link leads here.
        out.put32(1);
        out.put32(size);
        out.put32(0);
        out.extend_from_slice(&self.messages);
        Ok(out)
    }
}

fn dataspace(shape: &[u64], largest: Option<&[u64]>, out: &mut Vec<u8>) {
    out.extend([1, shape.len() as u8, u8::from(largest.is_some()), 0, 0, 0, 0, 0]);
    shape.iter().chain(largest.into_iter().flatten()).for_each(|&d| out.put64(d));
}

fn filter(out: &mut Vec<u8>, id: u16, name: &str, value: u32) {
    out.put16(id);
    out.put16(8);
    // A reader without this filter cannot do without it: the flag for optional ones stays off.
    out.put16(0);
    out.put16(1);
    out.put_padded_name(name);
    out.put32(value);
    out.put32(0);
}
