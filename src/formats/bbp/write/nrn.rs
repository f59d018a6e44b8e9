//! The nrn.h5 family. Synapses come cell by cell in the order of the postsynaptic cells; what is wanted in the order of
//! the presynaptic ones is sorted outside of memory.

use std::collections::BTreeMap;
use std::path::Path;

use crate::diag::Result;
use crate::diag::work::Progress;
use crate::formats::write::hdf5::{Array, File};
use crate::formats::write::scratch::{Buckets, Lists};

/// Columns of a table of synapses.
pub const WIDTH: usize = 19;

/// Columns of a table of positions.
pub const POSITION_WIDTH: usize = 13;

/// The version of files in which column 17 counts vesicles.
pub const VERSION: i32 = 5;

/// Bytes of a bucket of synapses.
const BUCKET: u64 = 48 << 20;

/// A synapse in a bucket: place of its presynaptic cell, row in nrn.h5, columns.
const RECORD: usize = 8 + 4 * WIDTH;

/// Begins a file of the family.
///
/// # Errors
/// When it cannot be written there.
pub fn begin(path: &Path, version: i32) -> Result<File> {
    let mut file = File::create(path)?;
    let info = file.write(file.root(), "info", &Array::number(0_i32))?;
    file.attribute(info, "numberOfFiles", &Array::numbers(&[1_i32]))?;
    file.attribute(info, "version", &Array::numbers(&[version]))?;
    Ok(file)
}

/// Writes the table of a cell (which count from 0); cells without rows have none.
///
/// # Errors
/// When the disk is full.
pub fn put(file: &mut File, cell: u32, rows: &[f32], width: usize) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let shape = [(rows.len() / width) as u64, width as u64];
    file.write(file.root(), &format!("a{}", cell + 1), &Array::numbers(rows).shape(&shape))?;
    Ok(())
}

/// The files of the synapses among the cells of a circuit: `nrn.h5`, `nrn_efferent.h5`, `nrn_summary.h5`, and where
/// there are positions, `nrn_positions.h5`.
pub struct Family {
    nrn: File,
    positions: Option<File>,
    version: i32,
    cells: u32,
    /// The cell that comes next.
    next: u32,
    lists: Lists,
    turned: Turned,
    connections: u64,
    synapses: u64,
}

impl Family {
    /// Begins the files in a folder, for so many cells with about so many synapses.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn new(folder: &Path, cells: u32, synapses: u64, version: i32, positions: bool) -> Result<Self> {
        let begin = |name: &str| begin(&folder.join(name), version);
        Ok(Family {
            nrn: begin("nrn.h5")?,
            positions: positions.then(|| begin("nrn_positions.h5")).transpose()?,
            version,
            cells,
            next: 0,
            lists: Lists::new(folder)?,
            turned: Turned::new(folder, cells, synapses)?,
            connections: 0,
            synapses: 0,
        })
    }

    /// Writes all synapses onto a cell: [`WIDTH`] columns, in the order of the gids in the first of them, and
    /// [`POSITION_WIDTH`] columns of positions. Cells (which count from 0) come in their order; they may be left out.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn put(&mut self, post: u32, rows: &[f32], positions: &[f32]) -> Result<()> {
        self.skip_to(post)?;
        put(&mut self.nrn, post, rows, WIDTH)?;
        if let Some(file) = &mut self.positions {
            put(file, post, positions, POSITION_WIDTH)?;
        }
        let pres: Vec<u32> = rows.chunks_exact(WIDTH).map(|row| row[0] as u32 - 1).collect();
        let list: Vec<(u32, u32)> = pres.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as u32)).collect();
        self.lists.put(&list)?;
        self.turned.put(post, &pres, rows)?;
        self.connections += list.len() as u64;
        self.synapses += pres.len() as u64;
        self.next = post + 1;
        Ok(())
    }

    /// The cells before this one have no synapses.
    fn skip_to(&mut self, post: u32) -> Result<()> {
        while self.next < post {
            self.lists.put(&[])?;
            self.next += 1;
        }
        Ok(())
    }

    /// Writes what is in the order of the presynaptic cells, and puts all files in their places; how many connections
    /// and synapses there are. `progress` is told of each cell.
    ///
    /// # Errors
    /// When the disk is full, or the work was stopped.
    pub fn finish(mut self, folder: &Path, progress: &Progress) -> Result<(u64, u64)> {
        self.skip_to(self.cells)?;
        self.nrn.finish()?;
        if let Some(positions) = self.positions {
            positions.finish()?;
        }
        self.turned.write(folder, self.cells, self.version, self.lists, progress)?;
        Ok((self.connections, self.synapses))
    }
}

/// Synapses on their way into the order of their presynaptic cells.
struct Turned {
    buckets: Buckets,
    /// Population whose synapses share a bucket.
    width: u32,
}

impl Turned {
    fn new(folder: &Path, cells: u32, synapses: u64) -> Result<Self> {
        let bytes = synapses.saturating_mul(RECORD as u64);
        let buckets = bytes.div_ceil(BUCKET).clamp(1, 2048).min(u64::from(cells).max(1)) as u32;
        let width = cells.div_ceil(buckets).max(1);
        Ok(Turned { buckets: Buckets::new(folder, cells.div_ceil(width) as usize)?, width })
    }

    fn put(&mut self, post: u32, pres: &[u32], rows: &[f32]) -> Result<()> {
        let mut record = Vec::with_capacity(RECORD);
        for ((row, pre), values) in (0_u32..).zip(pres).zip(rows.chunks_exact(WIDTH)) {
            record.clear();
            record.extend_from_slice(&pre.to_le_bytes());
            record.extend_from_slice(&row.to_le_bytes());
            // The efferent file tells the cell at the other end.
            record.extend_from_slice(&((post + 1) as f32).to_le_bytes());
            record.extend(values[1..].iter().flat_map(|v| v.to_le_bytes()));
            self.buckets.put((pre / self.width) as usize, &record)?;
        }
        Ok(())
    }

    /// Writes the efferent file and the summary.
    fn write(
        mut self,
        folder: &Path,
        cells: u32,
        version: i32,
        lists: Lists,
        progress: &Progress,
    ) -> Result<()> {
        let mut efferent = begin(&folder.join("nrn_efferent.h5"), version)?;
        let mut summary = begin(&folder.join("nrn_summary.h5"), version)?;
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
