//! A file of edges: a population, its columns, and the index of both sides.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::DataType;
use rayon::prelude::*;

use super::index::Index;
use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::paths::folder_of;
use crate::formats::write::circuit::{
    Batch, Form, Library, Population, Rows, about_file, check_whole, listed,
};
use crate::formats::write::hdf5::{Array, Dataset, File, Group, Number, Spec, Type};
use crate::model::{ColumnSpec, Connectome, Schema, Side, Source, synapse_columns};

/// Columns that SONATA tells in another way: by the two ids, and by the place of an edge.
const TOLD: [&str; 4] = ["pre", "post", "row", "edge_id"];

/// Whole numbers that are never below zero.
const COUNTS: [&str; 6] = [
    "afferent_section_id",
    "afferent_segment_id",
    "efferent_section_id",
    "efferent_segment_id",
    "syn_type_id",
    "n_rrp_vesicles",
];

/// A population of edges, before it is written.
pub(super) struct Edges<'a> {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) source: &'a Population,
    pub(super) target: &'a Population,
    pub(super) connectome: Arc<dyn Connectome>,
    /// Where the file goes in the folder of the circuit.
    pub(super) file: String,
    /// Where the synapses come from.
    pub(super) origin: PathBuf,
}

/// A column of a file.
struct Column {
    name: String,
    /// Where it is in the table of synapses.
    position: usize,
    form: Form,
    library: Library,
}

/// How a file came out.
enum Outcome {
    Written(u64),
    /// The columns with a value that has no place in their form.
    Narrow(Vec<usize>),
}

impl Edges<'_> {
    /// Writes the file into `folder`; how many edges there are.
    ///
    /// # Errors
    /// When the synapses are damaged, are those of cells that do not exist, or the disk is full.
    pub(super) fn write(&self, folder: &Path, notes: &mut Vec<String>) -> Result<u64> {
        self.put(&folder.join(&self.file), notes).map_err(|e| about_file(e, &self.origin))
    }

    fn put(&self, path: &Path, notes: &mut Vec<String>) -> Result<u64> {
        let synapses = self.connectome.of(Side::Incoming, &self.target.ids())?;
        check_whole(self.connectome.as_ref(), &*synapses, self.target)?;
        let (mut columns, left_out) = columns(synapses.schema());
        if !left_out.is_empty() {
            notes.push(format!(
                "{}: no place for columns of lists or other types: {}",
                self.name,
                listed(&left_out)
            ));
        }
        // Whether all values fit their form is known at the end; hardly ever a column needs a wider one.
        loop {
            match self.attempt(path, &*synapses, &mut columns)? {
                Outcome::Written(edges) => return Ok(edges),
                Outcome::Narrow(narrow) => {
                    for at in narrow {
                        columns[at].form = columns[at].form.wider();
                    }
                }
            }
        }
    }

    fn attempt(&self, path: &Path, synapses: &dyn Source, columns: &mut [Column]) -> Result<Outcome> {
        for column in &mut *columns {
            column.library = Library::default();
        }
        let expected = synapses
            .row_count()
            .unwrap_or_else(|| synapses.morsels().iter().map(|morsel| morsel.rows as u64).sum());
        let progress = Progress::new("writing synapses", expected);
        let mut file = File::create(path)?;
        let mut writer = Writer::new(&mut file, self, columns, synapses.row_count())?;
        let mut index = Index::new(&folder_of(path), self.source.count(), self.target.count(), expected)?;
        let positions: Vec<usize> = columns.iter().map(|column| column.position).collect();
        let mut rows = Rows::new(synapses, self.source, self.target, positions.into_iter())?;
        let mut batch = rows.batch()?;
        while let Some(current) = batch {
            // Reads while it writes.
            let (next, narrow) = rayon::join(|| rows.batch(), || writer.put(&mut file, columns, &current));
            let narrow = narrow?;
            if !narrow.is_empty() {
                return Ok(Outcome::Narrow(narrow));
            }
            index.put(writer.edges - current.targets.len() as u64, &current.sources, &current.targets)?;
            progress.advance(current.targets.len() as u64)?;
            batch = next?;
        }
        writer.finish(&mut file, columns)?;
        index.write(&mut file, writer.population)?;
        file.finish()?;
        Ok(Outcome::Written(writer.edges))
    }
}

/// The columns that a file will have, and the names of those that it cannot have.
fn columns(schema: &Schema) -> (Vec<Column>, Vec<String>) {
    let known: HashMap<String, DataType> =
        synapse_columns().into_iter().map(|spec| (spec.name, spec.data_type)).collect();
    let (mut columns, mut left_out) = (Vec::new(), Vec::new());
    for (position, spec) in schema.columns().iter().enumerate() {
        if TOLD.contains(&spec.name.as_str()) {
            continue;
        }
        match form(spec, known.get(&spec.name)) {
            Some(form) => {
                columns.push(Column { name: spec.name.clone(), position, form, library: Library::default() });
            }
            None => left_out.push(spec.name.clone()),
        }
    }
    (columns, left_out)
}

/// The form of a column: SONATA's own where it has one.
fn form(spec: &ColumnSpec, known: Option<&DataType>) -> Option<Form> {
    let form = Form::of(&spec.data_type)?;
    let name = spec.name.as_str();
    Some(match form {
        Form::Text if name.ends_with("_section_type") => Form::SectionType,
        Form::Int64 if COUNTS.contains(&name) || name.ends_with("_section_type") => Form::UInt32,
        Form::Int64 if known.is_some() => Form::Int32,
        Form::Float64 if known == Some(&DataType::Float32) => Form::Float32,
        form => form,
    })
}

/// The datasets of a file that is being written.
struct Writer {
    population: Group,
    group: Group,
    sources: Dataset,
    targets: Dataset,
    columns: Vec<Dataset>,
    edges: u64,
}

impl Writer {
    fn new(file: &mut File, edges: &Edges, columns: &[Column], rows: Option<u64>) -> Result<Self> {
        let root = file.root();
        let all = file.group(root, "edges")?;
        let population = file.group(all, &edges.name)?;
        let group = file.group(population, "0")?;
        // In one piece where it is known how long that will be: readers then map it into memory.
        let spec = |kind: Type| match rows {
            Some(rows) => Spec::fixed(kind, &[rows]),
            None => Spec::growing(kind, &[]),
        };
        let mut ids = |name: &str, of: &Population| {
            let dataset = file.dataset(population, name, &spec(u64::TYPE))?;
            file.attribute(dataset, "node_population", &Array::text(of.name()))?;
            Ok::<_, Error>(dataset)
        };
        let sources = ids("source_node_id", edges.source)?;
        let targets = ids("target_node_id", edges.target)?;
        let columns =
            columns.iter().map(|column| file.dataset(group, &column.name, &spec(column.form.kind())));
        let columns = columns.collect::<Result<_>>()?;
        Ok(Writer { population, group, sources, targets, columns, edges: 0 })
    }

    /// Writes rows; the columns with a value that has no place in their form.
    fn put(&mut self, file: &mut File, columns: &mut [Column], batch: &Batch) -> Result<Vec<usize>> {
        let encode = |(column, values): (&mut Column, _)| column.form.encode(values, &mut column.library);
        let encoded: Vec<Option<Array>> =
            columns.par_iter_mut().zip(&batch.columns).map(encode).collect::<Result<_>>()?;
        let narrow: Vec<usize> =
            encoded.iter().enumerate().filter(|(_, array)| array.is_none()).map(|(at, _)| at).collect();
        if !narrow.is_empty() {
            return Ok(narrow);
        }
        file.append(self.sources, &Array::numbers(&batch.sources))?;
        file.append(self.targets, &Array::numbers(&batch.targets))?;
        for (&dataset, array) in self.columns.iter().zip(encoded.iter().flatten()) {
            file.append(dataset, array)?;
        }
        self.edges += batch.targets.len() as u64;
        Ok(narrow)
    }

    /// Writes what is known at the end.
    fn finish(&self, file: &mut File, columns: &[Column]) -> Result<()> {
        file.repeat(self.population, "edge_type_id", &Array::number(-1_i64), &[self.edges])?;
        let texts: Vec<&Column> = columns.iter().filter(|column| column.form == Form::Text).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let library = file.group(self.group, "@library")?;
        for column in texts {
            file.write(library, &column.name, &Array::texts(column.library.names()))?;
        }
        Ok(())
    }
}
