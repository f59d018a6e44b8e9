//! The old, stable structures that find things: trees of names and of chunks, symbol tables, heaps of names.

use super::bytes::{Bytes, NOWHERE};

/// Half of the most symbols in a node of a group, as the superblock says.
pub(super) const LEAF_K: u16 = 4;

/// Half of the most children of a node in a group's tree, as the superblock says.
pub(super) const TREE_K: u16 = 16;

/// The same for trees of chunks, which the format fixes for this superblock.
const CHUNK_K: u16 = 32;

/// What a name of a group stands for.
#[derive(Clone, Debug)]
pub(super) enum Symbol<'a> {
    /// An object, by the address of its header.
    Object(u64),
    /// Another path.
    Soft(&'a str),
}

/// A tree, a heap of names and symbol nodes, which stand one after the other.
pub(super) struct GroupIndex {
    pub(super) tree: u64,
    pub(super) heap: u64,
    pub(super) bytes: Vec<u8>,
}

/// The index of a group that will stand at address `at`. Names come in the order of their bytes.
pub(super) fn group<'a>(symbols: impl Iterator<Item = (&'a str, Symbol<'a>)>, at: u64) -> GroupIndex {
    // The heap begins with the empty name, the left end of all names.
    let mut names = vec![0; 8];
    let mut nodes: Vec<Vec<u8>> = Vec::new();
    let mut keys: Vec<u8> = 0u64.to_le_bytes().to_vec();
    let full = usize::from(2 * LEAF_K);
    let mut count = 0;
    let mut last = 0;
    for (name, symbol) in symbols {
        if count % full == 0 {
            if count > 0 {
                keys.put64(last);
            }
            nodes.push(Vec::with_capacity(full * 40));
        }
        count += 1;
        last = names.len() as u64;
        names.put_padded_name(name);
        let Some(node) = nodes.last_mut() else { continue };
        node.put64(last);
        match symbol {
            Symbol::Object(address) => {
                node.put64(address);
                node.extend_from_slice(&[0; 24]);
            }
            Symbol::Soft(path) => {
                node.put64(NOWHERE);
                node.put32(2);
                node.put32(0);
                node.put32(names.len() as u32);
                node.extend_from_slice(&[0; 12]);
                names.put_padded_name(path);
            }
        }
    }
    if count > 0 {
        keys.put64(last);
    }

    let mut bytes = b"HEAP\0\0\0\0".to_vec();
    bytes.put64(names.len() as u64);
    // No free space.
    bytes.put64(1);
    bytes.put64(at + 32);
    bytes.append(&mut names);
    let mut children = Vec::with_capacity(nodes.len());
    for node in nodes {
        children.push(at + bytes.len() as u64);
        bytes.extend_from_slice(b"SNOD\x01\0");
        bytes.put16((node.len() / 40) as u16);
        let end = bytes.len() + full * 40;
        bytes.extend_from_slice(&node);
        bytes.resize(end, 0);
    }
    let tree = Tree { kind: 0, half: TREE_K, key: 8 }.write(&keys, &children, at, &mut bytes);
    GroupIndex { tree, heap: at, bytes }
}

/// The tree of chunks that will stand at address `at`: its root. `keys` has one key for each chunk and one for the end.
pub(super) fn chunks(keys: &[u8], children: &[u64], rank: usize, at: u64, out: &mut Vec<u8>) -> u64 {
    if children.is_empty() {
        return NOWHERE;
    }
    Tree { kind: 1, half: CHUNK_K, key: 8 + 8 * (rank + 1) }.write(keys, children, at, out)
}

/// A tree of version 1.
struct Tree {
    kind: u8,
    /// Half of the most children of a node.
    half: u16,
    /// Bytes of a key.
    key: usize,
}

impl Tree {
    /// Appends the nodes from the leaves to the root, whose address is returned. `at` is the address of `out`'s start.
    fn write(&self, keys: &[u8], children: &[u64], at: u64, out: &mut Vec<u8>) -> u64 {
        let wide = usize::from(2 * self.half);
        let size = 24 + wide * 8 + (wide + 1) * self.key;
        let key = |i: usize| &keys[i * self.key..(i + 1) * self.key];
        // Where each child's keys begin, in `keys`; above the leaves, children are several keys apart.
        let mut starts: Vec<usize> = (0..=children.len()).collect();
        let mut children = children.to_vec();
        for level in 0.. {
            let first = at + out.len() as u64;
            let nodes = children.len().div_ceil(wide).max(1);
            let address = |node: usize| first + (node * size) as u64;
            for node in 0..nodes {
                let end = out.len() + size;
                let range = node * wide..children.len().min((node + 1) * wide);
                out.extend_from_slice(b"TREE");
                out.extend_from_slice(&[self.kind, level]);
                out.put16(range.len() as u16);
                out.put64(if node > 0 { address(node - 1) } else { NOWHERE });
                out.put64(if node + 1 < nodes { address(node + 1) } else { NOWHERE });
                for child in range.clone() {
                    out.extend_from_slice(key(starts[child]));
                    out.put64(children[child]);
                }
                out.extend_from_slice(key(starts[range.end]));
                out.resize(end, 0);
            }
            if nodes == 1 {
                return first;
            }
            let end = starts[children.len()];
            starts = starts[..children.len()].iter().copied().step_by(wide).chain([end]).collect();
            children = (0..nodes).map(address).collect();
        }
        NOWHERE
    }
}
