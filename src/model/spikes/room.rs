//! Memory for millions of numbers. The system hands out fresh memory page by page; for as much as this, pages of the
//! usual size take longer than reading a file into them, so large ones are asked for.

use arrow_buffer::{ArrowNativeType, Buffer, MutableBuffer, ScalarBuffer};
use bytes::Bytes;
use memmap2::MmapMut;
use rayon::prelude::*;

/// From so many bytes on, large pages are asked for.
const LARGE: usize = 8 << 20;
/// The bytes of a large page.
const PAGE: usize = 2 << 20;

/// Zeros, to be overwritten.
pub(super) struct Room(Memory);

enum Memory {
    Pages(MmapMut),
    Heap(MutableBuffer),
}

impl Room {
    /// Room for `count` numbers of `size` bytes.
    pub(super) fn new(count: usize, size: usize) -> Self {
        let length = count.saturating_mul(size);
        let pages = if length < LARGE { None } else { pages(length) };
        Room(pages.map_or_else(|| Memory::Heap(MutableBuffer::from_len_zeroed(length)), Memory::Pages))
    }

    /// The same, with all pages given by the system. Threads that put numbers here and there would otherwise meet at
    /// pages which both of them get, and one throws away.
    pub(super) fn ready(mut self) -> Self {
        if let Memory::Pages(map) = &mut self.0 {
            map.par_chunks_mut(PAGE).for_each(|page| page[0] = 0);
        }
        self
    }

    /// The bytes of numbers of `N` bytes.
    pub(super) fn slots<const N: usize>(&mut self) -> &mut [[u8; N]] {
        let bytes: &mut [u8] = match &mut self.0 {
            Memory::Pages(map) => map,
            Memory::Heap(buffer) => buffer,
        };
        bytes.as_chunks_mut().0
    }

    /// The first `count` numbers.
    pub(super) fn values<T: ArrowNativeType>(self, count: usize) -> ScalarBuffer<T> {
        let buffer = match self.0 {
            Memory::Pages(map) => Buffer::from(Bytes::from_owner(map)),
            Memory::Heap(buffer) => buffer.into(),
        };
        ScalarBuffer::new(buffer, 0, count)
    }
}

fn pages(length: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(length).ok()?;
    // A wish; without it all is as it was, but slower.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_as_they_were_put() {
        for count in [0, 1, 1000, LARGE / 8 + 1] {
            let mut room = Room::new(count, 8);
            assert_eq!(room.slots::<8>().len(), count);
            for (at, slot) in room.slots::<8>().iter_mut().enumerate() {
                *slot = (at as f64).to_ne_bytes();
            }
            let values = room.values::<f64>(count);
            assert!(values.iter().enumerate().all(|(at, &value)| value == at as f64));
        }
    }
}
