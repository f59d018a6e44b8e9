//! The nrn.h5 family. Synapses are made cell by cell in the order of the postsynaptic cells; what is wanted in the
//! order of the presynaptic ones is sorted outside of memory.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::formats::write::scratch::{Buckets, Lists};
use super::synapses::{Incoming, POSITION_WIDTH, Synapses, WIDTH};
use super::wiring::Candidates;
use crate::diag::Result;
use crate::diag::work::Progress;
use crate::formats::write::hdf5::{Array, File};

/// The version of the synapse files: column 17 counts vesicles.
const VERSION: i32 = 5;

/// Bytes of a bucket of synapses.
const BUCKET: u64 = 48 << 20;

/// Synapses that are made together.
const BATCH: u32 = 150_000;

/// A synapse in a bucket: place of its presynaptic cell, row in nrn.h5, columns.
const RECORD: usize = 8 + 4 * WIDTH;

/// Begins a file of the family.
pub(super) fn begin(path: &Path) -> Result<File> {
    let mut file = File::create(path)?;
    let info = file.write(file.root(), "info", &Array::number(0_i32))?;
    file.attribute(info, "numberOfFiles", &Array::numbers(&[1_i32]))?;
    file.attribute(info, "version", &Array::numbers(&[VERSION]))?;
    Ok(file)
}

/// Writes a table of a cell; cells without rows have none.
pub(super) fn put(file: &mut File, cell: u32, rows: &[f32], width: usize) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let shape = [(rows.len() / width) as u64, width as u64];
    file.write(file.root(), &format!("a{}", cell + 1), &Array::numbers(rows).shape(&shape))?;
    Ok(())
}

/// How many cells are worked on together.
pub(super) fn batch(synapses_per_cell: u32) -> u32 {
    (BATCH / synapses_per_cell.max(1)).clamp(8, 2048)
}

/// Writes all files of the synapses between the cells of a circuit; how many connections and synapses there are.
pub(super) fn write(
    folder: &Path,
    cells: u32,
    synapses_per_cell: u32,
    synapses: &Synapses,
    progress: &Progress,
) -> Result<(u64, u64)> {
    let mut afferent = Afferent {
        nrn: begin(&folder.join("nrn.h5"))?,
        positions: begin(&folder.join("nrn_positions.h5"))?,
        lists: Lists::new(folder)?,
        turned: Turned::new(folder, cells, synapses_per_cell)?,
        connections: 0,
        synapses: 0,
    };
    let step = batch(synapses_per_cell);
    for start in (0..cells).step_by(step as usize) {
        let range = start..cells.min(start.saturating_add(step));
        let length = range.len() as u64;
        let batch: Vec<Incoming> =
            range.into_par_iter().map_init(Candidates::default, |c, post| synapses.onto(post, c)).collect();
        batch.iter().try_for_each(|incoming| afferent.put(incoming))?;
        progress.advance(length)?;
    }
    let Afferent { nrn, positions, lists, turned, connections, synapses } = afferent;
    nrn.finish()?;
    positions.finish()?;
    turned.write(folder, cells, lists, progress)?;
    Ok((connections, synapses))
}

/// The first pass.
struct Afferent {
    nrn: File,
    positions: File,
    lists: Lists,
    turned: Turned,
    connections: u64,
    synapses: u64,
}

impl Afferent {
    fn put(&mut self, incoming: &Incoming) -> Result<()> {
        put(&mut self.nrn, incoming.post, &incoming.rows, WIDTH)?;
        put(&mut self.positions, incoming.post, &incoming.positions, POSITION_WIDTH)?;
        let list: Vec<(u32, u32)> =
            incoming.connections.iter().map(|c| (c.pre, u32::from(c.synapses))).collect();
        self.lists.put(&list)?;
        self.turned.put(incoming)?;
        self.connections += list.len() as u64;
        self.synapses += (incoming.rows.len() / WIDTH) as u64;
        Ok(())
    }
}

/// Synapses on their way into the order of their presynaptic cells.
struct Turned {
    buckets: Buckets,
    /// Population whose synapses share a bucket.
    width: u32,
}

impl Turned {
    fn new(folder: &Path, cells: u32, synapses_per_cell: u32) -> Result<Self> {
        let bytes = u64::from(cells) * u64::from(synapses_per_cell) * RECORD as u64;
        let buckets = bytes.div_ceil(BUCKET).clamp(1, 2048).min(u64::from(cells)) as u32;
        let width = cells.div_ceil(buckets);
        Ok(Turned { buckets: Buckets::new(folder, cells.div_ceil(width) as usize)?, width })
    }

    fn put(&mut self, incoming: &Incoming) -> Result<()> {
        let pres =
            incoming.connections.iter().flat_map(|c| std::iter::repeat_n(c.pre, usize::from(c.synapses)));
        let mut record = Vec::with_capacity(RECORD);
        for ((row, pre), values) in (0_u32..).zip(pres).zip(incoming.rows.chunks_exact(WIDTH)) {
            record.clear();
            record.extend_from_slice(&pre.to_le_bytes());
            record.extend_from_slice(&row.to_le_bytes());
            // The efferent file tells the cell at the other end.
            record.extend_from_slice(&((incoming.post + 1) as f32).to_le_bytes());
            record.extend(values[1..].iter().flat_map(|v| v.to_le_bytes()));
            self.buckets.put((pre / self.width) as usize, &record)?;
        }
        Ok(())
    }

    /// Writes the efferent file and the summary.
    fn write(mut self, folder: &Path, cells: u32, lists: Lists, progress: &Progress) -> Result<()> {
        let mut efferent = begin(&folder.join("nrn_efferent.h5"))?;
        let mut summary = begin(&folder.join("nrn_summary.h5"))?;
        let mut next_incoming = lists.read()?;
        for (bucket, start) in (0..cells).step_by(self.width as usize).enumerate() {
            let end = cells.min(start.saturating_add(self.width));
            let bytes = self.buckets.take(bucket)?;
            let groups = by_pre(&bytes, start, end);
            for (cell, records) in (start..end).zip(&groups) {
                let outgoing = put_efferent(&mut efferent, cell, records)?;
                put_summary(&mut summary, cell, &outgoing, &next_incoming()?)?;
            }
            progress.advance(u64::from(end - start))?;
        }
        efferent.finish()?;
        summary.finish()
    }
}

/// The records of each presynaptic cell; they stay in the order of the postsynaptic cells and rows.
fn by_pre(bytes: &[u8], start: u32, end: u32) -> Vec<Vec<&[u8]>> {
    let mut groups = vec![Vec::new(); (end - start) as usize];
    for record in bytes.chunks_exact(RECORD) {
        let pre = number(record, 0, u32::from_le_bytes);
        if let Some(group) = pre.checked_sub(start).and_then(|at| groups.get_mut(at as usize)) {
            group.push(record);
        }
    }
    groups
}

fn number<T>(record: &[u8], at: usize, decode: impl Fn([u8; 4]) -> T) -> T {
    let mut word = [0; 4];
    word.copy_from_slice(&record[at..at + 4]);
    decode(word)
}

/// Writes the synapses that a cell makes; the gids that it makes them onto, with their number.
fn put_efferent(file: &mut File, cell: u32, records: &[&[u8]]) -> Result<BTreeMap<u32, i32>> {
    let mut rows = Vec::with_capacity(records.len() * WIDTH);
    let mut indices = Vec::with_capacity(records.len());
    let mut outgoing = BTreeMap::new();
    for record in records {
        let first = rows.len();
        rows.extend((0..WIDTH).map(|column| number(record, 8 + 4 * column, f32::from_le_bytes)));
        indices.push(number(record, 4, u32::from_le_bytes) as i32);
        *outgoing.entry(rows[first] as u32).or_insert(0) += 1;
    }
    put(file, cell, &rows, WIDTH)?;
    if !indices.is_empty() {
        let shape = [indices.len() as u64, 1];
        let name = format!("a{}_afferentIndices", cell + 1);
        file.write(file.root(), &name, &Array::numbers(&indices).shape(&shape))?;
    }
    Ok(outgoing)
}

/// Writes for each cell that a cell is connected to: its gid, the synapses to it, and the synapses from it.
fn put_summary(
    file: &mut File,
    cell: u32,
    outgoing: &BTreeMap<u32, i32>,
    incoming: &[(u32, u32)],
) -> Result<()> {
    let mut peers: BTreeMap<u32, (i32, i32)> =
        outgoing.iter().map(|(&gid, &count)| (gid, (count, 0))).collect();
    for &(pre, count) in incoming {
        peers.entry(pre + 1).or_default().1 = count as i32;
    }
    if peers.is_empty() {
        return Ok(());
    }
    let rows: Vec<i32> = peers.iter().flat_map(|(&gid, &(to, from))| [gid as i32, to, from]).collect();
    let shape = [peers.len() as u64, 3];
    file.write(file.root(), &format!("a{}", cell + 1), &Array::numbers(&rows).shape(&shape))?;
    Ok(())
}
