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
        let mut builder = tempfile::Builder::new();
        // Others may read the file as far as the user's umask lets them; a temporary file alone would be private.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|e| Error::io("write", path, &e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a.txt");
        let count = || folder.path().read_dir().expect("a folder").count();
        let mut dropped = AtomicFile::create(&path).expect("created");
        dropped.write_all(b"half").expect("written");
        drop(dropped);
        assert_eq!(count(), 0);
        std::fs::write(&path, "old").expect("written");
        let mut file = AtomicFile::create(&path).expect("created");
        file.write_all(b"new").expect("written");
        assert_eq!(std::fs::read(&path).expect("the file"), b"old");
        file.commit().expect("in place");
        assert_eq!(std::fs::read(&path).expect("the file"), b"new");
        assert_eq!(count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder for the test");
        let mode = |name: &str| {
            let file = std::fs::metadata(folder.path().join(name)).expect("the file");
            file.permissions().mode()
        };
        std::fs::write(folder.path().join("plain"), "").expect("written");
        AtomicFile::create(&folder.path().join("atomic")).and_then(AtomicFile::commit).expect("in place");
        assert_eq!(mode("atomic"), mode("plain"));
    }
}
