//! The `node_types.csv` and `edge_types.csv` of the Allen flavour: what all nodes or edges of a type have in common.
//!
//! Values are separated by blanks, quoted with `"` or `'` where they hold one; a word such as `NULL` stands for what is
//! missing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, new_null_array};
use arrow_schema::DataType;
use serde_json::Value;

use crate::diag::{Error, Result};
use crate::formats::cells::dictionary;
use crate::formats::text::{Text, number, whole};

/// Words for a value that is missing.
const MISSING: &[&str] = &["", "NULL", "null", "NONE", "None", "nan", "NaN"];

/// The column of the file names of parameters.
const PARAMETERS: &str = "dynamics_params";

/// The properties of types: a row a type, a column a property.
#[derive(Debug)]
pub struct Types {
    path: PathBuf,
    rows: HashMap<i64, u32>,
    columns: Vec<(String, ArrayRef)>,
}

/// A value as it is written.
type Word = Option<String>;

impl Types {
    /// Reads the types of a population. `key` is the column of the type's number: `node_type_id` or `edge_type_id`;
    /// where the file has a column `population`, rows of other populations are left out.
    ///
    /// A column is of whole numbers, numbers or truth values if all its values are, else of text; a column without any
    /// value is of nulls.
    ///
    /// # Errors
    /// When the file cannot be read, has no such key, a row of another length than the header, a type or a column twice,
    /// or a quote that is not closed.
    pub fn read(path: &Path, key: &str, population: &str) -> Result<Self> {
        let text = Text::open(path)?;
        let lines = std::str::from_utf8(text.bytes())
            .map_err(|e| text.error(e.valid_up_to(), "this is not text in UTF-8"))?;
        let mut lines = lines.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|l| !l.1.trim().is_empty());
        let at = |line: usize, message: String| Error::format(message).at_line(path, line, 0);
        let Some((line, header)) = lines.next() else {
            return Err(Error::format("the file of types is empty").in_file(path));
        };
        let header = Header::read(header).map_err(|message| at(line, message))?;
        let Some(key_column) = header.find(key) else {
            let columns = header.names.iter();
            let error = Error::unknown("column", key, columns).at_line(path, line, 0);
            return Err(error.help("the columns of a file of types are separated by blanks"));
        };
        let population_column = header.find("population");

        let mut rows = HashMap::new();
        let mut values: Vec<Vec<Word>> = vec![Vec::new(); header.names.len()];
        for (line, row) in lines {
            let row = header.row(row).map_err(|message| at(line, message))?;
            if population_column.and_then(|c| row[c].as_deref()).is_some_and(|p| p != population) {
                continue;
            }
            let id = row[key_column].as_deref().unwrap_or_default();
            let Some(id) = integral(id) else {
                return Err(at(line, format!("`{key}` is `{id}`, not a whole number")));
            };
            let known = rows.len() as u32;
            if rows.insert(id, known).is_some() {
                return Err(at(line, format!("the type {id} is there twice")));
            }
            values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let columns = header.names.into_iter().zip(values).enumerate();
        let columns = columns.filter(|(at, _)| *at != key_column && Some(*at) != population_column);
        let columns = columns.map(|(_, (name, values))| (name, column(&values))).collect();
        Ok(Types { path: path.to_owned(), rows, columns })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the properties and their values, one a row. Text is a dictionary.
    pub fn columns(&self) -> &[(String, ArrayRef)] {
        &self.columns
    }

    /// The row of a type.
    pub fn row_of(&self, id: i64) -> Option<u32> {
        self.rows.get(&id).copied()
    }

    /// Adds the parameters in the JSON files that the column `dynamics_params` names, as columns `@dynamics:NAME`. Only
    /// single values are parameters; types whose file is not in the folder have none.
    ///
    /// # Errors
    /// When a file cannot be read or is not a JSON object.
    pub fn read_parameters(&mut self, folder: &Path) -> Result<()> {
        let Some((_, files)) = self.columns.iter().find(|c| c.0 == PARAMETERS) else { return Ok(()) };
        let Ok(files) = arrow_cast::cast(files, &DataType::Utf8) else { return Ok(()) };
        let files: &StringArray = files.as_string();
        let mut names: Vec<String> = Vec::new();
        let mut values: HashMap<String, Vec<Word>> = HashMap::new();
        let mut read: HashMap<&str, Vec<(String, String)>> = HashMap::new();
        for (row, file) in files.iter().enumerate() {
            let Some(file) = file else { continue };
            if !read.contains_key(file) {
                read.insert(file, parameters(&folder.join(file))?);
            }
            for (name, value) in &read[file] {
                let column = values.entry(name.clone()).or_insert_with(|| {
                    names.push(name.clone());
                    vec![None; files.len()]
                });
                column[row] = Some(value.clone());
            }
        }
        let columns = names.into_iter().map(|name| (format!("@dynamics:{name}"), column(&values[&name])));
        self.columns.extend(columns);
        Ok(())
    }
}

/// The single values of a JSON object, as words; none of a file that is not there.
fn parameters(path: &Path) -> Result<Vec<(String, String)>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = Text::open(path)?;
    let found: Value = serde_json::from_slice(text.bytes()).map_err(|e| {
        Error::format(format!("this is not JSON: {e}")).at_line(path, e.line().max(1), e.column())
    })?;
    let Value::Object(found) = found else {
        return Err(Error::format("a JSON object of parameters is expected").in_file(path));
    };
    let word = |(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(_) | Value::Bool(_) => Some((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    Ok(found.into_iter().filter_map(word).collect())
}

/// The first line: the names of the columns.
struct Header {
    names: Vec<String>,
    /// Columns stand one under the other, with several blanks between them.
    aligned: bool,
}

impl Header {
    fn read(line: &str) -> Result<Self, String> {
        let fields = split(line)?;
        let names: Vec<String> =
            fields.iter().filter(|f| !f.is_nothing()).map(|f| f.text.to_string()).collect();
        let twice = (1..names.len()).find(|&i| names[..i].contains(&names[i]));
        match twice {
            Some(i) => Err(format!("the column `{}` is there twice", names[i])),
            None => Ok(Header { aligned: names.len() < fields.len(), names }),
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// The values of a line. Two blanks stand for a value that is missing, unless that gives too many.
    fn row(&self, line: &str) -> Result<Vec<Word>, String> {
        let mut fields = split(line)?;
        if self.aligned || fields.len() != self.names.len() {
            fields.retain(|f| !f.is_nothing());
        }
        if fields.len() != self.names.len() {
            return Err(format!("{} values where the header has {} columns", fields.len(), self.names.len()));
        }
        let word = |field: Field| (!MISSING.contains(&field.text.as_ref())).then(|| field.text.into_owned());
        Ok(fields.into_iter().map(word).collect())
    }
}

/// What stands between two blanks.
struct Field<'a> {
    text: Cow<'a, str>,
    quoted: bool,
}

impl Field<'_> {
    /// Whether there is not even a quote.
    fn is_nothing(&self) -> bool {
        self.text.is_empty() && !self.quoted
    }
}

/// The fields of a line.
fn split(line: &str) -> Result<Vec<Field<'_>>, String> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(line) = rest {
        let field;
        (field, rest) = if let Some(quote @ ('"' | '\'')) = line.chars().next() {
            quoted(line, quote)?
        } else {
            let (text, rest) = until_blank(line);
            (Field { text: text.into(), quoted: false }, rest)
        };
        fields.push(field);
    }
    Ok(fields)
}

fn until_blank(line: &str) -> (&str, Option<&str>) {
    match line.split_once([' ', '\t']) {
        Some((text, rest)) => (text, Some(rest)),
        None => (line, None),
    }
}

/// A field that begins with a quote; the quote twice stands for itself. What follows the closing one belongs to it.
fn quoted(line: &str, quote: char) -> Result<(Field<'_>, Option<&str>), String> {
    let mut text = String::new();
    let mut rest = &line[1..];
    loop {
        let Some((part, behind)) = rest.split_once(quote) else {
            return Err(format!("a quote is not closed: {line}"));
        };
        text.push_str(part);
        rest = behind;
        let Some(behind) = rest.strip_prefix(quote) else { break };
        text.push(quote);
        rest = behind;
    }
    let (tail, rest) = until_blank(rest);
    text.push_str(tail);
    Ok((Field { text: text.into(), quoted: true }, rest))
}

/// The whole number that a word is, also one written as `100.0`.
fn integral(word: &str) -> Option<i64> {
    whole(word.as_bytes()).or_else(|| {
        let value = number(word.as_bytes())?;
        (value.fract() == 0.0 && value.abs() < 2f64.powi(53)).then_some(value as i64)
    })
}

/// The values of a column, in the narrowest type that holds all of them.
fn column(words: &[Word]) -> ArrayRef {
    fn all<T>(words: &[Word], read: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
        words.iter().map(|word| word.as_deref().map(&read).map_or(Some(None), |v| v.map(Some))).collect()
    }
    let truth = |word: &str| match word {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    };
    if words.iter().all(Option::is_none) {
        new_null_array(&DataType::Null, words.len())
    } else if let Some(values) = all(words, |word| whole(word.as_bytes())) {
        Arc::new(Int64Array::from(values))
    } else if let Some(values) = all(words, |word| number(word.as_bytes())) {
        Arc::new(Float64Array::from(values))
    } else if let Some(values) = all(words, truth) {
        Arc::new(BooleanArray::from(values))
    } else {
        dictionary(&words.iter().map(Option::as_deref).collect())
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Float64Type, Int64Type};
    use proptest::prelude::*;

    use super::*;

    fn read(content: &str) -> Result<Types> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node_types.csv");
        std::fs::write(&path, content).unwrap();
        Types::read(&path, "node_type_id", "cells")
    }

    fn texts(types: &Types, name: &str) -> Vec<Option<String>> {
        let (_, values) = types.columns().iter().find(|c| c.0 == name).unwrap();
        let values = arrow_cast::cast(values, &DataType::Utf8).unwrap();
        let values: &StringArray = values.as_string();
        values.iter().map(|v| v.map(str::to_owned)).collect()
    }

    fn refused(content: &str) -> String {
        read(content).unwrap_err().to_string()
    }

    #[test]
    fn values_have_the_type_of_their_column() {
        let types =
            read("node_type_id ei n angle on none\n7 e 1 0.5 True NULL\n5 i NONE -1 False nan\n").unwrap();
        assert_eq!((types.row_of(7), types.row_of(5), types.row_of(0)), (Some(0), Some(1), None));
        let kinds: Vec<_> = types.columns().iter().map(|c| c.1.data_type().clone()).collect();
        assert_eq!(kinds[1..], [DataType::Int64, DataType::Float64, DataType::Boolean, DataType::Null]);
        assert_eq!(texts(&types, "ei"), [Some("e".to_owned()), Some("i".to_owned())]);
        let n = types.columns()[1].1.as_primitive::<Int64Type>();
        assert_eq!((n.value(0), n.is_null(1)), (1, true));
        assert_eq!(types.columns()[2].1.as_primitive::<Float64Type>().values(), &[0.5, -1.0]);
    }

    #[test]
    fn blanks_and_quotes() {
        let types = read(
            "node_type_id a b c\r\n\r\n1 \"two words\" 'it''s' x'y'\r\n2  'a b' \"\"\r\n3   x  y   z\n4 'a'=='b' y z\n",
        )
        .unwrap();
        let some = |t: &str| Some(t.to_owned());
        assert_eq!(texts(&types, "a"), [some("two words"), None, some("x"), some("a=='b'")]);
        assert_eq!(texts(&types, "b"), [some("it's"), some("a b"), some("y"), some("y")]);
        assert_eq!(texts(&types, "c"), [some("x'y'"), None, some("z"), some("z")]);
        let aligned = read("node_type_id   a  b\n1              x  y\n").unwrap();
        assert_eq!(texts(&aligned, "b"), [some("y")]);
    }

    #[test]
    fn other_populations_are_left_out() {
        let types = read("node_type_id population a\n1 cells x\n1 fibres y\n2 NULL z\n").unwrap();
        assert_eq!(texts(&types, "a"), [Some("x".to_owned()), Some("z".to_owned())]);
        assert_eq!(types.columns().len(), 1);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        assert!(refused("").contains("is empty"));
        assert!(refused("id,node_type_id\n1,2\n").contains("separated by blanks"));
        assert!(refused("node_type_id a\n1 x y\n").contains("3 values where the header has 2 columns"));
        assert!(refused("node_type_id a\n1 x y\n").contains("line 2"));
        assert!(refused("node_type_id a\n1 'x\n").contains("a quote is not closed"));
        assert!(refused("node_type_id a a\n").contains("`a` is there twice"));
        assert!(refused("node_type_id a\n1 x\n\n1.0 y\n").contains("the type 1 is there twice"));
        assert!(refused("node_type_id a\nx 1\n").contains("`node_type_id` is `x`"));
    }

    #[test]
    fn parameters_come_from_files_beside() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        write("types.csv", "node_type_id dynamics_params\n1 a.json\n2 b.json\n3 gone.json\n4 NULL\n");
        write("a.json", r#"{"C_m": 120, "tau": [1, 2], "kind": "exc"}"#);
        write("b.json", r#"{"C_m": 0.5, "V_th": -50.25}"#);
        let read = || {
            let mut types = Types::read(&folder.path().join("types.csv"), "node_type_id", "cells")?;
            types.read_parameters(folder.path())?;
            Ok::<_, Error>(types)
        };
        let types = read().unwrap();
        let names: Vec<&str> = types.columns().iter().map(|c| c.0.as_str()).collect();
        assert_eq!(names, ["dynamics_params", "@dynamics:C_m", "@dynamics:kind", "@dynamics:V_th"]);
        let values = types.columns()[1].1.as_primitive::<Float64Type>();
        assert_eq!((values.value(0), values.value(1), values.is_null(2)), (120.0, 0.5, true));
        write("b.json", "[1]");
        assert!(read().unwrap_err().to_string().contains("b.json"));
        write("b.json", "{\"a\": ");
        assert!(read().unwrap_err().to_string().contains("not JSON"));
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(words in prop::collection::vec("[ -~é\t]{0,12}", 1..6)) {
            let quoted: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.replace('"', "\"\""))).collect();
            let line = quoted.join(" ");
            let fields: Vec<String> = split(&line).unwrap().into_iter().map(|f| f.text.into_owned()).collect();
            prop_assert_eq!(fields, words);
        }

        #[test]
        fn no_text_makes_it_panic(content in "(node_type_id)?[ \t\n'\"a1.é-]{0,60}") {
            let _ = read(&content);
        }
    }
}
