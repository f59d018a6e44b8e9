//! `Report`: what a simulation recorded at each step of time.

mod figures;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::DataType;
use rhai::{Array, Dynamic, NativeCallContext};
use serde_json::{Value as Json, json};

pub(super) use figures::{numbers, texts};

use super::cells::Cells;
use super::circuit::Circuit;
use super::grouped::{Grouped, Groups};
use super::spikes::of_script;
use crate::analysis::recordings;
use crate::diag::{Error, Result};
use crate::model::{
    self, Column, ColumnSpec, Frame, IdSet, Recording, ReportKind, ReportRows, Schema, cell_id_column,
    time_column, value_column,
};
use crate::query::{Named, Table, array_of};
use crate::script::args::number;
use crate::script::registry::{Answer, Api};
use crate::script::value::from_query;

/// A table with more columns than this is nothing to look at.
const MOST_COLUMNS: usize = 20_000;

/// A report, or a part of it: some cells, some steps.
#[derive(Clone)]
pub struct Report {
    /// Its name in the configuration, or that of the file.
    pub name: String,
    /// What is read.
    pub recording: Recording,
    /// The circuit that was simulated, where it is known.
    pub circuit: Option<Circuit>,
}

/// The cells of a report in groups.
#[derive(Clone)]
pub struct ReportGroups {
    report: Report,
    grouped: Grouped,
    keys: Vec<Named>,
}

impl Groups for ReportGroups {
    fn grouped(&self) -> &Grouped {
        &self.grouped
    }
}

impl Report {
    /// All of a report.
    ///
    /// # Errors
    /// When its populations cannot be one report.
    pub fn new(
        name: impl Into<String>,
        report: &Arc<dyn model::Report>,
        circuit: Option<Circuit>,
    ) -> Result<Self> {
        let names = circuit.as_ref().map_or(&[][..], |c| &c.0.populations);
        let recording = Recording::all(model::for_populations(report, names)?);
        Ok(Report { name: name.into(), recording, circuit })
    }

    fn facts(&self) -> &model::ReportFacts {
        self.recording.report.facts()
    }

    fn kind(&self) -> ReportKind {
        self.facts().kind
    }

    /// A row for each value.
    pub fn table(&self) -> Table {
        let cells = self.circuit.as_ref().map(|c| &c.0.cells);
        Table::of(Arc::new(ReportRows::new(self.recording.clone(), cells)))
    }

    fn linked(&self, columns: Vec<Column>) -> Result<Table> {
        let rows = columns.first().map_or(0, |c| c.values.len());
        let (specs, values): (Vec<ColumnSpec>, Vec<ArrayRef>) =
            columns.into_iter().map(|c| (c.spec, c.values)).unzip();
        let mut schema = Schema::new(specs);
        if let Some(circuit) = &self.circuit {
            schema = schema.linked("id", &circuit.0.cells);
        }
        Ok(Table::in_memory(Frame::with_schema(Arc::new(schema), values, rows)?))
    }

    /// The recorded elements, a row each: `id`, and the section, synapse or electrode.
    pub fn elements(&self) -> Result<Table> {
        let layout = self.recording.report.layout();
        let (mut ids, mut elements, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (id, columns) in self.recording.columns() {
            ids.extend(std::iter::repeat_n(id, columns.len()));
            places.extend(columns.clone().map(|column| column as i64));
            elements.extend_from_slice(&layout.elements[columns]);
        }
        let place = ColumnSpec::new("column", DataType::Int64).meaning("its place in the file");
        let element = ColumnSpec::new(self.kind().element(), DataType::Int64).aliases(&["element"]);
        self.linked(vec![
            Column { spec: cell_id_column(self.facts()), values: Arc::new(Int64Array::from(ids)) },
            Column { spec: element, values: Arc::new(Int64Array::from(elements)) },
            Column { spec: place, values: Arc::new(Int64Array::from(places)) },
        ])
    }

    /// Those of its cells that are in a group.
    pub fn of(&self, ctx: &NativeCallContext, group: &Dynamic) -> Result<Report> {
        let ids = of_script(ctx, self.circuit.as_ref(), group, "these values")?;
        let recording = match ids {
            Some(ids) => self.recording.of(&ids),
            None => self.recording.clone(),
        };
        Ok(Report { recording, ..self.clone() })
    }

    /// The steps from `start` up to, not including, `end`.
    ///
    /// # Errors
    /// When the window does not begin before it ends, or is not within the recording.
    pub fn between(&self, start: f64, end: f64) -> Result<Report> {
        let clock = self.facts().clock;
        let slack = clock.dt * 1e-4;
        if start < clock.start - slack || end > clock.end() + slack {
            return Err(Error::argument(format!(
                "the window from {start} to {end} ms is not within the recording"
            ))
            .in_file(&self.facts().path)
            .help(format!("it lasts from {} to {} ms", clock.start, clock.end())));
        }
        let window = self.facts().clock.window(start, end)?;
        let frames = self.recording.frames.within(window);
        Ok(Report { recording: Recording { frames, ..self.recording.clone() }, ..self.clone() })
    }

    /// Every step of `dt` ms, a multiple of the report's.
    pub fn every(&self, dt: f64) -> Result<Report> {
        let clock = self.facts().clock;
        let steps = (dt / clock.dt).round();
        if !(steps >= 1.0 && ((dt / clock.dt) - steps).abs() < 1e-4 * steps) {
            return Err(Error::argument(format!(
                "{dt} ms is no multiple of the report's time step of {} ms",
                clock.dt
            ))
            .help(format!("{} ms is one", clock.dt * steps.max(1.0))));
        }
        let frames = self.recording.frames.every(steps as usize);
        Ok(Report { recording: Recording { frames, ..self.recording.clone() }, ..self.clone() })
    }

    /// One frame: a row for each element.
    pub fn at(&self, t: f64) -> Result<Table> {
        let frame = self.facts().clock.frame_at(t)?;
        let one = model::Frames { first: frame, step: 1, count: 1 };
        let part = Report { recording: Recording { frames: one, ..self.recording.clone() }, ..self.clone() };
        Ok(part.table())
    }

    /// One cell over all frames.
    pub fn trace(&self, ctx: &NativeCallContext, id: &Dynamic) -> Result<Table> {
        let one = self.of(ctx, id)?;
        if one.recording.cells.is_empty() {
            return Err(Error::argument(format!("cell {id} is not in the report"))
                .in_file(&self.facts().path)
                .help(format!("it holds {}", describe_ids(&self.recording))));
        }
        if one.recording.cells.len() > 1 {
            return Err(Error::argument("a trace is that of one cell")
                .help("of several: `.of(group).to_table()`, or their `.mean()`"));
        }
        one.table().drop(&["id".to_owned()])
    }

    /// The names of the values of a frame: the cell, and the element where a cell has several.
    fn value_names(&self) -> Result<Vec<String>> {
        let width = self.recording.width();
        if width > MOST_COLUMNS {
            return Err(Error::argument(format!(
                "{width} values a frame are too many to stand side by side"
            ))
            .help("choose cells with `.of(group)`, or take a row for each value: `.to_table()`"));
        }
        let layout = self.recording.report.layout();
        let several = self.kind() != ReportKind::Soma;
        let mut names: Vec<String> = Vec::with_capacity(width);
        for (id, columns) in self.recording.columns() {
            let id = match &self.facts().populations {
                Some(names) => model::merged::id_text(id, names),
                None => id.to_string(),
            };
            let mut seen = HashMap::new();
            for element in &layout.elements[columns] {
                let nth = seen.entry(element).and_modify(|n| *n += 1).or_insert(0);
                names.push(match (several, *nth) {
                    (false, _) => id.clone(),
                    (true, 0) => format!("{id}/{element}"),
                    (true, nth) => format!("{id}/{element}.{nth}"),
                });
            }
        }
        Ok(names)
    }

    /// All values, frame after frame.
    fn values(&self) -> Result<Vec<f64>> {
        recordings::each_frame(&self.recording, self.recording.width(), |values, row| {
            for (wide, value) in row.iter_mut().zip(values) {
                *wide = f64::from(*value);
            }
        })
    }

    /// A column for each value of a frame.
    fn wide(&self) -> Result<Table> {
        let names = self.value_names()?;
        let (width, all) = (names.len(), self.values()?);
        let mut columns = vec![self.times(1)];
        for (at, name) in names.into_iter().enumerate() {
            let mut spec = value_column(self.facts());
            spec.aliases.clear();
            spec.name = name;
            let values: Float64Array = all.iter().skip(at).step_by(width).copied().collect();
            columns.push(Column { spec, values: Arc::new(values) });
        }
        self.linked(columns)
    }

    fn means(&self) -> Result<Table> {
        let groups = vec![Some(0); self.recording.width()];
        let mean = recordings::group_means(&self.recording, &groups, 1)?;
        self.linked(vec![self.times(1), self.mean_column(mean.of)])
    }

    fn times(&self, repeat: usize) -> Column {
        let times =
            (0..repeat).flat_map(|_| (0..self.recording.frames.count).map(|n| self.recording.time(n)));
        Column { spec: time_column(), values: Arc::new(times.collect::<Float64Array>()) }
    }

    fn mean_column(&self, values: Vec<f64>) -> Column {
        let mut spec = value_column(self.facts());
        let of = if self.facts().unit == model::units::MV { "voltage" } else { "value" };
        "mean".clone_into(&mut spec.name);
        spec.meaning = format!("mean({of})");
        Column { spec, values: Arc::new(Float64Array::from(values)) }
    }

    /// Its cells as a table of the circuit's properties, in the order of the recording.
    fn cell_table(&self) -> Result<Table> {
        let ids: Vec<i64> = self.recording.cells.to_vec();
        self.linked(vec![Column {
            spec: cell_id_column(self.facts()),
            values: Arc::new(Int64Array::from(ids)),
        }])
    }

    /// The cells as cells of the circuit.
    fn cells(&self) -> Result<Cells> {
        let circuit = self.circuit.as_ref().ok_or_else(|| {
            Error::argument("this report was opened without its circuit")
                .help("open the simulation: `open(path).report(name)`")
        })?;
        Ok(Cells::of_ids(circuit, IdSet::new(self.recording.cells.to_vec())))
    }

    /// The names of its populations.
    fn populations(&self) -> Vec<String> {
        let report = &self.recording.report;
        let only = report.facts().population.iter().cloned();
        only.chain(report.parts().iter().map(|part| part.0.clone())).collect()
    }

    /// One population.
    fn population(&self, name: &str) -> Result<Report> {
        let (report, names) = (&self.recording.report, self.populations());
        if !names.iter().any(|known| known == name) {
            return Err(Error::unknown("population of the report", name, &names).in_file(&self.facts().path));
        }
        let part = report.parts().iter().find(|part| part.0 == name).map_or(report, |part| &part.1);
        let circuit = self.circuit.as_ref().map(|c| c.view(name)).transpose()?;
        Report::new(self.name.clone(), part, circuit)
    }

    /// Its facts.
    pub fn card(&self) -> Json {
        let facts = self.facts();
        let (frames, clock) = (self.recording.frames, facts.clock);
        json!({
            "report": self.name,
            "file": facts.path.display().to_string(),
            "kind": facts.kind.name(),
            "unit": facts.unit,
            "from": format!("{} ms", self.recording.time(0)),
            "to": format!("{} ms", clock.time(frames.at(frames.count))),
            "step": format!("{} ms", clock.dt * frames.step as f64),
            "cells": self.recording.cells.len(),
            "values a frame": self.recording.width(),
            "frames": frames.count,
        })
    }
}

fn describe_ids(recording: &Recording) -> String {
    match &*recording.cells {
        [] => "no cells".to_owned(),
        [one] => format!("cell {one}"),
        [first, .., last] => format!("{} cells, from {first} to {last}", recording.cells.len()),
    }
}

impl ReportGroups {
    /// The mean of each group at each step: the keys, `t`, `mean`.
    fn means(&self) -> Result<Table> {
        let report = &self.report;
        let labels = report.cell_table()?.labels(&self.keys)?;
        let columns = report.recording.columns();
        let group_of: Vec<Option<u32>> = columns
            .iter()
            .zip(&labels.of)
            .flat_map(|((_, columns), &group)| std::iter::repeat_n(Some(group), columns.len()))
            .collect();
        let groups = labels.keys.len();
        let means = recordings::group_means(&report.recording, &group_of, groups)?;
        let frames = report.recording.frames.count;
        let mut out = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            let values: Vec<_> =
                labels.keys.iter().flat_map(|key| std::iter::repeat_n(key[at].clone(), frames)).collect();
            let values = array_of(&values);
            let spec = ColumnSpec { data_type: values.data_type().clone(), ..key.spec.clone() };
            out.push(Column { spec, values });
        }
        out.push(report.times(groups));
        out.push(report.mean_column((0..groups).flat_map(|group| means.trace(group)).collect()));
        report.linked(out)
    }
}

pub(super) fn register(api: &mut Api) {
    api.on::<Report>("Report");
    facts(api);
    choose(api);
    answers(api);
    figures::register(api);
    api.on::<ReportGroups>("ReportGroups");
    api.call(
        "mean() -> Table",
        "The mean over the values of each group at each step: the keys, `t`, `mean`.",
        "sim.report(\"soma\").by(\"layer\").mean().count()",
        |g: &mut ReportGroups| -> Answer<Table> { Ok(g.means()?) },
    );
    figures::register_groups(api);
    api.as_for("ReportGroups");
    super::grouped::register_verbs::<ReportGroups>(api);
}

fn facts(api: &mut Api) {
    let example = "sim.report(\"soma\").kind";
    api.property("name -> text", "Its name.", example, |r: &mut Report| r.name.clone());
    api.property(
        "kind -> text",
        "What was recorded: `soma` (one value a cell), `compartment`, `synapse`, `lfp`.",
        example,
        |r: &mut Report| r.kind().name().to_owned(),
    );
    api.property("unit -> text", "The unit of the values.", example, |r: &mut Report| r.facts().unit.clone());
    api.property("path -> text", "The file.", example, |r: &mut Report| r.facts().path.display().to_string());
    macro_rules! times {
        ($($signature:literal, $doc:literal, $of:expr;)*) => {$(
            api.property($signature, $doc, "sim.report(\"soma\").t_end", |r: &mut Report| -> Dynamic {
                let of: fn(&Report) -> f64 = $of;
                from_query(crate::query::Value::Float(of(r)), Some(model::units::MS))
            });
        )*};
    }
    times! {
        "t_start -> float", "The time of the first frame (ms).", |r| r.recording.time(0);
        "t_end -> float", "The end of the recording (ms), where no frame is any more.",
            |r| r.facts().clock.time(r.recording.frames.at(r.recording.frames.count));
        "dt -> float", "The time between frames (ms).", |r| r.facts().clock.dt * r.recording.frames.step as f64;
    }
    api.property("frames -> int", "The number of frames.", example, |r: &mut Report| {
        r.recording.frames.count as i64
    });
    api.property(
        "populations -> array",
        "The names of its populations; none, where the file does not name them.",
        example,
        |r: &mut Report| -> Array { r.populations().into_iter().map(Dynamic::from).collect() },
    );
    api.call(
        "population(name) -> Report",
        "One of its populations.",
        example,
        |r: &mut Report, name: &str| -> Answer<Report> { Ok(r.population(name)?) },
    );
    api.property(
        "elements -> Table",
        "What was recorded, a row each: the cell, and its section, synapse or electrode. A section stands once for each \
         of its compartments, from its start.",
        "sim.report(\"compartments\").elements.head(3)",
        |r: &mut Report| -> Answer<Table> { Ok(r.elements()?) },
    );
    api.call(
        "ids() -> array",
        "The recorded cells, ascending.",
        "sim.report(\"soma\").ids().len()",
        |r: &mut Report| -> Answer<Array> {
            Ok(crate::script::value::array_of(&r.cell_table()?.column("id")?)?)
        },
    );
    api.property(
        "cells -> Cells",
        "The recorded cells, as cells of the circuit.",
        "sim.report(\"soma\").cells.by(\"layer\").count()",
        |r: &mut Report| -> Answer<Cells> { Ok(r.cells()?) },
    );
}

fn choose(api: &mut Api) {
    api.call(
        "of(group) -> Report",
        "Those of the recorded cells that are in a group, in the order of the group. Others are left out.",
        "sim.report(\"soma\").of(\"Layer4\").mean()",
        |ctx: NativeCallContext, r: &mut Report, group: Dynamic| -> Answer<Report> {
            Ok(r.of(&ctx, &group)?)
        },
    );
    api.call(
        "between(t0, t1) -> Report",
        "The frames from `t0` up to, not including, `t1` (ms). A time between two frames means the one before it.",
        "sim.report(\"soma\").between(700.ms, 800.ms).mean()",
        |r: &mut Report, a: Dynamic, b: Dynamic| -> Answer<Report> { Ok(r.between(number(&a)?, number(&b)?)?) },
    );
    api.call(
        "every(dt) -> Report",
        "A frame every `dt` ms, which is a multiple of the report's own step.",
        "sim.report(\"soma\").every(5.ms).frames",
        |r: &mut Report, dt: Dynamic| -> Answer<Report> { Ok(r.every(number(&dt)?)?) },
    );
    api.call(
        "by(keys) -> ReportGroups",
        "The cells in groups by a property, by several, or by what a closure gives.",
        "sim.report(\"soma\").by(\"layer\").mean().plot()",
        |ctx: NativeCallContext, r: &mut Report, keys: Dynamic| -> Answer<ReportGroups> {
            let cells = r.cell_table()?;
            let of_cells = super::table::keys(&ctx, &cells, &keys)?;
            let rows = r.table();
            let grouped = Grouped::new(rows.clone(), super::table::keys(&ctx, &rows, &keys)?);
            Ok(ReportGroups { report: r.clone(), grouped, keys: of_cells })
        },
    );
}

fn answers(api: &mut Api) {
    api.call(
        "at(t) -> Table",
        "The frame that holds a time, which is the one at it or before it: `t`, `id`, the element where a cell has several, \
         `value`.",
        "sim.report(\"soma\").at(700.ms).top(3, \"value\")",
        |r: &mut Report, t: Dynamic| -> Answer<Table> { Ok(r.at(number(&t)?)?) },
    );
    api.call(
        "trace(id) -> Table",
        "One cell over all frames: `t`, the element where there are several, `value`.",
        "sim.report(\"soma\").trace(7).max(\"value\")",
        |ctx: NativeCallContext, r: &mut Report, id: Dynamic| -> Answer<Table> { Ok(r.trace(&ctx, &id)?) },
    );
    api.call(
        "mean() -> Table",
        "The mean over all values at each frame: `t`, `mean`.",
        "sim.report(\"soma\").mean().plot()",
        |r: &mut Report| -> Answer<Table> { Ok(r.means()?) },
    );
    api.call(
        "to_table() -> Table",
        "A row for each value: `t`, `id`, the element where a cell has several, `value`. It is read in pieces, and the \
         cells' properties can be asked of its rows: `.filter(|r| r.layer == 5)`.",
        "sim.report(\"soma\").between(0, 10).to_table().filter(|r| r.layer == 4).mean(\"value\")",
        |r: &mut Report| r.table(),
    );
    api.call(
        "wide() -> Table",
        "A row for each frame: `t`, then a column for each value, named after the cell; where a cell has several values, \
         `cell/section`, and `cell/section.1` and so on for further compartments of the section.",
        "sim.report(\"soma\").of([1, 2]).wide().head(3)",
        |r: &mut Report| -> Answer<Table> { Ok(r.wide()?) },
    );
    api.call(
        "save(path) -> text",
        "Writes it into a file: `.bbp`, `.h5` (SONATA), or a table: `.parquet`, `.csv` and so on. Gives the path.",
        "sim.report(\"soma\").between(0, 10).save(\"soma.h5\")",
        |r: &mut Report, path: &str| -> Answer<String> { Ok(crate::script::saving::report(r, Path::new(path))?) },
    );
}
