//! `Simulation`: what was simulated, and what it wrote.

use std::sync::Arc;

use rhai::{Dynamic, Map, NativeCallContext};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::cells::Cells;
use super::circuit::Circuit;
use super::report::Report;
use super::spikes::{Fired, Spikes, usual_bin};
use crate::analysis::figures::{self, Animation, Firing, Groups, MeanTrace, Population};
use crate::diag::{Deferred, Error, Result};
use crate::model::{self, Column, ColumnSpec, Frame, IdSet, ReportEntry};
use crate::plot::{Axis, Figure};
use crate::query::{Group, Table, Value, array_of};
use crate::script::args::{options, text_of};
use crate::script::registry::{Answer, Api};
use crate::script::value::{from_json, from_query};

/// A simulation of a circuit.
#[derive(Clone)]
pub struct Simulation {
    simulation: Arc<model::Simulation>,
    spikes: Arc<Deferred<Spikes>>,
}

impl Simulation {
    /// Of a simulation that was opened.
    pub fn new(simulation: model::Simulation) -> Self {
        let simulation = Arc::new(simulation);
        let of = simulation.clone();
        Simulation { simulation, spikes: Arc::new(Deferred::new(move || read_spikes(&of))) }
    }

    /// What was opened.
    pub fn model(&self) -> &model::Simulation {
        &self.simulation
    }

    /// The circuit.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn circuit(&self) -> Result<Circuit> {
        circuit_of(&self.simulation)
    }

    /// The spikes of all cells that were simulated.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn spikes(&self) -> Result<Spikes> {
        self.spikes.get().cloned()
    }

    /// A report.
    ///
    /// # Errors
    /// When there is none of that name, or its file is missing or damaged.
    pub fn report(&self, name: &str) -> Result<Report> {
        let entry = self.model().report(name)?;
        // Reports of electrodes, and those of a circuit that is not at hand, can be read all the same.
        let circuit = self.circuit().ok();
        Report::new(name, entry.report.get()?, circuit)
    }

    /// The cells that were simulated.
    ///
    /// # Errors
    /// When the circuit cannot be opened, or does not have the target.
    pub fn cells(&self) -> Result<Cells> {
        let circuit = self.circuit()?;
        Ok(match simulated(&self.simulation, &circuit)? {
            None => Cells::all(&circuit),
            Some(ids) => Cells::of_ids(&circuit, ids),
        })
    }

    fn reports(&self) -> Result<Table> {
        let reports = &self.model().reports;
        let text = |of: &dyn Fn(&ReportEntry) -> Option<String>| {
            reports.iter().map(|r| of(r).map_or(Value::Null, |t| Value::Text(t.into()))).collect::<Vec<_>>()
        };
        let key = |names: &'static [&'static str]| {
            move |r: &ReportEntry| {
                names.iter().find_map(|name| match r.config.get(*name)? {
                    Json::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                })
            }
        };
        let columns = [
            ("name", text(&|r| Some(r.name.clone()))),
            ("type", text(&key(&["type", "Type"]))),
            ("variable", text(&key(&["variable_name", "ReportOn"]))),
            ("target", text(&|r| r.target.clone())),
            ("file", text(&|r| Some(r.path.display().to_string()))),
        ];
        let columns = columns.into_iter().map(|(name, values)| {
            let values = array_of(&values);
            Column { spec: ColumnSpec::new(name, values.data_type().clone()), values }
        });
        Ok(Table::in_memory(Frame::new(columns.collect())?))
    }

    /// The facts that a person wants to see first.
    pub fn card(&self) -> Json {
        let simulation = self.model();
        let said = |r: Result<Json>| r.unwrap_or_else(|e| e.message().into());
        let names: Vec<&str> = simulation.reports.iter().map(|r| r.name.as_str()).collect();
        json!({
            "simulation": simulation.path.display().to_string(),
            "circuit": said(self.circuit().map(|c| c.0.path.display().to_string().into())),
            "cells": said(self.circuit().map(|c| c.0.cells.count().into())),
            "from": format!("{} ms", simulation.t_start),
            "to": format!("{} ms", simulation.t_end),
            "target": simulation.target.clone().unwrap_or_else(|| "all cells".to_owned()),
            "spikes": said(simulation.spikes.get().map(|spikes| spikes.len().into())),
            "reports": names.join(", "),
        })
    }
}

fn circuit_of(simulation: &model::Simulation) -> Result<Circuit> {
    Ok(Circuit(simulation.circuit.get()?.clone()))
}

/// The cells that were simulated; `None` stands for all of the circuit.
fn simulated(simulation: &model::Simulation, circuit: &Circuit) -> Result<Option<IdSet>> {
    match &simulation.target {
        None => Ok(None),
        Some(target) => Group::Text(target.clone()).resolve(&circuit.0),
    }
}

fn read_spikes(simulation: &model::Simulation) -> Result<Spikes> {
    let window = Some((simulation.t_start, simulation.t_end));
    let spikes = simulation.spikes.get()?.as_ref();
    // Spikes can be looked at without the circuit; what needs it says so.
    let Ok(circuit) = circuit_of(simulation) else { return Spikes::new(spikes.clone(), None, None, window) };
    let cells = match simulated(simulation, &circuit)? {
        Some(ids) => ids,
        None => Cells::all(&circuit).ids()?,
    };
    Spikes::new(joined(spikes, &circuit)?, Some(circuit), Some(cells), window)
}

/// Spikes with ids as the circuit counts them.
fn joined(spikes: &model::Spikes, circuit: &Circuit) -> Result<model::Spikes> {
    spikes.with_populations(&circuit.0.populations)
}

/// How a summary is drawn.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SummaryOptions {
    /// The report whose mean stands on top; the first of somata, if none is named.
    report: Option<String>,
    /// The bins of the rates (ms).
    bin: Option<f64>,
    /// Single traces of each group.
    traces: usize,
    /// Times of stimuli (ms).
    stimuli: Vec<f64>,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        SummaryOptions { report: None, bin: None, traces: 3, stimuli: Vec::new() }
    }
}

/// How an animation is drawn.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AnimationOptions {
    x: String,
    y: String,
    colour: Option<String>,
    /// The length of a frame (ms).
    dt: f64,
    /// The window (ms); the whole simulation, if it is not given.
    from: Option<f64>,
    to: Option<f64>,
}

impl Default for AnimationOptions {
    fn default() -> Self {
        AnimationOptions { x: "x".to_owned(), y: "y".to_owned(), colour: None, dt: 5.0, from: None, to: None }
    }
}

impl Simulation {
    /// The report that a summary shows.
    fn report_of_somata(&self, name: Option<&str>) -> Result<Report> {
        if let Some(name) = name {
            return self.report(name);
        }
        let reports = self.model().reports.iter().map(|entry| self.report(&entry.name));
        reports.flatten().find(|r| r.recording.report.facts().kind == model::ReportKind::Soma).ok_or_else(
            || {
                Error::argument("no report of somata can be read, which a summary needs")
                    .help("name another: #{report: \"…\"}")
            },
        )
    }

    fn population_summary(
        &self,
        ctx: &NativeCallContext,
        groups: &rhai::Array,
        options: &SummaryOptions,
    ) -> Result<Figure> {
        let report = self.report_of_somata(options.report.as_deref())?;
        let all = self.spikes()?;
        let bin = match options.bin {
            Some(bin) => bin,
            None => usual_bin(&all)?,
        };
        let (t, mean, sd) = report.mean_and_spread()?;
        let top = MeanTrace {
            name: String::new(),
            cells: report.recording.cells.len(),
            t: &t,
            mean: &mean,
            sd: &sd,
        };
        let mut parts = Vec::new();
        for group in groups {
            let spikes = all.of(ctx, group)?;
            let mut some = report.of(ctx, group)?;
            some.recording.cells = some.recording.cells.iter().copied().take(options.traces).collect();
            let name = text_of(group).unwrap_or_else(|| format!("{} cells", some.recording.cells.len()));
            parts.push((name, spikes.rows()?, spikes.rates(Some(bin))?, some.lines()?));
        }
        let edges = parts.first().map_or_else(Vec::new, |(_, _, rates, _)| rates.edges.clone());
        let populations: Vec<Population> = parts
            .iter()
            .map(|(name, rows, rates, lines)| Population {
                name: name.clone(),
                spikes: rows.raster(None),
                rate: rates.groups[0].1.clone(),
                traces: lines.traces(),
            })
            .collect();
        figures::population_summary(&[top], &populations, &edges, &options.stimuli, &report.quantity())
    }

    fn firing_animation(&self, options: &AnimationOptions) -> Result<Animation> {
        let spikes = self.spikes()?;
        let (from, to) =
            (options.from.unwrap_or(self.model().t_start), options.to.unwrap_or(self.model().t_end));
        let rows: Fired = spikes.between(from, to)?.rows()?;
        let circuit = self.circuit()?;
        let cells = Cells::of_ids(&circuit, IdSet::new(rows.ids.clone())).table;
        let axis = |name: &str| -> Result<Axis> {
            let schema = cells.schema();
            let unit = schema.columns()[schema.position(name)?].unit.clone();
            Ok(Axis::new(name, unit.unwrap_or_default()))
        };
        let colours = match &options.colour {
            Some(name) => Some((name.as_str(), super::report::texts(&cells, name)?)),
            None => None,
        };
        let mut names = colours.as_ref().map_or_else(Vec::new, |(_, of)| of.clone());
        names.sort();
        names.dedup();
        let of: Vec<u32> = colours
            .iter()
            .flat_map(|(_, of)| of)
            .map(|name| names.binary_search(name).unwrap_or(0) as u32)
            .collect();
        figures::firing_animation(&Firing {
            title: self.model().path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            x_axis: axis(&options.x)?,
            y_axis: axis(&options.y)?,
            x: &super::report::numbers(&cells, &options.x)?,
            y: &super::report::numbers(&cells, &options.y)?,
            groups: colours.as_ref().map(|(label, _)| Groups { label, names: &names, of: &of }),
            times: &rows.times,
            rows: &rows.rows,
            window: (from, to),
            step: options.dt,
        })
    }
}

fn register_figures(api: &mut Api) {
    api.call(
        "population_summary(groups, #{report, bin, traces, stimuli}) -> Figure",
        "A simulation on one page: the mean of a report (that of somata, if none is named), and for each group of cells its \
         rate, its spikes and a few single traces (3). Options may be left out.",
        "sim.population_summary([\"Excitatory\", \"Inhibitory\"])",
        |ctx: NativeCallContext, s: &mut Simulation, groups: rhai::Array, given: Map| -> Answer<Figure> {
            Ok(s.population_summary(&ctx, &groups, &options(&given)?)?)
        },
    );
    api.also(
        "population_summary",
        |ctx: NativeCallContext, s: &mut Simulation, groups: rhai::Array| -> Answer<Figure> {
            Ok(s.population_summary(&ctx, &groups, &SummaryOptions::default())?)
        },
    );
    api.call(
        "firing_animation(#{x, y, colour, dt, from, to}) -> Animation",
        "The somata as dots that light up when the cell fires: a page for the browser. `x` and `y` are the properties along \
         the axes, `colour` one that gives the colours, `dt` the length of a frame (ms), `from` and `to` the window (ms). All \
         may be left out.",
        "sim.firing_animation(#{colour: \"layer\", dt: 2, from: 690, to: 760}).save(\"volley.html\")",
        |s: &mut Simulation, given: Map| -> Answer<Animation> { Ok(s.firing_animation(&options(&given)?)?) },
    );
    api.also("firing_animation", |s: &mut Simulation| -> Answer<Animation> {
        Ok(s.firing_animation(&AnimationOptions::default())?)
    });
}

pub(super) fn register(api: &mut Api) {
    api.on::<Simulation>("Simulation");
    api.property("path -> text", "The configuration file.", "sim.path", |s: &mut Simulation| {
        s.model().path.display().to_string()
    });
    api.property("config -> map", "Every key of the configuration.", "sim.config", |s: &mut Simulation| {
        from_json(&s.model().config)
    });
    api.property(
        "circuit -> Circuit",
        "The circuit that was simulated.",
        "sim.circuit.cells.count()",
        |s: &mut Simulation| -> Answer<Circuit> { Ok(s.circuit()?) },
    );
    macro_rules! times {
        ($($signature:literal, $doc:literal, $of:expr;)*) => {$(
            api.property($signature, $doc, "sim.t_end", |s: &mut Simulation| -> Dynamic {
                let of: fn(&model::Simulation) -> Option<f64> = $of;
                let value = of(s.model()).map_or(Value::Null, Value::Float);
                from_query(value, Some(model::units::MS))
            });
        )*};
    }
    times! {
        "t_start -> float", "When it begins (ms).", |s| Some(s.t_start);
        "t_end -> float", "When it ends (ms).", |s| Some(s.t_end);
        "dt -> float", "Its time step (ms); `()` where the configuration does not give it.", |s| s.dt;
    }
    api.property(
        "target -> text",
        "The target (or node set) of the cells that were simulated; `()` stands for all.",
        "sim.target",
        |s: &mut Simulation| s.model().target.clone().map_or(Dynamic::UNIT, Dynamic::from),
    );
    api.property(
        "cells -> Cells",
        "The cells that were simulated.",
        "sim.cells.by(\"layer\").count()",
        |s: &mut Simulation| -> Answer<Cells> { Ok(s.cells()?) },
    );
    api.property(
        "spikes -> Spikes",
        "The spikes.",
        "sim.spikes.count()",
        |s: &mut Simulation| -> Answer<Spikes> { Ok(s.spikes()?) },
    );
    api.call(
        "spikes(group) -> Spikes",
        "The spikes of a group of cells.",
        "sim.spikes(\"Excitatory\").rate().mean(\"rate\")",
        |ctx: NativeCallContext, s: &mut Simulation, cells: Dynamic| -> Answer<Spikes> {
            Ok(s.spikes()?.of(&ctx, &cells)?)
        },
    );
    api.also("spikes", |s: &mut Simulation| -> Answer<Spikes> { Ok(s.spikes()?) });
    api.property(
        "reports -> Table",
        "The reports: `name`, `type`, `variable`, `target`, `file`.",
        "sim.reports",
        |s: &mut Simulation| -> Answer<Table> { Ok(s.reports()?) },
    );
    api.call(
        "report(name) -> Report",
        "A report by name.",
        "sim.report(\"soma\").mean().plot()",
        |s: &mut Simulation, name: &str| -> Answer<Report> { Ok(s.report(name)?) },
    );
    register_figures(api);
}
