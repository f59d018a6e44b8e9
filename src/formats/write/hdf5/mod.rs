//! A small HDF5 writer: groups, contiguous and chunked datasets, attributes, soft links.
//!
//! Files are in the oldest layout of the format (superblock 0, symbol tables, object headers of version 1), which every
//! reader knows and in which groups of 100,000 datasets are listed quickly. Data go to the disk as they come; what
//! describes them stays in memory until [`File::finish`]. The same calls give the same bytes.
//!
//! ```
//! # fn main() -> neurhai::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = &folder.path().join("nodes.h5");
//! use neurhai::formats::write::hdf5::{Array, File, Number, Spec};
//!
//! let mut file = File::create(path)?;
//! let nodes = file.group(file.root(), "nodes")?;
//! file.attribute(nodes, "magic", &Array::number(0x0A7A_u32))?;
//! file.write(nodes, "mtype", &Array::texts(&["L5_TTPC1", "L5_MC"]))?;
//! // Rows that come in pieces, compressed.
//! let data = file.dataset(nodes, "data", &Spec::growing(f32::TYPE, &[3]).deflate(4))?;
//! file.append(data, &Array::numbers(&[1.0_f32, 2.0, 3.0]))?;
//! file.append(data, &Array::numbers(&[4.0_f32, 5.0, 6.0]))?;
//! file.finish()
//! # }
//! ```

mod array;
mod bytes;
mod chunks;
mod header;
mod heap;
mod index;
mod sink;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

pub use self::array::{Array, Number};
pub use self::types::Type;

use self::array::{Data, count};
use self::bytes::{Bytes, NOWHERE};
use self::chunks::Chunks;
use self::header::Header;
use self::heap::Heap;
use self::index::Symbol;
use self::sink::Sink;
use super::AtomicFile;
use crate::diag::{Error, Result};

/// A group of a file that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(usize);

/// A dataset of a file that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dataset(usize);

/// A group or a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object(usize);

impl From<Group> for Object {
    fn from(group: Group) -> Object {
        Object(group.0)
    }
}

impl From<Dataset> for Object {
    fn from(dataset: Dataset) -> Object {
        Object(dataset.0)
    }
}

/// Bytes of a chunk where nobody says how many rows it has.
const CHUNK: u64 = 128 << 10;

/// Readers set aside a whole chunk at once.
const LARGEST_CHUNK: u64 = 1 << 30;

/// Size of the superblock, where the file begins.
const SUPERBLOCK: u64 = 96;

/// What a dataset will be.
#[derive(Clone, Debug)]
pub struct Spec {
    kind: Type,
    shape: Vec<u64>,
    growing: bool,
    unlimited: bool,
    chunk_rows: Option<u64>,
    deflate: Option<u32>,
}

impl Spec {
    /// A dataset of a known shape, in one piece. Exactly its elements must be appended until the file is finished.
    pub fn fixed(kind: Type, shape: &[u64]) -> Spec {
        Spec {
            kind,
            shape: shape.to_vec(),
            growing: false,
            unlimited: false,
            chunk_rows: None,
            deflate: None,
        }
    }

    /// A dataset of as many rows as will be appended, in chunks; readers may add more. `row` is the shape of a row.
    pub fn growing(kind: Type, row: &[u64]) -> Spec {
        let shape = [&[0], row].concat();
        Spec { growing: true, ..Self::fixed(kind, &shape) }
    }

    /// Stores chunks of so many rows.
    pub fn chunk_rows(self, rows: u64) -> Spec {
        Spec { chunk_rows: Some(rows), ..self }
    }

    /// Compresses the chunks, at level 1 to 9.
    pub fn deflate(self, level: u32) -> Spec {
        Spec { deflate: Some(level), ..self }
    }

    /// Lets readers add to every dimension, not only rows.
    pub fn unlimited(self) -> Spec {
        Spec { unlimited: true, ..self }
    }

    fn chunked(&self) -> bool {
        self.growing || self.unlimited || self.chunk_rows.is_some() || self.deflate.is_some()
    }
}

/// A file that is being written. It appears under its name when it is [finished](File::finish); dropped before, it
/// leaves nothing behind.
pub struct File {
    sink: Sink,
    heap: Heap,
    nodes: Vec<Node>,
}

struct Node {
    body: Body,
    attributes: Vec<Attribute>,
}

enum Body {
    Group(BTreeMap<Box<str>, Link>),
    Dataset(Stored),
}

enum Link {
    Object(usize),
    Soft(Box<str>),
}

struct Stored {
    kind: Type,
    shape: Vec<u64>,
    growing: bool,
    unlimited: bool,
    /// Bytes that were appended.
    filled: u64,
    place: Place,
}

enum Place {
    /// In one piece, at this address.
    Contiguous(u64),
    Chunked(Box<Chunks>),
    /// References, in one piece at this address. They wait for the addresses of their objects.
    References(u64, Vec<Object>),
    /// Nowhere: every element is this one.
    Repeated(Vec<u8>),
}

struct Attribute {
    name: Box<str>,
    kind: Type,
    shape: Vec<u64>,
    data: Encoded,
}

/// Elements as they will stand in the file. Addresses of objects are known last.
enum Encoded {
    Bytes(Vec<u8>),
    References(Vec<Object>),
}

impl File {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub fn create(path: &Path) -> Result<File> {
        let mut sink = Sink::new(AtomicFile::create(path)?);
        let start = sink.reserve(SUPERBLOCK)?;
        sink.write_at(start, &[0; SUPERBLOCK as usize])?;
        let root = Node { body: Body::Group(BTreeMap::new()), attributes: Vec::new() };
        Ok(File { sink, heap: Heap::default(), nodes: vec![root] })
    }

    /// The group that holds everything.
    pub fn root(&self) -> Group {
        Group(0)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// When the name is taken, empty, or holds a slash.
    pub fn group(&mut self, parent: Group, name: &str) -> Result<Group> {
        self.link(parent, name, Link::Object(self.nodes.len()))?;
        self.nodes.push(Node { body: Body::Group(BTreeMap::new()), attributes: Vec::new() });
        Ok(Group(self.nodes.len() - 1))
    }

    /// Makes a second name for what is, or will be, at a path.
    ///
    /// # Errors
    /// When the name is taken, empty, or holds a slash, or the path is empty.
    pub fn soft_link(&mut self, parent: Group, name: &str, path: &str) -> Result<()> {
        if path.is_empty() || path.contains('\0') {
            return Err(self.refused(name, &format!("a link cannot lead to {path:?}")));
        }
        self.link(parent, name, Link::Soft(path.into()))
    }

    /// Writes a whole dataset, in one piece.
    ///
    /// # Errors
    /// When the name is taken, the elements do not fit their type and shape, or the disk is full.
    pub fn write(&mut self, parent: Group, name: &str, array: &Array) -> Result<Dataset> {
        array.check().map_err(|e| e.in_dataset(self.sink.path(), name))?;
        let dataset = self.dataset(parent, name, &Spec::fixed(array.kind.clone(), &array.shape))?;
        self.append(dataset, array)?;
        Ok(dataset)
    }

    /// Writes a dataset of which every element is the same one. It takes no room, however large its shape is.
    ///
    /// # Errors
    /// When the name is taken, or `element` is not one number or text of fixed length.
    pub fn repeat(&mut self, parent: Group, name: &str, element: &Array, shape: &[u64]) -> Result<Dataset> {
        self.sink.check()?;
        let stored = repeated(element, shape).map_err(|e| e.in_dataset(self.sink.path(), name))?;
        self.dataset_of(parent, name, stored)
    }

    /// Begins a dataset that is filled by [`append`](File::append).
    ///
    /// # Errors
    /// When the name is taken, or the type or shape is one that HDF5 does not have.
    pub fn dataset(&mut self, parent: Group, name: &str, spec: &Spec) -> Result<Dataset> {
        self.sink.check()?;
        let stored = self.plan(spec).map_err(|e| e.in_dataset(self.sink.path(), name))?;
        self.dataset_of(parent, name, stored)
    }

    fn dataset_of(&mut self, parent: Group, name: &str, stored: Stored) -> Result<Dataset> {
        self.link(parent, name, Link::Object(self.nodes.len()))?;
        self.nodes.push(Node { body: Body::Dataset(stored), attributes: Vec::new() });
        Ok(Dataset(self.nodes.len() - 1))
    }

    fn plan(&mut self, spec: &Spec) -> Result<Stored> {
        spec.kind.check()?;
        // Refused here, and not when all data are written.
        Header::new().datatype(&spec.kind)?;
        let elements = count(&spec.shape)?;
        let too_large = || Error::argument(format!("a shape of {:?} holds too many elements", spec.shape));
        let bytes = elements.checked_mul(spec.kind.size()).ok_or_else(too_large)?;
        let chunked =
            spec.chunked() && !spec.shape.is_empty() && (spec.growing || spec.unlimited || elements > 0);
        let place = if chunked {
            Place::Chunked(Box::new(chunks(spec)?))
        } else if spec.kind == Type::Reference && bytes > 0 {
            Place::References(self.sink.reserve(bytes)?, Vec::new())
        } else if bytes == 0 {
            Place::Contiguous(NOWHERE)
        } else {
            Place::Contiguous(self.sink.reserve(bytes)?)
        };
        Ok(Stored {
            kind: spec.kind.clone(),
            shape: spec.shape.clone(),
            growing: spec.growing,
            // A single value cannot grow.
            unlimited: spec.unlimited && !spec.shape.is_empty(),
            filled: 0,
            place,
        })
    }

    /// Adds elements to a dataset, in the order of rows. A growing dataset takes whole rows; the shape of `array` is
    /// otherwise of no account.
    ///
    /// # Errors
    /// When the elements are of another type, more than the dataset holds, or the disk is full.
    pub fn append(&mut self, dataset: Dataset, array: &Array) -> Result<()> {
        self.sink.check()?;
        let added = array.check().and_then(|()| self.take(dataset, array));
        added.map_err(|e| {
            let name = self.name_of(dataset.0);
            if e.code() == crate::diag::Code::Io { e } else { e.in_dataset(self.sink.path(), name) }
        })
    }

    fn take(&mut self, dataset: Dataset, array: &Array) -> Result<()> {
        let File { sink, heap, nodes } = self;
        let known = nodes.len();
        let Some(Node { body: Body::Dataset(stored), .. }) = nodes.get_mut(dataset.0) else {
            return Err(Error::argument("the dataset belongs to another file"));
        };
        if array.kind != stored.kind {
            let (given, wanted) = (&array.kind, &stored.kind);
            return Err(Error::argument(format!("elements of type {given:?} for a dataset of {wanted:?}")));
        }
        let new = count(&array.shape)?.saturating_mul(stored.kind.size());
        let filled = stored.filled.saturating_add(new);
        if stored.growing {
            let row = count(&stored.shape[1..])?.saturating_mul(stored.kind.size());
            if new > 0 && !new.is_multiple_of(row) {
                let shape = &stored.shape[1..];
                return Err(Error::argument(format!("{new} bytes are not whole rows of shape {shape:?}")));
            }
        } else if filled > count(&stored.shape)?.saturating_mul(stored.kind.size()) {
            return Err(Error::argument(format!("more elements than a shape of {:?} holds", stored.shape)));
        }
        let encoded;
        let bytes = match (&array.data, &mut stored.place) {
            (Data::Bytes(bytes), _) => bytes,
            (Data::Texts(texts), _) => {
                encoded = encode_texts(texts, &stored.kind, heap, sink)?;
                &encoded
            }
            (Data::References(objects), Place::References(_, waiting)) => {
                check_objects(objects, known)?;
                waiting.extend_from_slice(objects);
                stored.filled = filled;
                return Ok(());
            }
            (Data::References(_), _) => return Ok(()),
        };
        let place = std::mem::replace(&mut stored.filled, filled);
        match &mut stored.place {
            Place::Contiguous(address) if !bytes.is_empty() => sink.write_at(*address + place, bytes),
            Place::Chunked(chunks) => chunks.append(bytes, sink),
            _ => Ok(()),
        }
    }

    /// Attaches a small value to a group or dataset.
    ///
    /// # Errors
    /// When the object has an attribute of that name, or the value does not fit its type and shape or is larger
    /// than 64 KB.
    pub fn attribute(&mut self, object: impl Into<Object>, name: &str, value: &Array) -> Result<()> {
        self.sink.check()?;
        let object = object.into();
        self.encode_attribute(object, name, value).map_err(|e| {
            let owner = self.name_of(object.0);
            e.in_dataset(self.sink.path(), format!("{owner}, attribute {name}"))
        })
    }

    fn encode_attribute(&mut self, object: Object, name: &str, value: &Array) -> Result<()> {
        value.check()?;
        check_objects(&[object], self.nodes.len())?;
        if name.is_empty() || name.contains('\0') {
            return Err(Error::argument(format!("{name:?} cannot name an attribute")));
        }
        if self.nodes[object.0].attributes.iter().any(|a| &*a.name == name) {
            return Err(Error::argument(format!("there is an attribute `{name}` already")));
        }
        // Checked with zeros in place of the data, before any text is stored.
        let size = count(&value.shape)?.saturating_mul(value.kind.size());
        if size > u64::from(u16::MAX) {
            return Err(Error::argument(format!("{size} bytes: HDF5 takes at most 64 KB in an attribute"))
                .help("write it as a dataset"));
        }
        Header::new().attribute(name, &value.kind, &value.shape, &vec![0; size as usize])?;
        let data = match &value.data {
            Data::Bytes(bytes) => Encoded::Bytes(bytes.clone()),
            Data::Texts(texts) => {
                Encoded::Bytes(encode_texts(texts, &value.kind, &mut self.heap, &mut self.sink)?)
            }
            Data::References(objects) => {
                check_objects(objects, self.nodes.len())?;
                Encoded::References(objects.clone())
            }
        };
        let (kind, shape) = (value.kind.clone(), value.shape.clone());
        self.nodes[object.0].attributes.push(Attribute { name: name.into(), kind, shape, data });
        Ok(())
    }

    /// Writes what describes the data, and puts the file in its place.
    ///
    /// # Errors
    /// When a dataset has fewer elements than its shape says, or the disk is full; then an old file stays.
    pub fn finish(mut self) -> Result<()> {
        self.sink.check()?;
        self.complete()?;
        self.heap.close(&mut self.sink)?;
        let addresses = self.addresses()?;
        self.resolve_references(&addresses)?;
        let mut root = Vec::new();
        for (node, &address) in addresses.iter().enumerate() {
            let described = self.describe(node, address, &addresses)?;
            self.sink.write_at(address, &described)?;
            if node == 0 {
                // The tree and the heap of the root group stand in its first message.
                root.extend_from_slice(&described[24..40]);
            }
        }
        let superblock = superblock(addresses[0], &root, self.sink.end());
        self.sink.write_at(0, &superblock)?;
        self.sink.commit()
    }

    /// Every dataset gets its last chunk and its final shape.
    fn complete(&mut self) -> Result<()> {
        for number in 0..self.nodes.len() {
            let Body::Dataset(stored) = &mut self.nodes[number].body else { continue };
            let size = stored.kind.size();
            if stored.growing {
                let row = count(&stored.shape[1..])? * size;
                stored.shape[0] = stored.filled.checked_div(row).unwrap_or(0);
            }
            let (there, wanted) = (stored.filled / size, count(&stored.shape)?);
            let shape = stored.shape.clone();
            if there != wanted && count(&shape)? > 0 {
                let message =
                    format!("{there} elements were written for a shape of {shape:?}, which holds {wanted}");
                return Err(Error::argument(message).in_dataset(self.sink.path(), self.name_of(number)));
            }
            if let Place::Chunked(chunks) = &mut stored.place {
                chunks.finish(&mut self.sink)?;
            }
        }
        Ok(())
    }

    /// Where each object's header will stand.
    fn addresses(&mut self) -> Result<Vec<u64>> {
        let unknown = vec![0; self.nodes.len()];
        (0..self.nodes.len())
            .map(|node| {
                let size = self.describe(node, 0, &unknown)?.len();
                self.sink.reserve(size as u64)
            })
            .collect()
    }

    /// Header and index of an object, as they stand at `address`. Their length does not depend on addresses.
    fn describe(&self, number: usize, address: u64, addresses: &[u64]) -> Result<Vec<u8>> {
        let described = match &self.nodes[number].body {
            Body::Group(members) => self.describe_group(number, members, address, addresses),
            Body::Dataset(stored) => self.describe_dataset(number, stored, address, addresses),
        };
        described.map_err(|e| e.in_dataset(self.sink.path(), self.name_of(number)))
    }

    fn describe_group(
        &self,
        number: usize,
        members: &BTreeMap<Box<str>, Link>,
        address: u64,
        addresses: &[u64],
    ) -> Result<Vec<u8>> {
        let header = |tree, heap| {
            let mut header = Header::new();
            header.symbol_table(tree, heap)?;
            self.attributes(number, &mut header, addresses)?;
            header.finish()
        };
        let at = address + header(0, 0)?.len() as u64;
        let symbols = members.iter().map(|(name, link)| match link {
            Link::Object(node) => (&**name, Symbol::Object(addresses[*node])),
            Link::Soft(path) => (&**name, Symbol::Soft(path)),
        });
        let index = index::group(symbols, at);
        let mut bytes = header(index.tree, index.heap)?;
        bytes.extend_from_slice(&index.bytes);
        Ok(bytes)
    }

    fn describe_dataset(
        &self,
        number: usize,
        stored: &Stored,
        address: u64,
        addresses: &[u64],
    ) -> Result<Vec<u8>> {
        let (kind, shape) = (&stored.kind, &stored.shape);
        let largest: Option<Vec<u64>> = (stored.growing || stored.unlimited).then(|| {
            let free = |axis: usize| stored.unlimited || (stored.growing && axis == 0);
            shape.iter().enumerate().map(|(axis, &d)| if free(axis) { u64::MAX } else { d }).collect()
        });
        let element = kind.size() as u32;
        let header = |tree: u64| {
            let mut header = Header::new();
            header.dataspace(shape, largest.as_deref())?;
            header.datatype(kind)?;
            match &stored.place {
                Place::Contiguous(address) | Place::References(address, _) => {
                    header.fill_value(false)?;
                    header.contiguous(*address, stored.filled)?;
                }
                Place::Repeated(element) => {
                    header.repeated(element)?;
                    header.contiguous(NOWHERE, stored.filled)?;
                }
                Place::Chunked(chunks) => {
                    header.fill_value(true)?;
                    header.chunked(tree, &chunk_shape(chunks.rows, shape), element)?;
                    if let Some(level) = chunks.deflate {
                        header.filters(element, level)?;
                    }
                }
            }
            self.attributes(number, &mut header, addresses)?;
            header.finish()
        };
        let mut bytes = header(0)?;
        if let Place::Chunked(chunks) = &stored.place {
            let at = address + bytes.len() as u64;
            let mut index = Vec::new();
            let tree = chunk_tree(chunks, shape.len(), at, &mut index);
            bytes = header(tree)?;
            bytes.append(&mut index);
        }
        Ok(bytes)
    }

    fn attributes(&self, number: usize, header: &mut Header, addresses: &[u64]) -> Result<()> {
        for attribute in &self.nodes[number].attributes {
            let addressed;
            let data = match &attribute.data {
                Encoded::Bytes(bytes) => bytes,
                Encoded::References(objects) => {
                    addressed = resolved(objects, addresses);
                    &addressed
                }
            };
            header.attribute(&attribute.name, &attribute.kind, &attribute.shape, data)?;
        }
        Ok(())
    }

    /// Names a new member of a group.
    fn link(&mut self, parent: Group, name: &str, link: Link) -> Result<()> {
        self.sink.check()?;
        if name.is_empty() || name == "." || name.contains(['/', '\0']) {
            return Err(self.refused(name, &format!("{name:?} cannot name a member of a group")));
        }
        let Some(Node { body: Body::Group(members), .. }) = self.nodes.get_mut(parent.0) else {
            return Err(self.refused(name, "the group belongs to another file"));
        };
        match members.entry(name.into()) {
            Entry::Vacant(free) => {
                free.insert(link);
                Ok(())
            }
            Entry::Occupied(_) => {
                let message = format!("there is a `{name}` already");
                Err(Error::argument(message).in_dataset(self.sink.path(), self.name_of(parent.0)))
            }
        }
    }

    fn refused(&self, name: &str, why: &str) -> Error {
        Error::argument(why).in_dataset(self.sink.path(), name)
    }

    /// The path of an object, for messages.
    fn name_of(&self, number: usize) -> String {
        let mut path = String::new();
        let mut wanted = number;
        while wanted != 0 {
            let parent = self.nodes.iter().enumerate().find_map(|(at, node)| {
                let Body::Group(members) = &node.body else { return None };
                let (name, _) = members.iter().find(|(_, l)| matches!(l, Link::Object(n) if *n == wanted))?;
                Some((at, name))
            });
            let Some((parent, name)) = parent else { break };
            path = format!("/{name}{path}");
            wanted = parent;
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// Writes the datasets of references.
    fn resolve_references(&mut self, addresses: &[u64]) -> Result<()> {
        for node in &self.nodes {
            if let Body::Dataset(Stored { place: Place::References(at, objects), .. }) = &node.body {
                self.sink.write_at(*at, &resolved(objects, addresses))?;
            }
        }
        Ok(())
    }
}

/// The addresses of objects as elements.
fn resolved(objects: &[Object], addresses: &[u64]) -> Vec<u8> {
    objects.iter().flat_map(|object| addresses[object.0].to_le_bytes()).collect()
}

fn check_objects(objects: &[Object], known: usize) -> Result<()> {
    match objects.iter().find(|object| object.0 >= known) {
        Some(_) => Err(Error::argument("the object belongs to another file")),
        None => Ok(()),
    }
}

/// Texts as elements: filled up with zeros, or stored in the heap.
fn encode_texts(texts: &[String], kind: &Type, heap: &mut Heap, sink: &mut Sink) -> Result<Vec<u8>> {
    let mut elements = Vec::new();
    for text in texts {
        if let Type::FixedText(width) = kind {
            let end = elements.len() + *width as usize;
            elements.extend_from_slice(text.as_bytes());
            elements.resize(end, 0);
        } else {
            heap.put(text, sink, &mut elements)?;
        }
    }
    Ok(elements)
}

/// A dataset of one element again and again.
fn repeated(element: &Array, shape: &[u64]) -> Result<Stored> {
    element.check()?;
    let kind = &element.kind;
    let bytes = match &element.data {
        Data::Bytes(bytes) => bytes.clone(),
        Data::Texts(texts) if matches!(kind, Type::FixedText(_)) => {
            let padding = std::iter::repeat(0);
            texts.iter().flat_map(|t| t.bytes().chain(padding.clone()).take(kind.size() as usize)).collect()
        }
        _ => return Err(Error::argument("only elements of a fixed length are repeated")),
    };
    if bytes.len() as u64 != kind.size() {
        return Err(Error::argument(format!("a shape of {:?} where one element is repeated", element.shape)));
    }
    // Refused here, and not when all data are written.
    Header::new().datatype(kind)?;
    Header::new().repeated(&bytes)?;
    let filled = count(shape)?.checked_mul(kind.size());
    let filled =
        filled.ok_or_else(|| Error::argument(format!("a shape of {shape:?} holds too many elements")))?;
    let (kind, shape, place) = (kind.clone(), shape.to_vec(), Place::Repeated(bytes));
    Ok(Stored { kind, shape, growing: false, unlimited: false, filled, place })
}

/// The chunks of a dataset to be, of whole rows.
fn chunks(spec: &Spec) -> Result<Chunks> {
    if spec.kind == Type::Reference {
        return Err(Error::argument("references are stored in one piece, not in chunks"));
    }
    if let Some(level @ (0 | 10..)) = spec.deflate {
        return Err(Error::argument(format!("a level of compression of {level}: 1 to 9 are possible")));
    }
    // A chunk has at least one element in each direction, also where the data have none.
    let row = chunk_shape(1, &spec.shape).iter().try_fold(spec.kind.size(), |n, &d| n.checked_mul(d.into()));
    let mut rows = spec.chunk_rows.unwrap_or_else(|| CHUNK / row.unwrap_or(CHUNK)).max(1);
    if !spec.growing && !spec.unlimited {
        rows = rows.min(spec.shape[0]);
    }
    let fits = row.and_then(|row| row.checked_mul(rows)).filter(|&bytes| {
        bytes <= LARGEST_CHUNK && spec.shape.iter().skip(1).all(|&d| u32::try_from(d).is_ok())
    });
    match fits {
        Some(bytes) => Ok(Chunks::new(rows, bytes as usize, spec.kind.size() as usize, spec.deflate)),
        None => Err(Error::argument(format!(
            "chunks of {rows} rows of shape {:?} would have more than 1 GB",
            &spec.shape[1..]
        ))),
    }
}

/// The dimensions of chunks of so many rows.
fn chunk_shape(rows: u64, shape: &[u64]) -> Vec<u32> {
    std::iter::once(rows).chain(shape.iter().skip(1).map(|&d| d.max(1))).map(|d| d as u32).collect()
}

/// Appends the index of chunks that will stand at address `at`; the address of its root.
fn chunk_tree(chunks: &Chunks, rank: usize, at: u64, out: &mut Vec<u8>) -> u64 {
    let mut keys = Vec::new();
    let mut key = |number: usize, size: u32| {
        keys.put32(size);
        keys.put32(0);
        keys.put64(number as u64 * chunks.rows);
        // The other dimensions, and the place in an element.
        keys.resize(keys.len() + 8 * rank, 0);
    };
    chunks.written.iter().enumerate().for_each(|(number, chunk)| key(number, chunk.size));
    key(chunks.written.len(), 0);
    let children: Vec<u64> = chunks.written.iter().map(|chunk| chunk.address).collect();
    index::chunks(&keys, &children, rank, at, out)
}

/// Where the file begins. `index` tells where tree and heap of the root group are.
fn superblock(root: u64, index: &[u8], end: u64) -> Vec<u8> {
    let mut out = b"\x89HDF\r\n\x1a\n".to_vec();
    // Versions, then the widths of addresses and lengths.
    out.extend_from_slice(&[0, 0, 0, 0, 0, 8, 8, 0]);
    out.put16(self::index::LEAF_K);
    out.put16(self::index::TREE_K);
    out.put32(0);
    // Base, free space, end of file, driver.
    out.put64(0);
    out.put64(NOWHERE);
    out.put64(end);
    out.put64(NOWHERE);
    // The root group, with the place of its index.
    out.put64(0);
    out.put64(root);
    out.put32(1);
    out.put32(0);
    out.extend_from_slice(index);
    out.resize(SUPERBLOCK as usize, 0);
    out
}
