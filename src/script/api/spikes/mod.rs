//! `Spikes`: when which cell fired.

mod figures;
mod measures;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rhai::{Array, Dynamic, NativeCallContext};

use super::circuit::Circuit;
use super::grouped::{Grouped, Groups};
use super::table::Rows;
use crate::diag::{Error, Result, once};
use crate::model::{self, IdSet, Schema, merged};
use crate::query::{Group, Named, Table, Value, value_at};
use crate::script::args::{group, number};
use crate::script::registry::{Answer, Api};

/// Spikes, which are also a table: `t` (ms) and `id`.
#[derive(Clone)]
pub struct Spikes {
    /// A row for each spike.
    pub table: Table,
    /// The circuit whose cells fired, where it is known.
    pub circuit: Option<Circuit>,
    scope: Scope,
    data: Arc<OnceLock<Result<model::Spikes>>>,
}

/// What must be known beside the spikes to speak of rates: which cells might have fired, and when.
#[derive(Clone)]
enum Scope {
    /// These cells (those that fired, where a file of spikes says no more), in this window of time (ms).
    Known { cells: Option<IdSet>, window: Option<(f64, f64)> },
    /// The rows were chosen one by one.
    Chosen,
}

/// Spikes in groups of cells.
#[derive(Clone)]
pub struct SpikeGroups {
    /// The spikes.
    pub spikes: Spikes,
    grouped: Grouped,
    /// The keys, as they are asked of the cells.
    pub keys: Vec<Named>,
}

impl Groups for SpikeGroups {
    fn grouped(&self) -> &Grouped {
        &self.grouped
    }
}

impl Rows for Spikes {
    fn table(&self) -> &Table {
        &self.table
    }

    fn with_rows(&self, table: Table) -> Self {
        Spikes { table, circuit: self.circuit.clone(), scope: Scope::Chosen, data: Arc::default() }
    }
}

impl Spikes {
    /// Spikes of the cells of a circuit; `cells` are those that were simulated, `window` is when (ms).
    pub fn new(
        spikes: model::Spikes,
        circuit: Option<Circuit>,
        cells: Option<IdSet>,
        window: Option<(f64, f64)>,
    ) -> Result<Self> {
        let mut schema = Schema::new(spikes.columns());
        if let Some(circuit) = &circuit {
            schema = schema.linked("id", &circuit.0.cells);
        }
        let table = Table::in_memory(spikes.frame(Arc::new(schema))?);
        let data = Arc::new(OnceLock::from(Ok(spikes)));
        Ok(Spikes { table, circuit, scope: Scope::Known { cells, window }, data })
    }

    /// The spikes themselves.
    pub fn data(&self) -> Result<model::Spikes> {
        once(&self.data, || {
            let frame = self.table.select(&["t", "id"])?.frame()?;
            let (t, id) = (&frame.columns()[0], &frame.columns()[1]);
            let (mut times, mut ids) = (Vec::with_capacity(frame.rows()), Vec::with_capacity(frame.rows()));
            for row in 0..frame.rows() {
                if let (Some(time), Value::Int(cell)) = (value_at(t, row).as_f64(), value_at(id, row)) {
                    times.push(time);
                    ids.push(cell);
                }
            }
            Ok(model::Spikes::new("", times, ids))
        })
        .clone()
    }

    /// The same spikes, fewer of them; what is known of cells and time is given anew.
    fn part(&self, spikes: model::Spikes, cells: Option<IdSet>, window: Option<(f64, f64)>) -> Result<Self> {
        Self::new(spikes, self.circuit.clone(), cells, window)
    }

    fn known(&self) -> (Option<IdSet>, Option<(f64, f64)>) {
        match &self.scope {
            Scope::Known { cells, window } => (cells.clone(), *window),
            Scope::Chosen => (None, None),
        }
    }

    /// The cells that might have fired: those that were simulated (and chosen), or where only spikes are known, those
    /// that fired.
    ///
    /// # Errors
    /// When rows were chosen one by one: then nobody knows which cells were silent.
    pub fn cells(&self) -> Result<IdSet> {
        match &self.scope {
            Scope::Known { cells: Some(cells), .. } => Ok(cells.clone()),
            Scope::Known { cells: None, .. } => Ok(IdSet::new(self.data()?.trains().ids.clone())),
            Scope::Chosen => Err(Error::argument(
                "these spikes were chosen one by one, so that nobody knows which cells were silent, and how long",
            )
            .help("choose cells with `.of(group)` and times with `.between(t0, t1)`, which remember it")),
        }
    }

    /// The time in which they were recorded (ms).
    ///
    /// # Errors
    /// When it is not known.
    pub fn window(&self) -> Result<(f64, f64)> {
        self.cells()?;
        self.known().1.ok_or_else(|| {
            Error::argument("how long these spikes were recorded is not known")
                .help("a file of spikes does not say it: name the time with `.between(t0, t1)`, or open the simulation")
        })
    }

    /// Those of a group of cells.
    pub fn of(&self, ctx: &NativeCallContext, cells: &Dynamic) -> Result<Spikes> {
        let (known, window) = self.known();
        let Some(ids) = of_script(ctx, self.circuit.as_ref(), cells, "these spikes")? else {
            return Ok(self.clone());
        };
        // A group may hold cells that were not simulated: they were not silent, they were not there.
        let ids = match known {
            Some(known) => ids.sorted().iter().copied().filter(|&id| known.contains(id)).collect(),
            None => IdSet::new(ids.sorted().to_vec()),
        };
        let spikes = self.data()?.of(&ids);
        if let Scope::Chosen = self.scope {
            return Ok(Spikes { scope: Scope::Chosen, ..self.part(spikes, None, None)? });
        }
        self.part(spikes, Some(ids), window)
    }

    /// Those of one population.
    fn population(&self, name: &str) -> Result<Spikes> {
        let data = self.data()?;
        let (cells, window) = self.known();
        let place = data.populations().and_then(|names| names.iter().position(|known| known == name));
        let spikes = data.population(name)?;
        let own = |ids: IdSet| -> IdSet {
            let Some(place) = place else { return ids };
            ids.sorted()
                .iter()
                .map(|&id| merged::unpack(id))
                .filter(|of| of.0 == place)
                .map(|of| of.1)
                .collect()
        };
        let circuit = self.circuit.as_ref().map(|circuit| circuit.view(name)).transpose()?;
        Spikes::new(spikes, circuit, cells.map(own), window)
    }

    /// Those from `start` to `end` (ms), both included.
    ///
    /// # Errors
    /// When the end is before the start.
    pub fn between(&self, start: f64, end: f64) -> Result<Spikes> {
        if start > end || start.is_nan() || end.is_nan() {
            return Err(Error::argument(format!(
                "the window from {start} to {end} ms ends before it begins"
            )));
        }
        let (cells, window) = self.known();
        let spikes = self.data()?.between(start, end);
        if let Scope::Chosen = self.scope {
            return Ok(Spikes { scope: Scope::Chosen, ..self.part(spikes, None, None)? });
        }
        // Without its circuit, who fired before is among the cells that are silent now.
        let cells = match cells {
            Some(cells) => Some(cells),
            None => Some(self.cells()?),
        };
        // No time before the recording, and none after it.
        let window = window.map_or((start, end), |(from, to)| (start.max(from), end.min(to)));
        self.part(spikes, cells, Some(window))
    }

    /// The groups of the cells that might have fired, as a table of cells with the circuit's properties.
    pub fn cell_table(&self) -> Result<Table> {
        let ids = self.cells()?;
        let mut spec = self.table.schema().columns()[self.table.schema().position("id")?].clone();
        "the cell".clone_into(&mut spec.meaning);
        let mut schema = Schema::new(vec![spec]);
        if let Some(circuit) = &self.circuit {
            schema = schema.linked("id", &circuit.0.cells);
        }
        let values: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(ids.sorted().to_vec()));
        let rows = values.len();
        Ok(Table::in_memory(model::Frame::with_schema(Arc::new(schema), vec![values], rows)?))
    }
}

/// The ids of a group of cells; `None` stands for all. Without a circuit only ids can be told.
pub(super) fn of_script(
    ctx: &NativeCallContext,
    circuit: Option<&Circuit>,
    value: &Dynamic,
    what: &str,
) -> Result<Option<IdSet>> {
    match (group(ctx, value)?, circuit) {
        (group, Some(circuit)) => group.resolve(&circuit.0),
        (Group::All, None) => Ok(None),
        (Group::Ids(ids) | Group::Of(_, ids), None) => Ok(Some(ids)),
        (_, None) => Err(Error::argument(format!(
            "{what} were opened without a circuit, so that cells can only be given by id"
        ))
        .help("open the simulation: `open(path)` of its configuration")),
    }
}

pub(super) use figures::{Fired, usual_bin};
pub(super) use measures::{names_of, value_name};

pub(super) fn register(api: &mut Api) {
    // First, since spikes have their own `by` and `save`.
    super::table::register::<Spikes>(api.on::<Spikes>("Spikes").as_for("Spikes"));
    api.on::<Spikes>("Spikes");
    api.call(
        "ids() -> array",
        "The cells that fired, ascending.",
        "sim.spikes.ids().len()",
        |s: &mut Spikes| -> Answer<Array> {
            let ids =
                s.table.distinct(&["id".to_owned()])?.sort(super::table::sort_keys(&["id".to_owned()]))?;
            Ok(crate::script::value::array_of(&ids.column("id")?)?)
        },
    );
    api.call(
        "times() -> array",
        "When they are (ms), ascending.",
        "sim.spikes.of(7).times()",
        |s: &mut Spikes| -> Answer<Array> {
            Ok(s.data()?.times().iter().copied().map(Dynamic::from).collect())
        },
    );
    api.property(
        "populations -> array",
        "The names of the populations; none, where the file does not name them.",
        "sim.spikes.populations",
        |s: &mut Spikes| -> Answer<Array> {
            let data = s.data()?;
            Ok(data.population_names().into_iter().map(|name| name.to_owned().into()).collect())
        },
    );
    api.call(
        "population(name) -> Spikes",
        "Those of one population, with its own ids.",
        "sim.spikes.populations",
        |s: &mut Spikes, name: &str| -> Answer<Spikes> { Ok(s.population(name)?) },
    );
    api.call(
        "of(group) -> Spikes",
        "Those of a group of cells. Cells of the group that were simulated and did not fire count as silent.",
        "sim.spikes.of(\"Excitatory\").count()",
        |ctx: NativeCallContext, s: &mut Spikes, cells: Dynamic| -> Answer<Spikes> {
            Ok(s.of(&ctx, &cells)?)
        },
    );
    api.call(
        "between(t0, t1) -> Spikes",
        "Those from `t0` to `t1` (ms), both ends included. Rates are then those of this window.",
        "sim.spikes.between(700.ms, 750.ms).count()",
        |s: &mut Spikes, a: Dynamic, b: Dynamic| -> Answer<Spikes> {
            Ok(s.between(number(&a)?, number(&b)?)?)
        },
    );
    api.call(
        "by(keys) -> SpikeGroups",
        "In groups of cells by a property, by several, or by what a closure gives.",
        "sim.spikes.by(\"layer\").rate()",
        |ctx: NativeCallContext, s: &mut Spikes, keys: Dynamic| -> Answer<SpikeGroups> {
            let cells = s.cell_table().and_then(|cells| super::table::keys(&ctx, &cells, &keys));
            let rows = super::table::keys(&ctx, &s.table, &keys)?;
            // A key of the spikes themselves, such as their time, groups rows and no cells.
            let of_cells = cells.unwrap_or_default();
            Ok(SpikeGroups {
                spikes: s.clone(),
                grouped: Grouped::new(s.table.clone(), rows),
                keys: of_cells,
            })
        },
    );
    api.call(
        "save(path) -> text",
        "Writes them into a file: `.dat`, `.gdf`, `.spikes`, `.h5` (SONATA), or a table: `.csv`, `.parquet` and so on. \
         Gives the path.",
        "sim.spikes.between(0, 10).save(\"spikes.h5\")",
        |s: &mut Spikes, path: &str| -> Answer<String> { Ok(crate::script::saving::spikes(s, Path::new(path))?) },
    );
    measures::register(api);
    figures::register(api);
    measures::register_groups(api);
}
