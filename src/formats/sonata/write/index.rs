//! From a node to its edges: the two tables of ranges that stand beside the edges.
//!
//! All edges onto a target stand in one range; the edges from a source stand in a range for each connection. What the
//! sources need comes in the order of the targets, so it waits on the disk, sorted into parts that fit in memory.

use std::ops::Range;
use std::path::Path;

use crate::diag::{Error, Result, work};
use crate::formats::write::hdf5::{Array, File, Group, Number, Spec};
use crate::formats::write::scratch::Buckets;

/// Bytes of connections that are sorted together.
const BUCKET: u64 = 48 << 20;

/// The most parts into which connections are sorted.
const BUCKETS: u64 = 256;

/// A connection that waits: source, first edge, end.
const RECORD: usize = 24;

/// Rows of a table that are written together.
const PIECE: usize = 1 << 16;

/// The ranges of the edges that went by.
pub(super) struct Index {
    /// The edges of each target.
    incoming: Vec<Range<u64>>,
    /// Connections of each source.
    outgoing: Vec<u64>,
    connections: Buckets,
    /// Sources whose connections share a part.
    width: u64,
}

impl Index {
    /// The index of at most `edges` edges among so many nodes. Connections wait in a file of `folder`.
    pub(super) fn new(folder: &Path, sources: u64, targets: u64, edges: u64) -> Result<Self> {
        let parts = edges.saturating_mul(RECORD as u64).div_ceil(BUCKET).clamp(1, BUCKETS);
        let width = sources.div_ceil(parts).max(1);
        Ok(Index {
            incoming: vec![0..0; targets as usize],
            outgoing: vec![0; sources as usize],
            connections: Buckets::new(folder, sources.div_ceil(width).max(1) as usize)?,
            width,
        })
    }

    /// Notes edges that follow each other, from these sources and onto these targets; `first` is the first of them.
    /// Those of one target come together, those of one connection too.
    pub(super) fn put(&mut self, first: u64, sources: &[u64], targets: &[u64]) -> Result<()> {
        let mut start = first;
        for cell in targets.chunk_by(|a, b| a == b) {
            let at = (start - first) as usize;
            let all = &mut self.incoming[cell[0] as usize];
            if !all.is_empty() {
                let message = format!("the synapses onto the cell of row {} do not stand together", cell[0]);
                return Err(Error::format(message));
            }
            *all = start..start + cell.len() as u64;
            for connection in sources[at..at + cell.len()].chunk_by(|a, b| a == b) {
                let source = connection[0];
                let end = start + connection.len() as u64;
                self.outgoing[source as usize] += 1;
                let mut record = [0; RECORD];
                for (slot, number) in record.chunks_exact_mut(8).zip([source, start, end]) {
                    slot.copy_from_slice(&number.to_le_bytes());
                }
                self.connections.put((source / self.width) as usize, &record)?;
                start = end;
            }
        }
        Ok(())
    }

    /// Writes both tables into a population of edges.
    pub(super) fn write(mut self, file: &mut File, population: Group) -> Result<()> {
        let indices = file.group(population, "indices")?;
        let group = file.group(indices, "target_to_source")?;
        write_nodes(file, group, self.incoming.iter().map(|edges| u64::from(!edges.is_empty())))?;
        let ranges: Vec<[u64; 2]> =
            self.incoming.iter().filter(|e| !e.is_empty()).map(|e| [e.start, e.end]).collect();
        let mut table = Pairs::new(file, group, "range_to_edge_id", ranges.len() as u64)?;
        ranges.chunks(PIECE).try_for_each(|piece| table.put(piece))?;
        drop(ranges);

        let group = file.group(indices, "source_to_target")?;
        write_nodes(file, group, self.outgoing.iter().copied())?;
        let total = self.outgoing.iter().sum();
        let mut table = Pairs::new(file, group, "range_to_edge_id", total)?;
        for (bucket, counts) in self.outgoing.chunks(self.width as usize).enumerate() {
            let bytes = self.connections.take(bucket)?;
            sorted(&bytes, bucket as u64 * self.width, counts)
                .chunks(PIECE)
                .try_for_each(|p| table.put(p))?;
        }
        Ok(())
    }
}

/// The ranges of a part, by source; those of a source in the order in which they came.
fn sorted(bytes: &[u8], first: u64, counts: &[u64]) -> Vec<[u64; 2]> {
    let mut next: Vec<usize> =
        counts.iter().scan(0, |sum, &count| Some(std::mem::replace(sum, *sum + count as usize))).collect();
    let mut ranges = vec![[0; 2]; bytes.len() / RECORD];
    for record in bytes.chunks_exact(RECORD) {
        let number = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&record[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let place = &mut next[(number(0) - first) as usize];
        ranges[*place] = [number(8), number(16)];
        *place += 1;
    }
    ranges
}

/// Writes which ranges are those of each node, from how many each has.
fn write_nodes(file: &mut File, group: Group, counts: impl ExactSizeIterator<Item = u64>) -> Result<()> {
    let mut table = Pairs::new(file, group, "node_id_to_ranges", counts.len() as u64)?;
    let (mut piece, mut start) = (Vec::with_capacity(PIECE), 0);
    for count in counts {
        piece.push([start, start + count]);
        start += count;
        if piece.len() == PIECE {
            table.put(&piece)?;
            piece.clear();
        }
    }
    table.put(&piece)
}

/// A table of pairs that is being written.
struct Pairs<'a> {
    file: &'a mut File,
    dataset: crate::formats::write::hdf5::Dataset,
}

impl<'a> Pairs<'a> {
    fn new(file: &'a mut File, group: Group, name: &str, rows: u64) -> Result<Self> {
        let dataset = file.dataset(group, name, &Spec::fixed(u64::TYPE, &[rows, 2]))?;
        Ok(Pairs { file, dataset })
    }

    fn put(&mut self, pairs: &[[u64; 2]]) -> Result<()> {
        work::check()?;
        self.file.append(self.dataset, &Array::numbers(pairs.as_flattened()))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    use super::*;
    use crate::formats::hdf5;

    /// Edges sorted by target and source, with their index read back.
    fn index(edges: &[(u64, u64)], sources: u64, targets: u64) -> Vec<Vec<Vec<i64>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edges.h5");
        let mut file = File::create(&path).unwrap();
        // As if there were very many edges, so that there are many parts.
        let mut index = Index::new(folder.path(), sources, targets, 1 << 40).unwrap();
        let (from, onto): (Vec<u64>, Vec<u64>) = edges.iter().map(|e| (e.1, e.0)).unzip();
        let half = onto.partition_point(|&t| t < targets / 2);
        index.put(0, &from[..half], &onto[..half]).unwrap();
        index.put(half as u64, &from[half..], &onto[half..]).unwrap();
        let root = file.root();
        index.write(&mut file, root).unwrap();
        file.finish().unwrap();
        let file = hdf5::File::open(&path).unwrap();
        let table = |name: &str, pairs: &str| -> Vec<(usize, usize)> {
            let columns = file.dataset(&format!("indices/{name}/{pairs}")).unwrap().columns().unwrap();
            let column = |at: usize| columns[at].as_primitive::<Int64Type>().values().to_vec();
            column(0).iter().zip(column(1)).map(|(&a, b)| (a as usize, b as usize)).collect()
        };
        ["source_to_target", "target_to_source"]
            .map(|name| {
                let ranges = table(name, "range_to_edge_id");
                let of = |(a, b): (usize, usize)| ranges[a..b].iter().flat_map(|&(s, e)| s as i64..e as i64);
                table(name, "node_id_to_ranges").into_iter().map(|node| of(node).collect()).collect()
            })
            .to_vec()
    }

    #[test]
    fn every_node_finds_its_edges() {
        let mut edges: Vec<(u64, u64)> =
            (0..5000u64).map(|i| (i * i % 97 % 61, i * 7919 % 1013 % 500)).collect();
        edges.sort_unstable();
        let found = index(&edges, 510, 61);
        for (side, nodes) in [(0, 510), (1, 61)] {
            assert_eq!(found[side].len(), nodes);
            for (node, ids) in found[side].iter().enumerate() {
                let is_its = |e: &(u64, u64)| [e.1, e.0][side] == node as u64;
                let expected: Vec<i64> =
                    (0..).zip(&edges).filter(|(_, e)| is_its(e)).map(|(i, _)| i).collect();
                assert_eq!(*ids, expected);
            }
        }
        assert_eq!(index(&[], 3, 2), [vec![Vec::<i64>::new(); 3], vec![Vec::new(); 2]]);
    }

    #[test]
    fn a_target_that_comes_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = Index::new(folder.path(), 2, 2, 3).unwrap();
        let error = index.put(0, &[0, 0, 1], &[0, 1, 0]).unwrap_err();
        assert!(error.message().contains("row 0"), "{error}");
    }
}
