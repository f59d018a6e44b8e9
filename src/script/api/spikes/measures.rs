//! What is asked of spikes: rates, histograms over time, intervals, latencies, synchrony.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::DataType;
use rhai::Dynamic;

use super::{SpikeGroups, Spikes};
use crate::analysis::spikes::{
    BinnedTrains, Pairs, TimeBins, Window, binned, distances, intervals, latency, rates, spectrum, synchrony,
    trains_of,
};
use crate::diag::{Error, Result};
use crate::model::{Column, ColumnSpec, Frame, Schema, units};
use crate::query::{Table, Value, array_of};
use crate::script::args::number;
use crate::script::registry::{Answer, Api};
use crate::script::value::from_query;

/// The bin of a spectrum, where none is given (ms), and the longest of its segments.
const SPECTRUM_BIN: f64 = 1.0;
const SPECTRUM_SEGMENT: f64 = 1000.0;

impl Spikes {
    pub(super) fn whole_window(&self) -> Result<Window> {
        let (start, end) = self.window()?;
        Window::new(start, end)
    }

    /// A table whose rows are about cells, with the circuit's properties at hand.
    fn about_cells(&self, columns: Vec<Column>) -> Result<Table> {
        let rows = columns.first().map_or(0, |c| c.values.len());
        let (specs, values): (Vec<ColumnSpec>, Vec<ArrayRef>) =
            columns.into_iter().map(|c| (c.spec, c.values)).unzip();
        let mut schema = Schema::new(specs);
        if let Some(circuit) = &self.circuit {
            schema = schema.linked("id", &circuit.0.cells);
        }
        Ok(Table::in_memory(Frame::with_schema(Arc::new(schema), values, rows)?))
    }

    fn id_column(&self, ids: Vec<i64>) -> Result<Column> {
        let schema = self.table.schema();
        let mut spec = schema.columns()[schema.position("id")?].clone();
        "the cell".clone_into(&mut spec.meaning);
        Ok(Column { spec, values: Arc::new(Int64Array::from(ids)) })
    }

    /// Rate of each cell: `id, n_spikes, rate`.
    fn rate(&self) -> Result<Table> {
        let (cells, window, data) = (self.cells()?, self.whole_window()?, self.data()?);
        let ids = cells.sorted().to_vec();
        let trains = trains_of(data.trains(), &ids);
        let counts = trains.iter().map(|train| window.of(train).len() as i64).collect();
        let rate = rates::mean_rates(&trains, window);
        self.about_cells(vec![
            self.id_column(ids)?,
            whole("n_spikes", "how often the cell fired", counts),
            decimal("rate", units::HZ, "spikes for each second of the window", rate),
        ])
    }

    /// Spikes of the population in each bin: `low, high, count, rate`.
    fn psth(&self, bin: Option<f64>) -> Result<Table> {
        Ok(Table::in_memory(Frame::new(psth_columns(&[self.psth_of(bin)?]))?))
    }

    pub(super) fn psth_of(&self, bin: Option<f64>) -> Result<rates::Psth> {
        let (window, data) = (self.whole_window()?, self.data()?);
        let bin = bin.unwrap_or_else(|| rates::default_bin(window, data.len()));
        rates::psth(data.times(), window, bin, self.cells()?.sorted().len())
    }

    /// The intervals between spikes of all cells (ms).
    pub(super) fn intervals(&self) -> Result<Vec<f64>> {
        let data = self.data()?;
        let trains = data.trains();
        Ok((0..trains.ids.len()).flat_map(|at| intervals::isi(trains.at(at))).collect())
    }

    /// Intervals between the spikes of each cell: `id, t, isi`, `t` being when an interval ends.
    fn isi(&self) -> Result<Table> {
        let data = self.data()?;
        let trains = data.trains();
        let (mut ids, mut ends, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for (at, &id) in trains.ids.iter().enumerate() {
            let train = trains.at(at);
            ids.extend(std::iter::repeat_n(id, train.len().saturating_sub(1)));
            ends.extend_from_slice(&train[1.min(train.len())..]);
            of.extend(intervals::isi(train));
        }
        self.about_cells(vec![
            self.id_column(ids)?,
            decimal("t", units::MS, "when the interval ends", ends),
            decimal("isi", units::MS, "interval between two spikes of a cell", of),
        ])
    }

    /// How irregular each cell fires: `id, n_isi, cv, cv2, lv, lvr`.
    fn irregularity(&self) -> Result<Table> {
        let data = self.data()?;
        let of = intervals::irregularity(data.trains(), self.cells()?.sorted());
        self.about_cells(vec![
            self.id_column(of.ids)?,
            whole("n_isi", "intervals between its spikes", of.n_isi),
            perhaps("cv", "", "coefficient of variation of the intervals", of.cv),
            perhaps("cv2", "", "variation of successive intervals (Holt et al. 1996)", of.cv2),
            perhaps("lv", "", "local variation (Shinomoto et al. 2003)", of.lv),
            perhaps("lvr", "", "local variation, revised for refractoriness (Shinomoto et al. 2009)", of.lvr),
        ])
    }

    /// The first spike of each cell that fired: `id, t`.
    fn first(&self) -> Result<Table> {
        let data = self.data()?;
        let trains = data.trains();
        let times = (0..trains.ids.len()).map(|at| trains.at(at)[0]).collect();
        self.about_cells(vec![
            self.id_column(trains.ids.clone())?,
            decimal("t", units::MS, "its first spike", times),
        ])
    }

    /// How soon each cell answers: `id, latency`.
    fn latency(&self, stimuli: &[f64], within: f64) -> Result<Table> {
        let data = self.data()?;
        let trials: Vec<_> =
            stimuli.iter().map(|&stimulus| latency::Trial { trains: data.trains(), stimulus }).collect();
        let of = latency::latencies(&trials, self.cells()?.sorted(), within)?;
        let mut columns = vec![
            self.id_column(of.ids)?,
            perhaps("latency", units::MS, "from the stimulus to the first spike", of.latency),
        ];
        if stimuli.len() > 1 {
            columns.push(whole("answered", "stimuli that it answered", of.answered));
        }
        self.about_cells(columns)
    }

    /// The rate of the population, smoothed: `t, rate`.
    fn smooth_rate(&self, sigma: f64, step: f64) -> Result<Table> {
        let (cells, window, data) = (self.cells()?, self.whole_window()?, self.data()?);
        let of = rates::gaussian_rate(data.times(), window, sigma, step, cells.sorted().len())?;
        let times = (0..of.rate.len()).map(|at| of.start + at as f64 * of.step).collect();
        Ok(Table::in_memory(Frame::new(vec![
            decimal("t", units::MS, "time", times),
            decimal("rate", units::HZ, "spikes for each cell and second", of.rate),
        ])?))
    }

    /// The power spectrum of the rate of the population: `frequency, power`.
    fn psd(&self, bin: f64, segment: f64) -> Result<Table> {
        let (cells, window, data) = (self.cells()?, self.whole_window()?, self.data()?);
        let of = spectrum::rate_spectrum(data.times(), window, bin, cells.sorted().len(), segment)?;
        Ok(Table::in_memory(Frame::new(vec![
            decimal("frequency", units::HZ, "frequency", of.frequency),
            decimal("power", "Hz²/Hz", "power spectral density of the rate", of.density),
        ])?))
    }

    /// How often the second cell fires so much later than the first: `lag, count`.
    fn cross_correlogram(&self, a: i64, b: i64, bin: f64, most: f64) -> Result<Table> {
        let (window, data) = (self.whole_window()?, self.data()?);
        let trains = [data.trains().of(a), data.trains().of(b)];
        let binned = BinnedTrains::new(&trains, TimeBins::whole(window, bin)?);
        let of = synchrony::cross_correlogram(&binned, 0, 1, (most / bin).round().max(0.0) as usize)?;
        Ok(Table::in_memory(Frame::new(vec![
            decimal("lag", units::MS, "by how much the second cell is later", of.lags),
            whole("count", "pairs of spikes", of.counts.iter().map(|&n| n as i64).collect()),
        ])?))
    }

    /// The Fano factor of each cell over windows: `id, fano`.
    fn fano_of_cells(&self, length: f64) -> Result<Table> {
        let (cells, window, data) = (self.cells()?, self.whole_window()?, self.data()?);
        let ids = cells.sorted().to_vec();
        let trains = trains_of(data.trains(), &ids);
        let of = trains
            .iter()
            .map(|train| binned::fano_over_windows(train, window, length))
            .collect::<Result<_>>()?;
        self.about_cells(vec![
            self.id_column(ids)?,
            perhaps("fano", "", "variance over mean of the counts in windows", of),
        ])
    }

    /// A value for each pair of cells: `id, other`, and the value.
    fn pairs(
        &self,
        name: &str,
        meaning: &str,
        of: impl Fn(&[&[f64]], Window) -> Result<Pairs>,
    ) -> Result<Table> {
        let (cells, window, data) = (self.cells()?, self.whole_window()?, self.data()?);
        let ids = cells.sorted();
        let pairs = of(&trains_of(data.trains(), ids), window)?;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (at, &id) in ids.iter().enumerate() {
            a.extend(std::iter::repeat_n(id, ids.len() - at - 1));
            b.extend_from_slice(&ids[at + 1..]);
        }
        let mut other = self.id_column(b)?;
        "other".clone_into(&mut other.spec.name);
        other.spec.aliases.clear();
        self.about_cells(vec![self.id_column(a)?, other, defined(name, meaning, &pairs.upper)])
    }
}

/// The columns of one or several histograms over the same bins, one after the other.
fn psth_columns(of: &[rates::Psth]) -> Vec<Column> {
    let edges = |side: usize| {
        of.iter().flat_map(move |p| (0..p.bins.count()).map(move |bin| p.bins.edge(bin + side))).collect()
    };
    vec![
        decimal("low", units::MS, "where the bin begins", edges(0)),
        decimal("high", units::MS, "where the bin ends", edges(1)),
        whole(
            "count",
            "spikes in the bin",
            of.iter().flat_map(|p| p.counts.iter().map(|&n| n as i64)).collect(),
        ),
        decimal(
            "rate",
            units::HZ,
            "spikes for each cell and second",
            of.iter().flat_map(|p| p.rate.clone()).collect(),
        ),
    ]
}

fn whole(name: &str, meaning: &str, values: Vec<i64>) -> Column {
    let spec = ColumnSpec::new(name, DataType::Int64).meaning(meaning);
    Column { spec, values: Arc::new(Int64Array::from(values)) }
}

fn spec(name: &str, unit: &str, meaning: &str) -> ColumnSpec {
    let mut spec = ColumnSpec::new(name, DataType::Float64).meaning(meaning);
    spec.unit = (!unit.is_empty()).then(|| unit.to_owned());
    spec
}

fn decimal(name: &str, unit: &str, meaning: &str, values: Vec<f64>) -> Column {
    Column { spec: spec(name, unit, meaning), values: Arc::new(Float64Array::from(values)) }
}

fn perhaps(name: &str, unit: &str, meaning: &str, values: Vec<Option<f64>>) -> Column {
    Column { spec: spec(name, unit, meaning), values: Arc::new(Float64Array::from(values)) }
}

/// What is not defined (NaN) is nothing.
fn defined(name: &str, meaning: &str, values: &[f64]) -> Column {
    perhaps(name, "", meaning, values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect())
}

/// The keys of each group.
type Keys = Vec<Vec<Value>>;

impl SpikeGroups {
    /// The cells of each group, ascending, and the columns of the keys.
    pub(super) fn cells(&self) -> Result<(Keys, Vec<Vec<i64>>)> {
        if self.keys.is_empty() {
            return Err(Error::argument("these spikes are in groups, but their cells are not")
                .help("group by a property of the cells: `.by(\"layer\")`"));
        }
        let table = self.spikes.cell_table()?;
        let labels = table.labels(&self.keys)?;
        let mut members = vec![Vec::new(); labels.keys.len()];
        for (&id, &group) in self.spikes.cells()?.sorted().iter().zip(&labels.of) {
            members[group as usize].push(id);
        }
        Ok((labels.keys, members))
    }

    /// The columns of the keys, each group's repeated.
    fn key_columns(&self, keys: &[Vec<Value>], repeat: usize) -> Vec<Column> {
        let column = |at: usize| {
            let values: Vec<Value> =
                keys.iter().flat_map(|key| std::iter::repeat_n(key[at].clone(), repeat)).collect();
            let values = array_of(&values);
            let spec = &self.keys[at].spec;
            Column { spec: ColumnSpec { data_type: values.data_type().clone(), ..spec.clone() }, values }
        };
        (0..self.keys.len()).map(column).collect()
    }

    /// The mean rate of each group: the keys, `n_cells, n_spikes, rate`.
    fn rate(&self) -> Result<Table> {
        let (keys, members) = self.cells()?;
        let (window, data) = (self.spikes.whole_window()?, self.spikes.data()?);
        let count =
            |ids: &Vec<i64>| ids.iter().map(|&id| window.of(data.trains().of(id)).len() as i64).sum::<i64>();
        let spikes: Vec<i64> = members.iter().map(count).collect();
        let rate = spikes
            .iter()
            .zip(&members)
            .map(|(&n, ids)| rates::rate_of(n as usize, window, ids.len()))
            .collect();
        let mut columns = self.key_columns(&keys, 1);
        columns.push(whole(
            "n_cells",
            "cells of the group",
            members.iter().map(|ids| ids.len() as i64).collect(),
        ));
        columns.push(whole("n_spikes", "their spikes", spikes));
        columns.push(decimal("rate", units::HZ, "spikes for each cell and second", rate));
        Ok(Table::in_memory(Frame::new(columns)?))
    }

    /// The histogram of each group: the keys, `low, high, count, rate`.
    fn psth(&self, bin: Option<f64>) -> Result<Table> {
        let (keys, members) = self.cells()?;
        let of = self.psth_of(&members, bin)?;
        let bins = of.first().map_or(0, |p| p.bins.count());
        let mut columns = self.key_columns(&keys, bins);
        columns.extend(psth_columns(&of));
        Ok(Table::in_memory(Frame::new(columns)?))
    }

    pub(super) fn psth_of(&self, members: &[Vec<i64>], bin: Option<f64>) -> Result<Vec<rates::Psth>> {
        let (window, data) = (self.spikes.whole_window()?, self.spikes.data()?);
        let bin = bin.unwrap_or_else(|| rates::default_bin(window, data.len()));
        let one = |ids: &Vec<i64>| {
            let times: Vec<f64> = ids.iter().flat_map(|&id| data.trains().of(id)).copied().collect();
            rates::psth(&times, window, bin, ids.len())
        };
        members.iter().map(one).collect()
    }
}

/// A value as a figure writes it.
pub(in crate::script::api) fn value_name(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Text(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// What groups are called.
pub(in crate::script::api) fn names_of(keys: &[Vec<Value>]) -> Vec<String> {
    keys.iter().map(|key| key.iter().map(value_name).collect::<Vec<_>>().join(", ")).collect()
}

/// One time, or several.
fn times(value: &Dynamic) -> Result<Vec<f64>> {
    match value.read_lock::<rhai::Array>() {
        Some(array) => array.iter().map(number).collect(),
        None => Ok(vec![number(value)?]),
    }
}

pub(super) fn register(api: &mut Api) {
    rates_of(api);
    intervals_of(api);
    synchrony_of(api);
}

fn rates_of(api: &mut Api) {
    api.call(
        "rate() -> Table",
        "How often each cell fired, silent cells included: `id`, `n_spikes`, `rate` (Hz).",
        "sim.spikes.rate().mean(\"rate\")",
        |s: &mut Spikes| -> Answer<Table> { Ok(s.rate()?) },
    );
    api.call(
        "psth(bin) -> Table",
        "The rate of the population over time, in bins of so many ms: `low`, `high` (ms), `count`, `rate` (Hz for each \
         cell, silent ones included). Bins are half open, the last one is closed. Without an argument, bins hold about \
         100 spikes and are at most 50 ms long.",
        "sim.spikes.psth(10.ms).plot()",
        |s: &mut Spikes, bin: Dynamic| -> Answer<Table> { Ok(s.psth(Some(number(&bin)?))?) },
    );
    api.also("psth", |s: &mut Spikes| -> Answer<Table> { Ok(s.psth(None)?) });
    api.call(
        "first() -> Table",
        "The first spike of each cell that fired: `id`, `t` (ms).",
        "sim.spikes.between(700, 800).first().min(\"t\")",
        |s: &mut Spikes| -> Answer<Table> { Ok(s.first()?) },
    );
    api.call(
        "latency(t_stim, window) -> Table",
        "How soon each cell answers to a stimulus: from `t_stim` to its first spike at most `window` ms later: `id`, \
         `latency` (ms), which is `()` for cells that do not answer. Of an array of times, the mean over those that were \
         answered (Markram et al. 2015, figure 20).",
        "sim.spikes.latency(700.ms, 50.ms).by(\"layer\").mean(\"latency\")",
        |s: &mut Spikes, stimuli: Dynamic, within: Dynamic| -> Answer<Table> {
            Ok(s.latency(&times(&stimuli)?, number(&within)?)?)
        },
    );
}

fn intervals_of(api: &mut Api) {
    api.call(
        "isi() -> Table",
        "The intervals between successive spikes of each cell: `id`, `t` (when it ends, ms), `isi` (ms).",
        "sim.spikes.isi().median(\"isi\")",
        |s: &mut Spikes| -> Answer<Table> { Ok(s.isi()?) },
    );
    api.call(
        "irregularity() -> Table",
        "How irregular each cell fires: `id`, `n_isi`, `cv`, `cv2`, `lv`, `lvr`; `()` where a cell has too few spikes (CV \
         needs one interval, the others two).",
        "sim.spikes.irregularity().mean(\"cv\")",
        |s: &mut Spikes| -> Answer<Table> { Ok(s.irregularity()?) },
    );
    api.call(
        "fano() -> float",
        "The Fano factor over cells: variance over mean of the numbers of spikes.",
        "sim.spikes.fano()",
        |s: &mut Spikes| -> Answer<Dynamic> {
            let (cells, window, data) = (s.cells()?, s.whole_window()?, s.data()?);
            let of = binned::fano_over_trains(&trains_of(data.trains(), cells.sorted()), window);
            Ok(from_query(of.map_or(Value::Null, Value::Float), None))
        },
    );
    api.call(
        "fano(window) -> Table",
        "The Fano factor of each cell over windows of so many ms: `id`, `fano`; `()` for silent cells.",
        "sim.spikes.fano(100.ms).mean(\"fano\")",
        |s: &mut Spikes, length: Dynamic| -> Answer<Table> { Ok(s.fano_of_cells(number(&length)?)?) },
    );
}

pub(super) fn register_groups(api: &mut Api) {
    api.on::<SpikeGroups>("SpikeGroups");
    api.call(
        "rate() -> Table",
        "The mean rate of each group, silent cells included: the keys, `n_cells`, `n_spikes`, `rate` (Hz).",
        "sim.spikes.by(\"mtype\").rate().top(3, \"rate\")",
        |g: &mut SpikeGroups| -> Answer<Table> { Ok(g.rate()?) },
    );
    api.call(
        "psth(bin) -> Table",
        "The rate of each group over time: the keys, then `low`, `high`, `count`, `rate` as in `Spikes.psth`.",
        "sim.spikes.by(\"layer\").psth(20.ms).plot()",
        |g: &mut SpikeGroups, bin: Dynamic| -> Answer<Table> { Ok(g.psth(Some(number(&bin)?))?) },
    );
    api.also("psth", |g: &mut SpikeGroups| -> Answer<Table> { Ok(g.psth(None)?) });
    super::figures::register_groups(api);
    super::super::grouped::register_verbs::<SpikeGroups>(api.as_for("SpikeGroups"));
}

fn synchrony_of(api: &mut Api) {
    macro_rules! of_pairs {
        ($($signature:literal, $name:literal, $meaning:literal, $doc:literal, $of:expr;)*) => {$(
            api.call(
                $signature,
                $doc,
                "sim.spikes.of(\"L4_PC\").correlation(5.ms).mean(\"correlation\")",
                |s: &mut Spikes, x: Dynamic| -> Answer<Table> {
                    let x = number(&x)?;
                    Ok(s.pairs($name, $meaning, |trains, window| $of(trains, window, x))?)
                },
            );
        )*};
    }
    of_pairs! {
        "correlation(bin) -> Table", "correlation", "Pearson's coefficient of the counts in bins",
            "How alike the cells of each pair fire: Pearson's correlation of their counts in bins of so many ms: `id`, \
             `other`, `correlation`; `()` where a cell is silent.",
            |trains: &[&[f64]], window, bin| synchrony::correlation(&BinnedTrains::new(trains, TimeBins::whole(window, bin)?));
        "covariance(bin) -> Table", "covariance", "covariance of the counts in bins (ddof 1)",
            "The covariance of the counts of each pair of cells in bins of so many ms (ddof 1): `id`, `other`, `covariance`.",
            |trains: &[&[f64]], window, bin| synchrony::covariance(&BinnedTrains::new(trains, TimeBins::whole(window, bin)?));
        "sttc(dt) -> Table", "sttc", "spike time tiling coefficient (Cutts and Eglen 2014)",
            "The spike time tiling coefficient of each pair of cells, with coincidences within `dt` ms (Cutts and Eglen \
             2014): `id`, `other`, `sttc`; `()` where a cell is silent.",
            |trains: &[&[f64]], window, dt| synchrony::sttc_of_pairs(trains, window, dt);
        "victor_purpura(cost) -> Table", "distance", "distance of Victor and Purpura",
            "The distance of Victor and Purpura of each pair of cells, where moving a spike by a second costs `cost` (Hz): \
             `id`, `other`, `distance`.",
            |trains: &[&[f64]], _, cost| distances::victor_purpura_of_pairs(trains, cost);
        "van_rossum(tau) -> Table", "distance", "distance of van Rossum",
            "The distance of van Rossum of each pair of cells, with a kernel of `tau` ms: `id`, `other`, `distance`.",
            |trains: &[&[f64]], _, tau| distances::van_rossum_of_pairs(trains, tau);
    }
    api.call(
        "isi_distance() -> Table",
        "The ISI-distance of each pair of cells (Kreuz et al. 2007): `id`, `other`, `distance`.",
        "sim.spikes.of(\"L4_PC\").isi_distance().mean(\"distance\")",
        |s: &mut Spikes| -> Answer<Table> {
            Ok(s.pairs("distance", "ISI-distance (Kreuz et al. 2007)", distances::isi_distance_of_pairs)?)
        },
    );
    api.call(
        "spike_distance() -> Table",
        "The SPIKE-distance of each pair of cells (Kreuz et al. 2013): `id`, `other`, `distance`.",
        "sim.spikes.of(\"L4_PC\").spike_distance().mean(\"distance\")",
        |s: &mut Spikes| -> Answer<Table> {
            Ok(s.pairs("distance", "SPIKE-distance (Kreuz et al. 2013)", distances::spike_distance_of_pairs)?)
        },
    );
    api.call(
        "spike_sync() -> float",
        "SPIKE synchronization of the cells (Kreuz et al. 2015): the share of spikes that coincide, 1 where all do.",
        "sim.spikes.of(\"L4_PC\").spike_sync()",
        |s: &mut Spikes| -> Answer<f64> {
            let (cells, window, data) = (s.cells()?, s.whole_window()?, s.data()?);
            Ok(distances::spike_sync(&trains_of(data.trains(), cells.sorted()), window)?)
        },
    );
    api.call(
        "spike_contrast() -> float",
        "Spike contrast of the cells (Ciba et al. 2018): how synchronous they are on the time scale that shows it best, \
         from 0 to 1.",
        "sim.spikes.of(\"L4_PC\").spike_contrast()",
        |s: &mut Spikes| -> Answer<f64> {
            let (cells, window, data) = (s.cells()?, s.whole_window()?, s.data()?);
            Ok(synchrony::spike_contrast(&trains_of(data.trains(), cells.sorted()), window)?.synchrony)
        },
    );
    api.call(
        "cross_correlogram(id, other, bin, most) -> Table",
        "How often one cell fires so much later than another: `lag` (ms, above 0 where `other` is later), `count`, in bins \
         of `bin` ms up to `most` ms.",
        "sim.spikes.cross_correlogram(1, 2, 1.ms, 50.ms)",
        |s: &mut Spikes, a: i64, b: i64, bin: Dynamic, most: Dynamic| -> Answer<Table> {
            Ok(s.cross_correlogram(a, b, number(&bin)?, number(&most)?)?)
        },
    );
    api.call(
        "smooth_rate(sigma, step) -> Table",
        "The rate of the population over time, smoothed by a Gaussian of `sigma` ms, each `step` ms: `t` (ms), `rate` (Hz \
         for each cell). Within 5 sigma of the ends of the window it falls, because nothing is known outside.",
        "sim.spikes.smooth_rate(10.ms, 1.ms).plot()",
        |s: &mut Spikes, sigma: Dynamic, step: Dynamic| -> Answer<Table> {
            Ok(s.smooth_rate(number(&sigma)?, number(&step)?)?)
        },
    );
    api.call(
        "psd(bin, segment) -> Table",
        "The power spectral density of the rate of the population (Welch 1967): `frequency` (Hz), `power` (Hz²/Hz). The rate \
         is that of bins of `bin` ms, 1 if none is given, and segments are `segment` ms long, at most 1000 if none is given.",
        "sim.spikes.psd().plot()",
        |s: &mut Spikes, bin: Dynamic, segment: Dynamic| -> Answer<Table> {
            Ok(s.psd(number(&bin)?, number(&segment)?)?)
        },
    );
    api.also("psd", |s: &mut Spikes| -> Answer<Table> {
        Ok(s.psd(SPECTRUM_BIN, s.whole_window()?.length().min(SPECTRUM_SEGMENT))?)
    });
}
