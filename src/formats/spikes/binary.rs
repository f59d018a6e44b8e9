//! Binary spikes (`.spikes`): a mark and a version, then a 32-bit time and a 32-bit id each, all little-endian.

use crate::diag::{Error, Result};
use crate::formats::text::Text;
use crate::model::Sink;

/// What the file begins with.
pub(super) const MARK: u32 = 0x0f0a;
/// The only version.
pub(super) const VERSION: u32 = 1;
/// Bytes of the mark and the version, and of a record.
const HEADER: usize = 8;
const RECORD: usize = 8;
/// Records that one core reads at a time.
const PIECE: usize = 1 << 18;

/// Whether a file begins as one of spikes, in either byte order.
pub(super) fn has_mark(bytes: &[u8]) -> bool {
    word(bytes, 0).is_some_and(|word| word == MARK || word == MARK.swap_bytes())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// The records of a file.
pub(super) struct Records<'a> {
    text: &'a Text,
    records: &'a [[u8; RECORD]],
}

impl<'a> Records<'a> {
    /// Checks the header and the length of a file.
    ///
    /// # Errors
    /// Another mark, version or byte order, half a record.
    pub(super) fn of(text: &'a Text) -> Result<Self> {
        let bytes = text.bytes();
        let fault = |message: String| Err(Error::format(message).in_file(text.path()));
        let (Some(mark), Some(version)) = (word(bytes, 0), word(bytes, 4)) else {
            let length = bytes.len();
            return fault(format!(
                "the file is cut short: a file of spikes has at least {HEADER} bytes, this has {length}"
            ));
        };
        if mark == MARK.swap_bytes() {
            return fault("the file is big-endian; only little-endian files of spikes are read".to_owned());
        }
        if mark != MARK {
            return fault(format!(
                "this is not a binary file of spikes: it begins with {mark:#x}, not {MARK:#x}"
            ));
        }
        if version != VERSION {
            return fault(format!("version {version} of binary spikes; only version {VERSION} is known"));
        }
        let (records, rest) = bytes[HEADER..].as_chunks();
        if !rest.is_empty() {
            return fault(format!(
                "the file is cut short: after {} spikes of {RECORD} bytes there are {} bytes left",
                records.len(),
                rest.len()
            ));
        }
        Ok(Records { text, records })
    }

    /// For each piece, how many records it has.
    pub(super) fn counts(&self) -> Vec<usize> {
        self.records.chunks(PIECE).map(<[_]>::len).collect()
    }

    /// Reads the records of a piece.
    ///
    /// # Errors
    /// A time that is not finite, with the number of its spike from 1.
    pub(super) fn read(&self, piece: usize, sink: &mut Sink<'_>) -> Result<()> {
        let first = piece * PIECE;
        for (at, record) in (first..).zip(self.records.iter().skip(first).take(PIECE)) {
            let [a, b, c, d, e, f, g, h] = *record;
            let (t, id) = (f32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            if !t.is_finite() {
                let message =
                    format!("the time of spike {} (of cell {id}) is {t}, not a finite number", at + 1);
                return Err(Error::format(message).in_file(self.text.path()));
            }
            sink.push(f64::from(t), i64::from(id));
        }
        Ok(())
    }
}
