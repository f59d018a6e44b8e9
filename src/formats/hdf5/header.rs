//! Object headers of the old format, as far as they describe a plain contiguous table of numbers. What is not
//! known here is `None`; the crate then reads the header.

use super::File;
use super::numbers::{Class, Element};

/// The widths of addresses and lengths in a file, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) offset: usize,
    pub(super) length: usize,
}

impl Sizes {
    pub(super) fn of(file: &File) -> Self {
        let superblock = file.0.reader.superblock();
        Sizes { offset: superblock.offset_size.into(), length: superblock.length_size.into() }
    }

    /// An address at a place of a structure.
    pub(super) fn offset(self, bytes: &[u8], at: usize) -> Option<u64> {
        uint(bytes, at, self.offset)
    }

    /// A length at a place of a structure.
    pub(super) fn length(self, bytes: &[u8], at: usize) -> Option<u64> {
        uint(bytes, at, self.length)
    }

    /// The address that stands for "nowhere".
    pub(super) fn nowhere(self) -> u64 {
        u64::MAX >> (64 - 8 * self.offset.min(8))
    }
}

fn uint(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    if size > 8 {
        return None;
    }
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(field);
    Some(u64::from_le_bytes(wide))
}

/// A contiguous dataset, as its header describes it.
pub(super) struct Plain {
    /// Rows and columns.
    pub(super) shape: (u64, u64),
    pub(super) element: Element,
    /// Where the data begin; `None` if nothing was written.
    pub(super) address: Option<u64>,
}

/// Reads the header at an address.
pub(super) fn plain(bytes: &[u8], sizes: Sizes, address: u64) -> Option<Plain> {
    let head = bytes.get(usize::try_from(address).ok()?..)?;
    if *head.first()? != 1 {
        return None;
    }
    let mut left = uint(head, 2, 2)?;
    let size = usize::try_from(uint(head, 8, 4)?).ok()?;
    let mut block = head.get(16..16usize.checked_add(size)?)?;
    let (mut shape, mut element, mut place) = (None, None, None);
    // Where more messages stand, in the order in which they are to be read.
    let mut more: Vec<&[u8]> = Vec::new();
    let mut next = 0;
    while left > 0 {
        if block.len() < 8 {
            block = *more.get(next)?;
            next += 1;
            continue;
        }
        let length = usize::try_from(uint(block, 2, 2)?).ok()?;
        let (kind, flags) = (uint(block, 0, 2)?, block[4]);
        let body = block.get(8..8 + length)?;
        block = &block[8 + length..];
        left -= 1;
        let shared = flags & 2 != 0;
        match kind {
            0x01 | 0x03 | 0x08 if shared => return None,
            0x01 => shape = Some(dataspace(body, sizes)?),
            0x03 => element = Some(datatype(body)?),
            0x08 => place = Some(layout(body, sizes)?),
            // Data in other files, filters.
            0x07 | 0x0b => return None,
            0x10 => {
                let at = usize::try_from(sizes.offset(body, 0)?).ok()?;
                let size = usize::try_from(sizes.length(body, sizes.offset)?).ok()?;
                more.push(bytes.get(at..at.checked_add(size)?)?);
            }
            _ => {}
        }
    }
    let address = place?;
    Some(Plain { shape: shape?, element: element?, address: (address != sizes.nowhere()).then_some(address) })
}

/// Rows and columns of a table of one or two dimensions.
fn dataspace(body: &[u8], sizes: Sizes) -> Option<(u64, u64)> {
    let (version, rank) = (*body.first()?, usize::from(*body.get(1)?));
    let first = match version {
        1 => 8,
        // The fourth byte tells scalar, simple and null apart.
        2 if body.get(3) != Some(&2) => 4,
        _ => return None,
    };
    let rows = sizes.length(body, first)?;
    match rank {
        1 => Some((rows, 1)),
        2 => Some((rows, sizes.length(body, first + sizes.length)?)),
        _ => None,
    }
}

fn datatype(body: &[u8]) -> Option<Element> {
    let (class, flags) = (body.first()? & 0x0f, uint(body, 1, 3)?);
    let size = u8::try_from(uint(body, 4, 4)?).ok()?;
    let (bit_offset, precision) = (uint(body, 8, 2)?, uint(body, 10, 2)?);
    if bit_offset != 0 || precision != u64::from(size) * 8 {
        return None;
    }
    let class = match class {
        0 if flags & 8 != 0 => Class::Signed,
        0 => Class::Unsigned,
        // Sign and exponent must stand where IEEE 754 has them; bit 6 marks the byte order of a VAX.
        1 if flags & 0x40 == 0 => {
            let fields = (body.get(13)?, body.get(15)?);
            let ieee = matches!((size, fields), (4, (8, 23)) | (8, (11, 52)));
            if !ieee {
                return None;
            }
            Class::Float
        }
        _ => return None,
    };
    Element::new(class, size, flags & 1 != 0)
}

fn layout(body: &[u8], sizes: Sizes) -> Option<u64> {
    match body {
        [3, 1, ..] => sizes.offset(body, 2),
        _ => None,
    }
}
