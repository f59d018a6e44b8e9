//! The bytes of the file: places are reserved at its end and filled in any order.

use std::io::{Seek, SeekFrom, Write};

use super::super::AtomicFile;
use crate::diag::{Code, Error, Result};

/// A file with a notion of where its reserved part ends. After a failed write it takes nothing more.
pub(super) struct Sink {
    file: AtomicFile,
    /// Where the next byte goes.
    position: u64,
    /// The end of what was reserved.
    end: u64,
    failed: bool,
}

impl Sink {
    pub(super) fn new(file: AtomicFile) -> Self {
        Sink { file, position: 0, end: 0, failed: false }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// An error if an earlier write failed.
    pub(super) fn check(&self) -> Result<()> {
        if !self.failed {
            return Ok(());
        }
        let message = format!("cannot write {}: an earlier part could not be written", self.path().display());
        Err(Error::new(Code::Io, message))
    }

    /// Reserves bytes at the end; addresses are multiples of eight.
    pub(super) fn reserve(&mut self, size: u64) -> Result<u64> {
        let end = self.end.checked_next_multiple_of(8).and_then(|at| Some((at, at.checked_add(size)?)));
        let Some((address, end)) = end.filter(|(_, end)| i64::try_from(*end).is_ok()) else {
            return Err(Error::argument("the file would be larger than a file can be").in_file(self.path()));
        };
        self.end = end;
        Ok(address)
    }

    /// Fills a reserved place.
    pub(super) fn write_at(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let written = self.go_to(address).and_then(|()| self.file.write_all(bytes));
        if let Err(cause) = written {
            self.failed = true;
            return Err(self.file.fault(&cause));
        }
        self.position = address + bytes.len() as u64;
        Ok(())
    }

    /// Puts bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let address = self.reserve(bytes.len() as u64)?;
        self.write_at(address, bytes)?;
        Ok(address)
    }

    fn go_to(&mut self, address: u64) -> std::io::Result<()> {
        match address.checked_sub(self.position) {
            Some(0) => Ok(()),
            // Gaps between aligned places belong to nobody; filling them is cheaper than moving.
            Some(gap) if gap < 8 => self.file.write_all(&[0; 8][..gap as usize]),
            _ => self.file.seek(SeekFrom::Start(address)).map(|_| ()),
        }
    }

    pub(super) fn commit(self) -> Result<()> {
        self.check()?;
        self.file.commit()
    }
}
