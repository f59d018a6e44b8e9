//! Every output goes through here: a file or a folder appears under its name when it is complete, or not at all.

pub mod circuit;
pub mod hdf5;
pub mod scratch;

use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::diag::{Code, Error, Result};

/// Bytes collected before they are handed to the operating system.
const BUFFER: usize = 256 << 10;

/// How temporary files and folders are named until they are complete.
const PREFIX: &str = ".neurhai-";

/// A file that replaces what stands at its path when it is [committed](AtomicFile::commit). Dropped before that, it
/// leaves nothing behind and what was there stays as it was.
///
/// The bytes go to a temporary file in the same folder, which takes the place of the old file in one step. A device or
/// a pipe (`/dev/stdout`) cannot be replaced and is written to directly.
pub struct AtomicFile {
    path: PathBuf,
    sink: BufWriter<Sink>,
    failed: bool,
}

enum Sink {
    Temporary(NamedTempFile),
    Direct(fs::File),
}

impl Sink {
    fn file(&mut self) -> &mut fs::File {
        match self {
            Sink::Temporary(file) => file.as_file_mut(),
            Sink::Direct(file) => file,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file().seek(to)
    }
}

impl AtomicFile {
    /// Begins a file at `path`. The folder must exist. A link at `path` is followed.
    ///
    /// # Errors
    /// When the folder is missing or may not be written to, or `path` is a folder.
    pub fn create(path: &Path) -> Result<AtomicFile> {
        let fault = |e: &io::Error| Error::io("write", path, e);
        let existing = fs::metadata(path).ok();
        let sink = match &existing {
            Some(kind) if kind.is_dir() => {
                return Err(Error::new(Code::Io, format!("cannot write {}: it is a folder", path.display())));
            }
            Some(kind) if !kind.is_file() => {
                Sink::Direct(fs::OpenOptions::new().write(true).open(path).map_err(|e| fault(&e))?)
            }
            _ => Sink::Temporary(temporary_beside(path, existing.as_ref()).map_err(|e| fault(&e))?),
        };
        Ok(AtomicFile { path: path.to_owned(), sink: BufWriter::with_capacity(BUFFER, sink), failed: false })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error of this file for what the operating system said.
    pub fn fault(&self, cause: &io::Error) -> Error {
        Error::io("write", &self.path, cause)
    }

    /// Puts the file in its place, after all its bytes have reached the disk.
    ///
    /// # Errors
    /// When the disk is full, or an earlier write failed; then the old file stays.
    pub fn commit(mut self) -> Result<()> {
        if self.failed {
            let message =
                format!("cannot write {}: an earlier part could not be written", self.path.display());
            return Err(Error::new(Code::Io, message));
        }
        let Self { path, sink, .. } = {
            self.sink.flush().map_err(|e| self.fault(&e))?;
            self
        };
        let fault = |e: &io::Error| Error::io("write", &path, e);
        match sink.into_inner().map_err(|e| fault(e.error()))? {
            Sink::Direct(mut file) => file.flush().map_err(|e| fault(&e)),
            Sink::Temporary(file) => {
                file.as_file().sync_all().map_err(|e| fault(&e))?;
                let target = followed(&path);
                file.persist(&target).map_err(|e| fault(&e.error))?;
                sync_folder(&target);
                Ok(())
            }
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes).inspect_err(|e| self.failed |= e.kind() != io::ErrorKind::Interrupted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush().inspect_err(|e| self.failed |= e.kind() != io::ErrorKind::Interrupted)
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.sink.seek(to).inspect_err(|_| self.failed = true)
    }
}

/// Writes a whole file: `fill` puts the bytes.
///
/// # Errors
/// When the file cannot be written, or with what `fill` says; then the old file stays.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut AtomicFile) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    fill(&mut file).map_err(|e| file.fault(&e))?;
    file.commit()
}

/// A folder of files that appears with all of them, or not at all.
///
/// It is filled under a temporary name beside its final place.
pub struct AtomicFolder {
    path: PathBuf,
    temporary: TempDir,
    over: bool,
}

impl AtomicFolder {
    /// Begins a folder at `path`, where nothing or an empty folder stands. Missing parents are made.
    ///
    /// # Errors
    /// When something is there already, or the parent may not be written to.
    pub fn create(path: &Path) -> Result<AtomicFolder> {
        Self::begin(path, false)
    }

    /// A new folder at `path` with what `fill` writes into it; nothing stays where that fails.
    ///
    /// # Errors
    /// What [`create`](Self::create) and `fill` fail with.
    pub fn filled<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let output = Self::create(path).map_err(|e| e.help("give a folder that is new or empty"))?;
        let done = fill(output.path())?;
        output.commit()?;
        Ok(done)
    }

    /// Begins files that go over those of a folder which may be there already. When all are complete they move in,
    /// one after the other; those of the same names are replaced, others stay.
    ///
    /// # Errors
    /// When a file is at `path`, or the parent may not be written to.
    pub fn over(path: &Path) -> Result<AtomicFolder> {
        Self::begin(path, true)
    }

    fn begin(path: &Path, over: bool) -> Result<AtomicFolder> {
        let fault = |e: &io::Error| Error::io("write", path, e);
        let path = followed(path);
        check_free(&path, over)?;
        let parent = folder_of(&path);
        fs::create_dir_all(parent).map_err(|e| fault(&e))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let temporary = builder.tempdir_in(parent).map_err(|e| fault(&e))?;
        Ok(AtomicFolder { path, temporary, over })
    }

    /// Where to put the files until the folder is committed.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts the folder in its place.
    ///
    /// # Errors
    /// When something has come to stand there meanwhile, or the folder cannot be renamed.
    pub fn commit(self) -> Result<()> {
        check_free(&self.path, self.over)?;
        let moved = if self.path.exists() {
            move_into(self.temporary.path(), &self.path)
        } else {
            fs::rename(self.temporary.path(), &self.path)
        };
        moved.map_err(|e| Error::io("write", &self.path, &e))?;
        sync_folder(&self.path);
        Ok(())
    }
}

/// Moves what is in a folder into another one.
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() && target.is_dir() {
            move_into(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// An error if a folder may not be put at `path`.
fn check_free(path: &Path, over: bool) -> Result<()> {
    let Ok(kind) = fs::metadata(path) else { return Ok(()) };
    let refused = |why: &str| Error::new(Code::Io, format!("cannot write {}: {why}", path.display()));
    if !kind.is_dir() {
        return Err(refused("a file is there"));
    }
    let empty = fs::read_dir(path).map_err(|e| Error::io("read", path, &e))?.next().is_none();
    if empty || over { Ok(()) } else { Err(refused("the folder is not empty")) }
}

/// A temporary file in the folder of `path`, with the permissions of the file that it will replace.
fn temporary_beside(path: &Path, existing: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let target = followed(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder_of(&target))?;
    if let Some(existing) = existing {
        file.as_file().set_permissions(existing.permissions())?;
    }
    Ok(file)
}

/// The path with links followed, if it exists.
fn followed(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the new name of a file durable. Where folders cannot be synced, the name is still there unless the machine
/// fails right now.
fn sync_folder(of: &Path) {
    if cfg!(unix)
        && let Ok(folder) = fs::File::open(folder_of(of))
    {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_when_committed_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        let mut file = AtomicFile::create(&path).expect("create");
        file.write_all(b"one").expect("write");
        assert!(!path.exists());
        file.commit().expect("commit");
        assert_eq!(fs::read(&path).expect("read"), b"one");

        let mut file = AtomicFile::create(&path).expect("create");
        file.write_all(b"two").expect("write");
        drop(file);
        assert_eq!(fs::read(&path).expect("read"), b"one");
        assert_eq!(names(folder.path()), ["a.txt"]);

        write_file(&path, |out| out.write_all(b"three")).expect("write");
        assert_eq!(fs::read(&path).expect("read"), b"three");
        let refused = write_file(&path, |out| {
            out.write_all(b"four")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(refused.is_err_and(|e| e.message().contains("no space left")));
        assert_eq!(fs::read(&path).expect("read"), b"three");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("no/such/a.txt");
        let error = AtomicFile::create(&missing).err().expect("refused");
        assert_eq!(error.message(), format!("cannot write {}: no such file or folder", missing.display()));
        let error = AtomicFile::create(folder.path()).err().expect("refused");
        assert!(error.message().ends_with("it is a folder"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        write_file(&real, |out| out.write_all(b"one")).expect("write");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("mode");
        symlink(&real, &link).expect("link");
        write_file(&link, |out| out.write_all(b"two")).expect("write");
        assert_eq!(fs::read(&real).expect("read"), b"two");
        assert!(fs::symlink_metadata(&link).expect("link").is_symlink());
        assert_eq!(fs::metadata(&real).expect("mode").permissions().mode() & 0o777, 0o640);
        write_file(Path::new("/dev/null"), |out| out.write_all(b"gone")).expect("a device");
        assert!(!fs::metadata("/dev/null").expect("a device").is_file());
    }

    /// `/dev/full` takes nothing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_also_after_it() {
        let path = Path::new("/dev/full");
        let mut file = AtomicFile::create(path).expect("create");
        let refused = file.write_all(&vec![1; 2 * BUFFER]).and_then(|()| file.flush());
        assert_eq!(refused.expect_err("full").kind(), io::ErrorKind::StorageFull);
        assert!(file.commit().is_err());
        let error = write_file(path, |out| out.write_all(b"x")).expect_err("full");
        assert_eq!(error.message(), "cannot write /dev/full: no space left on the disk");
    }

    #[test]
    fn a_folder_comes_as_a_whole() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("made/deep");
        let folder = AtomicFolder::create(&path).expect("create");
        fs::write(folder.path().join("a"), "1").expect("write");
        assert!(!path.exists());
        folder.commit().expect("commit");
        assert_eq!(names(&path), ["a"]);
        let error = AtomicFolder::create(&path).err().expect("refused");
        assert!(error.message().ends_with("the folder is not empty"), "{error}");

        let fill = |folder: &AtomicFolder| {
            fs::write(folder.path().join("b"), "2").expect("write");
            fs::create_dir(folder.path().join("c")).expect("create");
            fs::write(folder.path().join("c/d"), "3").expect("write");
        };
        let folder = AtomicFolder::over(&path).expect("create");
        fill(&folder);
        drop(folder);
        assert_eq!(names(&path), ["a"]);
        for _ in 0..2 {
            let folder = AtomicFolder::over(&path).expect("create");
            fill(&folder);
            folder.commit().expect("commit");
            assert_eq!(
                (names(&path), names(&path.join("c"))),
                (vec!["a".into(), "b".into(), "c".into()], vec!["d".into()])
            );
        }
        assert_eq!(names(&parent.path().join("made")), ["deep"]);
        assert!(AtomicFolder::over(&path.join("b")).is_err());
    }
}
