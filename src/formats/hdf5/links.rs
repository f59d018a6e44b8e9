//! The names in a group and what they lead to, without opening any member. Old groups (a symbol table) are walked
//! over the map; new ones (link messages) over the crate's structures.

use std::cell::Cell;

use hdf5_reader::btree_v2::{self, BTreeV2Header, BTreeV2Record};
use hdf5_reader::fractal_heap::{FractalHeap, FractalHeapDirectBlockCache};
use hdf5_reader::group::Group;
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::{self, LinkMessage, LinkTarget};
use hdf5_reader::messages::link_info::LinkInfoMessage;

use super::File;
use super::header::Sizes;
use crate::diag::{Error, Result};

/// What a name leads to.
pub(super) enum Target<'a> {
    /// An object of this file, by the address of its header.
    Object(u64),
    /// Another path of this file.
    Soft,
    /// An object of another file.
    External { file: &'a str, path: &'a str },
}

/// Calls `each` for the names of a group until it returns false. Old groups come in the order of their names, new
/// ones in the order in which they are stored.
pub(super) fn walk(file: &File, group: &Group, each: &mut dyn FnMut(&str, Target<'_>) -> bool) -> Result<()> {
    walk_at(file, group.address(), group.name(), Some(group), each)
}

/// Where the members at the end of a path below a group stand; nothing where there is none, or a link on the way. The
/// group has its header at an address, so that none above it need be looked through.
pub(super) fn descend(file: &File, group: (u64, &str), below: &str) -> Result<Option<u64>> {
    let (mut address, mut path) = (group.0, group.1.to_owned());
    for wanted in below.split('/') {
        let mut found = None;
        walk_at(file, address, &path, None, &mut |name, target| {
            if let (true, Target::Object(member)) = (name == wanted, target) {
                found = Some(member);
            }
            name != wanted
        })?;
        let Some(member) = found else { return Ok(None) };
        address = member;
        path = format!("{path}/{wanted}");
    }
    Ok(Some(address))
}

fn walk_at(
    file: &File,
    address: u64,
    path: &str,
    group: Option<&Group>,
    each: &mut dyn FnMut(&str, Target<'_>) -> bool,
) -> Result<()> {
    let header = file.0.reader.get_or_parse_header(address).map_err(|e| file.fault(path, &e))?;
    for message in &header.messages {
        let go_on = match message {
            HdfMessage::SymbolTable(table) => {
                let old = OldGroup::new(file, path, table.heap_address)?;
                return old.walk(table.btree_address, each).map(|_| ());
            }
            HdfMessage::Link(link) => give(link, each),
            HdfMessage::LinkInfo(info) => match group {
                Some(group) => walk_dense(file, group, info, each)?,
                None if Cursor::is_undefined_offset(
                    info.fractal_heap_address,
                    file.0.reader.superblock().offset_size,
                ) =>
                {
                    true
                }
                None => walk_dense(file, &file.group(path)?, info, each)?,
            },
            _ => true,
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

fn give(link: &LinkMessage, each: &mut dyn FnMut(&str, Target<'_>) -> bool) -> bool {
    let target = match &link.target {
        LinkTarget::Hard { address } => Target::Object(*address),
        LinkTarget::Soft { .. } => Target::Soft,
        LinkTarget::External { filename, path } => Target::External { file: filename, path },
    };
    each(&link.name, target)
}

/// A large new group: its links lie in a heap, indexed by a tree.
fn walk_dense(
    file: &File,
    group: &Group,
    info: &LinkInfoMessage,
    each: &mut dyn FnMut(&str, Target<'_>) -> bool,
) -> Result<bool> {
    let (offset, length) = (group.offset_size(), group.length_size());
    if Cursor::is_undefined_offset(info.fractal_heap_address, offset) {
        return Ok(true);
    }
    let storage = group.storage();
    let fault = |e| file.fault(group.name(), &e);
    let heap =
        FractalHeap::parse_at_storage(storage, info.fractal_heap_address, offset, length).map_err(fault)?;
    let tree = BTreeV2Header::parse_at_storage(storage, info.btree_name_index_address, offset, length)
        .map_err(fault)?;
    let records = btree_v2::collect_btree_v2_records_storage(storage, &tree, offset, length, None, &[], None)
        .map_err(fault)?;
    let mut blocks = FractalHeapDirectBlockCache::default();
    for record in &records {
        let BTreeV2Record::LinkNameHash { heap_id, .. } = record else { continue };
        let bytes = heap
            .get_object_storage_cached_with_registry(heap_id, storage, offset, length, &mut blocks, None)
            .map_err(fault)?;
        let link = link::parse(&mut Cursor::new(&bytes), offset, length, bytes.len()).map_err(fault)?;
        if !give(&link, each) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An old group: a tree of symbol nodes, and a heap of names.
struct OldGroup<'a> {
    file: &'a File,
    name: &'a str,
    bytes: &'a [u8],
    sizes: Sizes,
    heap: &'a [u8],
    /// How many more nodes may be visited: a damaged tree can name a node more than once.
    budget: Cell<usize>,
}

impl<'a> OldGroup<'a> {
    fn new(file: &'a File, name: &'a str, heap: u64) -> Result<Self> {
        let sizes = Sizes::of(file);
        let budget = Cell::new(file.bytes().len() / 8);
        let mut group = OldGroup { file, name, bytes: file.bytes(), sizes, heap: &[], budget };
        group.heap = group.heap_segment(heap).ok_or_else(|| group.damaged("heap of names"))?;
        Ok(group)
    }

    fn damaged(&self, what: &str) -> Error {
        Error::format(format!("the {what} of the group is damaged"))
            .in_dataset(self.file.path(), self.name.to_owned())
    }

    fn heap_segment(&self, address: u64) -> Option<&'a [u8]> {
        let at = usize::try_from(address).ok()?;
        let head = self.bytes.get(at..)?;
        if !head.starts_with(b"HEAP") {
            return None;
        }
        let size = self.sizes.length(head, 8)?;
        let data = self.sizes.offset(head, 8 + 2 * self.sizes.length)?;
        let start = usize::try_from(data).ok()?;
        // An empty group may have a segment that was never written.
        let end = start.saturating_add(usize::try_from(size).ok()?).min(self.bytes.len());
        self.bytes.get(start.min(end)..end)
    }

    /// Visits the nodes under a tree node from left to right.
    fn walk(&self, root: u64, each: &mut dyn FnMut(&str, Target<'_>) -> bool) -> Result<bool> {
        self.node(root, usize::MAX, each)
    }

    fn node(
        &self,
        address: u64,
        above: usize,
        each: &mut dyn FnMut(&str, Target<'_>) -> bool,
    ) -> Result<bool> {
        let damaged = || self.damaged("index");
        let node = usize::try_from(address).ok().and_then(|at| self.bytes.get(at..)).ok_or_else(damaged)?;
        self.budget.set(self.budget.get().checked_sub(1).ok_or_else(damaged)?);
        if node.starts_with(b"SNOD") {
            return self.symbols(node, each);
        }
        let [b'T', b'R', b'E', b'E', _, level, low, high, ..] = *node else { return Err(damaged()) };
        let level = usize::from(level);
        // Levels fall towards the leaves, so no path can meet itself.
        if level >= above {
            return Err(damaged());
        }
        let entries = u16::from_le_bytes([low, high]);
        let first = 8 + 2 * self.sizes.offset + self.sizes.length;
        for entry in 0..usize::from(entries) {
            // A key (the length of a name) stands before each child.
            let at = first + entry * (self.sizes.offset + self.sizes.length);
            let child = self.sizes.offset(node, at).ok_or_else(damaged)?;
            if !self.node(child, level, each)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn symbols(&self, node: &[u8], each: &mut dyn FnMut(&str, Target<'_>) -> bool) -> Result<bool> {
        let damaged = || self.damaged("symbol table");
        let count = node.get(6..8).ok_or_else(damaged)?;
        let size = 2 * self.sizes.offset + 24;
        for symbol in 0..usize::from(u16::from_le_bytes([count[0], count[1]])) {
            let at = 8 + symbol * size;
            let entry = node.get(at..at + size).ok_or_else(damaged)?;
            let name = self.sizes.offset(entry, 0).and_then(|o| self.text(o)).ok_or_else(damaged)?;
            let address = self.sizes.offset(entry, self.sizes.offset).ok_or_else(damaged)?;
            // A cached type of 2 marks a soft link.
            let target =
                if entry[2 * self.sizes.offset] == 2 { Target::Soft } else { Target::Object(address) };
            if !each(name, target) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn text(&self, offset: u64) -> Option<&str> {
        let tail = self.heap.get(usize::try_from(offset).ok()?..)?;
        let end = tail.iter().position(|&b| b == 0)?;
        std::str::from_utf8(&tail[..end]).ok()
    }
}
