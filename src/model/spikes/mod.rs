//! Spikes: when which cell fired.

mod gather;
mod order;
mod room;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow_array::{Float64Array, Int64Array};
use arrow_schema::DataType;
use rayon::prelude::*;

pub use self::gather::{Batch, Sink};

use self::order::Rows;
use super::{ColumnSpec, Frame, IdSet, Schema, merged, units};
use crate::diag::{Error, Result, once};

/// Spikes in memory, ordered by time, then by id. Cheap to clone and to cut: a window shares the values.
#[derive(Clone)]
pub struct Spikes {
    path: PathBuf,
    times: Float64Array,
    ids: Int64Array,
    names: Names,
    trains: Arc<OnceLock<Trains>>,
}

/// To what the ids belong.
#[derive(Clone, Default)]
enum Names {
    /// Nobody says.
    #[default]
    None,
    /// To one population, as they are.
    One(Arc<str>),
    /// To several; they are [packed](merged).
    Several(Arc<[String]>),
}

impl Names {
    fn of(names: &[String]) -> Self {
        match names {
            [] => Names::None,
            [one] => Names::One(one.as_str().into()),
            several => Names::Several(several.into()),
        }
    }
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
        Self::of_columns(path.into(), times, ids, Names::None)
    }

    /// Spikes that `put` puts, batch by batch, in any order and in parallel; it is given the position of the batch.
    /// `names` are the populations of the batches: none where the file names none. Where there are several, the ids
    /// become [packed](merged); they must be from 0 and below 2⁴⁰.
    ///
    /// # Errors
    /// The first, in the order of the batches, that `put` fails with.
    pub fn gather(
        path: impl Into<PathBuf>,
        names: &[String],
        batches: &[Batch],
        put: impl Fn(usize, &mut Sink<'_>) -> Result<()> + Sync,
    ) -> Result<Self> {
        let names = Names::of(names);
        let packed = matches!(names, Names::Several(_));
        let mark = |population| if packed { merged::pack(population, 0) } else { 0 };
        let (times, ids) = gather::rows(batches, mark, put)?.by_time();
        Ok(Self::in_order(path.into(), Float64Array::new(times, None), Int64Array::new(ids, None), names))
    }

    /// Spikes of several populations; the ids, from 0 and below 2⁴⁰, become [packed](merged). One population keeps its
    /// own ids.
    pub fn of_populations(path: impl Into<PathBuf>, parts: Vec<(String, Vec<f64>, Vec<i64>)>) -> Self {
        let names: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
        let (mut times, mut ids) = (Vec::new(), Vec::new());
        for (at, (_, of, cells)) in parts.into_iter().enumerate() {
            times.extend(of);
            ids.extend(cells.into_iter().map(|id| if names.len() > 1 { merged::pack(at, id) } else { id }));
        }
        Self::of_columns(path.into(), times, ids, Names::of(&names))
    }

    fn of_columns(path: PathBuf, times: Vec<f64>, ids: Vec<i64>, names: Names) -> Self {
        if order::is_ordered(&times, &ids) {
            return Self::in_order(path, times.into(), ids.into(), names);
        }
        let (times, ids) = Rows::copied(&times, &ids).by_time();
        Self::in_order(path, Float64Array::new(times, None), Int64Array::new(ids, None), names)
    }

    fn in_order(path: PathBuf, times: Float64Array, ids: Int64Array, names: Names) -> Self {
        Spikes { path, times, ids, names, trains: Arc::default() }
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
        match &self.names {
            Names::Several(names) => Some(names),
            Names::None | Names::One(_) => None,
        }
    }

    /// The names of the populations of the file, also where there is one; none where the file does not name it.
    pub fn population_names(&self) -> Vec<&str> {
        match &self.names {
            Names::None => Vec::new(),
            Names::One(name) => vec![name],
            Names::Several(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// Those of one population, with its own ids.
    ///
    /// # Errors
    /// When there is no population of that name.
    pub fn population(&self, name: &str) -> Result<Spikes> {
        let names = self.population_names();
        let at = names.iter().position(|known| *known == name).ok_or_else(|| {
            let error = Error::unknown("population of spikes", name, &names).in_file(&self.path);
            if names.is_empty() { error.help("the file does not name populations") } else { error }
        })?;
        if self.populations().is_none() {
            return Ok(self.clone());
        }
        let of = |(&t, &id): (&f64, &i64)| match merged::unpack(id) {
            (population, id) if population == at => Some((t, id)),
            _ => None,
        };
        let (times, ids): (Vec<f64>, Vec<i64>) = self.times().iter().zip(self.ids()).filter_map(of).unzip();
        Ok(Self::in_order(self.path.clone(), times.into(), ids.into(), Names::One(name.into())))
    }

    /// The same spikes with the ids of a circuit that has these populations: [packed](merged) in their order where there
    /// are several, else as they are. No names stand for a circuit without populations, which has ids of one kind.
    ///
    /// # Errors
    /// Spikes of a population that the circuit does not have, or of cells that nobody says the population of.
    pub fn with_populations(&self, names: &[String]) -> Result<Spikes> {
        let own = self.population_names();
        if names.is_empty() && own.len() < 2 || own.iter().eq(names) {
            return Ok(self.clone());
        }
        let mut places = Vec::with_capacity(own.len());
        for (at, name) in own.iter().enumerate() {
            let found = match names {
                // What old writers call the only population.
                [_] if own.len() == 1 && *name == "All" => Some(0),
                names => names.iter().position(|known| known == name),
            };
            if found.is_none() && self.has_any(at) {
                let error = Error::unknown("population of the circuit", name, names).in_file(&self.path);
                let joined = format!("the file has spikes of `{name}`");
                return Err(error.help(match own.len() {
                    1 => joined,
                    _ => format!("{joined}; .population(name) takes one of {}", own.join(", ")),
                }));
            }
            places.push(found.unwrap_or(0));
        }
        if own.is_empty() && names.len() > 1 && !self.is_empty() {
            let message = "the spikes do not say of which population of the circuit they are";
            return Err(Error::format(message)
                .in_file(&self.path)
                .help(format!("it has {}", names.join(", "))));
        }
        let packed = self.populations().is_some();
        let moved = |&id: &i64| {
            let (at, id) = if packed { merged::unpack(id) } else { (0, id) };
            if names.len() > 1 { merged::pack(places.get(at).copied().unwrap_or(0), id) } else { id }
        };
        let ids = self.ids().par_iter().map(moved).collect();
        Ok(Self::of_columns(self.path.clone(), self.times().to_vec(), ids, Names::of(names)))
    }

    /// Whether there are spikes of the population at a position.
    fn has_any(&self, at: usize) -> bool {
        match self.populations() {
            Some(_) => self.ids().par_iter().any(|&id| merged::unpack(id).0 == at),
            None => !self.is_empty(),
        }
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
        Self::in_order(self.path.clone(), times, ids, self.names.clone())
    }

    /// Those of some cells.
    #[must_use]
    pub fn of(&self, cells: &IdSet) -> Spikes {
        let (times, ids): (Vec<f64>, Vec<i64>) =
            self.times().iter().zip(self.ids()).filter(|(_, id)| cells.contains(**id)).unzip();
        Self::in_order(self.path.clone(), times.into(), ids.into(), self.names.clone())
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
        spike_columns(self.populations().cloned())
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
        let alone = spikes.population("b").unwrap();
        assert_eq!((alone.population_names(), alone.populations().is_none()), (vec!["b"], true));
        assert_eq!(alone.population("b").unwrap().times(), [1.0]);
        assert!(some().population("b").unwrap_err().to_string().contains("does not name"));
    }

    #[test]
    fn ids_become_those_of_a_circuit() {
        let part = |name: &str, t: &[f64], ids: &[i64]| (name.to_owned(), t.to_vec(), ids.to_vec());
        let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let both = Spikes::of_populations("x.h5", vec![part("a", &[2.0], &[5]), part("b", &[2.0], &[1])]);
        let joined = both.with_populations(&names(&["c", "b", "a"])).unwrap();
        assert_eq!(joined.ids(), [merged::pack(1, 1), merged::pack(2, 5)]);
        assert_eq!(joined.population_names(), ["c", "b", "a"]);
        for circuit in [&["b"][..], &[], &["b", "c"]] {
            let error = both.with_populations(&names(circuit)).unwrap_err().to_string();
            assert!(error.contains("`a`") && error.contains(".population("), "{error}");
        }
        let alone = both.population("b").unwrap();
        assert_eq!(alone.with_populations(&names(&["a", "b"])).unwrap().ids(), [merged::pack(1, 1)]);
        assert_eq!(alone.with_populations(&names(&["b"])).unwrap().ids(), [1]);
        assert_eq!(alone.with_populations(&[]).unwrap().ids(), [1]);
        assert!(alone.with_populations(&names(&["a"])).is_err());
        // A population without spikes is in nobody's way.
        let one = Spikes::of_populations("x.h5", vec![part("a", &[], &[]), part("b", &[2.0], &[1])]);
        assert_eq!(one.with_populations(&names(&["b"])).unwrap().ids(), [1]);
        // Nothing is said, or what says nothing.
        assert_eq!(some().with_populations(&names(&["a"])).unwrap().population_names(), ["a"]);
        assert!(some().with_populations(&names(&["a", "b"])).is_err());
        let all = Spikes::of_populations("x.h5", vec![part("All", &[2.0], &[1])]);
        assert_eq!(all.with_populations(&names(&["a"])).unwrap().ids(), [1]);
        assert!(all.with_populations(&names(&["a", "b"])).is_err());
    }
}
