//! Files that appear only when they are complete.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::diag::{Error, Result};

/// A file that is written beside its place and moved there by [`commit`](Self::commit). Dropped before, it leaves
/// nothing, and an old file stays.
pub struct AtomicFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file at `path`.
    ///
    /// # Errors
    /// When the folder is missing or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(|e| Error::io("write", path, &e))?;
        Ok(AtomicFile { file, path: path.to_owned() })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn commit(self) -> Result<()> {
        let refused = |cause: &std::io::Error| Error::io("write", &self.path, cause);
        self.file.as_file().sync_all().map_err(|e| refused(&e))?;
        self.file.persist(&self.path).map_err(|e| refused(&e.error))?;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
