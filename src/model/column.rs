//! Columns and schemas: a name, a type, a unit and a meaning, and the way from an id column to the cells.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;

use super::CellTable;
use crate::diag::{Error, Result};

/// The units in which numbers are held, everywhere.
pub mod units {
    /// Time.
    pub const MS: &str = "ms";
    /// Length.
    pub const UM: &str = "µm";
    /// Conductance.
    pub const NS: &str = "nS";
    /// Voltage.
    pub const MV: &str = "mV";
    /// Current.
    pub const NA: &str = "nA";
    /// Rate.
    pub const HZ: &str = "Hz";
}

/// What a column is, without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// The canonical name.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// The unit, where it has one.
    pub unit: Option<String>,
    /// One sentence for `schema()` and the docs.
    pub meaning: String,
    /// Other names under which it is found (the legacy format's, BluePy's).
    pub aliases: Vec<String>,
    /// The names of the populations, where the values are [packed](super::merged) ids of several.
    pub populations: Option<Arc<[String]>>,
}

impl ColumnSpec {
    /// A column without unit, meaning or aliases.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        ColumnSpec {
            name: name.into(),
            data_type,
            unit: None,
            meaning: String::new(),
            aliases: Vec::new(),
            populations: None,
        }
    }

    /// The same with a unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// The same with a meaning.
    #[must_use]
    pub fn meaning(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = meaning.into();
        self
    }

    /// The same with other names.
    #[must_use]
    pub fn aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|&a| a.to_owned()).collect();
        self
    }

    /// The same with more other names.
    #[must_use]
    pub fn also(mut self, aliases: &[&str]) -> Self {
        self.aliases.extend(aliases.iter().map(|&a| a.to_owned()));
        self
    }

    /// The header of a table and the label of an axis: `delay (ms)`.
    pub fn title(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.name),
            None => self.name.clone(),
        }
    }
}

/// A column with its values.
#[derive(Clone, Debug)]
pub struct Column {
    /// What it is.
    pub spec: ColumnSpec,
    /// Its values, one a row.
    pub values: ArrayRef,
}

/// A way from a column of ids to the cells that they name: `pre.mtype` goes over the link at `pre`.
#[derive(Clone, Debug)]
pub struct Link {
    /// The position of the id column.
    pub column: usize,
    /// The cells that its values name.
    pub cells: Arc<CellTable>,
}

/// The columns of a table, by position and by name, and the links to cells.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    columns: Vec<ColumnSpec>,
    links: Vec<Link>,
    by_name: HashMap<String, usize>,
}

impl Schema {
    /// A schema of these columns. A name wins over an alias, an earlier column over a later one.
    pub fn new(columns: Vec<ColumnSpec>) -> Self {
        let mut by_name = HashMap::with_capacity(columns.len() * 2);
        for (index, column) in columns.iter().enumerate() {
            by_name.entry(column.name.clone()).or_insert(index);
        }
        for (index, column) in columns.iter().enumerate() {
            for alias in &column.aliases {
                by_name.entry(alias.clone()).or_insert(index);
            }
        }
        Schema { columns, links: Vec::new(), by_name }
    }

    /// The same with a link from the id column `name` (ignored if there is no such column).
    #[must_use]
    pub fn linked(mut self, name: &str, cells: &Arc<CellTable>) -> Self {
        if let Some(column) = self.find(name) {
            self.links.push(Link { column, cells: cells.clone() });
        }
        self
    }

    /// The same with ids of several populations as texts; see [`Frame::readable`](super::Frame::readable).
    #[must_use]
    pub fn readable(self: &Arc<Self>) -> Arc<Self> {
        if self.columns.iter().all(|c| c.populations.is_none()) {
            return self.clone();
        }
        let readable = |spec: &ColumnSpec| match spec.populations {
            Some(_) => ColumnSpec { data_type: DataType::Utf8, populations: None, ..spec.clone() },
            None => spec.clone(),
        };
        Arc::new(Schema::new(self.columns.iter().map(readable).collect()))
    }

    /// All columns.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    /// All links.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The link that starts at a column.
    pub fn link_at(&self, column: usize) -> Option<&Link> {
        self.links.iter().find(|l| l.column == column)
    }

    /// The link of a table whose rows are about one cell each: that of its column `id`. The cell's properties can then
    /// be named without the way to it.
    pub fn own_link(&self) -> Option<&Link> {
        self.links.iter().find(|link| self.columns[link.column].name == "id")
    }

    /// The position of a column by name or alias.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The same; a name that does not exist is an error with the nearest ones.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| self.unknown(name))
    }

    /// The error for a column that does not exist.
    pub fn unknown(&self, name: &str) -> Error {
        Error::unknown("column", name, self.reachable_names())
    }

    /// Every name that can be written: columns, and cell properties over the links (`pre.mtype`).
    pub fn reachable_names(&self) -> Vec<String> {
        let own = self.columns.iter().map(|c| c.name.clone());
        let over = self.links.iter().flat_map(|link| {
            let via = &self.columns[link.column].name;
            let way = if via == "id" { String::new() } else { format!("{via}.") };
            link.cells.schema().columns().iter().map(move |c| format!("{way}{}", c.name))
        });
        let aliases = self.columns.iter().flat_map(|c| c.aliases.iter().cloned());
        own.chain(over).chain(aliases).collect()
    }
}
