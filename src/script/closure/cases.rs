//! The values of the cases of a `switch`: Rhai's syntax tree keeps only their hashes.
//!
//! Every literal that a script mentions is noted while it is read. When a `switch` is translated, a `switch` over
//! all noted values is compiled, and its hashes tell which value is which.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};

use rhai::{Engine, OptimizationLevel, Stmt, Token};

use crate::query::Value;

/// Whole numbers whose hashes are always known.
const SMALL: std::ops::RangeInclusive<i64> = -128..=1024;

struct Known {
    /// Values that were mentioned, by how they are written; their hashes are not computed yet.
    waiting: HashMap<String, Value>,
    by_hash: HashMap<u64, Value>,
}

fn known() -> &'static Mutex<Known> {
    static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut waiting: HashMap<String, Value> = SMALL.map(|i| (i.to_string(), Value::Int(i))).collect();
        waiting.insert("true".to_owned(), Value::Bool(true));
        waiting.insert("false".to_owned(), Value::Bool(false));
        waiting.insert("()".to_owned(), Value::Null);
        Mutex::new(Known { waiting, by_hash: HashMap::new() })
    })
}

/// Notes the literals of every script that the engine reads.
pub(super) fn register(engine: &mut Engine) {
    #[allow(deprecated)] // Rhai marks it so because it may change; the version is pinned
    engine.on_parse_token(|token, _, _| {
        note(&token);
        match token {
            // Rhai keeps the word for itself; the language has a verb of that name.
            Token::Reserved(word) if word.as_str() == "var" => Token::Identifier(word),
            token => token,
        }
    });
}

fn note(token: &Token) {
    let values: Vec<Value> = match token {
        // Nobody lists long texts as cases.
        Token::StringConstant(text) if text.len() <= 256 => vec![text.as_str().into()],
        Token::CharConstant(c) => vec![c.to_string().as_str().into()],
        Token::IntegerConstant(i) if SMALL.contains(i) => return,
        Token::IntegerConstant(i) => {
            [Some(*i), i.checked_neg()].into_iter().flatten().map(Value::Int).collect()
        }
        Token::FloatConstant(x) => vec![Value::Float(*x.0), Value::Float(-*x.0)],
        _ => return,
    };
    let character = matches!(token, Token::CharConstant(_));
    if let Ok(mut known) = known().lock() {
        known.waiting.extend(values.into_iter().map(|value| (source(&value, character), value)));
    }
}

/// How a value is written in a script.
fn source(value: &Value, character: bool) -> String {
    let Value::Text(text) = value else { return value.to_string() };
    let mut source = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || " _-.:;,/+()".contains(c) {
            source.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(source, "\\U{:08x}", u32::from(c));
        }
    }
    if character { format!("'{source}'") } else { format!("\"{source}\"") }
}

/// The value that a case's hash stands for.
pub(super) fn value_of(hash: u64) -> Option<Value> {
    let mut known = known().lock().ok()?;
    let waiting: Vec<(String, Value)> = known.waiting.drain().collect();
    if !waiting.is_empty() {
        let mut engine = Engine::new_raw();
        engine.set_optimization_level(OptimizationLevel::None);
        for batch in waiting.chunks(256) {
            if let Some(found) = hashes(&engine, batch) {
                known.by_hash.extend(found);
                continue;
            }
            // One value that cannot be read must not take the others with it.
            let alone = batch.iter().filter_map(|v| hashes(&engine, std::slice::from_ref(v)));
            known.by_hash.extend(alone.flatten());
        }
    }
    known.by_hash.get(&hash).cloned()
}

/// Compiles a `switch` over some values and reads their hashes off it.
fn hashes(engine: &Engine, values: &[(String, Value)]) -> Option<Vec<(u64, Value)>> {
    let cases: Vec<String> = values.iter().map(|(source, _)| format!("{source} => 0")).collect();
    let ast = engine.compile(format!("switch x {{ {} }}", cases.join(", "))).ok()?;
    let [Stmt::Switch(switch, _)] = ast.statements() else { return None };
    // The n-th case leads to the n-th block.
    let value = |block: usize| values.get(block).map(|(_, value)| value.clone());
    switch.1.cases.iter().map(|(hash, list)| Some((*hash, value(*list.blocks.first()?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_lead_back_to_values() {
        let mut engine = Engine::new();
        register(&mut engine);
        let ast = engine.compile(
            "switch x { -3 => 1, 4 => 2, \"a\\n\u{b5}\" => 3, 'c' => 4, 1.5 => 5, -70000 => 6, true => 7, () => 8 }",
        );
        let ast = ast.expect("a script");
        let [Stmt::Switch(switch, _)] = ast.statements() else { panic!("not a switch") };
        let value = |hash: &u64| value_of(*hash).map_or("?".to_owned(), |v| v.to_string());
        let mut found: Vec<String> = switch.1.cases.keys().map(value).collect();
        found.sort();
        let mut expected = ["-3", "4", "\"a\n\u{b5}\"", "\"c\"", "1.5", "-70000", "true", "()"];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
