//! The cases of an oracle: what is asked, of which files, and which answers are right.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// How far a number may be from the expected one.
#[derive(Clone, Copy)]
pub enum Tolerance {
    /// `abs + rel * |expected|`.
    Sum { abs: f64, rel: f64 },
    /// `scale * max(1, |expected|)`.
    Scaled(f64),
}

impl Tolerance {
    /// What is allowed around a number.
    pub fn around(self, expected: f64) -> f64 {
        match self {
            Tolerance::Sum { abs, rel } => abs + rel * expected.abs(),
            Tolerance::Scaled(scale) => scale * expected.abs().max(1.0),
        }
    }
}

/// An acceptable outcome.
pub enum Expected {
    Value(Value),
    /// It must refuse; where the peer's message is known, ours names the same culprit.
    Refusal(Option<String>),
    /// Any answer, where the peer refuses what the oracle says should be answered.
    Answer,
}

/// One question with its acceptable outcomes.
pub struct Case {
    pub id: String,
    pub area: String,
    /// The machine form of the question, where the oracle has one: many cases share it. Or the call that answers it.
    pub op: String,
    pub question: String,
    /// Its arguments, for the script's `asked`.
    pub asked: Value,
    /// The file asked of, in full.
    pub file: String,
    /// Folders that paths in expected values are relative to.
    pub roots: Vec<PathBuf>,
    pub outcomes: Vec<Expected>,
    pub tolerance: Tolerance,
    /// Whether an answer may hold more keys than the expected map.
    pub open_maps: bool,
}

/// Reads `folder/cases.json` in any of the three forms; `None` where the folder is absent.
pub fn read(folder: &Path) -> Option<Vec<Case>> {
    let text = std::fs::read_to_string(folder.join("cases.json")).ok()?;
    let root: Value = serde_json::from_str(&text).expect("cases.json is JSON");
    let list = root.get("cases").unwrap_or(&root).as_array().expect("a list of cases");
    Some(list.iter().map(|case| read_case(folder, case)).collect())
}

fn read_case(folder: &Path, case: &Value) -> Case {
    let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut roots = vec![folder.to_owned()];
    roots.extend(case.get("cwd").and_then(Value::as_str).map(|cwd| folder.join(cwd)));
    let wrapped = case.get("policy").is_some();
    let call = text("call");
    if !call.is_empty() {
        roots.push(folder.join("data"));
    }
    let mut outcomes = vec![outcome(&case["expected"], wrapped)];
    outcomes.extend(case.get("or_expected").map(|other| outcome(other, wrapped)));
    let others = case.get("also_ok").and_then(Value::as_array).into_iter().flatten();
    outcomes.extend(others.map(|other| outcome(other, wrapped)));
    if text("question").contains("an error or") {
        outcomes.push(Expected::Refusal(None));
    }
    if matches!(outcomes[0], Expected::Refusal(_)) && text("note").contains("product") {
        outcomes.push(Expected::Answer);
    }
    if call.contains("dtypes") {
        outcomes = outcomes.into_iter().map(without_widths).collect();
    }
    let number = |name: &str| case["tolerance"].get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let rel = case.get("rel_tol").and_then(Value::as_f64).unwrap_or_else(|| number("rel"));
    let tolerance = match case["tolerance"].as_f64() {
        Some(scale) => Tolerance::Scaled(scale),
        None => Tolerance::Sum { abs: number("abs"), rel },
    };
    let area = if case.get("area").is_some() { text("area") } else { "science".to_owned() };
    Case {
        id: text("id"),
        area,
        op: if call.is_empty() { text("op") } else { call },
        question: if case.get("question").is_some() { text("question") } else { text("quantity") },
        asked: case.get("args").or_else(|| case.get("input")).cloned().unwrap_or(Value::Null),
        file: folder.join(text("data")).display().to_string(),
        roots,
        outcomes,
        tolerance,
        open_maps: !wrapped,
    }
}

/// `{"value": …}` and `{"error": {…}}`, or the bare value and `{"error": true}`.
fn outcome(expected: &Value, wrapped: bool) -> Expected {
    match expected.get("error") {
        Some(error) => {
            let message = error.as_str().or_else(|| error.get("message").and_then(Value::as_str));
            let message = message.filter(|m| !m.is_empty());
            Expected::Refusal(message.map(str::to_owned))
        }
        None if wrapped => Expected::Value(expected["value"].clone()),
        None => Expected::Value(expected.clone()),
    }
}

/// Types of columns as far as the language tells them apart: texts (NumPy's objects), whole numbers and floats of any
/// width.
fn without_widths(expected: Expected) -> Expected {
    fn plain(value: Value) -> Value {
        match value {
            Value::String(name) if name == "object" || name == "str" || name == "category" => "text".into(),
            Value::String(name) if name.starts_with("int") || name.starts_with("uint") => "int".into(),
            Value::String(name) if name.starts_with("float") => "float".into(),
            Value::Array(items) => items.into_iter().map(plain).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            other => other,
        }
    }
    match expected {
        Expected::Value(value) => Expected::Value(plain(value)),
        other => other,
    }
}
