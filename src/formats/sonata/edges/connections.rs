//! Connected pairs of cells, with the number of their synapses.

use std::sync::Arc;

use rayon::prelude::*;

use super::Population;
use super::index::{Run, Runs, outside};
use crate::diag::{Result, work};
use crate::formats::hdf5::Truncated;
use crate::model::{Block, Frame, IdSet, Morsel, Pairs, Schema, Side, Source};

/// Runs of rows that one task reads.
const RUNS_PER_TASK: usize = 4096;

/// Connections onto some cells, ordered by post, then pre.
pub(super) struct Connections {
    population: Arc<Population>,
    posts: IdSet,
    runs: Runs,
    /// The pre cells that count, if not all do.
    pres: Option<IdSet>,
    morsels: Vec<Morsel>,
    schema: Arc<Schema>,
}

impl Connections {
    /// The connections onto the cells of `posts`, whose rows are `runs`, that are made by those of `pres` (or by any).
    pub(super) fn new(population: Arc<Population>, posts: IdSet, runs: Runs, pres: Option<IdSet>) -> Self {
        let rows_of = |at: usize| runs.of(at).iter().map(|run| run.rows()).sum();
        let morsels = Morsel::grouped((0..runs.nodes()).map(rows_of));
        let schema = population.connection_schema.clone();
        Connections { population, posts, runs, pres, morsels, schema }
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
        let posts = self.posts.sorted().get(morsel.units.clone());
        let posts = posts.ok_or_else(|| outside(&format!("{:?}", morsel.units)))?;
        let sources = &self.population.sources;
        // Mostly a connection has several synapses.
        let mut pairs = Pairs::with_room(morsel.rows / 2);
        // In a file that is sorted by the post cells, all their rows are one run.
        let whole = self.runs.one_run(morsel.units.clone());
        let mut peers = match &whole {
            Some(run) => sources.read::<Truncated>(run.range(), 0)?,
            None => Vec::new(),
        };
        let mut read = 0;
        for (&post, at) in posts.iter().zip(morsel.units.clone()) {
            let own = if whole.is_some() {
                let size: usize = self.runs.of(at).iter().map(|run| run.rows()).sum();
                read += size;
                &mut peers[read - size..read]
            } else {
                peers.clear();
                for run in self.runs.of(at) {
                    sources.gather::<Truncated>(run.range(), 0, &mut peers)?;
                }
                &mut peers[..]
            };
            let pres = self.pres.as_ref();
            counted(own, |pre, n| {
                if pres.is_none_or(|pres| pres.contains(pre)) {
                    pairs.push(pre, post, n);
                }
            });
        }
        Ok(Box::new(pairs.frame(&self.schema)?))
    }

    fn describe(&self) -> Vec<String> {
        let made = self.pres.as_ref().map_or(String::new(), |pres| format!(", made by {} cells", pres.len()));
        let (name, some, all) =
            (self.population.file_name(), self.posts.len(), self.population.target_cells.count());
        vec![format!("{name}: connections onto {some} of {all} cells{made}")]
    }
}

/// Connections made by a few cells, ordered by post, then pre: collected over the index of the other side in the order of
/// the file, and sorted.
pub(super) fn made_by(population: &Population, pres: &[i64]) -> Result<Frame> {
    let runs = population.index(Side::Outgoing)?.runs(pres)?;
    let mut made: Vec<(Run, i64)> = pres
        .iter()
        .enumerate()
        .flat_map(|(at, &pre)| runs.of(at).iter().map(move |&run| (run, pre)))
        .collect();
    made.par_sort_unstable();
    let pieces: Vec<Vec<(i64, i64, i64)>> = made
        .par_chunks(RUNS_PER_TASK)
        .map(|made| {
            work::check()?;
            let mut posts = Vec::new();
            let ranges: Vec<_> = made.iter().map(|(run, _)| run.range()).collect();
            population.targets.gather_runs::<Truncated>(&ranges, 0, &mut posts)?;
            let (mut list, mut rest) = (Vec::new(), posts.as_mut_slice());
            for (run, pre) in made {
                let (own, after) = rest.split_at_mut(run.rows());
                counted(own, |post, n| list.push((post, *pre, n)));
                rest = after;
            }
            Ok(list)
        })
        .collect::<Result<_>>()?;
    Pairs::sorted(pieces.concat()).frame(&population.connection_schema)
}

/// Each peer once, ascending, with how often it is there. Peers mostly ascend already.
fn counted(peers: &mut [i64], mut each: impl FnMut(i64, i64)) {
    if !peers.is_sorted() {
        peers.sort_unstable();
    }
    let mut start = 0;
    while start < peers.len() {
        let peer = peers[start];
        let length = peers[start..].iter().take_while(|&&p| p == peer).count();
        each(peer, length as i64);
        start += length;
    }
}
