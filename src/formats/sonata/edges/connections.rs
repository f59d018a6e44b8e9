//! Connected pairs of cells, with the number of their synapses.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use rayon::prelude::*;

use super::Population;
use super::index::{Runs, outside};
use crate::diag::{Result, work};
use crate::formats::hdf5::Truncated;
use crate::model::{Block, Frame, IdSet, Morsel, ROWS_PER_MORSEL, Schema, Side, Source};

/// Cells that one task looks at.
const CELLS_PER_TASK: usize = 16;

/// Connections onto some cells, ordered by post, then pre.
pub(super) struct Connections {
    population: Arc<Population>,
    posts: IdSet,
    runs: Runs,
    /// The pre cells that count, if not all do.
    pres: Option<IdSet>,
    morsels: Vec<Morsel>,
}

impl Connections {
    /// The connections onto the cells of `posts`, whose rows are `runs`, that are made by those of `pres` (or by any).
    pub(super) fn new(population: Arc<Population>, posts: IdSet, runs: Runs, pres: Option<IdSet>) -> Self {
        let mut morsels: Vec<Morsel> = Vec::new();
        for at in 0..runs.nodes() {
            let rows = runs.of(at).iter().map(|run| run.rows()).sum();
            match morsels.last_mut() {
                Some(last) if last.rows + rows <= ROWS_PER_MORSEL => {
                    last.units.end = at + 1;
                    last.rows += rows;
                }
                _ => morsels.push(Morsel { units: at..at + 1, rows }),
            }
        }
        Connections { population, posts, runs, pres, morsels }
    }
}

impl Source for Connections {
    fn schema(&self) -> &Arc<Schema> {
        &self.population.connection_schema
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
        let (mut rows, mut peers) = (Rows::default(), Vec::new());
        for (&post, at) in posts.iter().zip(morsel.units.clone()) {
            peers.clear();
            for run in self.runs.of(at) {
                self.population.sources.gather::<Truncated>(run.range(), 0, &mut peers)?;
            }
            if let Some(pres) = &self.pres {
                peers.retain(|&pre| pres.contains(pre));
            }
            counted(&mut peers, |pre, n| rows.push(post, pre, n));
        }
        Ok(Box::new(rows.frame(&self.population.connection_schema)?))
    }

    fn describe(&self) -> Vec<String> {
        let made = self.pres.as_ref().map_or(String::new(), |pres| format!(", made by {} cells", pres.len()));
        let (name, some, all) = (self.population.file_name(), self.posts.len(), self.population.target_cells.count());
        vec![format!("{name}: connections onto {some} of {all} cells{made}")]
    }
}

/// Connections made by a few cells, ordered by post, then pre: collected over the index of the other side, and sorted.
pub(super) fn made_by(population: &Population, pres: &[i64]) -> Result<Frame> {
    let runs = population.index(Side::Outgoing)?.runs(pres)?;
    let numbers: Vec<usize> = (0..pres.len()).collect();
    let pieces: Vec<Vec<(i64, i64, i64)>> = numbers
        .par_chunks(CELLS_PER_TASK)
        .map(|numbers| {
            work::check()?;
            let (mut rows, mut posts) = (Vec::new(), Vec::new());
            for &at in numbers {
                posts.clear();
                for run in runs.of(at) {
                    population.targets.gather::<Truncated>(run.range(), 0, &mut posts)?;
                }
                counted(&mut posts, |post, n| rows.push((post, pres[at], n)));
            }
            Ok(rows)
        })
        .collect::<Result<_>>()?;
    let mut all = pieces.concat();
    all.par_sort_unstable();
    let mut rows = Rows::default();
    for (post, pre, n) in all {
        rows.push(post, pre, n);
    }
    rows.frame(&population.connection_schema)
}

/// Each peer once, ascending, with how often it is there. Peers mostly ascend already.
fn counted(peers: &mut [i64], mut each: impl FnMut(i64, i64)) {
    if !peers.is_sorted() {
        peers.sort_unstable();
    }
    for group in peers.chunk_by(|a, b| a == b) {
        each(group[0], group.len() as i64);
    }
}

/// Columns of connections that are being filled.
#[derive(Default)]
struct Rows {
    pre: Vec<i64>,
    post: Vec<i64>,
    n: Vec<i64>,
}

impl Rows {
    fn push(&mut self, post: i64, pre: i64, n: i64) {
        self.pre.push(pre);
        self.post.push(post);
        self.n.push(n);
    }

    fn frame(self, schema: &Arc<Schema>) -> Result<Frame> {
        let rows = self.pre.len();
        let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        Frame::with_schema(schema.clone(), vec![column(self.pre), column(self.post), column(self.n)], rows)
    }
}
