//! circuit.mvd3 and mecombo_emodel.tsv.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::diag::{Error, Result};
use crate::formats::write::circuit::{Form, Library, Texts, listed};
use crate::formats::write::hdf5::{Array, File, Group};
use crate::formats::write::write_file;
use crate::model::{CellTable, Circuit};

const PLACE: [&str; 3] = ["x", "y", "z"];
/// In the order of the file.
const ORIENTATION: [&str; 4] = ["orientation_x", "orientation_y", "orientation_z", "orientation_w"];

/// Columns that say what the table of e-models says.
const MODEL: [&str; 2] = ["model_type", "model_template"];

/// What the name of a column begins with whose values are parameters of the model.
const DYNAMICS: &str = "@dynamics:";

/// Writes the cells; whether there is a table of e-models.
pub(super) fn write(folder: &Path, circuit: &Circuit, notes: &mut Vec<String>) -> Result<bool> {
    let cells = &circuit.cells;
    let models = Models::of(circuit, notes)?;
    let mut file = File::create(&folder.join("circuit.mvd3"))?;
    let root = file.root();
    let group = file.group(root, "cells")?;
    let rows = cells.count() as u64;
    let places = numbers(cells, &PLACE)?;
    if places.is_none() {
        notes.push("the cells have no positions; all are 0".to_owned());
    }
    let places = places.unwrap_or_else(|| vec![0.0; cells.count() * PLACE.len()]);
    file.write(group, "positions", &Array::numbers(&places).shape(&[rows, 3]))?;
    if let Some(turns) = numbers(cells, &ORIENTATION)? {
        file.write(group, "orientations", &Array::numbers(&turns).shape(&[rows, 4]))?;
    }
    let group = file.group(group, "properties")?;
    let library = file.group(root, "library")?;
    let mut properties = Properties { file, group, library };
    let mut left_out = Vec::new();
    for (at, spec) in cells.schema().columns().iter().enumerate() {
        let name = spec.name.as_str();
        let elsewhere = name == "id" || PLACE.contains(&name) || ORIENTATION.contains(&name);
        if elsewhere || (models.is_some() && MODEL.contains(&name)) {
            continue;
        }
        match Form::of(&spec.data_type).filter(|_| !name.starts_with(DYNAMICS)) {
            Some(form) => properties.put(name, form, cells.column(at)?)?,
            // The table of e-models has it.
            None if name.starts_with(DYNAMICS) && models.as_ref().is_some_and(|m| m.has(name)) => {}
            None => left_out.push(spec.name.clone()),
        }
    }
    if !left_out.is_empty() {
        notes.push(format!("cells: the format has no place for {}", listed(&left_out)));
    }
    if let Some(models) = &models
        && cells.schema().find("me_combo").is_none()
    {
        properties.texts("me_combo", &Texts::of(&models.combos)?)?;
    }
    properties.file.finish()?;
    models.as_ref().map_or(Ok(()), |models| models.write(&folder.join("mecombo_emodel.tsv")))?;
    Ok(models.is_some())
}

/// Columns of numbers side by side, row by row; `None` where one of them does not exist.
fn numbers(cells: &CellTable, names: &[&str]) -> Result<Option<Vec<f64>>> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for name in names {
        let Some(at) = cells.schema().find(name) else { return Ok(None) };
        columns.push(cast(cells.column(at)?, &DataType::Float64).map_err(|e| Error::format(e.to_string()))?);
    }
    let columns: Vec<_> = columns.iter().map(AsArray::as_primitive::<Float64Type>).collect();
    let rows = (0..cells.count()).flat_map(|row| columns.iter().map(move |column| column.value(row)));
    Ok(Some(rows.collect()))
}

/// The properties of a file that is being written.
struct Properties {
    file: File,
    group: Group,
    library: Group,
}

impl Properties {
    fn put(&mut self, name: &str, mut form: Form, values: &ArrayRef) -> Result<()> {
        if form == Form::Text {
            let texts = Texts::of(values)?;
            return match layers(&texts).filter(|_| name == "layer") {
                Some(layers) => self.file.write(self.group, name, &Array::numbers(&layers)).map(|_| ()),
                None => self.texts(name, &texts),
            };
        }
        let array = loop {
            match form.encode(values, &mut Library::default())? {
                Some(array) => break array,
                None => form = form.wider(),
            }
        };
        self.file.write(self.group, name, &array).map(|_| ())
    }

    /// Texts are numbers of entries in the library.
    fn texts(&mut self, name: &str, texts: &Texts) -> Result<()> {
        let mut library = Library::default();
        let codes = library.codes(texts);
        self.file.write(self.group, name, &Array::numbers(&codes))?;
        self.file.write(self.library, name, &Array::texts(library.names()))?;
        Ok(())
    }
}

/// Layers that are all numbers, as numbers.
fn layers(texts: &Texts) -> Option<Vec<i64>> {
    texts.map(None, |name| name.parse().ok()).into_iter().collect()
}

/// The e-models of the cells: a row for each me-combo.
struct Models {
    /// The me-combo of each cell.
    combos: ArrayRef,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The columns that a table of e-models takes over from the cells: its name and theirs.
const TAKEN: [(&str, &str); 4] =
    [("morph_name", "morphology"), ("layer", "layer"), ("fullmtype", "mtype"), ("etype", "etype")];

impl Models {
    /// What the model templates of the cells say; `None` where they have none.
    fn of(circuit: &Circuit, notes: &mut Vec<String>) -> Result<Option<Models>> {
        let cells = &circuit.cells;
        let Some(templates) = cells.schema().find("model_template") else { return Ok(None) };
        let mut header = Vec::new();
        let mut columns: Vec<Vec<String>> = Vec::new();
        let mut take = |name: &str, at: usize| -> Result<()> {
            header.push(name.to_owned());
            columns.push(Texts::of(cells.column(at)?)?.map("NA".to_owned(), str::to_owned));
            Ok(())
        };
        for (name, column) in TAKEN {
            cells.schema().find(column).map_or(Ok(()), |at| take(name, at))?;
        }
        take("emodel", templates)?;
        for (at, spec) in cells.schema().columns().iter().enumerate() {
            if let Some(parameter) = spec.name.strip_prefix(DYNAMICS).filter(|_| spec.data_type.is_numeric())
            {
                take(parameter, at)?;
            }
        }
        let model = TAKEN.iter().filter(|(_, column)| cells.schema().find(column).is_some()).count();
        for template in &mut columns[model] {
            if let Some((_, name)) = template.split_once(':') {
                *template = name.to_owned();
            }
        }
        let given = match cells.schema().find("me_combo") {
            Some(at) => Some(Texts::of(cells.column(at)?)?.map(String::new(), str::to_owned)),
            None => None,
        };
        header.push("combo_name".to_owned());
        let mut models = Models {
            combos: std::sync::Arc::new(StringArray::from(Vec::<&str>::new())),
            header,
            rows: Vec::new(),
        };
        let mut combos: Vec<String> = Vec::with_capacity(cells.count());
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        let mut differ = Vec::new();
        for row in 0..cells.count() {
            let mut values: Vec<String> = columns.iter().map(|column| column[row].clone()).collect();
            let key = given.as_ref().map_or_else(|| values.clone(), |given| vec![given[row].clone()]);
            let next = models.rows.len();
            let at = *known.entry(key).or_insert(next);
            let name = match &given {
                Some(given) => given[row].clone(),
                None => format!("{}_{at}", values[model]),
            };
            values.push(name.clone());
            if at == next {
                models.rows.push(values);
            } else if models.rows[at] != values && differ.last() != Some(&name) {
                differ.push(name.clone());
            }
            combos.push(name);
        }
        if !differ.is_empty() {
            let names = listed(&differ);
            notes.push(format!("cells of one me-combo have several models; the first one's counts: {names}"));
        }
        let blank = |word: &String| word.is_empty() || word.contains(char::is_whitespace);
        if models.rows.iter().flatten().any(blank) {
            notes.push("no table of e-models: the names of some are empty or have blanks in them".to_owned());
            return Ok(None);
        }
        models.combos = std::sync::Arc::new(StringArray::from(combos));
        Ok(Some(models))
    }

    /// Whether the table has a parameter.
    fn has(&self, column: &str) -> bool {
        column.strip_prefix(DYNAMICS).is_some_and(|name| self.header.iter().any(|h| h == name))
    }

    fn write(&self, path: &Path) -> Result<()> {
        write_file(path, |out| {
            writeln!(out, "{}", self.header.join("\t"))?;
            self.rows.iter().try_for_each(|row| writeln!(out, "{}", row.join("\t")))
        })
    }
}
