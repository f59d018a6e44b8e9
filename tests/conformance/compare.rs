//! The rule of comparison: whether an answer is the expected one.
//!
//! Besides plain values an oracle expects sets (order free), series (index and values) and tables (index, columns,
//! rows). A script answers them with a table of ours, whose first columns are the index, or with a map
//! `#{index, values}` or `#{index, rows}`. Column names are not compared: each language has its own, and the script
//! chose the columns. A table also stands for a list of its rows, and one of two columns for a map.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value};

use crate::oracle::{Case, Expected, Tolerance};

/// Compares the outcome of a script with all acceptable ones; the reason why none of them is met otherwise.
pub fn check(
    case: &Case,
    roots: &[PathBuf],
    outcome: &Result<Value, neurhai::Error>,
    source: &str,
) -> Result<(), String> {
    let mut reasons = Vec::new();
    for expected in &case.outcomes {
        let result = match (expected, outcome) {
            (Expected::Value(expected), Ok(got)) => Rule::of(case, roots).same(expected, got),
            (Expected::Answer, Ok(_)) => Ok(()),
            (Expected::Value(_) | Expected::Answer, Err(error)) => Err(format!("refused: {error}")),
            (Expected::Refusal(_), Ok(got)) => Err(format!("should refuse, and answers {}", short(got))),
            (Expected::Refusal(message), Err(error)) => refusal(case, message.as_deref(), error, source),
        };
        match result {
            Ok(()) => return Ok(()),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join("; or: "))
}

/// A refusal counts when the language, not the script, is what refused, and when it names the culprit.
fn refusal(case: &Case, peer: Option<&str>, error: &neurhai::Error, source: &str) -> Result<(), String> {
    if error.code() == neurhai::diag::Code::Script {
        return Err(format!("the script itself fails: {error}"));
    }
    let text = error.to_string();
    let culprits = peer.map_or_else(Vec::new, |peer| culprits(peer, &format!("{} {source}", case.question)));
    if culprits.is_empty() || culprits.iter().any(|culprit| text.contains(culprit.as_str())) {
        return Ok(());
    }
    Err(format!("names none of {culprits:?}: {text}"))
}

/// What a peer's message blames: the word after its last colon, or what it quotes or brackets and the question names.
/// A gid counts without the `a` of the files.
fn culprits(message: &str, question: &str) -> Vec<String> {
    let last = Regex::new(r#": [\["']*([\w./-]+)["'\]]*\.?$"#).expect("a pattern");
    let quoted = Regex::new(r"'([^'\s]+)'|\[([^\]]+)\]").expect("a pattern");
    if let Some(found) = last.captures(message) {
        return vec![gid(&found[1]).to_owned()];
    }
    let words = quoted.captures_iter(message).flat_map(|found| {
        let words = found.get(1).or(found.get(2)).map_or("", |word| word.as_str()).to_owned();
        words.split(", ").map(str::to_owned).collect::<Vec<_>>()
    });
    words
        .map(|word| word.trim_end_matches('.').to_owned())
        .filter(|word| question.contains(word.as_str()))
        .map(|word| gid(&word).to_owned())
        .collect()
}

/// `a42` is 42; everything else stays.
fn gid(word: &str) -> &str {
    let digits = |rest: &&str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    word.strip_prefix('a').filter(digits).unwrap_or(word)
}

struct Rule<'a> {
    tolerance: Tolerance,
    open_maps: bool,
    roots: &'a [PathBuf],
}

impl<'a> Rule<'a> {
    fn of(case: &Case, roots: &'a [PathBuf]) -> Self {
        Rule { tolerance: case.tolerance, open_maps: case.open_maps, roots }
    }

    fn same(&self, expected: &Value, got: &Value) -> Result<(), String> {
        let differ = || Err(format!("expected {}, got {}", short(expected), short(got)));
        match expected {
            Value::Object(map) if map.get("float").is_some_and(|f| f == "nan") => match got {
                Value::Null => Ok(()),
                got if got == "NaN" => Ok(()),
                _ => differ(),
            },
            Value::Object(map) => match map.get("kind").and_then(Value::as_str) {
                Some("set") => self.set(&map["values"], got),
                Some("series") => self.series(map, got),
                Some("table") => self.table(map, got),
                _ => self.map(map, got),
            },
            Value::Array(expected) => {
                let got = rows(got).or_else(|| got.as_array().cloned());
                got.map_or_else(differ, |got| self.list(expected, &got))
            }
            Value::String(text) if text == "NaN" && got.is_null() => Ok(()),
            Value::Null if got.as_str() == Some("NaN") => Ok(()),
            Value::String(text) => match got.as_str() {
                Some(got) if text == got || self.path(text) == self.path(got) => Ok(()),
                _ => differ(),
            },
            Value::Number(number) => match (number.as_f64(), got.as_f64()) {
                (Some(expected), Some(got)) if self.near(expected, got) => Ok(()),
                _ => differ(),
            },
            _ if expected == got => Ok(()),
            _ => differ(),
        }
    }

    fn near(&self, expected: f64, got: f64) -> bool {
        (expected - got).abs() <= self.tolerance.around(expected)
    }

    /// A path without the folders that it may be relative to.
    fn path<'t>(&self, text: &'t str) -> &'t Path {
        let path = Path::new(text);
        let inside = self.roots.iter().rev().find_map(|root| path.strip_prefix(root).ok());
        let path = inside.unwrap_or(path);
        path.strip_prefix(".").unwrap_or(path)
    }

    fn list(&self, expected: &[Value], got: &[Value]) -> Result<(), String> {
        if expected.len() != got.len() {
            return Err(format!("expected {} values, got {}: {}", expected.len(), got.len(), list(got)));
        }
        expected.iter().zip(got).try_for_each(|(expected, got)| self.same(expected, got))
    }

    fn set(&self, expected: &Value, got: &Value) -> Result<(), String> {
        let mut got = rows(got).or_else(|| got.as_array().cloned()).ok_or("expected a list of values")?;
        got.sort_by_key(ToString::to_string);
        got.dedup();
        let mut expected = expected.as_array().cloned().unwrap_or_default();
        expected.sort_by_key(ToString::to_string);
        self.list(&expected, &got)
    }

    fn map(&self, expected: &Map<String, Value>, got: &Value) -> Result<(), String> {
        let pairs = rows(got).map(|rows| rows.iter().filter_map(pair).collect::<Map<_, _>>());
        let got = pairs.as_ref().or(got.as_object()).ok_or_else(|| format!("no map: {}", short(got)))?;
        if !self.open_maps && expected.len() != got.len() {
            let keys: Vec<_> = got.keys().collect();
            return Err(format!("expected {} keys, got {keys:?}", expected.len()));
        }
        expected.iter().try_for_each(|(key, value)| match got.get(key) {
            // Warnings are for people; their wording is ours.
            _ if self.open_maps && key == "warnings" => Ok(()),
            Some(got) => self.same(value, got).map_err(|reason| format!("{key}: {reason}")),
            None => Err(format!("no key {key} in {}", short(&Value::Object(got.clone())))),
        })
    }

    fn series(&self, expected: &Map<String, Value>, got: &Value) -> Result<(), String> {
        let index = array(&expected["index"]);
        let values = array(&expected["values"]);
        match rows(got) {
            Some(rows) => self.list(&joined(&index, &values), &rows),
            None => self.map_of(got, &[("index", index), ("values", values)]),
        }
    }

    fn table(&self, expected: &Map<String, Value>, got: &Value) -> Result<(), String> {
        let index = array(&expected["index"]);
        let wanted = array(&expected["rows"]);
        let Some(rows) = rows(got) else {
            return self.map_of(got, &[("index", index), ("rows", wanted)]);
        };
        let counted = index.iter().enumerate().all(|(i, value)| value.as_u64() == Some(i as u64));
        let width = expected["columns"].as_array().map_or(0, Vec::len);
        let bare = rows.first().and_then(Value::as_array).is_some_and(|row| row.len() == width);
        if counted && bare {
            return self.list(&wanted, &rows);
        }
        self.list(&joined(&index, &wanted), &rows)
    }

    fn map_of(&self, got: &Value, parts: &[(&str, Vec<Value>)]) -> Result<(), String> {
        parts.iter().try_for_each(|(key, expected)| {
            let got = got.get(key).ok_or_else(|| format!("no {key} in {}", short(got)))?;
            self.list(expected, &array(got))
        })
    }
}

/// The rows of a table of ours, each as a list.
fn rows(value: &Value) -> Option<Vec<Value>> {
    let columns = value.get("columns")?.as_array()?;
    let rows = value.get("rows")?.as_array()?;
    let row = |row: &Value| match row {
        Value::Object(map) => {
            let cell = |name: &Value| name.as_str().and_then(|name| map.get(name)).cloned();
            Value::Array(columns.iter().map(|name| cell(name).unwrap_or_default()).collect())
        }
        other => other.clone(),
    };
    Some(rows.iter().map(row).collect())
}

fn pair(row: &Value) -> Option<(String, Value)> {
    let row = row.as_array().filter(|row| row.len() == 2)?;
    let key = row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
    Some((key, row[1].clone()))
}

/// Each index (one value, or a list of them) and the row's values, one after the other.
fn joined(index: &[Value], rows: &[Value]) -> Vec<Value> {
    let flat = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let row = |(index, row): (&Value, &Value)| Value::Array([flat(index), flat(row)].concat());
    index.iter().zip(rows).map(row).collect()
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn list(values: &[Value]) -> String {
    short(&Value::Array(values.to_vec()))
}

/// A value as text of bearable length.
pub fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
