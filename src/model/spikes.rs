//! Spikes: when which cell fired.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow_array::{Float64Array, Int64Array};
use arrow_schema::DataType;
use rayon::prelude::*;

use super::{ColumnSpec, Frame, IdSet, Schema, merged, units};
use crate::diag::{Error, Result, once};

/// Spikes in memory, ordered by time, then by id. Cheap to clone and to cut: a window shares the values.
#[derive(Clone)]
pub struct Spikes {
    path: PathBuf,
    times: Float64Array,
    ids: Int64Array,
    /// The names of the populations, where the ids are [packed](merged).
    populations: Option<Arc<[String]>>,
    trains: Arc<OnceLock<Trains>>,
}

/// The same spikes cell by cell: those of `ids[i]` are `times[starts[i]..starts[i + 1]]`, in order.
pub struct Trains {
    /// The cells that fired, ascending.
    pub ids: Vec<i64>,
    /// Where the spikes of each begin; one more than cells.
    pub starts: Vec<usize>,
    /// The times (ms), cell by cell.
    pub times: Vec<f64>,
}

impl Trains {
    /// The spikes of a cell (ms), ascending; none where it did not fire.
    pub fn of(&self, id: i64) -> &[f64] {
        self.ids.binary_search(&id).map_or(&[], |at| self.at(at))
    }

    /// The spikes of the cell at a position of [`ids`](Self::ids).
    pub fn at(&self, position: usize) -> &[f64] {
        &self.times[self.starts[position]..self.starts[position + 1]]
    }
}

impl Spikes {
    /// Spikes in any order; `times` and `ids` are of equal length. Times are in ms and finite: who reads a file refuses
    /// what is not, because only it can name the line.
    pub fn new(path: impl Into<PathBuf>, times: Vec<f64>, ids: Vec<i64>) -> Self {
        let (times, ids) = ordered(times, ids);
        Self::in_order(path.into(), times.into(), ids.into(), None)
    }

    /// Spikes of several populations; the ids become [packed](merged). One population keeps its own ids.
    pub fn of_populations(path: impl Into<PathBuf>, parts: Vec<(String, Vec<f64>, Vec<i64>)>) -> Self {
        let path = path.into();
        if let [_] = parts.as_slice() {
            return parts
                .into_iter()
                .map(|(_, times, ids)| Self::new(path.clone(), times, ids))
                .next()
                .unwrap_or_default();
        }
        let names: Arc<[String]> = parts.iter().map(|part| part.0.clone()).collect();
        let (mut times, mut ids) = (Vec::new(), Vec::new());
        for (at, (_, of, cells)) in parts.into_iter().enumerate() {
            times.extend(of);
            ids.extend(cells.into_iter().map(|id| merged::pack(at, id)));
        }
        let (times, ids) = ordered(times, ids);
        Self::in_order(path, times.into(), ids.into(), Some(names))
    }

    fn in_order(
        path: PathBuf,
        times: Float64Array,
        ids: Int64Array,
        populations: Option<Arc<[String]>>,
    ) -> Self {
        Spikes { path, times, ids, populations, trains: Arc::default() }
    }

    /// The file that they are from.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The times (ms), ascending.
    pub fn times(&self) -> &[f64] {
        self.times.values()
    }

    /// The cells, in the order of [`times`](Self::times).
    pub fn ids(&self) -> &[i64] {
        self.ids.values()
    }

    /// The names of the populations, where the ids are [packed](merged).
    pub fn populations(&self) -> Option<&Arc<[String]>> {
        self.populations.as_ref()
    }

    /// Those of one population, with its own ids.
    ///
    /// # Errors
    /// When there is no population of that name.
    pub fn population(&self, name: &str) -> Result<Spikes> {
        let names = self.populations.as_deref().unwrap_or_default();
        let at = names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| Error::unknown("population of spikes", name, names).in_file(&self.path))?;
        let of = |(&t, &id): (&f64, &i64)| match merged::unpack(id) {
            (population, id) if population == at => Some((t, id)),
            _ => None,
        };
        let (times, ids): (Vec<f64>, Vec<i64>) = self.times().iter().zip(self.ids()).filter_map(of).unzip();
        Ok(Self::in_order(self.path.clone(), times.into(), ids.into(), None))
    }

    /// Those from `start` to `end` (ms), both included. Nothing where the end is before the start.
    #[must_use]
    pub fn between(&self, start: f64, end: f64) -> Spikes {
        let first = self.times().partition_point(|&t| t < start);
        let last = self.times().partition_point(|&t| t <= end).max(first);
        self.cut(first..last)
    }

    /// Those from `start` up to, not including, `end` (ms).
    #[must_use]
    pub fn before(&self, start: f64, end: f64) -> Spikes {
        let first = self.times().partition_point(|&t| t < start);
        let last = self.times().partition_point(|&t| t < end).max(first);
        self.cut(first..last)
    }

    fn cut(&self, rows: std::ops::Range<usize>) -> Spikes {
        let (times, ids) = (self.times.slice(rows.start, rows.len()), self.ids.slice(rows.start, rows.len()));
        Self::in_order(self.path.clone(), times, ids, self.populations.clone())
    }

    /// Those of some cells.
    #[must_use]
    pub fn of(&self, cells: &IdSet) -> Spikes {
        let (times, ids): (Vec<f64>, Vec<i64>) =
            self.times().iter().zip(self.ids()).filter(|(_, id)| cells.contains(**id)).unzip();
        Self::in_order(self.path.clone(), times.into(), ids.into(), self.populations.clone())
    }

    /// Cell by cell; computed when it is first asked for.
    pub fn trains(&self) -> &Trains {
        once(&self.trains, || {
            let mut rows: Vec<(i64, u32)> = (0..).zip(self.ids()).map(|(row, &id)| (id, row)).collect();
            rows.par_sort_unstable();
            let times = rows.iter().map(|&(_, row)| self.times()[row as usize]).collect();
            let (mut ids, mut starts) = (Vec::new(), vec![0]);
            for same in rows.chunk_by(|a, b| a.0 == b.0) {
                ids.push(same[0].0);
                starts.push(starts[starts.len() - 1] + same.len());
            }
            Trains { ids, starts, times }
        })
    }

    /// As a table: `t` (ms) and `id`, ordered by both.
    ///
    /// # Errors
    /// When the schema does not have two columns.
    pub fn frame(&self, schema: Arc<Schema>) -> Result<Frame> {
        Frame::with_schema(schema, vec![Arc::new(self.times.clone()), Arc::new(self.ids.clone())], self.len())
    }

    /// The columns of [`frame`](Self::frame).
    pub fn columns(&self) -> Vec<ColumnSpec> {
        spike_columns(self.populations.clone())
    }
}

impl std::fmt::Debug for Spikes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spikes({}, {})", self.path.display(), self.len())
    }
}

impl Default for Spikes {
    fn default() -> Self {
        Self::new(PathBuf::new(), Vec::new(), Vec::new())
    }
}

/// The columns of spikes: `t` and `id`.
pub fn spike_columns(populations: Option<Arc<[String]>>) -> Vec<ColumnSpec> {
    let t = ColumnSpec::new("t", DataType::Float64)
        .unit(units::MS)
        .meaning("when the cell fired")
        .aliases(&["time"]);
    let mut id = ColumnSpec::new("id", DataType::Int64)
        .meaning("the cell that fired")
        .aliases(&["gid", "node_id", "cell"]);
    id.populations = populations;
    vec![t, id]
}

/// By time, then by id.
fn ordered(times: Vec<f64>, ids: Vec<i64>) -> (Vec<f64>, Vec<i64>) {
    let in_order = |at: usize| (times[at - 1], ids[at - 1]) <= (times[at], ids[at]);
    if (1..times.len()).into_par_iter().with_min_len(1 << 16).all(in_order) {
        return (times, ids);
    }
    let mut rows: Vec<(f64, i64)> = times.into_iter().zip(ids).collect();
    rows.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    rows.into_iter().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Spikes {
        Spikes::new("out.dat", vec![3.0, 1.0, 2.0, 2.0], vec![7, 7, 9, 8])
    }

    #[test]
    fn are_ordered_by_time_then_id_and_cut() {
        let spikes = some();
        assert_eq!((spikes.times(), spikes.ids()), (&[1.0, 2.0, 2.0, 3.0][..], &[7, 8, 9, 7][..]));
        assert_eq!(spikes.between(2.0, 3.0).ids(), [8, 9, 7]);
        assert_eq!(spikes.before(2.0, 3.0).ids(), [8, 9]);
        assert!(spikes.between(3.0, 1.0).is_empty());
        assert_eq!(spikes.of(&IdSet::new(vec![7, 100])).times(), [1.0, 3.0]);
    }

    #[test]
    fn trains_hold_the_spikes_of_each_cell() {
        let spikes = some();
        let trains = spikes.trains();
        assert_eq!(trains.ids, [7, 8, 9]);
        assert_eq!((trains.of(7), trains.of(9), trains.of(5)), (&[1.0, 3.0][..], &[2.0][..], &[][..]));
    }

    #[test]
    fn populations_keep_their_ids() {
        let parts = vec![("a".to_owned(), vec![2.0], vec![1]), ("b".to_owned(), vec![1.0], vec![1])];
        let spikes = Spikes::of_populations("x.h5", parts);
        assert_eq!(spikes.ids(), [merged::pack(1, 1), merged::pack(0, 1)]);
        assert_eq!(spikes.population("b").unwrap().ids(), [1]);
        assert!(spikes.population("c").unwrap_err().to_string().contains("`c`"));
    }
}
