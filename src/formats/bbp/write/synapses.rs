//! Tables of synapses, from the columns of a circuit.

use std::path::Path;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_cast::cast;
use arrow_schema::DataType;
use rayon::prelude::*;

use super::nrn::{self, Family, POSITION_WIDTH, VERSION, WIDTH};
use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::write::circuit::{Batch, Population, Rows, Texts, check_whole, listed};
use crate::formats::write::hdf5::File;
use crate::model::{Connectome, Schema, Side, Source};

/// What stands in each column of a table, after the gid: a column of SONATA, and a form.
const COLUMNS: [(&str, Form); WIDTH - 1] = [
    ("delay", Form::Plain),
    ("afferent_section_id", Form::Plain),
    ("afferent_segment_id", Form::Plain),
    ("afferent_segment_offset", Form::Plain),
    ("efferent_section_id", Form::Plain),
    ("efferent_segment_id", Form::Plain),
    ("efferent_segment_offset", Form::Plain),
    ("conductance", Form::Plain),
    ("u_syn", Form::Plain),
    ("depression_time", Form::Plain),
    ("facilitation_time", Form::Plain),
    ("decay_time", Form::Plain),
    ("syn_type_id", Form::Plain),
    ("pre_mtype_id", Form::Plain),
    ("afferent_branch_order", Form::OneMore),
    ("efferent_branch_order", Form::OneMore),
    ("n_rrp_vesicles", Form::Plain),
    ("afferent_section_type", Form::SectionType),
];

/// The column that files of versions below 5 have in the place of vesicles.
const EFFICACY: &str = "ase";

/// The version of files with that column.
const OLD_VERSION: i32 = 4;

/// The columns of a table of positions, after the gid.
const POSITIONS: [&str; 4] = ["efferent_surface", "afferent_surface", "efferent_center", "afferent_center"];

/// What the circuit has and the tables do not.
const OTHER: [&str; 4] = ["pre", "post", "row", "edge_id"];

/// How a value stands in a table.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    /// Branch orders are stored one higher.
    OneMore,
    /// Soma 0, axon 1, basal 2, apical 3.
    SectionType,
}

impl Form {
    /// What stands for a value that the circuit does not tell.
    fn missing(self) -> f32 {
        if matches!(self, Form::SectionType) { -1.0 } else { 0.0 }
    }

    fn values(self, column: &ArrayRef) -> Result<Vec<f32>> {
        if matches!(self, Form::SectionType) {
            // Numbers are those of MorphIO: soma 1, axon 2, basal 3, apical 4.
            let code = |name: &str| match name {
                "soma" | "0" | "1" => 0.0,
                "axon" | "2" => 1.0,
                "basal" | "3" => 2.0,
                "apical" | "4" => 3.0,
                _ => self.missing(),
            };
            return Ok(Texts::of(column)?.map(self.missing(), code));
        }
        let numbers = cast(column, &DataType::Float32).map_err(|e| Error::format(e.to_string()))?;
        let more = if matches!(self, Form::OneMore) { 1.0 } else { 0.0 };
        let numbers = numbers.as_primitive::<Float32Type>();
        Ok(numbers.iter().map(|v| v.map_or(f32::NAN, |v| v + more)).collect())
    }
}

/// Synapses, before they are written.
pub(super) struct Synapses<'a> {
    pub(super) connectome: &'a dyn Connectome,
    pub(super) source: &'a Population,
    pub(super) target: &'a Population,
    /// The gid of the first source.
    pub(super) first: u64,
}

/// Where a place in a table comes from: which of the columns that are read, and how.
type Slot = (Option<usize>, Form);

/// The places of both tables.
struct Tables {
    /// The positions, in the table of synapses, of the columns that are read.
    read: Vec<usize>,
    synapses: Vec<Slot>,
    /// Empty where there are no positions.
    positions: Vec<Slot>,
    version: i32,
}

impl Tables {
    fn of(schema: &Schema, name: &str, notes: &mut Vec<String>) -> Tables {
        let old = schema.find("n_rrp_vesicles").is_none();
        let version = if old { OLD_VERSION } else { VERSION };
        let (mut read, mut missing) = (Vec::new(), Vec::new());
        let mut slot = |column: String, form: Form| {
            let at = schema.find(&column);
            match at {
                Some(at) => read.push(at),
                None => missing.push(column),
            }
            (at.map(|_| read.len() - 1), form)
        };
        let synapses = COLUMNS.map(|(column, form)| match column {
            "n_rrp_vesicles" if old => slot(EFFICACY.to_owned(), form),
            column => slot(column.to_owned(), form),
        });
        let axes = |place: &'static str| ["x", "y", "z"].map(|axis| format!("{place}_{axis}"));
        let columns: Vec<String> = POSITIONS.into_iter().flat_map(axes).collect();
        let positions = if columns.iter().any(|column| schema.find(column).is_some()) {
            columns.into_iter().map(|column| slot(column, Form::Plain)).collect()
        } else {
            Vec::new()
        };
        if !missing.is_empty() {
            notes.push(format!("{name}: these columns are unknown, and 0: {}", missing.join(", ")));
        }
        let known = |at: usize| read.contains(&at) || OTHER.contains(&schema.columns()[at].name.as_str());
        let others = (0..schema.columns().len()).filter(|&at| !known(at));
        let others: Vec<String> = others.map(|at| schema.columns()[at].name.clone()).collect();
        if !others.is_empty() {
            notes.push(format!("{name}: the format has no place for {}", listed(&others)));
        }
        Tables { read, synapses: synapses.to_vec(), positions, version }
    }

    /// The rows of both tables for a batch of synapses; `first` is the gid of the first source.
    fn rows(&self, batch: &Batch, first: u64) -> Result<(Vec<f32>, Vec<f32>)> {
        let gids: Vec<f32> = batch.sources.iter().map(|&place| (place + first) as f32).collect();
        let table = |slots: &[Slot]| -> Result<Vec<f32>> {
            if slots.is_empty() {
                return Ok(Vec::new());
            }
            let columns: Vec<Option<Vec<f32>>> = slots
                .par_iter()
                .map(|(at, form)| at.map(|at| form.values(&batch.columns[at])).transpose())
                .collect::<Result<_>>()?;
            let mut rows = Vec::with_capacity(gids.len() * (slots.len() + 1));
            for (row, &gid) in gids.iter().enumerate() {
                rows.push(gid);
                rows.extend(columns.iter().zip(slots).map(|(column, (_, form))| {
                    column.as_ref().map_or_else(|| form.missing(), |column| column[row])
                }));
            }
            Ok(rows)
        };
        Ok((table(&self.synapses)?, table(&self.positions)?))
    }
}

impl Synapses<'_> {
    /// Writes the whole family of files; how many synapses there are.
    pub(super) fn write_family(&self, folder: &Path, notes: &mut Vec<String>) -> Result<u64> {
        let synapses = self.connectome.of(Side::Incoming, &self.target.ids())?;
        let tables = Tables::of(synapses.schema(), "synapses", notes);
        let cells = self.target.count() as u32;
        let expected = expected(&*synapses);
        let mut family = Family::new(folder, cells, expected, tables.version, !tables.positions.is_empty())?;
        self.each(&*synapses, &tables, |post, rows, positions| family.put(post, rows, positions))?;
        let progress = Progress::new("sorting synapses by presynaptic cell", cells.into());
        Ok(family.finish(folder, &progress)?.1)
    }

    /// Writes the files of a projection; how many synapses there are.
    pub(super) fn write_alone(&self, folder: &Path, name: &str, notes: &mut Vec<String>) -> Result<u64> {
        let synapses = self.connectome.of(Side::Incoming, &self.target.ids())?;
        let tables = Tables::of(synapses.schema(), name, notes);
        let begin = |name: &str| nrn::begin(&folder.join(name), tables.version);
        let mut file = begin("proj_nrn.h5")?;
        let mut places: Option<File> =
            if tables.positions.is_empty() { None } else { Some(begin("proj_nrn_positions.h5")?) };
        let mut count = 0;
        self.each(&*synapses, &tables, |post, rows, positions| {
            count += (rows.len() / WIDTH) as u64;
            nrn::put(&mut file, post, rows, WIDTH)?;
            places.as_mut().map_or(Ok(()), |file| nrn::put(file, post, positions, POSITION_WIDTH))
        })?;
        file.finish()?;
        places.map_or(Ok(()), File::finish)?;
        Ok(count)
    }

    /// Goes through the tables of all cells that have synapses.
    fn each(
        &self,
        synapses: &dyn Source,
        tables: &Tables,
        mut put: impl FnMut(u32, &[f32], &[f32]) -> Result<()>,
    ) -> Result<()> {
        check_whole(self.connectome, synapses, self.target)?;
        let progress = Progress::new("writing synapses", expected(synapses));
        let mut ordered = Rows::new(synapses, self.source, self.target, tables.read.iter().copied())?;
        while let Some(batch) = ordered.batch()? {
            let (rows, positions) = tables.rows(&batch, self.first)?;
            let mut start = 0;
            for cell in batch.targets.chunk_by(|a, b| a == b) {
                let end = start + cell.len();
                let part = |table: &[f32], width: usize| start * width..(end * width).min(table.len());
                let places =
                    if positions.is_empty() { &[][..] } else { &positions[part(&positions, POSITION_WIDTH)] };
                put(cell[0] as u32, &rows[part(&rows, WIDTH)], places)?;
                start = end;
            }
            progress.advance(batch.targets.len() as u64)?;
        }
        Ok(())
    }
}

/// About how many synapses there are.
fn expected(synapses: &dyn Source) -> u64 {
    let sum = || synapses.morsels().iter().map(|morsel| morsel.rows as u64).sum();
    synapses.row_count().unwrap_or_else(sum)
}
