//! Numbers and names in the byte order and with the padding of the file.

/// The address that stands for "nowhere".
pub(super) const NOWHERE: u64 = u64::MAX;

/// Putting little-endian numbers at the end of a buffer.
pub(super) trait Bytes {
    fn put16(&mut self, value: u16);
    fn put32(&mut self, value: u32);
    fn put64(&mut self, value: u64);
    /// Zeros up to a multiple of eight bytes, counted from `start`.
    fn pad_from(&mut self, start: usize);
    /// A name, closed with zeros to a multiple of eight bytes.
    fn put_padded_name(&mut self, name: &str);
}

impl Bytes for Vec<u8> {
    fn put16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn pad_from(&mut self, start: usize) {
        let padded = (self.len() - start).next_multiple_of(8);
        self.resize(start + padded, 0);
    }

    fn put_padded_name(&mut self, name: &str) {
        let start = self.len();
        self.extend_from_slice(name.as_bytes());
        self.push(0);
        self.pad_from(start);
    }
}
