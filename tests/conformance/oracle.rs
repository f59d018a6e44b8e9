//! The cases of an oracle: what is asked, of which files, and which answers are right.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// How far a number may be from the expected one: `abs + rel * |expected|`.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub abs: f64,
    pub rel: f64,
}

/// An acceptable outcome.
pub enum Expected {
    Value(Value),
    /// It must refuse; where the peer's message is known, ours names the same culprit.
    Refusal(Option<String>),
}

/// One question with its acceptable outcomes.
pub struct Case {
    pub id: String,
    pub area: String,
    /// The machine form of the question, where the oracle has one: many cases share it.
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
    let mut outcomes = vec![outcome(&case["expected"], wrapped)];
    outcomes.extend(case.get("or_expected").map(|other| outcome(other, wrapped)));
    let others = case.get("also_ok").and_then(Value::as_array).into_iter().flatten();
    outcomes.extend(others.map(|other| outcome(other, wrapped)));
    if text("question").contains("an error or") {
        outcomes.push(Expected::Refusal(None));
    }
    let number = |name: &str| case["tolerance"].get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let rel = case.get("rel_tol").and_then(Value::as_f64).unwrap_or_else(|| number("rel"));
    let area = if case.get("area").is_some() { text("area") } else { "science".to_owned() };
    Case {
        id: text("id"),
        area,
        op: text("op"),
        question: if case.get("question").is_some() { text("question") } else { text("quantity") },
        asked: case.get("args").or_else(|| case.get("input")).cloned().unwrap_or(Value::Null),
        file: folder.join(text("data")).display().to_string(),
        roots,
        outcomes,
        tolerance: Tolerance { abs: number("abs"), rel },
        open_maps: !wrapped,
    }
}

/// `{"value": …}` and `{"error": {…}}`, or the bare value and `{"error": true}`.
fn outcome(expected: &Value, wrapped: bool) -> Expected {
    match expected.get("error") {
        Some(error) => {
            let message = error.get("message").and_then(Value::as_str).filter(|m| !m.is_empty());
            Expected::Refusal(message.map(str::to_owned))
        }
        None if wrapped => Expected::Value(expected["value"].clone()),
        None => Expected::Value(expected.clone()),
    }
}
