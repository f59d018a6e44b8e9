//! The table of e-models (`mecombo_emodel.tsv`): which model each combination of morphology and e-type uses, and
//! the numbers that go with it.
//!
//! Words between blanks or tabs under a header; columns and rows in any order. A column is of numbers when all its
//! words are. Circuits older than this table have none: there the hoc file is named after the me-combo.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Number, Value};

use crate::diag::{Error, Result};
use crate::formats::text::Text;
use crate::model::{Emodel, Emodels};

/// The columns that must be there.
const NEEDED: [&str; 2] = ["combo_name", "emodel"];
/// The columns that hold names, whatever they look like (a hash may look like `1e7`).
const NAMES: [&str; 5] = ["morph_name", "fullmtype", "etype", "emodel", "combo_name"];
/// The words for a number that is not known.
const MISSING: [&str; 4] = ["nan", "NaN", "NA", "N/A"];

/// The e-models of a circuit whose hoc files are in `folder`, with or without a table.
///
/// # Errors
/// When the table cannot be read.
pub fn open(folder: &Path, table: Option<&Path>) -> Result<Emodels> {
    let by_combo = table.map(read_table).transpose()?;
    Ok(Emodels { by_combo, folder: folder.to_owned() })
}

/// Reads a table: its rows in file order, each with its line.
///
/// # Errors
/// A missing column, a row with another number of words than the header: with the line.
pub fn read_rows(path: &Path) -> Result<Vec<(usize, Emodel)>> {
    let file = Text::open(path)?;
    let text = String::from_utf8_lossy(file.bytes());
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, words(line)));
    let mut lines = lines.filter(|(_, words)| !words.is_empty());
    let error = |line: usize, message: String| Error::format(message).at_line(path, line, 0);
    let (top, header) = lines.next().ok_or_else(|| Error::format("the table is empty").in_file(path))?;
    for needed in NEEDED {
        if !header.iter().any(|h| h == needed) {
            return Err(Error::unknown("column", needed, &header).at_line(path, top, 0));
        }
    }
    let rows: Vec<(usize, Vec<String>)> = lines.collect();
    for (line, row) in &rows {
        if row.len() != header.len() {
            let message = format!("{} values for the {} columns of the table", row.len(), header.len());
            return Err(error(*line, message));
        }
    }
    let column = |at: usize| Kind::of(&header[at], rows.iter().map(|(_, row)| row[at].as_str()));
    let kinds: Vec<Kind> = (0..header.len()).map(column).collect();
    let emodel = |row: &[String]| {
        header
            .iter()
            .zip(&kinds)
            .zip(row)
            .map(|((name, kind), word)| (name.clone(), kind.value(word)))
            .collect()
    };
    Ok(rows.iter().map(|(line, row)| (*line, emodel(row))).collect())
}

/// Reads a table: its rows by me-combo.
///
/// # Errors
/// As [`read_rows`], and two different rows of one me-combo.
pub fn read_table(path: &Path) -> Result<BTreeMap<String, Emodel>> {
    let mut table = BTreeMap::new();
    for (line, emodel) in read_rows(path)? {
        let combo = emodel.get("combo_name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(other) = table.get(&combo)
            && *other != emodel
        {
            let message = format!("a second and different row of me-combo `{combo}`");
            return Err(Error::format(message).at_line(path, line, 0));
        }
        table.insert(combo, emodel);
    }
    Ok(table)
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Name,
    Int,
    Float,
}

impl Kind {
    fn of<'a>(name: &str, words: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut numbers = words.filter(|w| !MISSING.contains(w));
        if NAMES.contains(&name) || !numbers.clone().all(|w| w.parse::<f64>().is_ok_and(f64::is_finite)) {
            Kind::Name
        } else if numbers.all(|w| w.parse::<i64>().is_ok()) {
            Kind::Int
        } else {
            Kind::Float
        }
    }

    fn value(self, word: &str) -> Value {
        match self {
            Kind::Name => word.into(),
            Kind::Int => word.parse::<i64>().map_or(Value::Null, Value::from),
            Kind::Float => word.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(text: &str) -> Result<BTreeMap<String, Emodel>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mecombo_emodel.tsv");
        std::fs::write(&path, text).unwrap();
        read_table(&path)
    }

    #[test]
    fn reads_columns_in_any_order() {
        let rows = table(
            "combo_name\tlayer current\tmorph_name emodel\tother\t\r\n\t\tc1\t2\t0.5\t1e5 12\tx\t\t\r\n\nc2 6 NaN 7 e2 1\n",
        )
        .unwrap();
        let [one, two] = ["c1", "c2"].map(|c| Value::Object(rows[c].clone()));
        assert_eq!(
            one,
            json!({"combo_name": "c1", "layer": 2, "current": 0.5, "morph_name": "1e5", "emodel": "12", "other": "x"})
        );
        assert_eq!(
            two,
            json!({"combo_name": "c2", "layer": 6, "current": null, "morph_name": "7", "emodel": "e2", "other": "1"})
        );
        let keys: Vec<_> = rows["c1"].keys().collect();
        assert_eq!(keys, ["combo_name", "layer", "current", "morph_name", "emodel", "other"]);
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("", None, "the table is empty"),
            ("combo_nam emodel\n", Some((1, 0)), "no column `combo_name`"),
            ("combo_name layer\n", Some((1, 0)), "no column `emodel`"),
            ("combo_name emodel\na b\nc\n", Some((3, 0)), "1 values for the 2 columns"),
            ("combo_name emodel\na b\na b\na c\n", Some((4, 0)), "different row of me-combo `a`"),
        ];
        for (text, place, message) in cases {
            let error = table(text).unwrap_err();
            assert!(error.message().contains(message), "{error}");
            assert_eq!(error.place().unwrap().line, place);
        }
    }

    #[test]
    fn the_oracle_of_emodels() {
        let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle/bluepy"));
        if !shared.exists() {
            println!("skipped: no {}", shared.display());
            return;
        }
        let rows = read_table(&shared.join("data/mecombo_emodel.tsv")).unwrap();
        let expected = json!({"morph_name": "morph-2", "layer": 2, "fullmtype": "L23_BP", "etype": "bAC",
            "emodel": "emodel-2", "combo_name": "mecombo-2", "propA": 0.21, "propB": 0.22});
        assert_eq!(Value::Object(rows["mecombo-2"].clone()), expected);
        let real = read_table(&shared.join("mvdtool/mecombo_emodel.tsv")).unwrap();
        assert_eq!(real, read_table(&shared.join("mvdtool/mecombo_emodel_tabs.tsv")).unwrap());
        let row = &real["bAC_1_02583f52ff47b88961e4216e2972ee8c"];
        assert_eq!((real.len(), row.len(), &row["threshold_current"]), (34, 8, &json!(0.0)));
        assert!(open(Path::new("hoc"), None).unwrap().by_combo.is_none());
    }
}
