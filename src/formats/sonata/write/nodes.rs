//! Files of nodes: the cells with their properties, and fibres, which have none.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float32Array};
use arrow_cast::cast;
use arrow_schema::DataType;
use serde_json::Value;

use crate::diag::{Code, Error, Result};
use crate::formats::write::circuit::{Form, Library, Texts, listed};
use crate::formats::write::hdf5::{Array, File, Group};
use crate::model::{CellTable, Circuit, Emodel, Format};

/// The orientation, as a quaternion.
const ORIENTATION: [&str; 4] = ["orientation_w", "orientation_x", "orientation_y", "orientation_z"];

/// Columns that SONATA holds as 32-bit floating point.
const SINGLE: [&str; 9] = [
    "x",
    "y",
    "z",
    "rotation_angle_xaxis",
    "rotation_angle_yaxis",
    "rotation_angle_zaxis",
    "radius",
    "exc-mini_frequency",
    "inh-mini_frequency",
];

/// What the name of a column begins with whose values are parameters of the model.
const DYNAMICS: &str = "@dynamics:";

/// The numbers of an e-model table that SONATA knows.
const CURRENTS: [&str; 5] =
    ["threshold_current", "holding_current", "AIS_scaler", "input_resistance", "resting_potential"];

/// Writes the cells of a circuit.
pub(super) fn write_cells(path: &Path, name: &str, circuit: &Circuit, notes: &mut Vec<String>) -> Result<()> {
    let cells = &circuit.cells;
    let mut nodes = Nodes::new(path, name, cells.count())?;
    let has = |name: &str| cells.schema().find(name).is_some();
    nodes.orientation(cells)?;
    let mut left_out = Vec::new();
    for (at, spec) in cells.schema().columns().iter().enumerate() {
        if spec.name == "id" || ORIENTATION.contains(&spec.name.as_str()) {
            continue;
        }
        match Form::of(&spec.data_type) {
            Some(form) => nodes.column(&spec.name, form, cells.column(at)?)?,
            None => left_out.push(spec.name.clone()),
        }
    }
    if !left_out.is_empty() {
        notes.push(format!("{name}: no place for columns of lists or other types: {}", listed(&left_out)));
    }
    if !has("model_type") {
        nodes.constant("model_type", "biophysical")?;
    }
    if !has("model_template")
        && let Some(models) = Models::of(circuit, notes)?
    {
        nodes.texts("model_template", &models.templates)?;
        for (name, values) in models.currents {
            let values: ArrayRef = Arc::new(Float32Array::from(values));
            nodes.column(&format!("{DYNAMICS}{name}"), Form::Float32, &values)?;
        }
    }
    nodes.file.finish()
}

/// Writes a population of fibres.
pub(super) fn write_fibres(path: &Path, name: &str, count: usize) -> Result<()> {
    let mut nodes = Nodes::new(path, name, count)?;
    nodes.constant("model_type", "virtual")?;
    nodes.file.finish()
}

/// A file of nodes that is being written.
struct Nodes {
    file: File,
    group: Group,
    library: Option<Group>,
    dynamics: Option<Group>,
    count: usize,
}

impl Nodes {
    fn new(path: &Path, name: &str, count: usize) -> Result<Self> {
        let mut file = File::create(path)?;
        let root = file.root();
        let all = file.group(root, "nodes")?;
        let population = file.group(all, name)?;
        file.write(population, "node_type_id", &Array::numbers(&vec![-1_i64; count]))?;
        let group = file.group(population, "0")?;
        Ok(Nodes { file, group, library: None, dynamics: None, count })
    }

    /// Writes a property under its name in SONATA.
    fn column(&mut self, name: &str, form: Form, values: &ArrayRef) -> Result<()> {
        let name = match name {
            "exc_mini_frequency" => "exc-mini_frequency",
            "inh_mini_frequency" => "inh-mini_frequency",
            name => name,
        };
        let mut form = match form {
            Form::Float64 if SINGLE.contains(&name) => Form::Float32,
            // Layers have names: `5`, `SP`.
            Form::Int64 if name == "layer" => Form::Text,
            form => form,
        };
        if form == Form::Text {
            return self.texts(name, &Texts::of(values)?);
        }
        let array = loop {
            match form.encode(values, &mut Library::default())? {
                Some(array) => break array,
                None => form = form.wider(),
            }
        };
        match name.strip_prefix(DYNAMICS) {
            Some(parameter) => {
                let group = self.below("dynamics_params", |nodes| &mut nodes.dynamics)?;
                self.file.write(group, parameter, &array)?;
            }
            None => {
                self.file.write(self.group, name, &array)?;
            }
        }
        Ok(())
    }

    /// Writes texts: as places in a library where they repeat.
    fn texts(&mut self, name: &str, texts: &Texts) -> Result<()> {
        let mut library = Library::default();
        let codes = library.codes(texts);
        if library.names().len() == self.count {
            let plain: Vec<&str> =
                codes.iter().map(|&code| library.names()[code as usize].as_str()).collect();
            self.file.write(self.group, name, &Array::texts(&plain))?;
            return Ok(());
        }
        self.file.write(self.group, name, &Array::numbers(&codes))?;
        let group = self.below("@library", |nodes| &mut nodes.library)?;
        self.file.write(group, name, &Array::texts(library.names()))?;
        Ok(())
    }

    /// Writes the same text for every node.
    fn constant(&mut self, name: &str, text: &str) -> Result<()> {
        let group = self.below("@library", |nodes| &mut nodes.library)?;
        self.file.write(self.group, name, &Array::numbers(&vec![0_u32; self.count]))?;
        self.file.write(group, name, &Array::texts(&[text]))?;
        Ok(())
    }

    /// A group below the columns, made when it is first needed.
    fn below(&mut self, name: &str, slot: impl Fn(&mut Self) -> &mut Option<Group>) -> Result<Group> {
        if let Some(group) = *slot(self) {
            return Ok(group);
        }
        let group = self.file.group(self.group, name)?;
        *slot(self) = Some(group);
        Ok(group)
    }

    /// Writes unit quaternions, where the cells have all four parts of one. What is none is no turn at all.
    fn orientation(&mut self, cells: &CellTable) -> Result<()> {
        let Some(places) =
            ORIENTATION.map(|name| cells.schema().find(name)).into_iter().collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        let parts = places
            .into_iter()
            .map(|at| cast(cells.column(at)?, &DataType::Float64).map_err(|e| Error::format(e.to_string())));
        let parts: Vec<ArrayRef> = parts.collect::<Result<_>>()?;
        let parts: Vec<&[f64]> =
            parts.iter().map(|p| p.as_primitive::<Float64Type>().values().as_ref()).collect();
        let mut unit = [const { Vec::new() }; 4];
        for turn in (0..self.count).map(|row| [0, 1, 2, 3].map(|part| parts[part][row])) {
            let length = turn.iter().map(|v| v * v).sum::<f64>().sqrt();
            let turn = if length > 0.0 { turn.map(|v| v / length) } else { [1.0, 0.0, 0.0, 0.0] };
            unit.iter_mut().zip(turn).for_each(|(out, value)| out.push(value as f32));
        }
        for (name, values) in ORIENTATION.iter().zip(unit) {
            self.file.write(self.group, name, &Array::numbers(&values))?;
        }
        Ok(())
    }
}

/// The models of all cells.
struct Models {
    templates: Texts,
    currents: Vec<(&'static str, Vec<f32>)>,
}

impl Models {
    /// From the e-models of a circuit, if it has any.
    fn of(circuit: &Circuit, notes: &mut Vec<String>) -> Result<Option<Models>> {
        if circuit.format != Format::Bbp {
            return Ok(None);
        }
        let emodels = match circuit.emodels.get() {
            Ok(emodels) => emodels,
            // The circuit does not say that it has any.
            Err(error) if error.code() == Code::Name => return Ok(None),
            Err(error) => {
                notes.push(format!("no `model_template`: {}", error.message()));
                return Ok(None);
            }
        };
        let Some(at) = circuit.cells.schema().find("me_combo") else { return Ok(None) };
        let combos = Texts::of(circuit.cells.column(at)?)?;
        let Some(table) = &emodels.by_combo else {
            let templates = combos.renamed(|combo| Some(format!("hoc:{combo}")));
            return Ok(Some(Models { templates, currents: Vec::new() }));
        };
        let mut unknown = Vec::new();
        let templates = combos.renamed(|combo| {
            let emodel = table.get(combo).and_then(|row| row.get("emodel")).and_then(Value::as_str);
            if emodel.is_none() {
                unknown.push(combo.to_owned());
            }
            emodel.map(|name| format!("hoc:{name}"))
        });
        if !unknown.is_empty() {
            notes.push(format!("the e-model table lacks me-combos of cells: {}", listed(&unknown)));
        }
        let number = |row: Option<&Emodel>, key: &str| row.and_then(|r| r.get(key)).and_then(Value::as_f64);
        let known = |key: &&str| table.values().any(|row| number(Some(row), key).is_some());
        let currents = CURRENTS.into_iter().filter(known).map(|key| {
            let value = |combo: &str| number(table.get(combo), key).map_or(f32::NAN, |v| v as f32);
            (key, combos.map(f32::NAN, value))
        });
        Ok(Some(Models { templates, currents: currents.collect() }))
    }
}
