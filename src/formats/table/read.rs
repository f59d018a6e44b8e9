//! Files into tables, by the extension of the name.

use std::path::Path;

use super::{FileType, columnar, csv, json};
use crate::diag::Result;
use crate::model::Frame;

/// Reads a table. A column `delay (ms)` gets the name `delay` and the unit `ms`.
///
/// # Errors
/// When the file is missing or damaged, with the place in it; when the extension names no file type.
pub fn read(path: &Path) -> Result<Frame> {
    match FileType::of(path)? {
        FileType::Csv => csv::read(path, None),
        FileType::Tsv => csv::read(path, Some('\t')),
        FileType::Json => json::read(path, false),
        FileType::JsonLines => json::read(path, true),
        FileType::Parquet => columnar::read_parquet(path),
        FileType::Arrow => columnar::read_arrow(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Error};
    use crate::formats::table::{samples, save};

    fn of_text(name: &str, text: &str) -> Result<Frame> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    fn contents(name: &str, text: &str) -> Vec<String> {
        samples::contents(&of_text(name, text).expect("a table"))
    }

    fn fault(name: &str, text: &str) -> Error {
        of_text(name, text).expect_err("damaged")
    }

    /// Line and column of the error.
    fn place(error: &Error) -> Option<(usize, usize)> {
        error.place().and_then(|place| place.line)
    }

    #[test]
    fn csv_columns_get_the_type_that_holds_all_their_values() {
        let text = "id,delay (ms),name,ok,code,big,rate\n\
                    1, 0.5 ,L5,true,7,99999999999999999999,NA\n\
                    -2,3,NA,False,a7,1,2\n";
        let table = of_text("a.csv", text).expect("a table");
        let types: Vec<String> = table.columns().iter().map(|c| c.data_type().to_string()).collect();
        let text = "Dictionary(Int32, Utf8)";
        assert_eq!(types, ["Int64", "Float64", text, "Boolean", text, "Float64", "Int64"]);
        assert_eq!(table.schema().columns()[1].unit.as_deref(), Some("ms"));
        assert_eq!(samples::contents(&table)[2], "-2 | 3.0 | \"NA\" | false | \"a7\" | 1.0 | 2");
        assert_eq!(samples::contents(&table)[1], "1 | 0.5 | \"L5\" | true | \"7\" | 1e20 | null");
    }

    #[test]
    fn csv_is_read_as_other_tools_write_it() {
        let plain = contents("a.csv", "a,b\n1,x\n2,\n");
        assert_eq!(plain, ["a | b", "1 | \"x\"", "2 | null"]);
        for text in [
            "\u{feff}a,b\r\n1,x\r\n2,\r\n",
            "a;b\n1;x\n2;",
            "a\tb\n1\tx\n\n2\t\n",
            "\"a\",\"b\"\r1,\"x\"\r2,\r",
        ] {
            assert_eq!(contents("a.csv", text), plain, "{text:?}");
        }
        assert_eq!(contents("a.csv", "a\n\"x \"\"y\"\"\nz\"\n")[1], r#""x \"y\"\nz""#);
        assert_eq!(contents("a.csv", "1,2.5\n3,4\n"), ["column_1 | column_2", "1 | 2.5", "3 | 4.0"]);
        assert_eq!(contents("a.csv", ",a,a,a (ms),a (ms)\n")[0], "column_1 | a | a_2 | a (ms) | a_2 (ms)");
    }

    #[test]
    fn damaged_text_is_placed() {
        let error = fault("a.csv", "a,b\n1,2\n\"x\ny\",3\n4\n");
        assert_eq!(error.message(), "a row of 1 field in a table of 2 columns");
        assert_eq!(place(&error), Some((5, 0)));
        assert_eq!(place(&fault("a.csv", "a,b\n1,\"2\n3,4\n")), Some((2, 3)));
        assert_eq!(place(&fault("a.tsv", "a\tb\n1\t\"2\" \n")), Some((2, 6)));
        assert_eq!(place(&fault("a.json", "{\"columns\": [\"a\"],\n \"rows\": [[1], 2x]}")), Some((2, 17)));
        assert!(fault("a.csv", " \n").message().contains("empty"));
        assert!(fault("a.json", "").message().contains("empty"));
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, b"a,b\n1,caf\xe9\n").expect("written");
        assert_eq!(place(&read(&path).expect_err("Latin 1")), Some((2, 6)));
        assert_eq!(read(&folder.path().join("b.parquet")).expect_err("missing").code(), Code::Io);
    }

    #[test]
    fn json_is_read_as_other_tools_write_it() {
        let plain = ["a | b", "1 | \"x\"", "2 | null"];
        for text in [
            r#"{"columns": ["a", "b"], "rows": [[1, "x"], [2, null]]}"#,
            r#"{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, null]]}"#,
            r#"[{"a": 1, "b": "x"}, {"a": 2}]"#,
            r#"{"a": [1, 2], "b": ["x", null]}"#,
            r#"{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": null}}"#,
            "{\"a\": 1, \"b\": \"x\"}\n{\"b\": null, \"a\": 2}\n",
        ] {
            assert_eq!(contents("a.json", text), plain, "{text}");
        }
        let units = r#"{"columns": ["a", "b"], "units": {"b": "ms"}, "rows": [[1.5, true]]}"#;
        assert_eq!(contents("a.json", units), ["a | b (ms)", "1.5 | true"]);
        let lists = contents("a.jsonl", "{\"a\": [1, 2]}\n");
        assert_eq!(lists, ["a", r#"["1", "2"]"#]);
        assert_eq!(contents("a.json", r#"{"a": 1, "b": "x"}"#), plain[..2]);
    }

    #[test]
    fn json_that_is_no_table_is_refused() {
        for (text, culprit) in [
            (r#"{"columns": ["a"], "rows": [[1], [1, 2]]}"#, "row 2 has 2 values for 1 columns"),
            (r#"{"columns": ["a"], "rows": [1]}"#, "row 1 is not an array"),
            (r#"{"columns": ["a"], "units": [], "rows": []}"#, "0 units for 1 columns"),
            (r#"{"columns": 3, "rows": []}"#, "`columns` is not an array of texts"),
            (r#"[{"a": 1}, {"a": "x"}]"#, "column `a` mixes numbers and texts (row 2)"),
            (r#"[{"a": {"b": 1}}]"#, "column `a` holds objects, which a table cannot"),
            ("3", "this JSON is no table"),
        ] {
            assert_eq!(fault("a.json", text).message(), culprit);
        }
    }

    #[test]
    fn other_files_under_the_name_are_refused() {
        for name in ["a.parquet", "a.arrow", "a.feather"] {
            for text in ["", "a", "a,b\n1,2\n", "ARROW1\0\0\0\0\0\0ARROW1", "PAR1aaaaPAR1"] {
                let error = fault(name, text);
                assert_eq!(error.code(), Code::Format);
                assert!(error.place().is_some(), "{error}");
            }
        }
        assert!(fault("a.arrow", "FEA1 and more").message().contains("version 1"));
    }

    /// Cut short or with a byte changed, a file is an error or a table, and memory stays bounded.
    #[test]
    fn damage_never_panics() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for name in ["a.parquet", "a.arrow", "a.csv", "a.json"] {
            let path = folder.path().join(name);
            let table = samples::nulls();
            let mut blocks = samples::blocks(&table, 3).into_iter();
            save(&path, table.schema(), &mut || Ok(blocks.next())).expect("saved");
            let whole = std::fs::read(&path).expect("the file");
            for at in (0..whole.len()).step_by(whole.len().div_ceil(100)) {
                std::fs::write(&path, &whole[..at]).expect("written");
                let cut = read(&path);
                assert!(cut.is_err() || name == "a.csv" || at + 1 == whole.len(), "{name} cut at {at}");
                for value in [0, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
                    let mut changed = whole.clone();
                    changed[at] = value;
                    std::fs::write(&path, &changed).expect("written");
                    if let Ok(table) = read(&path) {
                        samples::contents(&table);
                    }
                }
            }
        }
    }
}
