//! Reports: a value for each recorded element (a soma, a compartment, a synapse) at each step of time.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::merged;
use crate::diag::{Error, Result};

/// How far from a step a time may be and still be meant as that step, in parts of a step.
const SLACK: f64 = 1e-4;

/// A year in steps of 10 µs; what says more is damaged.
const MOST_FRAMES: f64 = 4e12;

/// The steps of a report: frame `i` holds the values at `start + i · dt`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The time of the first frame (ms).
    pub start: f64,
    /// The time between frames (ms), above 0.
    pub dt: f64,
    /// How many frames there are.
    pub frames: usize,
}

impl Clock {
    /// From what a header says: the end is not included.
    ///
    /// # Errors
    /// A step that is not above 0, an end before the start, a number that is not one.
    pub fn of_header(start: f64, end: f64, dt: f64) -> Result<Self> {
        if !(start.is_finite() && end.is_finite()) || end < start {
            return Err(Error::format(format!("the report cannot last from {start} to {end} ms")));
        }
        if !(dt.is_finite() && dt > 0.0) {
            return Err(Error::format(format!("the time step of the report is {dt} ms, not above 0")));
        }
        let frames = ((end - start) / dt).round();
        if frames > MOST_FRAMES {
            return Err(Error::format(format!(
                "from {start} to {end} ms in steps of {dt} ms: {frames} frames"
            )));
        }
        Ok(Clock { start, dt, frames: frames as usize })
    }

    /// The time of a frame (ms).
    pub fn time(&self, frame: usize) -> f64 {
        self.start + frame as f64 * self.dt
    }

    /// The end (ms), where no frame is any more.
    pub fn end(&self) -> f64 {
        self.time(self.frames)
    }

    /// The frame that holds a time.
    ///
    /// # Errors
    /// When it is outside of the report.
    pub fn frame_at(&self, t: f64) -> Result<usize> {
        let frame = ((t - self.start) / self.dt + SLACK).floor();
        if frame >= 0.0 && frame < self.frames as f64 {
            return Ok(frame as usize);
        }
        Err(Error::argument(format!("{t} ms is outside of the recording")).help(format!(
            "it lasts from {} ms up to, not including, {} ms",
            self.start,
            self.end()
        )))
    }

    /// The frames that overlap `[start, end)`; none where the window is outside of the report.
    ///
    /// # Errors
    /// When the window does not begin before it ends.
    pub fn window(&self, start: f64, end: f64) -> Result<Frames> {
        if start >= end || start.is_nan() || end.is_nan() {
            return Err(Error::argument(format!(
                "the window from {start} to {end} ms does not begin before it ends"
            )));
        }
        let limit = self.frames as f64;
        let first = ((start - self.start) / self.dt + SLACK).floor().clamp(0.0, limit);
        let last = ((end - self.start) / self.dt - SLACK).ceil().clamp(first, limit);
        Ok(Frames { first: first as usize, step: 1, count: (last - first) as usize })
    }

    /// All frames.
    pub fn all(&self) -> Frames {
        Frames { first: 0, step: 1, count: self.frames }
    }
}

/// Some frames: `count` of them, every `step`-th from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// The first.
    pub first: usize,
    /// How far the next is, at least 1.
    pub step: usize,
    /// How many.
    pub count: usize,
}

impl Frames {
    /// The position in the report of the `n`-th of them.
    pub fn at(&self, n: usize) -> usize {
        self.first + n * self.step
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + Clone + use<> {
        let frames = *self;
        (0..frames.count).map(move |n| frames.at(n))
    }

    /// Every `nth` of them.
    #[must_use]
    pub fn every(&self, nth: usize) -> Frames {
        Frames { step: self.step * nth, count: self.count.div_ceil(nth), ..*self }
    }

    /// Those at some positions among them.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Frames {
        Frames { first: self.at(range.start), step: self.step, count: range.len() }
    }

    /// Those of them that overlap a window given as frames of the report.
    #[must_use]
    pub fn within(&self, window: Frames) -> Frames {
        let (low, high) = (window.first, window.first + window.count);
        let skipped = low.saturating_sub(self.first).div_ceil(self.step).min(self.count);
        let end = high.saturating_sub(self.first).div_ceil(self.step).clamp(skipped, self.count);
        self.slice(skipped..end)
    }
}

/// What the elements of a report are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// One value a cell.
    Soma,
    /// Values of sections; a section is there once for each of its compartments, from its start.
    Compartment,
    /// Values of synapses; the element is the row of the synapse (legacy) or its edge id (SONATA).
    Synapse,
    /// Values of electrodes.
    Electrode,
}

impl ReportKind {
    /// The name in scripts.
    pub fn name(self) -> &'static str {
        match self {
            ReportKind::Soma => "soma",
            ReportKind::Compartment => "compartment",
            ReportKind::Synapse => "synapse",
            ReportKind::Electrode => "lfp",
        }
    }

    /// What a column's element number is called in tables.
    pub fn element(self) -> &'static str {
        match self {
            ReportKind::Soma | ReportKind::Compartment => "section_id",
            ReportKind::Synapse => "synapse_id",
            ReportKind::Electrode => "electrode_id",
        }
    }
}

/// Which column of a report's data belongs to whom.
#[derive(Clone, Debug, Default)]
pub struct ReportLayout {
    /// The cells, ascending, each once.
    pub ids: Vec<i64>,
    /// For each cell, its columns. Columns of a cell stand together, in the order of the file.
    pub columns: Vec<Range<usize>>,
    /// For each column, the number of its element: section, synapse or electrode.
    pub elements: Vec<i64>,
}

impl ReportLayout {
    /// From cells in file order, each with its columns.
    ///
    /// # Errors
    /// When a cell is there twice, or columns lie outside of `elements`.
    pub fn of(cells: Vec<(i64, Range<usize>)>, elements: Vec<i64>) -> Result<Self> {
        let mut cells = cells;
        cells.sort_by_key(|cell| cell.0);
        if let Some(twice) = cells.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::format(format!("cell {} is in the report twice", twice[0].0)));
        }
        if let Some((id, columns)) = cells.iter().find(|(_, c)| c.start > c.end || c.end > elements.len()) {
            return Err(Error::format(format!(
                "the columns {}..{} of cell {id} are not among the {} of the report",
                columns.start,
                columns.end,
                elements.len()
            )));
        }
        let (ids, columns) = cells.into_iter().unzip();
        Ok(ReportLayout { ids, columns, elements })
    }

    /// The columns of a cell.
    pub fn of_cell(&self, id: i64) -> Option<Range<usize>> {
        self.ids.binary_search(&id).ok().map(|at| self.columns[at].clone())
    }

    /// Whether each cell has exactly one value.
    pub fn one_each(&self) -> bool {
        self.columns.iter().all(|columns| columns.len() == 1)
    }
}

/// Facts of a report.
#[derive(Clone, Debug)]
pub struct ReportFacts {
    /// The file.
    pub path: PathBuf,
    /// The steps that the file announces.
    pub clock: Clock,
    /// How many frames the file holds, where these are fewer than it announces: it was cut short.
    pub complete: Option<usize>,
    /// The unit of the values: `mV`, `nA` …, empty where the file does not say.
    pub unit: String,
    /// What was recorded (`v`, `i_membrane` …), where the file says so.
    pub variable: Option<String>,
    /// What the elements are.
    pub kind: ReportKind,
    /// The name of its only population, where the file has one.
    pub population: Option<String>,
    /// The names of the populations, where the ids are [packed](merged).
    pub populations: Option<Arc<[String]>>,
}

impl ReportFacts {
    /// Refuses frames that a file that was cut short does not hold.
    ///
    /// # Errors
    /// When one of them is missing, or there is none such.
    pub fn check(&self, frames: Frames) -> Result<()> {
        let last = frames.count.checked_sub(1).map(|n| frames.at(n));
        if let Some(last) = last.filter(|last| *last >= self.clock.frames) {
            return Err(Error::argument(format!("frame {last} of {}", self.clock.frames)).in_file(&self.path));
        }
        match (self.complete, last) {
            (Some(complete), Some(last)) if last >= complete => Err(Error::format(format!(
                "the file is cut short: it announces {} frames, and there is data for {complete}",
                self.clock.frames
            ))
            .in_file(&self.path)
            .help(format!(
                "what is there can be read: `.between({}, {})`",
                self.clock.start,
                self.clock.time(complete)
            ))),
            _ => Ok(()),
        }
    }
}

/// A report of a simulation, read on demand.
pub trait Report: Send + Sync {
    /// Its facts.
    fn facts(&self) -> &ReportFacts;

    /// Which column belongs to whom.
    fn layout(&self) -> &ReportLayout;

    /// The values of some columns at some frames: `out[n * width + j]` is the value of the `j`-th column asked for at the
    /// `n`-th frame, `width` being the number of columns in all ranges. Frames and columns must be those of the report.
    ///
    /// # Errors
    /// When the file is damaged.
    fn read(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f32]) -> Result<()>;

    /// The same with all digits, where the file has more than `f32` holds.
    ///
    /// # Errors
    /// When the file is damaged.
    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        let mut narrow = vec![0.0; out.len()];
        self.read(frames, columns, &mut narrow)?;
        for (wide, value) in out.iter_mut().zip(narrow) {
            *wide = f64::from(value);
        }
        Ok(())
    }

    /// How many frames are best read at a time, so that no chunk of the file is decoded twice; 1 where it does not matter.
    fn frames_together(&self) -> usize {
        1
    }

    /// The reports of its populations, where it has several.
    fn parts(&self) -> &[(String, Arc<dyn Report>)] {
        &[]
    }

    /// What will be read, one line each, for `explain()`.
    fn describe(&self) -> Vec<String>;
}

/// The same report with ids as a circuit of these populations counts them: [packed](merged) by their places where there
/// are several. Populations that the circuit lacks come after its own.
///
/// # Errors
/// When populations cannot be one report: see [`MergedReport::among`].
pub fn for_populations(report: &Arc<dyn Report>, names: &[String]) -> Result<Arc<dyn Report>> {
    let mut parts = report.parts().to_vec();
    if let Some(only) = &report.facts().population {
        parts.push((only.clone(), report.clone()));
    }
    match names {
        _ if parts.is_empty() => Ok(report.clone()),
        [] => Ok(report.clone()),
        [one] => {
            Ok(parts.into_iter().find(|part| part.0 == *one).map_or_else(|| report.clone(), |part| part.1))
        }
        _ => {
            let mut all = names.to_vec();
            all.extend(parts.iter().map(|part| part.0.clone()).filter(|name| !names.contains(name)));
            Ok(Arc::new(MergedReport::among(parts, &all)?))
        }
    }
}

/// The reports of several populations as one; their ids become [packed](merged).
pub struct MergedReport {
    parts: Vec<(String, Arc<dyn Report>)>,
    /// The first column of each part, and the number of all.
    starts: Vec<usize>,
    facts: ReportFacts,
    layout: ReportLayout,
}

impl MergedReport {
    /// Of populations in this order.
    ///
    /// # Errors
    /// When their times or units differ, or there is none.
    pub fn of(parts: Vec<(String, Arc<dyn Report>)>) -> Result<Self> {
        let names: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
        Self::among(parts, &names)
    }

    /// Of some of the populations with these names, which give the order.
    ///
    /// # Errors
    /// When their times or units differ, or there is none.
    pub fn among(parts: Vec<(String, Arc<dyn Report>)>, names: &[String]) -> Result<Self> {
        let Some((first_name, first)) = parts.first() else {
            return Err(Error::format("the report has no population"));
        };
        let mut facts = first.facts().clone();
        for (name, part) in &parts[1..] {
            let other = part.facts();
            if other.clock != facts.clock {
                return Err(Error::argument(format!(
                    "the populations `{first_name}` and `{name}` were recorded at different times"
                ))
                .in_file(&facts.path)
                .help(format!("take one of them: .population(\"{name}\")")));
            }
            if other.unit != facts.unit {
                return Err(Error::argument(format!(
                    "the populations `{first_name}` ({}) and `{name}` ({}) have different units",
                    facts.unit, other.unit
                ))
                .in_file(&facts.path)
                .help(format!("take one of them: .population(\"{name}\")")));
            }
        }
        facts.population = None;
        facts.populations = Some(names.into());
        let (mut starts, mut cells, mut elements) = (vec![0], Vec::new(), Vec::new());
        for (name, part) in &parts {
            let at = names.iter().position(|known| known == name).unwrap_or(names.len());
            let layout = part.layout();
            let start = elements.len();
            let moved = |columns: &Range<usize>| columns.start + start..columns.end + start;
            cells.extend(
                layout.ids.iter().zip(&layout.columns).map(|(&id, c)| (merged::pack(at, id), moved(c))),
            );
            elements.extend_from_slice(&layout.elements);
            starts.push(elements.len());
        }
        let layout = ReportLayout::of(cells, elements)?;
        Ok(MergedReport { parts, starts, facts, layout })
    }

    /// Reads part by part with `read(part, columns, out)`, where `out` has the width of those columns.
    fn each<T: Copy + Default>(
        &self,
        frames: Frames,
        columns: &[Range<usize>],
        out: &mut [T],
        read: impl Fn(&dyn Report, &[Range<usize>], &mut [T]) -> Result<()>,
    ) -> Result<()> {
        let width: usize = columns.iter().map(Range::len).sum();
        let part_of = |column: usize| self.starts.partition_point(|&start| start <= column).saturating_sub(1);
        // Columns that stand in two parts are asked of each.
        let mut pieces: Vec<(usize, Range<usize>)> = Vec::with_capacity(columns.len());
        for columns in columns {
            let mut next = columns.start;
            while next < columns.end {
                let part = part_of(next);
                let Some(&end) = self.starts.get(part + 1) else {
                    return Err(
                        Error::argument(format!("there is no column {next}")).in_file(&self.facts.path)
                    );
                };
                let start = self.starts[part];
                let end = end.min(columns.end);
                pieces.push((part, next - start..end - start));
                next = end;
            }
        }
        let mut at = 0;
        for run in pieces.chunk_by(|a, b| a.0 == b.0) {
            let part = &self.parts[run[0].0].1;
            let own: Vec<Range<usize>> = run.iter().map(|piece| piece.1.clone()).collect();
            let wide: usize = own.iter().map(Range::len).sum();
            if wide == width {
                return read(part.as_ref(), &own, out);
            }
            let mut values = vec![T::default(); wide * frames.count];
            read(part.as_ref(), &own, &mut values)?;
            for (row, values) in values.chunks_exact(wide).enumerate() {
                out[row * width + at..][..wide].copy_from_slice(values);
            }
            at += wide;
        }
        Ok(())
    }
}

impl Report for MergedReport {
    fn facts(&self) -> &ReportFacts {
        &self.facts
    }

    fn layout(&self) -> &ReportLayout {
        &self.layout
    }

    fn read(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        self.each(frames, columns, out, |part, columns, out| part.read(frames, columns, out))
    }

    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        self.each(frames, columns, out, |part, columns, out| part.read_f64(frames, columns, out))
    }

    fn frames_together(&self) -> usize {
        self.parts.iter().map(|part| part.1.frames_together()).max().unwrap_or(1)
    }

    fn parts(&self) -> &[(String, Arc<dyn Report>)] {
        &self.parts
    }

    fn describe(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.1.describe()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_by_time() {
        let clock = Clock::of_header(5.0, 7.0, 0.25).unwrap();
        assert_eq!((clock.frames, clock.time(7), clock.end()), (8, 6.75, 7.0));
        assert_eq!((clock.frame_at(5.0).unwrap(), clock.frame_at(6.99).unwrap()), (0, 7));
        assert!(clock.frame_at(7.0).is_err() && clock.frame_at(4.9).is_err());
        let times = |start, end| -> Vec<f64> {
            clock.window(start, end).unwrap().iter().map(|frame| clock.time(frame)).collect()
        };
        assert_eq!(times(5.1, 5.6), [5.0, 5.25, 5.5]);
        assert_eq!(times(5.25, 5.5), [5.25]);
        assert_eq!(times(6.9, 9.0), [6.75]);
        assert!(times(7.0, 8.0).is_empty() && times(1.0, 5.0).is_empty());
        assert!(clock.window(5.3, 5.3).is_err() && clock.window(f64::NAN, 5.3).is_err());
        let thirds = Clock::of_header(0.0, 0.3, 0.1).unwrap();
        assert_eq!((thirds.frames, thirds.frame_at(0.1 + 0.2 - 0.1).unwrap()), (3, 2));
    }

    #[test]
    fn every_other_frame_within_a_window() {
        let every = Frames { first: 1, step: 2, count: 5 };
        assert_eq!(every.iter().collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        let within = every.within(Frames { first: 4, step: 1, count: 4 });
        assert_eq!(within.iter().collect::<Vec<_>>(), [5, 7]);
        assert_eq!(every.within(Frames { first: 20, step: 1, count: 4 }).count, 0);
    }

    #[test]
    fn a_layout_is_by_cell() {
        let layout = ReportLayout::of(vec![(30, 0..2), (10, 2..3)], vec![0, 1, 0]).unwrap();
        assert_eq!((layout.ids.as_slice(), layout.of_cell(30)), (&[10, 30][..], Some(0..2)));
        assert!(ReportLayout::of(vec![(1, 0..1), (1, 1..2)], vec![0, 0]).is_err());
        assert!(ReportLayout::of(vec![(1, 0..3)], vec![0, 0]).is_err());
    }
}
