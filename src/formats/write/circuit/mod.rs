//! What those who write circuits share: which number each cell gets, synapses in the order of a file, values as they
//! stand in it.

mod column;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use rayon::prelude::*;

pub use self::column::{Form, Library, Texts};
pub use self::rows::{Batch, Rows, check_whole};
use crate::diag::work::Progress;
use crate::diag::{Code, Error, Result};
use crate::model::{CellTable, Connectome, IdSet};

/// Morsels that are looked through together.
const MORSELS: usize = 64;

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The configuration, which opens the circuit.
    pub config: PathBuf,
    /// How many cells.
    pub cells: u64,
    /// Synapses among the cells.
    pub synapses: u64,
    /// Projections, each with its synapses.
    pub projections: Vec<(String, u64)>,
    /// What the new circuit cannot tell as the old one did, a sentence each.
    pub notes: Vec<String>,
}

/// Cells or fibres, each with its place among them.
pub struct Population {
    name: String,
    nodes: Nodes,
}

enum Nodes {
    /// The cells of the circuit, by row.
    Cells(Arc<CellTable>),
    /// Fibres with these ids, ascending.
    Fibres(Vec<i64>),
}

impl Population {
    /// Cells; their places are the rows of the table.
    pub fn cells(name: &str, cells: &Arc<CellTable>) -> Self {
        Population { name: name.to_owned(), nodes: Nodes::Cells(cells.clone()) }
    }

    /// Fibres with these ids, which ascend.
    pub fn fibres(name: &str, ids: Vec<i64>) -> Self {
        Population { name: name.to_owned(), nodes: Nodes::Fibres(ids) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether these are the cells of a table.
    pub fn is_of_cells(&self) -> bool {
        matches!(self.nodes, Nodes::Cells(_))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match &self.nodes {
            Nodes::Cells(cells) => cells.count() as u64,
            Nodes::Fibres(ids) => ids.len() as u64,
        }
    }

    /// The ids, in the order of the places.
    pub fn ids(&self) -> IdSet {
        match &self.nodes {
            Nodes::Cells(cells) => cells.ids(),
            Nodes::Fibres(ids) => IdSet::new(ids.clone()),
        }
    }

    /// The place of a cell, if it is one of them.
    pub fn place(&self, id: i64) -> Option<u64> {
        match &self.nodes {
            Nodes::Cells(cells) => cells.row_of(id),
            Nodes::Fibres(ids) => ids.binary_search(&id).ok(),
        }
        .map(|row| row as u64)
    }
}

/// The presynaptic ids of all synapses, ascending, each once.
///
/// # Errors
/// When a file is damaged, or the work was stopped.
pub fn pres(connectome: &dyn Connectome) -> Result<Vec<i64>> {
    let synapses = connectome.synapses()?;
    let at = synapses.schema().position("pre")?;
    let morsels = synapses.morsels();
    let progress = Progress::new("looking for fibres", morsels.len() as u64);
    let mut all = Vec::new();
    for some in morsels.chunks(MORSELS) {
        let found: Vec<Vec<i64>> = some
            .par_iter()
            .map(|morsel| {
                let pres = synapses.open(morsel)?.column(at)?;
                let mut ids = pres.as_primitive::<Int64Type>().values().to_vec();
                ids.sort_unstable();
                ids.dedup();
                Ok(ids)
            })
            .collect::<Result<_>>()?;
        for ids in &found {
            all.extend_from_slice(ids);
        }
        all.sort_unstable();
        all.dedup();
        progress.advance(some.len() as u64)?;
    }
    Ok(all)
}

/// An error for populations of the same name.
///
/// # Errors
/// When a name is there twice.
pub fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known = Vec::new();
    for name in names {
        if known.contains(&name) {
            let message = format!("two populations would be named `{name}`");
            return Err(Error::argument(message).help("give the cells another name with `population`"));
        }
        known.push(name);
    }
    Ok(())
}

/// The first names of many, and how many others there are.
pub fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Adds the file to what is wrong with its data; a full disk or a stop has another cause.
pub fn about_file(error: Error, path: &Path) -> Error {
    if error.code() == Code::Format { error.in_file(path) } else { error }
}

/// A name as that of a folder and of a population: letters, digits, `_`, `-` and `.`; others become `_`.
pub fn shown_name(name: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let shown: String = name.chars().map(|c| if kept(c) { c } else { '_' }).collect();
    if shown.is_empty() || shown.starts_with('.') { format!("_{shown}") } else { shown }
}
