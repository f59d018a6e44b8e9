//! Connected pairs of cells, with the number of their synapses.

use std::sync::Arc;

use rayon::prelude::*;

use super::Family;
use super::table::{Run, Table, morsels};
use crate::diag::{Error, Result};
use crate::formats::hdf5::{Rounded, Truncated};
use crate::model::{Block, Frame, IdSet, Morsel, Pairs, Schema, Source, connection_columns};

/// Cells that one task looks at.
const CELLS_PER_TASK: usize = 16;

/// A cell on the other side, and the synapses of the connection.
pub(in crate::formats) type Peer = (i64, i64);

/// Which count a summary is asked for: it holds both directions of a pair.
#[derive(Clone, Copy)]
pub(in crate::formats) enum Direction {
    /// Synapses from the dataset's cell to the peer.
    ToPeer = 1,
    /// Synapses from the peer to the dataset's cell.
    FromPeer = 2,
}

/// Peers from a table of nrn_summary.h5: those that the cell has any synapse with in that direction, ascending.
pub(in crate::formats) fn summarized(summary: &Table, at: usize, direction: Direction) -> Result<Vec<Peer>> {
    let (mut peers, mut counts) = (Vec::new(), Vec::new());
    summary.column::<Rounded>(at, 0, &mut peers)?;
    summary.column::<Truncated>(at, direction as usize, &mut counts)?;
    let mut pairs: Vec<Peer> = peers.into_iter().zip(counts).filter(|p| p.1 > 0).collect();
    merge(&mut pairs);
    Ok(pairs)
}

/// Peers from a table of synapses, counted: its first column is the peer.
pub(in crate::formats) fn counted(table: &Table, at: usize) -> Result<Vec<Peer>> {
    let mut peers = Vec::new();
    table.column::<Rounded>(at, 0, &mut peers)?;
    let mut pairs: Vec<Peer> = peers.chunk_by(|a, b| a == b).map(|g| (g[0], g.len() as i64)).collect();
    merge(&mut pairs);
    Ok(pairs)
}

/// Ascending peers, each once. Tables mostly are so already: rows stand grouped by peer.
fn merge(pairs: &mut Vec<Peer>) {
    if pairs.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    pairs.sort_unstable_by_key(|p| p.0);
    pairs.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
}

/// Connections onto some cells, ordered by post, then pre.
pub(super) struct Connections {
    family: Arc<Family>,
    /// Whether the counts come from the summary.
    summary: bool,
    /// Tables of the post cells.
    tables: Vec<usize>,
    /// The pre cells that count, if not all do.
    pres: Option<IdSet>,
    morsels: Vec<Morsel>,
    schema: Arc<Schema>,
}

impl Connections {
    /// The connections onto the cells of `posts` (or onto all) that are made by those of `pres` (or by any).
    pub(super) fn new(family: Arc<Family>, posts: Option<&[i64]>, pres: Option<IdSet>) -> Result<Self> {
        let summary = family.summary()?;
        let table = summary.unwrap_or(&family.main);
        let tables = match posts {
            Some(posts) => table.find_all(posts),
            None => (0..table.len()).collect(),
        };
        let whole = |&t: &usize| Run { table: t as u32, start: 0, rows: table.rows_of(t) as u32 };
        let runs: Vec<Run> = tables.iter().map(whole).collect();
        let schema = family.connection_schema.clone();
        let summary = summary.is_some();
        Ok(Connections { morsels: morsels(&runs), family, summary, tables, pres, schema })
    }

    fn table(&self) -> Result<&Table> {
        if self.summary { self.family.summary()?.ok_or_else(Family::gone) } else { Ok(&self.family.main) }
    }
}

impl Source for Connections {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        None
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.morsels.clone()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let table = self.table()?;
        let tables = self.tables.get(morsel.units.clone());
        let tables =
            tables.ok_or_else(|| Error::argument(format!("no rows {:?} in this table", morsel.units)))?;
        let mut pairs = Pairs::default();
        for &at in tables {
            let peers =
                if self.summary { summarized(table, at, Direction::FromPeer)? } else { counted(table, at)? };
            let post = table.gids()[at];
            let made = peers.into_iter().filter(|p| self.pres.as_ref().is_none_or(|pres| pres.contains(p.0)));
            made.for_each(|(pre, n)| pairs.push(pre, post, n));
        }
        Ok(Box::new(pairs.frame(&self.schema)?))
    }

    fn describe(&self) -> Vec<String> {
        let Ok(table) = self.table() else { return Vec::new() };
        let made = self.pres.as_ref().map_or(String::new(), |pres| format!(", made by {} cells", pres.len()));
        let (some, all) = (self.tables.len(), table.len());
        vec![format!("{}: connections onto {some} of {all} cells{made}", table.name())]
    }
}

/// Connections made by a few cells, ordered by post, then pre. The files are ordered the other way round, so they are
/// collected at once and sorted.
pub(super) fn made_by(
    family: &Family,
    pres: &[i64],
    peers: impl Fn(i64) -> Result<Vec<Peer>> + Sync,
) -> Result<Frame> {
    let pieces: Vec<Vec<(i64, i64, i64)>> = pres
        .par_chunks(CELLS_PER_TASK)
        .map(|pres| {
            let mut rows = Vec::new();
            for &pre in pres {
                rows.extend(peers(pre)?.into_iter().map(|(post, n)| (post, pre, n)));
            }
            Ok(rows)
        })
        .collect::<Result<_>>()?;
    Pairs::sorted(pieces.concat()).frame(&family.connection_schema)
}

/// The columns of connections, linked to the cells.
pub(super) fn schema(cells: &Arc<crate::model::CellTable>) -> Arc<Schema> {
    Arc::new(Schema::new(connection_columns()).linked("pre", cells).linked("post", cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_not_grouped_are_merged() {
        let mut pairs = vec![(3, 1), (1, 2), (3, 4)];
        merge(&mut pairs);
        assert_eq!(pairs, [(1, 2), (3, 5)]);
        let mut grouped = vec![(1, 2), (3, 5)];
        merge(&mut grouped);
        assert_eq!(grouped, [(1, 2), (3, 5)]);
    }
}
