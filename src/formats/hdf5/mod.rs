//! HDF5 files: open, list, read into Arrow arrays, attributes, links to other files; and the short way to the
//! numbers of thousands of small datasets ([`Extents`]).
//!
//! The only folder that names an HDF5 crate. A file is mapped into memory once; the crate and the short way read
//! from the same map. Numbers are never addressed by a cast of a pointer: datasets are not aligned.

mod arrays;
mod extents;
mod header;
mod links;
mod numbers;
mod series;

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use hdf5_reader::error::Error as ReaderError;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::{Attribute, ExternalLinkResolver, Hdf5File, OpenOptions};
use memmap2::Mmap;
use serde_json::Value;

use crate::diag::{Code, Error, Result};

pub use arrays::{Dataset, Kind};
pub use extents::{Extent, Extents};
pub use numbers::{Convert, Element, Float32, Float64, Rounded, Rows, Truncated};
pub use series::Series;

/// Decoded chunks that a file keeps for the next read of the same chunk.
const CHUNK_CACHE_BYTES: usize = 32 << 20;

/// An open HDF5 file. A clone is the same open file.
#[derive(Clone)]
pub struct File(Arc<Inner>);

struct Inner {
    path: PathBuf,
    map: Arc<Mmap>,
    /// Where the superblock stands: every address of the file counts from here.
    base: usize,
    reader: Hdf5File,
    linked: Arc<Linked>,
}

/// Files that are open somewhere in the process: opening one again gives the same map and the same parsed headers.
static OPEN: Mutex<Vec<(Known, Weak<Inner>)>> = Mutex::new(Vec::new());

/// A state of a file: its path, and what changes when it is written.
#[derive(PartialEq)]
struct Known {
    path: PathBuf,
    length: u64,
    written: Option<SystemTime>,
    created: Option<SystemTime>,
    /// A file that was replaced may be of the same length, and as old as the clock of files can tell.
    inode: u64,
}

impl Known {
    fn new(path: &Path, facts: &Metadata) -> Self {
        let (written, created) = (facts.modified().ok(), facts.created().ok());
        Known { path: path.to_owned(), length: facts.len(), written, created, inode: inode(facts) }
    }

    fn open(&self) -> Option<File> {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter(|(known, _)| known == self).find_map(|(_, file)| file.upgrade()).map(File)
    }

    fn keep(self, file: &File) {
        // A file whose time of writing is not known cannot be told from its next state.
        if self.written.is_some() {
            let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|(_, file)| file.strong_count() > 0);
            open.push((self, Arc::downgrade(&file.0)));
        }
    }
}

#[cfg(unix)]
fn inode(facts: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(facts)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// What a member of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A group.
    Group,
    /// A dataset.
    Dataset,
    /// A named type, a virtual dataset, or an object that cannot be read.
    Other,
}

/// Where an object stands.
enum Stands {
    /// In this file, with its header at this address.
    At(u64),
    /// Where a soft or external link leads.
    BehindLink,
    /// There is none.
    Nowhere,
}

impl File {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is missing, may not be read, is not HDF5, or is shorter than its own header says.
    pub fn open(path: &Path) -> Result<Self> {
        let handle = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
        let facts = handle.metadata().map_err(|e| Error::io("open", path, &e))?;
        if facts.is_dir() {
            return Err(Error::new(Code::Io, format!("{} is a folder, not a file", path.display())));
        }
        if facts.len() == 0 {
            return Err(Error::format("the file is empty; it should be HDF5").in_file(path));
        }
        let known = Known::new(path, &facts);
        if let Some(open) = known.open() {
            return Ok(open);
        }
        #[allow(unsafe_code)]
        // the map is read only; a file that another program cuts short meanwhile is the risk
        let map = unsafe { Mmap::map(&handle) }.map_err(|e| Error::io("map", path, &e))?;
        let file = Self::from_map(path, Arc::new(map))?;
        known.keep(&file);
        Ok(file)
    }

    fn from_map(path: &Path, map: Arc<Mmap>) -> Result<Self> {
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let linked = Arc::new(Linked { folder, open: Mutex::default() });
        let options = OpenOptions::default()
            .with_external_link_resolver(linked.clone())
            .with_chunk_cache_bytes(CHUNK_CACHE_BYTES)
            .with_max_read_bytes(decoded_limit(map.len()));
        let reader =
            Hdf5File::from_owner(Bytes(map.clone()), options).map_err(|e| not_hdf5(path, map.len(), &e))?;
        let superblock = reader.superblock();
        let base = usize::try_from(superblock.base_address).unwrap_or(usize::MAX);
        let end = superblock.base_address.saturating_add(superblock.eof_address);
        if base > map.len() || end > map.len() as u64 {
            return Err(Error::format(format!(
                "the file is cut short: its header says {end} bytes, there are {}",
                map.len()
            ))
            .in_file(path)
            .help("copy it again; a job that was still writing it may have died"));
        }
        Ok(File(Arc::new(Inner { path: path.to_owned(), map, base, reader, linked })))
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The members of a group, in the file's order.
    ///
    /// # Errors
    /// When there is no such group or it is damaged.
    pub fn members(&self, group: &str) -> Result<Vec<(String, Member)>> {
        let parent = self.group(group)?;
        let mut members = Vec::new();
        links::walk(self, &parent, &mut |name, target| {
            let kind = match target {
                links::Target::Object(address) => self.kind_at(address),
                links::Target::Soft | links::Target::External { .. } => {
                    if parent.group(name).is_ok() {
                        Member::Group
                    } else if parent.dataset(name).is_ok() {
                        Member::Dataset
                    } else {
                        Member::Other
                    }
                }
            };
            members.push((name.to_owned(), kind));
            true
        })?;
        Ok(members)
    }

    /// The names of the members of one kind.
    ///
    /// # Errors
    /// When there is no such group or it is damaged.
    pub fn names(&self, group: &str, kind: Member) -> Result<Vec<String>> {
        let members = self.members(group)?;
        Ok(members.into_iter().filter(|m| m.1 == kind).map(|m| m.0).collect())
    }

    /// What stands at a path, if anything readable does.
    pub fn find(&self, path: &str) -> Option<Member> {
        match self.stands(path) {
            Stands::At(address) => return Some(self.kind_at(address)).filter(|kind| *kind != Member::Other),
            Stands::Nowhere => return None,
            Stands::BehindLink => {}
        }
        let (parent, name) = split(path);
        let parent = self.0.reader.group(parent).ok()?;
        if parent.group(name).is_ok() {
            Some(Member::Group)
        } else {
            parent.dataset(name).is_ok().then_some(Member::Dataset)
        }
    }

    /// A dataset.
    ///
    /// # Errors
    /// When there is none at that path (with the nearest name), or it is damaged.
    pub fn dataset(&self, path: &str) -> Result<Dataset> {
        let (parent, name) = split(path);
        let group = self.group(parent)?;
        match group.dataset(name) {
            Ok(dataset) => Ok(Dataset::new(self.clone(), path.to_owned(), dataset)),
            Err(ReaderError::DatasetNotFound(_)) => Err(self.no_member("dataset", path, Member::Dataset)),
            Err(error) => Err(self.fault(path, &error)),
        }
    }

    /// An attribute of a group or dataset: a number or a text, or an array of them where it has several.
    ///
    /// # Errors
    /// When there is no such object, or the attribute is neither number nor text.
    pub fn attribute(&self, path: &str, name: &str) -> Result<Option<Value>> {
        if let Stands::At(address) = self.stands(path)
            && let Some(found) = self.plain_attribute(address, name)
        {
            return self.attribute_value(path, name, found);
        }
        let found = match self.find(path) {
            Some(Member::Group) => self.group(path)?.attribute(name),
            _ => return self.dataset(path)?.attribute(name),
        };
        self.attribute_value(path, name, found)
    }

    /// Where the object at a path stands. The crate would first make a list of all members of its group, which takes
    /// longer than anything else in a group of thousands.
    fn stands(&self, path: &str) -> Stands {
        let (parent, wanted) = split(path);
        if wanted.is_empty() {
            let root = self.0.reader.superblock().root_object_header_address();
            return root.map_or(Stands::Nowhere, Stands::At);
        }
        let Ok(parent) = self.0.reader.group(parent) else { return Stands::Nowhere };
        let mut found = Stands::Nowhere;
        let walked = links::walk(self, &parent, &mut |name, target| {
            if name == wanted {
                found = match target {
                    links::Target::Object(address) => Stands::At(address),
                    links::Target::Soft | links::Target::External { .. } => Stands::BehindLink,
                };
            }
            name != wanted
        });
        // What cannot be walked is left to the crate, which says why.
        walked.map_or(Stands::BehindLink, |()| found)
    }

    /// An attribute that stands in the header of an object, or certainly does not exist.
    fn plain_attribute(&self, address: u64, name: &str) -> Option<Result<Attribute, ReaderError>> {
        let header = self.0.reader.get_or_parse_header(address).ok()?;
        for message in &header.messages {
            match message {
                HdfMessage::Attribute(attribute) if attribute.name == name => {
                    let width = self.0.reader.superblock().offset_size;
                    let bytes = Some(self.bytes());
                    return Some(Ok(Attribute::from_message_with_context(attribute.clone(), bytes, width)));
                }
                // Many attributes stand in a heap of their own.
                HdfMessage::AttributeInfo(_) | HdfMessage::Shared(_) => return None,
                _ => {}
            }
        }
        Some(Err(ReaderError::AttributeNotFound(name.to_owned())))
    }

    /// The value of an attribute that was looked up.
    fn attribute_value(
        &self,
        path: &str,
        name: &str,
        found: Result<Attribute, ReaderError>,
    ) -> Result<Option<Value>> {
        match found {
            Ok(attribute) => match attribute_value(&attribute) {
                Some(value) => Ok(Some(value)),
                None => Err(Error::format(format!("attribute `{name}` is neither number nor text"))
                    .in_dataset(self.path(), path)),
            },
            Err(ReaderError::AttributeNotFound(_)) => Ok(None),
            Err(error) => Err(self.fault(path, &error)),
        }
    }

    /// The names and places of the datasets of one group; see [`Extents`].
    ///
    /// # Errors
    /// When there is no such group, or a dataset in it is damaged or lies beyond the end of the file.
    pub fn extents<K: Send + Sync>(
        &self,
        group: &str,
        keep: impl Fn(&str) -> Option<K>,
    ) -> Result<Extents<K>> {
        Extents::read(self, group, keep)
    }

    /// The same for datasets that stand below the groups of a group, all at the same path `below` it.
    ///
    /// # Errors
    /// As [`extents`](Self::extents), and when one of them has no dataset there.
    pub fn extents_below<K: Send + Sync>(
        &self,
        group: &str,
        below: &str,
        keep: impl Fn(&str) -> Option<K>,
    ) -> Result<Extents<K>> {
        Extents::below(self, group, below, keep)
    }

    /// The first dataset of a group whose name is wanted: what the others are expected to look like.
    ///
    /// # Errors
    /// When there is no such group, or the dataset is damaged.
    pub fn first_extent(&self, group: &str, keep: impl Fn(&str) -> bool) -> Result<Option<Extent>> {
        extents::first(self, group, keep)
    }

    fn group(&self, path: &str) -> Result<hdf5_reader::group::Group> {
        self.0.reader.group(path).map_err(|error| match error {
            ReaderError::GroupNotFound(_) => self.no_member("group", path, Member::Group),
            error => self.fault(path, &error),
        })
    }

    /// The bytes that addresses count over.
    fn bytes(&self) -> &[u8] {
        self.0.map.get(self.0.base..).unwrap_or_default()
    }

    fn kind_at(&self, address: u64) -> Member {
        self.0.reader.get_or_parse_header(address).map_or(Member::Other, |header| kind_of(&header))
    }

    /// The error for a path at which nothing of that kind stands: names the nearest member of the deepest group
    /// that does exist.
    fn no_member(&self, what: &str, path: &str, kind: Member) -> Error {
        let (mut parent, mut name) = split(path);
        let mut wanted = kind;
        while !parent.is_empty() && self.0.reader.group(parent).is_err() {
            (parent, name) = split(parent);
            wanted = Member::Group;
        }
        let what = if wanted == kind { what } else { "group" };
        let known = self.names(parent, wanted).unwrap_or_default();
        let place = if parent.is_empty() { "/" } else { parent };
        Error::unknown(what, name, known).in_dataset(self.path(), place)
    }

    /// An error of the crate as ours.
    fn fault(&self, dataset: &str, error: &ReaderError) -> Error {
        Error::format(sentence(error)).in_dataset(self.path(), dataset)
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.path().display())
    }
}

/// The map, lent to the crate.
struct Bytes(Arc<Mmap>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The files that a file's external links name. They are looked for in the file's own folder and below: a link
/// with an absolute path, or one that climbs out, means the file of that name beside this one. So a data file
/// cannot read what lies elsewhere, and a set that was moved together still opens.
struct Linked {
    folder: PathBuf,
    open: Mutex<HashMap<PathBuf, File>>,
}

impl Linked {
    fn file(&self, name: &str) -> Result<File> {
        let name = Path::new(name);
        let inside = name.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        let relative = if inside { name } else { Path::new(name.file_name().unwrap_or_default()) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(relative) {
            return Ok(file.clone());
        }
        let file = File::open(&self.folder.join(relative))?;
        open.insert(relative.to_owned(), file.clone());
        Ok(file)
    }
}

impl ExternalLinkResolver for Linked {
    fn resolve_external_link(&self, name: &str) -> Result<Option<Hdf5File>, ReaderError> {
        match self.file(name) {
            Ok(file) => Ok(Some(file.0.reader.clone())),
            Err(error) => Err(ReaderError::Other(format!("the file it links to: {error}"))),
        }
    }
}

/// Folder and last name of a path; slashes at both ends do not count.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    path.rsplit_once('/').unwrap_or(("", path))
}

fn kind_of(header: &ObjectHeader) -> Member {
    let has = |wanted: fn(&HdfMessage) -> bool| header.messages.iter().any(wanted);
    if has(|m| matches!(m, HdfMessage::DataLayout(_))) {
        Member::Dataset
    } else if has(|m| matches!(m, HdfMessage::SymbolTable(_) | HdfMessage::LinkInfo(_) | HdfMessage::Link(_)))
    {
        Member::Group
    } else {
        Member::Other
    }
}

/// How many bytes one read may give: what the best compression could have hidden in the file.
fn decoded_limit(file: usize) -> usize {
    file.saturating_mul(1100).saturating_add(1 << 20)
}

/// Tables of more columns are no tables: an empty one could claim any number of them.
const MOST_COLUMNS: u64 = 1 << 16;

fn not_hdf5(path: &Path, length: usize, error: &ReaderError) -> Error {
    match error {
        ReaderError::InvalidMagic => Error::format("this is not an HDF5 file"),
        other => Error::format(format!("the HDF5 file ({length} bytes) is damaged: {}", sentence(other))),
    }
    .in_file(path)
}

/// The innermost sentence of an error of the crate.
fn sentence(error: &ReaderError) -> String {
    match error {
        ReaderError::Context { source, .. } => sentence(source),
        ReaderError::UnexpectedEof { offset, needed, available } => format!(
            "the file is cut short or damaged: {needed} bytes are needed at {offset}, there are {available}"
        ),
        other => other.to_string(),
    }
}

fn attribute_value(attribute: &Attribute) -> Option<Value> {
    let values: Vec<Value> = if let Ok(texts) = attribute.read_strings() {
        texts.into_iter().map(Value::from).collect()
    } else if let Ok(text) = attribute.read_string() {
        vec![text.into()]
    } else {
        arrays::attribute_numbers(attribute)?
    };
    match <[Value; 1]>::try_from(values) {
        Ok([one]) => Some(one),
        Err(several) => Some(Value::Array(several)),
    }
}

#[cfg(test)]
mod tests;
