//! The figures of reports.

use rhai::{Dynamic, NativeCallContext};

use super::{Report, ReportGroups};
use crate::analysis::figures::{self, MeanTrace, Trace, VoltageHistogram};
use crate::analysis::recordings;
use crate::diag::{Error, Result};
use crate::model::{IdSet, Recording};
use crate::plot::{Axis, Figure};
use crate::query::{Table, Value, value_at};
use crate::script::api::spikes::{names_of, value_name};
use crate::script::args::number;
use crate::script::registry::{Answer, Api};

/// A voltage histogram has so many bins in each direction, if nobody says how wide they are.
const BINS: f64 = 60.0;

/// Lines of a recording, in memory.
pub(in crate::script::api) struct Lines {
    pub times: Vec<f64>,
    /// The name of each line, what kind of cell it is of, and its values.
    pub lines: Vec<(String, String, Vec<f64>)>,
}

impl Lines {
    pub fn traces(&self) -> Vec<Trace<'_>> {
        self.lines
            .iter()
            .map(|(name, kind, values)| Trace {
                name: name.clone(),
                kind: kind.clone(),
                t: &self.times,
                values,
            })
            .collect()
    }
}

impl Report {
    /// What stands at the axis of values.
    pub(in crate::script::api) fn quantity(&self) -> Axis {
        let facts = self.facts();
        figures::quantity(facts.variable.as_deref().unwrap_or(&self.name), &facts.unit)
    }

    /// Every value of a frame as a line over time.
    pub(in crate::script::api) fn lines(&self) -> Result<Lines> {
        let names = self.value_names()?;
        let all = self.values()?;
        let width = names.len();
        let kinds = self.kinds()?;
        let widths = self.recording.columns().into_iter().map(|(_, columns)| columns.len());
        let kinds = kinds.into_iter().zip(widths).flat_map(|(kind, n)| std::iter::repeat_n(kind, n));
        let line = |(at, (name, kind)): (usize, (String, String))| {
            (name, kind, all.iter().skip(at).step_by(width.max(1)).copied().collect())
        };
        let times = (0..self.recording.frames.count).map(|n| self.recording.time(n)).collect();
        Ok(Lines { times, lines: names.into_iter().zip(kinds).enumerate().map(line).collect() })
    }

    /// The e-type of each cell, where it is known.
    fn kinds(&self) -> Result<Vec<String>> {
        let cells = self.cell_table()?;
        let Ok(etypes) = cells.column("etype") else {
            return Ok(vec![String::new(); self.recording.cells.len()]);
        };
        let text = |row| match value_at(&etypes.values, row) {
            Value::Null => String::new(),
            other => value_name(&other),
        };
        Ok((0..self.recording.cells.len()).map(text).collect())
    }

    /// The mean over all values, with its spread.
    pub(in crate::script::api) fn mean_and_spread(&self) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
        let moments = recordings::moments(&self.recording)?;
        let times = (0..self.recording.frames.count).map(|n| self.recording.time(n)).collect();
        Ok((times, moments.trace(2), moments.trace(3)))
    }

    fn plot_mean(&self) -> Result<Figure> {
        let (t, mean, sd) = self.mean_and_spread()?;
        let name = String::new();
        figures::mean_traces(
            &[MeanTrace { name, cells: self.recording.cells.len(), t: &t, mean: &mean, sd: &sd }],
            &self.quantity(),
        )
    }

    fn voltage_histogram(&self, bins: Option<(f64, f64)>) -> Result<Figure> {
        let (start, end) = (self.recording.time(0), self.recording.time(self.recording.frames.count));
        let moments = recordings::moments(&self.recording)?;
        let least = moments.trace(0).into_iter().fold(f64::INFINITY, f64::min);
        let most = moments.trace(1).into_iter().fold(f64::NEG_INFINITY, f64::max);
        let (step, height) = bins.unwrap_or(((end - start) / BINS, (most - least) / BINS));
        let mut histogram = VoltageHistogram::new((start, end), step, (least, most), height)?;
        // Cell by cell, so that a report need not be in memory.
        for &id in &*self.recording.cells {
            let one = Report { recording: self.recording.of(&IdSet::new(vec![id])), ..self.clone() };
            let lines = one.lines()?;
            for (_, _, values) in &lines.lines {
                histogram.add(&lines.times, values)?;
            }
        }
        histogram.figure(&self.quantity(), None, true)
    }
}

impl ReportGroups {
    /// Each group's part of the report.
    fn parts(&self) -> Result<Vec<(String, Report)>> {
        let labels = self.report.cell_table()?.labels(&self.keys)?;
        let mut members = vec![Vec::new(); labels.keys.len()];
        for (&id, &group) in self.report.recording.cells.iter().zip(&labels.of) {
            members[group as usize].push(id);
        }
        let part = |ids: Vec<i64>| Report {
            recording: Recording { cells: ids.into(), ..self.report.recording.clone() },
            ..self.report.clone()
        };
        Ok(names_of(&labels.keys).into_iter().zip(members.into_iter().map(part)).collect())
    }

    fn plot_mean(&self) -> Result<Figure> {
        let parts = self.parts()?;
        let means: Vec<_> = parts.iter().map(|(_, part)| part.mean_and_spread()).collect::<Result<_>>()?;
        let traces: Vec<MeanTrace> = parts
            .iter()
            .zip(&means)
            .map(|((name, part), (t, mean, sd))| MeanTrace {
                name: name.clone(),
                cells: part.recording.cells.len(),
                t,
                mean,
                sd,
            })
            .collect();
        figures::mean_traces(&traces, &self.report.quantity())
    }

    fn plot_traces(&self) -> Result<Figure> {
        let parts = self.parts()?;
        let lines: Vec<(String, Lines)> =
            parts.into_iter().map(|(name, part)| Ok((name, part.lines()?))).collect::<Result<_>>()?;
        let groups: Vec<(String, Vec<Trace>)> =
            lines.iter().map(|(name, lines)| (name.clone(), lines.traces())).collect();
        figures::traces_by_group(&groups, &self.report.quantity())
    }
}

pub(super) fn register(api: &mut Api) {
    let traces = |r: &Report| -> Result<Figure> { figures::traces(&r.lines()?.traces(), &r.quantity()) };
    let collage = |r: &Report| -> Result<Figure> { figures::collage(&r.lines()?.traces(), &r.quantity()) };
    api.call(
        "plot_traces(group) -> Figure",
        "A line over time for each value of the cells of a group; of all, if none is given. More than twelve lines are \
         thin and without names.",
        "sim.report(\"soma\").plot_traces([1, 2, 3])",
        move |ctx: NativeCallContext, r: &mut Report, group: Dynamic| -> Answer<Figure> {
            Ok(traces(&r.of(&ctx, &group)?)?)
        },
    );
    api.also("plot_traces", move |r: &mut Report| -> Answer<Figure> { Ok(traces(r)?) });
    api.call(
        "plot_collage(group) -> Figure",
        "A thin panel for each cell of a group, with its id and e-type, on one axis of time; of all cells, if no group is \
         given.",
        "sim.report(\"soma\").plot_collage(1..=6)",
        move |ctx: NativeCallContext, r: &mut Report, group: Dynamic| -> Answer<Figure> {
            Ok(collage(&r.of(&ctx, &group)?)?)
        },
    );
    api.also("plot_collage", move |r: &mut Report| -> Answer<Figure> { Ok(collage(r)?) });
    api.call(
        "plot_mean() -> Figure",
        "The mean over all values at each frame, with a band of one standard deviation.",
        "sim.report(\"soma\").plot_mean()",
        |r: &mut Report| -> Answer<Figure> { Ok(r.plot_mean()?) },
    );
    api.call(
        "plot_voltage_histogram(time_bin, voltage_bin) -> Figure",
        "How often which value was recorded when, as a heat map with colours by the logarithm. Bins are in ms and in the \
         unit of the values; 60 in each direction, if none are given.",
        "sim.report(\"soma\").of(\"Layer4\").plot_voltage_histogram(20.ms, 2.5)",
        |r: &mut Report, step: Dynamic, height: Dynamic| -> Answer<Figure> {
            Ok(r.voltage_histogram(Some((number(&step)?, number(&height)?)))?)
        },
    );
    api.also("plot_voltage_histogram", |r: &mut Report| -> Answer<Figure> { Ok(r.voltage_histogram(None)?) });
    api.also("plot", |r: &mut Report| -> Answer<Figure> { Ok(r.plot_mean()?) });
}

pub(super) fn register_groups(api: &mut Api) {
    api.call(
        "plot_mean() -> Figure",
        "The mean of each group at each frame, with a band of one standard deviation.",
        "sim.report(\"soma\").by(\"synapse_class\").plot_mean()",
        |g: &mut ReportGroups| -> Answer<Figure> { Ok(g.plot_mean()?) },
    );
    api.call(
        "plot_traces() -> Figure",
        "A panel for each group with a thin line for each value, on one axis of time.",
        "sim.report(\"soma\").of(1..=60).by(\"synapse_class\").plot_traces()",
        |g: &mut ReportGroups| -> Answer<Figure> { Ok(g.plot_traces()?) },
    );
    api.also("plot", |g: &mut ReportGroups| -> Answer<Figure> { Ok(g.plot_mean()?) });
}

/// A text column of a table, for a figure.
pub(in crate::script::api) fn texts(table: &Table, column: &str) -> Result<Vec<String>> {
    let column = table.column(column)?;
    Ok((0..column.values.len()).map(|row| value_name(&value_at(&column.values, row))).collect())
}

/// A column of numbers of a table, for a figure.
pub(in crate::script::api) fn numbers(table: &Table, column: &str) -> Result<Vec<f64>> {
    let of = table.column(column)?;
    let number = |row| match value_at(&of.values, row) {
        Value::Null => Ok(f64::NAN),
        other => other.as_f64().ok_or_else(|| Error::argument(format!("`{column}` is not a number"))),
    };
    (0..of.values.len()).map(number).collect()
}
