//! `Simulation`: what was simulated, and what it wrote.

use std::sync::Arc;

use rhai::{Dynamic, NativeCallContext};
use serde_json::{Value as Json, json};

use super::cells::Cells;
use super::circuit::Circuit;
use super::report::Report;
use super::spikes::Spikes;
use crate::diag::{Deferred, Result};
use crate::model::{self, Column, ColumnSpec, Frame, IdSet, ReportEntry};
use crate::query::{Group, Table, Value, array_of};
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
}
