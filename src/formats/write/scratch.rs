//! What does not fit in memory between two passes, in files without a name that vanish with the process.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::diag::{Error, Result};

/// Bytes of a bucket that are collected before they are written.
const BLOCK: usize = 256 << 10;

/// Bytes that come in the order of one side and are wanted in the order of the other: sorted into buckets as they
/// come, each of which fits in memory.
pub struct Buckets {
    file: File,
    folder: PathBuf,
    end: u64,
    all: Vec<Bucket>,
}

#[derive(Default)]
struct Bucket {
    pending: Vec<u8>,
    /// Where its blocks are, and how long.
    blocks: Vec<(u64, usize)>,
}

impl Buckets {
    /// Empty buckets in a file of `folder`.
    ///
    /// # Errors
    /// When the folder may not be written to.
    pub fn new(folder: &Path, count: usize) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|e| Error::io("write", folder, &e))?;
        let all = std::iter::repeat_with(Bucket::default).take(count).collect();
        Ok(Buckets { file, folder: folder.to_owned(), end: 0, all })
    }

    /// Puts bytes in a bucket.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn put(&mut self, bucket: usize, bytes: &[u8]) -> Result<()> {
        let Some(bucket) = self.all.get_mut(bucket) else { return Ok(()) };
        bucket.pending.extend_from_slice(bytes);
        if bucket.pending.len() >= BLOCK {
            // The end moves on, whatever was read before.
            let written =
                self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&bucket.pending));
            written.map_err(|e| Error::io("write", &self.folder, &e))?;
            bucket.blocks.push((self.end, bucket.pending.len()));
            self.end += bucket.pending.len() as u64;
            bucket.pending.clear();
        }
        Ok(())
    }

    /// Takes everything out of a bucket, in the order in which it came.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn take(&mut self, bucket: usize) -> Result<Vec<u8>> {
        let Some(bucket) = self.all.get_mut(bucket).map(std::mem::take) else { return Ok(Vec::new()) };
        let stored: usize = bucket.blocks.iter().map(|b| b.1).sum();
        let mut bytes = vec![0; stored];
        let mut rest = bytes.as_mut_slice();
        for (at, length) in bucket.blocks {
            let (block, after) = rest.split_at_mut(length);
            let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(block));
            read.map_err(|e| Error::io("read", &self.folder, &e))?;
            rest = after;
        }
        bytes.extend_from_slice(&bucket.pending);
        Ok(bytes)
    }
}

/// Pairs of numbers, in lists that are read in the order in which they were written.
pub struct Lists {
    file: BufWriter<File>,
    folder: PathBuf,
}

impl Lists {
    /// No lists, in a file of `folder`.
    ///
    /// # Errors
    /// When the folder may not be written to.
    pub fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|e| Error::io("write", folder, &e))?;
        Ok(Lists { file: BufWriter::new(file), folder: folder.to_owned() })
    }

    /// Writes a list.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn put(&mut self, list: &[(u32, u32)]) -> Result<()> {
        let mut bytes = (list.len() as u64).to_le_bytes().to_vec();
        bytes.extend(list.iter().flat_map(|&(a, b)| (u64::from(a) << 32 | u64::from(b)).to_le_bytes()));
        self.file.write_all(&bytes).map_err(|e| Error::io("write", &self.folder, &e))
    }

    /// The lists, from the first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(self) -> Result<impl FnMut() -> Result<Vec<(u32, u32)>>> {
        let folder = self.folder;
        let fault = |e: &std::io::Error| Error::io("read", &folder, e);
        let mut file = self.file.into_inner().map_err(|e| fault(e.error()))?;
        file.seek(SeekFrom::Start(0)).map_err(|e| fault(&e))?;
        let mut file = BufReader::with_capacity(BLOCK, file);
        Ok(move || {
            let mut word = [0; 8];
            let mut next = || file.read_exact(&mut word).map(|()| u64::from_le_bytes(word));
            let mut list = || -> std::io::Result<Vec<(u32, u32)>> {
                let length = next()?;
                (0..length).map(|_| next().map(|pair| ((pair >> 32) as u32, pair as u32))).collect()
            };
            list().map_err(|e| Error::io("read", &folder, &e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_lists_give_back_what_was_put() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut buckets = Buckets::new(folder.path(), 3).expect("buckets");
        let mut wanted = vec![Vec::new(); 3];
        for i in 0..200_000_u32 {
            let bucket = (i % 1000).pow(2) as usize % 3;
            buckets.put(bucket, &i.to_le_bytes()).expect("put");
            wanted[bucket].extend_from_slice(&i.to_le_bytes());
        }
        for (bucket, wanted) in wanted.iter().enumerate() {
            assert!(buckets.take(bucket).expect("take") == *wanted);
            assert!(buckets.take(bucket).expect("take").is_empty());
        }
        let mut lists = Lists::new(folder.path()).expect("lists");
        let pairs: Vec<(u32, u32)> = (0..1000).map(|i| (u32::MAX - i, i)).collect();
        for length in [3, 0, 1000] {
            lists.put(&pairs[..length]).expect("put");
        }
        let mut read = lists.read().expect("read");
        for length in [3, 0, 1000] {
            assert_eq!(read().expect("list"), pairs[..length]);
        }
        assert!(read().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    }
}
