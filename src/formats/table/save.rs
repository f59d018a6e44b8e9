//! Tables into files, by the extension of the name.

use std::path::Path;

use super::values::Values;
use super::{FileType, columnar, csv, json};
use crate::diag::{Error, Result};
use crate::formats::write::AtomicFile;
use crate::model::{Frame, Schema};

/// Writes the frames that `batches` gives, one after the other, until it gives `None`, and returns the number of
/// rows. The file appears when all of it is written; after an error there is none, or the old one.
///
/// # Errors
/// When the extension names no file type, when the disk refuses, and whatever `batches` fails with.
pub fn save(path: &Path, schema: &Schema, batches: &mut dyn FnMut() -> Result<Option<Frame>>) -> Result<u64> {
    let file_type = FileType::of(path)?;
    if schema.columns().is_empty() {
        return Err(Error::argument("a table without columns cannot be saved"));
    }
    let mut sink = Sink::open(file_type, AtomicFile::create(path)?, schema, path)?;
    let mut rows = 0;
    while let Some(frame) = batches()? {
        if frame.columns().len() != schema.columns().len() {
            let (found, wanted) = (frame.columns().len(), schema.columns().len());
            return Err(Error::argument(format!(
                "{found} columns of values for a table of {wanted} columns"
            )));
        }
        sink.write(&frame, path)?;
        rows += frame.rows() as u64;
    }
    sink.finish(path)?.commit()?;
    Ok(rows)
}

/// A file of one of the types while it is written.
enum Sink {
    Csv(csv::Writer),
    Json(json::Writer),
    Columnar(columnar::Writer),
}

impl Sink {
    fn open(file_type: FileType, file: AtomicFile, schema: &Schema, path: &Path) -> Result<Sink> {
        let io = |cause: std::io::Error| Error::io("write", path, &cause);
        Ok(match file_type {
            FileType::Csv => Sink::Csv(csv::Writer::new(file, schema, ',').map_err(io)?),
            FileType::Tsv => Sink::Csv(csv::Writer::new(file, schema, '\t').map_err(io)?),
            FileType::Json => Sink::Json(json::Writer::table(file, schema).map_err(io)?),
            FileType::JsonLines => Sink::Json(json::Writer::lines(file, schema)),
            FileType::Parquet => Sink::Columnar(columnar::Writer::parquet(file, schema, path)?),
            FileType::Arrow => Sink::Columnar(columnar::Writer::arrow(file, schema, path)?),
        })
    }

    fn write(&mut self, frame: &Frame, path: &Path) -> Result<()> {
        let values = || frame.columns().iter().map(Values::of).collect::<Result<Vec<_>>>();
        let io = |cause: std::io::Error| Error::io("write", path, &cause);
        match self {
            Sink::Csv(writer) => writer.write(&values()?, frame.rows()).map_err(io),
            Sink::Json(writer) => writer.write(&values()?, frame.rows()).map_err(io),
            Sink::Columnar(writer) => writer.write(frame),
        }
    }

    fn finish(self, path: &Path) -> Result<AtomicFile> {
        match self {
            Sink::Csv(writer) => Ok(writer.finish()),
            Sink::Json(writer) => writer.finish().map_err(|cause| Error::io("write", path, &cause)),
            Sink::Columnar(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::Code;
    use crate::formats::table::{read, samples};

    fn save_all(path: &Path, blocks: Vec<Frame>, schema: &Schema) -> Result<u64> {
        let mut blocks = blocks.into_iter();
        save(path, schema, &mut || Ok(blocks.next()))
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for the test")
    }

    fn through(name: &str, table: &Frame, size: usize) -> Vec<String> {
        let folder = folder();
        let path = folder.path().join(name);
        let rows = save_all(&path, samples::blocks(table, size), table.schema()).expect("saved");
        assert_eq!(rows, table.rows() as u64);
        samples::contents(&read(&path).expect("read back"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_saved_is_read_back(table in samples::any_table(), size in 1usize..20) {
            let contents = samples::contents(&table);
            for name in ["a.csv", "a.tsv", "a.parquet", "a.arrow", "a.feather"] {
                prop_assert_eq!(&through(name, &table, size), &contents, "{}", name);
            }
            let finite = |row: &String| row.split(" | ").map(|c| match c {
                "NaN" | "inf" | "-inf" => "null",
                other => other,
            }).collect::<Vec<_>>().join(" | ");
            let finite: Vec<String> = contents.iter().map(finite).collect();
            prop_assert_eq!(&through("a.json", &table, size), &finite);
            let lines = through("a.ndjson", &table, size);
            if table.rows() > 0 {
                prop_assert_eq!(&lines[1..], &finite[1..]);
            }
        }
    }

    #[test]
    fn text_files_look_as_they_should() {
        let folder = folder();
        let table = samples::nulls();
        let text = |name: &str| {
            let path = folder.path().join(name);
            save_all(&path, samples::blocks(&table, 3), table.schema()).expect("saved");
            std::fs::read_to_string(&path).expect("text")
        };
        let csv = "\
ok,n,weight (nS),p,etype,note,spikes (ms)
true,,0.3,0.97,cADpyr,\"say \"\"hi\"\", please\",\"[1.5, 20.25]\"
,-12,NaN,1.2e-12,,,
false,1234567,,,\"\",\"\",[]
,-9223372036854775808,0.00125,0.0,bNAC,\"two
lines\",\"[null, 3.0]\"
";
        assert_eq!(text("a.csv"), csv);
        assert!(text("a.tsv").starts_with("ok\tn\tweight (nS)\tp\tetype\tnote\tspikes (ms)\ntrue\t\t0.3\t"));
        let json = text("a.json");
        assert!(json.contains("\"units\": [null,null,\"nS\",null,null,null,\"ms\"]"), "{json}");
        assert!(json.contains("\n[null, -12, null, 1.2e-12, null, null, null],\n"), "{json}");
        let parsed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(parsed, crate::formats::table::to_json(&table).expect("JSON"));
        let lines = text("a.jsonl");
        assert_eq!(lines.lines().count(), 4);
        assert!(lines.starts_with("{\"ok\": true, \"n\": null, \"weight\": 0.3, \"p\": 0.97, "), "{lines}");
    }

    #[test]
    fn lists_units_and_meanings_survive_in_columns() {
        let table = samples::synapses(5);
        assert_eq!(through("a.parquet", &table, 2), samples::contents(&table));
        let folder = folder();
        for name in ["a.parquet", "a.arrow"] {
            assert_eq!(through(name, &samples::nulls(), 3), samples::contents(&samples::nulls()));
            let path = folder.path().join(name);
            save_all(&path, samples::blocks(&table, 2), table.schema()).expect("saved");
            let back = read(&path).expect("read back");
            for (old, new) in table.schema().columns().iter().zip(back.schema().columns()) {
                assert_eq!((&old.name, &old.unit, &old.meaning), (&new.name, &new.unit, &new.meaning));
                assert_eq!(old.data_type, new.data_type);
            }
        }
    }

    #[test]
    fn an_empty_table_has_its_header() {
        let table = samples::few(0);
        for name in ["a.csv", "a.tsv", "a.json", "a.parquet", "a.arrow"] {
            assert_eq!(through(name, &table, 1), samples::contents(&table), "{name}");
        }
    }

    #[test]
    fn a_column_of_one_keeps_its_missing_values() {
        let table = samples::frame(vec![(
            "n",
            std::sync::Arc::new(arrow_array::Int64Array::from(vec![None, Some(1), None])),
        )]);
        assert_eq!(through("a.csv", &table, 2), samples::contents(&table));
    }

    #[test]
    fn an_extension_that_is_not_known_is_named() {
        let table = samples::one();
        let error = save_all(Path::new("x.cvs"), vec![], table.schema()).expect_err("no such type");
        assert_eq!(error.message(), "there is no file type `.cvs`");
        assert!(error.helps()[0].contains(".csv"), "{error}");
        let error = save_all(Path::new("x"), vec![], table.schema()).expect_err("no type");
        assert!(error.helps()[0].contains(".csv, .tsv, .json"), "{error}");
    }

    #[test]
    fn a_failure_leaves_the_old_file() {
        let folder = folder();
        let table = samples::few(10);
        for name in ["a.csv", "a.json", "a.ndjson", "a.parquet", "a.arrow"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "old").expect("written");
            let mut calls = 0;
            let error = save(&path, table.schema(), &mut || {
                calls += 1;
                if calls < 3 { Ok(Some(table.clone())) } else { Err(Error::cancelled()) }
            });
            assert_eq!(error.expect_err("stopped").code(), Code::Cancelled);
            assert_eq!(std::fs::read_to_string(&path).expect("text"), "old");
        }
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 5, "nothing is left beside");
        let nowhere = folder.path().join("none/a.parquet");
        let error = save_all(&nowhere, vec![table.clone()], table.schema()).expect_err("no folder");
        assert_eq!(error.code(), Code::Io);
    }
}
