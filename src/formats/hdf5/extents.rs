//! The short way to the numbers of a group of thousands of small tables (one dataset a cell): where each table's
//! bytes lie, found by reading the group's index and the object headers in parallel; columns are then gathered
//! straight from the map. Tables that do not lie in one piece (chunked, compressed, never written) are decoded by
//! the crate, with the same answers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;
use rayon::prelude::*;

use super::arrays::element_of;
use super::header::{self, Plain, Sizes};
use super::numbers::{self, Convert, Element, Rows};
use super::{File, MOST_COLUMNS, decoded_limit, links, split};
use crate::diag::{Error, Result};
use crate::model::Frames;

/// Bytes of decoded tables that are kept for the next column of the same table.
const DECODED_BYTES: usize = 64 << 20;

/// Fewer headers than this are not worth a second thread.
const HEADERS_PER_TASK: usize = 512;

/// The shape of a table of numbers and the type of its elements.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns; 1 for a dataset of one dimension.
    pub columns: usize,
    /// The type of the numbers.
    pub element: Element,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// In one piece, from this byte on.
    At(usize),
    /// To be decoded by the crate, by its path.
    Encoded(Box<str>),
    /// There are no numbers.
    Nowhere,
}

impl Extent {
    fn row_bytes(&self) -> usize {
        self.columns * self.element.size()
    }

    /// Whether the table has to be decoded as a whole to read any of it.
    pub fn is_encoded(&self) -> bool {
        matches!(self.place, Place::Encoded(_))
    }
}

/// The tables of one group, each with the key that the caller made from its name; in the order of the file until
/// they are [sorted](Extents::sort).
pub struct Extents<K> {
    files: Vec<File>,
    entries: Vec<Entry<K>>,
    decoded: Mutex<Decoded>,
}

struct Entry<K> {
    key: K,
    /// Which of the files holds it: external links lead to others.
    file: usize,
    extent: Extent,
}

/// Tables that were decoded lately.
#[derive(Default)]
struct Decoded {
    tables: HashMap<usize, Arc<Vec<u8>>>,
    bytes: usize,
}

/// A name that is wanted, before its header is read.
struct Wanted<K> {
    key: K,
    file: usize,
    path: Box<str>,
    address: Option<u64>,
}

impl<K: Send + Sync> Extents<K> {
    pub(super) fn read(file: &File, group: &str, keep: impl Fn(&str) -> Option<K>) -> Result<Self> {
        Self::with(file, group, keep, extent)
    }

    /// The tables at a path below each group that is kept.
    pub(super) fn below(
        file: &File,
        group: &str,
        below: &str,
        keep: impl Fn(&str) -> Option<K>,
    ) -> Result<Self> {
        Self::with(file, group, keep, |file, path, address| {
            let address = address.map(|at| links::descend(file, (at, path), below)).transpose()?.flatten();
            extent(file, &format!("{path}/{below}"), address)
        })
    }

    fn with(
        file: &File,
        group: &str,
        keep: impl Fn(&str) -> Option<K>,
        extent: impl Fn(&File, &str, Option<u64>) -> Result<Extent> + Sync,
    ) -> Result<Self> {
        let mut files = vec![file.clone()];
        let wanted = names(&mut files, group, keep)?;
        let entries: Vec<Entry<K>> = wanted
            .into_par_iter()
            .with_min_len(HEADERS_PER_TASK)
            .map(|w| {
                let extent = extent(&files[w.file], &w.path, w.address)?;
                Ok(Entry { key: w.key, file: w.file, extent })
            })
            .collect::<Result<_>>()?;
        Ok(Extents { files, entries, decoded: Mutex::default() })
    }
}

impl<K> Extents<K> {
    /// How many tables there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the tables of another file.
    pub fn append(&mut self, mut other: Self) {
        let shift = self.files.len();
        self.files.append(&mut other.files);
        self.entries.extend(other.entries.into_iter().map(|e| Entry { file: e.file + shift, ..e }));
        // Decoded tables are kept by their number.
        self.decoded = Mutex::default();
    }

    /// Puts the tables into the order of their keys.
    pub fn sort(&mut self)
    where
        K: Ord + Send + Sync,
    {
        self.entries.par_sort_by(|a, b| a.key.cmp(&b.key));
        self.decoded = Mutex::default();
    }

    /// The key of a table.
    pub fn key(&self, table: usize) -> &K {
        &self.entries[table].key
    }

    /// Shape and type of a table.
    pub fn extent(&self, table: usize) -> &Extent {
        &self.entries[table].extent
    }

    /// The file that holds a table.
    pub fn file(&self, table: usize) -> &File {
        &self.files[self.entries[table].file]
    }

    /// Appends the values of some rows of a column.
    ///
    /// # Errors
    /// When the rows or the column lie outside of the table, or it cannot be decoded.
    pub fn gather<C: Convert>(
        &self,
        table: usize,
        rows: Range<usize>,
        column: usize,
        out: &mut Vec<C::Out>,
    ) -> Result<()> {
        let entry = &self.entries[table];
        let extent = &entry.extent;
        let file = &self.files[entry.file];
        if rows.start > rows.end || rows.end > extent.rows || column >= extent.columns {
            return Err(Error::argument(format!(
                "rows {} to {} of column {column} of a table of {} rows and {} columns",
                rows.start, rows.end, extent.rows, extent.columns
            ))
            .in_file(file.path()));
        }
        let stride = extent.row_bytes();
        let bytes = rows.start * stride..rows.end * stride;
        let mut take = |table: &[u8]| {
            let rows = table.get(bytes.clone())?;
            numbers::gather::<C>(rows, stride, column * extent.element.size(), extent.element, out);
            Some(())
        };
        let done = match &extent.place {
            Place::Nowhere => Some(()),
            Place::At(start) => file.bytes().get(*start..).and_then(take),
            Place::Encoded(path) => take(&self.decode(table, file, path)?),
        };
        done.ok_or_else(|| Error::format("the file is cut short").in_file(file.path()))
    }

    /// Copies some columns of some rows of a table, row by row, into `out`, which has room for exactly these.
    ///
    /// # Errors
    /// When the rows or the columns lie outside of the table, or it cannot be decoded.
    pub fn window<C: Convert>(
        &self,
        table: usize,
        rows: Frames,
        columns: Range<usize>,
        out: &mut [C::Out],
    ) -> Result<()> {
        let Entry { file, extent, .. } = &self.entries[table];
        let file = &self.files[*file];
        let last = rows.count.checked_sub(1).map(|n| rows.at(n));
        if last.is_some_and(|last| last >= extent.rows) || columns.end > extent.columns {
            return Err(Error::argument(format!(
                "{} rows from {} and columns {columns:?} of a table of {} rows and {} columns",
                rows.count, rows.first, extent.rows, extent.columns
            ))
            .in_file(file.path()));
        }
        let mut copy = |bytes: &[u8]| {
            let all = Rows { bytes, columns: extent.columns, element: extent.element };
            all.copy::<C>(rows, std::slice::from_ref(&columns), out)
        };
        let done = match &extent.place {
            Place::Nowhere => Some(()),
            Place::At(start) => file.bytes().get(*start..).and_then(copy),
            Place::Encoded(path) => copy(&self.decode(table, file, path)?),
        };
        done.ok_or_else(|| Error::format("the file is cut short").in_file(file.path()))
    }

    /// The bytes of a table that the crate has to decode.
    fn decode(&self, table: usize, file: &File, path: &str) -> Result<Arc<Vec<u8>>> {
        if let Some(bytes) = self.cache().tables.get(&table) {
            return Ok(bytes.clone());
        }
        let bytes = Arc::new(file.dataset(path)?.raw()?);
        let mut cache = self.cache();
        if cache.bytes + bytes.len() > DECODED_BYTES {
            *cache = Decoded::default();
        }
        if cache.tables.insert(table, bytes.clone()).is_none() {
            cache.bytes += bytes.len();
        }
        Ok(bytes)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Decoded> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wanted names of a group with the addresses of their headers; files that links lead to are opened.
fn names<K>(files: &mut Vec<File>, group: &str, keep: impl Fn(&str) -> Option<K>) -> Result<Vec<Wanted<K>>> {
    let home = files[0].clone();
    let prefix = group.trim_matches('/');
    let mut wanted = Vec::new();
    let mut linked: Vec<(usize, String, String)> = Vec::new();
    links::walk(&home, &home.group(group)?, &mut |name, target| {
        let Some(key) = keep(name) else { return true };
        let address = match target {
            links::Target::Object(address) => Some(address),
            links::Target::Soft => None,
            links::Target::External { file, path } => {
                linked.push((wanted.len(), file.to_owned(), path.to_owned()));
                None
            }
        };
        let path = if prefix.is_empty() { name.into() } else { format!("{prefix}/{name}").into() };
        wanted.push(Wanted { key, file: 0, path, address });
        true
    })?;
    // Links to the same group of the same file are looked up together.
    let mut groups: HashMap<(String, String), (usize, HashMap<String, u64>)> = HashMap::new();
    for (at, name, path) in linked {
        let (parent, member) = split(&path);
        let found = groups.entry((name, parent.to_owned()));
        let (file, addresses) = match found {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let target = home.0.linked.file(&new.key().0).map_err(|e| {
                    e.help(format!("dataset {} of {} links to it", wanted[at].path, home.path().display()))
                })?;
                let addresses = addresses(&target, parent)?;
                files.push(target);
                new.insert((files.len() - 1, addresses))
            }
        };
        wanted[at].file = *file;
        wanted[at].address = addresses.get(member).copied();
        wanted[at].path = path.into();
    }
    Ok(wanted)
}

fn addresses(file: &File, group: &str) -> Result<HashMap<String, u64>> {
    let mut addresses = HashMap::new();
    links::walk(file, &file.group(group)?, &mut |name, target| {
        if let links::Target::Object(address) = target {
            addresses.insert(name.to_owned(), address);
        }
        true
    })?;
    Ok(addresses)
}

pub(super) fn first(file: &File, group: &str, keep: impl Fn(&str) -> bool) -> Result<Option<Extent>> {
    let mut found = None;
    links::walk(file, &file.group(group)?, &mut |name, target| {
        if keep(name) {
            let address = if let links::Target::Object(address) = target { Some(address) } else { None };
            found = Some((format!("{group}/{name}"), address));
        }
        found.is_none()
    })?;
    found.map(|(path, address)| extent(file, path.trim_matches('/'), address)).transpose()
}

/// The extent of the dataset with a header at `address` (or, if that is not known, at `path`).
fn extent(file: &File, path: &str, address: Option<u64>) -> Result<Extent> {
    let plain = address.and_then(|a| header::plain(file.bytes(), Sizes::of(file), a));
    if let Some(Plain { shape, element, address: Some(start) }) = plain {
        return contiguous(file, path, shape, element, start);
    }
    match address {
        Some(address) => from_messages(file, path, address),
        None => encoded(file, path),
    }
}

fn contiguous(file: &File, path: &str, shape: (u64, u64), element: Element, start: u64) -> Result<Extent> {
    let length = file.bytes().len() as u64;
    let size = shape.0.checked_mul(shape.1).and_then(|n| n.checked_mul(element.size() as u64));
    match size {
        Some(0) => table(file, path, shape, element, Place::Nowhere),
        Some(size) if start.checked_add(size).is_some_and(|end| end <= length) => {
            table(file, path, shape, element, Place::At(start as usize))
        }
        _ => Err(Error::format(format!(
            "the file is cut short or damaged: a table of {} × {} numbers at byte {start} goes beyond its end",
            shape.0, shape.1
        ))
        .in_dataset(file.path(), path)),
    }
}

fn table(file: &File, path: &str, shape: (u64, u64), element: Element, place: Place) -> Result<Extent> {
    if shape.1 > MOST_COLUMNS {
        return Err(Error::format(format!("a table of {} columns", shape.1)).in_dataset(file.path(), path));
    }
    Ok(Extent { rows: shape.0 as usize, columns: shape.1 as usize, element, place })
}

/// The same from the messages that the crate reads: newer headers.
fn from_messages(file: &File, path: &str, address: u64) -> Result<Extent> {
    let header = file.0.reader.get_or_parse_header(address).map_err(|e| file.fault(path, &e))?;
    let (mut shape, mut element, mut start) = (None, None, None);
    for message in &header.messages {
        match message {
            HdfMessage::Dataspace(space) => shape = Some(space.dims.clone()),
            HdfMessage::Datatype(kind) => element = element_of(&kind.datatype),
            HdfMessage::DataLayout(layout) => {
                if let DataLayout::Contiguous { address, .. } = layout.layout {
                    start = (address != Sizes::of(file).nowhere()).then_some(address);
                }
            }
            HdfMessage::FilterPipeline(_) | HdfMessage::ExternalFiles(_) => return encoded(file, path),
            _ => {}
        }
    }
    match (shape.as_deref(), element, start) {
        (Some(&[rows]), Some(element), Some(start)) => contiguous(file, path, (rows, 1), element, start),
        (Some(&[rows, columns]), Some(element), Some(start)) => {
            contiguous(file, path, (rows, columns), element, start)
        }
        _ => encoded(file, path),
    }
}

/// A table that only the crate can read.
fn encoded(file: &File, path: &str) -> Result<Extent> {
    let dataset = file.dataset(path)?;
    let shape = match *dataset.shape() {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => {
            return Err(Error::format(format!("{} dimensions where a table has two", dataset.shape().len()))
                .in_dataset(file.path(), path));
        }
    };
    let element = dataset.element().ok_or_else(|| {
        Error::format("the dataset does not hold numbers that can be read").in_dataset(file.path(), path)
    })?;
    let size = u128::from(shape.0) * u128::from(shape.1) * element.size() as u128;
    if size > decoded_limit(file.bytes().len()) as u128 {
        return Err(Error::format(format!(
            "a table of {} × {} numbers cannot come out of this file",
            shape.0, shape.1
        ))
        .in_dataset(file.path(), path));
    }
    let place = if size == 0 { Place::Nowhere } else { Place::Encoded(path.into()) };
    table(file, path, shape, element, place)
}
