//! The figures of spikes.

use rhai::{Array, Dynamic};

use super::measures::names_of;
use super::{SpikeGroups, Spikes};
use crate::analysis::figures::{self, Groups, Interval, Raster, Rates};
use crate::analysis::spikes::rates::{self, Psth};
use crate::diag::{Error, Result};
use crate::plot::Figure;
use crate::script::args::number;
use crate::script::registry::{Answer, Api};

/// Spikes as a figure takes them: which row of all cells fired when.
pub(in crate::script::api) struct Fired {
    pub times: Vec<f64>,
    pub rows: Vec<u32>,
    pub ids: Vec<i64>,
    pub populations: Vec<String>,
    pub window: (f64, f64),
}

impl Fired {
    /// The same for a figure.
    pub fn raster<'a>(&'a self, groups: Option<Groups<'a>>) -> Raster<'a> {
        Raster {
            times: &self.times,
            rows: &self.rows,
            ids: &self.ids,
            populations: &self.populations,
            window: self.window,
            groups,
        }
    }
}

impl Spikes {
    /// The spikes with the rows of their cells, and when they were recorded: of a file of spikes, from the first to the
    /// last.
    pub(in crate::script::api) fn rows(&self) -> Result<Fired> {
        let (ids, data) = (self.cells()?.sorted().to_vec(), self.data()?);
        let times = data.times().to_vec();
        let window = match (self.window(), times.as_slice()) {
            (Ok(window), _) => window,
            (Err(_), [first, .., last]) => (*first, *last),
            (Err(error), _) => return Err(error),
        };
        let row = |id: &i64| ids.binary_search(id).ok().map(|row| row as u32);
        // A file may hold spikes of cells that were not simulated, such as those of fibres.
        let (times, rows) =
            times.into_iter().zip(data.ids()).filter_map(|(t, id)| Some((t, row(id)?))).unzip();
        let populations = data.populations().map_or_else(Vec::new, |names| names.to_vec());
        Ok(Fired { times, rows, ids, populations, window })
    }

    /// The rate of the population, as a figure takes it.
    pub(in crate::script::api) fn rates(&self, bin: Option<f64>) -> Result<Rates> {
        let psth = self.psth_of(bin)?;
        Ok(Rates { label: String::new(), edges: psth.bins.edges(), groups: vec![(String::new(), psth.rate)] })
    }
}

impl SpikeGroups {
    /// The rates of the groups, as a figure takes them.
    fn rates(&self, bin: Option<f64>) -> Result<Rates> {
        let (keys, members) = self.cells()?;
        let of: Vec<Psth> = self.psth_of(&members, bin)?;
        let edges = of.first().map_or_else(Vec::new, |psth| psth.bins.edges());
        Ok(Rates {
            label: self.label(),
            edges,
            groups: names_of(&keys).into_iter().zip(of.into_iter().map(|psth| psth.rate)).collect(),
        })
    }

    /// What cells are grouped by.
    fn label(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|key| key.spec.name.as_str()).collect();
        names.join(", ")
    }

    /// Draws with the groups of the cells.
    fn grouped(&self, draw: impl FnOnce(&Fired, Groups) -> Result<Figure>) -> Result<Figure> {
        let (keys, members) = self.cells()?;
        let rows = self.spikes.rows()?;
        let mut of = vec![0; rows.ids.len()];
        for (group, ids) in (0..).zip(&members) {
            for id in ids {
                if let Ok(row) = rows.ids.binary_search(id) {
                    of[row] = group;
                }
            }
        }
        draw(&rows, Groups { label: &self.label(), names: &names_of(&keys), of: &of })
    }
}

/// Times of stimuli: one, or several.
fn stimuli(value: &Dynamic) -> Result<Vec<f64>> {
    match value.read_lock::<Array>() {
        Some(array) => array.iter().map(number).collect(),
        None => Ok(vec![number(value)?]),
    }
}

pub(super) fn register(api: &mut Api) {
    api.call(
        "raster() -> Figure",
        "A stroke for each spike, time against cell. `.by(\"layer\").raster()` orders and colours the cells by a property. \
         Very many spikes are drawn as an image, and the figure says so.",
        "sim.spikes.between(650, 750).raster()",
        |s: &mut Spikes| -> Answer<Figure> { Ok(figures::raster(&s.rows()?.raster(None))?) },
    );
    api.call(
        "plot_psth(bin, stimuli) -> Figure",
        "The rate of the population over time, in bins of `bin` ms, with an upright line at each stimulus. Both are optional.",
        "sim.spikes.plot_psth(10.ms, 700.ms)",
        |s: &mut Spikes, bin: Dynamic, at: Dynamic| -> Answer<Figure> {
            Ok(figures::psth(&s.rates(Some(number(&bin)?))?, &stimuli(&at)?)?)
        },
    );
    api.also("plot_psth", |s: &mut Spikes, bin: Dynamic| -> Answer<Figure> {
        Ok(figures::psth(&s.rates(Some(number(&bin)?))?, &[])?)
    });
    api.also("plot_psth", |s: &mut Spikes| -> Answer<Figure> { Ok(figures::psth(&s.rates(None)?, &[])?) });
    api.call(
        "plot_isi(as) -> Figure",
        "A histogram of the intervals between the spikes of a cell; of 1000 / interval (Hz), if `\"rate\"` is given.",
        "sim.spikes.plot_isi()",
        |s: &mut Spikes, shown: &str| -> Answer<Figure> {
            let shown = match shown {
                "time" => Interval::Time,
                "rate" => Interval::Rate,
                other => return Err(Error::unknown("way to show intervals", other, ["time", "rate"]).into()),
            };
            Ok(figures::isi(&s.intervals()?, shown)?)
        },
    );
    api.also("plot_isi", |s: &mut Spikes| -> Answer<Figure> {
        Ok(figures::isi(&s.intervals()?, Interval::Time)?)
    });
    api.call(
        "raster_with_psth(bin) -> Figure",
        "The rate of the population above its spikes, on one axis of time.",
        "sim.spikes.raster_with_psth(10.ms)",
        |s: &mut Spikes, bin: Dynamic| -> Answer<Figure> {
            let rates = s.rates(Some(number(&bin)?))?;
            Ok(figures::raster_with_psth(&s.rows()?.raster(None), &rates, &[])?)
        },
    );
}

pub(super) fn register_groups(api: &mut Api) {
    api.call(
        "raster() -> Figure",
        "A stroke for each spike, the cells ordered and coloured by their group, the first group on top.",
        "sim.spikes.by(\"layer\").raster()",
        |g: &mut SpikeGroups| -> Answer<Figure> {
            Ok(g.grouped(|rows, groups| figures::raster(&rows.raster(Some(groups))))?)
        },
    );
    api.call(
        "plot_psth(bin, stimuli) -> Figure",
        "The rate of each group over time; see `Spikes.plot_psth`.",
        "sim.spikes.by(\"synapse_class\").plot_psth(10.ms)",
        |g: &mut SpikeGroups, bin: Dynamic, at: Dynamic| -> Answer<Figure> {
            Ok(figures::psth(&g.rates(Some(number(&bin)?))?, &stimuli(&at)?)?)
        },
    );
    api.also("plot_psth", |g: &mut SpikeGroups, bin: Dynamic| -> Answer<Figure> {
        Ok(figures::psth(&g.rates(Some(number(&bin)?))?, &[])?)
    });
    api.also("plot_psth", |g: &mut SpikeGroups| -> Answer<Figure> {
        Ok(figures::psth(&g.rates(None)?, &[])?)
    });
    api.call(
        "raster_with_psth(bin) -> Figure",
        "The rate of each group above the spikes, on one axis of time.",
        "sim.spikes.by(\"synapse_class\").raster_with_psth(10.ms)",
        |g: &mut SpikeGroups, bin: Dynamic| -> Answer<Figure> {
            let rates = g.rates(Some(number(&bin)?))?;
            Ok(g.grouped(|rows, groups| figures::raster_with_psth(&rows.raster(Some(groups)), &rates, &[]))?)
        },
    );
}

/// Bins of a rate that nobody chose.
pub(in crate::script::api) fn usual_bin(spikes: &Spikes) -> Result<f64> {
    Ok(rates::default_bin(spikes.whole_window()?, spikes.data()?.len()))
}
