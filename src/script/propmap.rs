//! Maps of properties, the form in which BluePy and SNAP name cells: `#{layer: [4, 5], synapse_class: "EXC"}`.
//!
//! | the map says | it means |
//! |---|---|
//! | `layer: 4`, `mtype: "L5_TTPC1"` | equal |
//! | `layer: [4, 5]`, `mtype: ["L4_PC", "L5_BP"]` | one of |
//! | `x: [100.0, 200.0]` | two floats are a range, both ends included: BluePy's tuple |
//! | `y: 100..=200`, `y: 100..200` | a range with and without its end |
//! | `mtype: #{"$regex": "L5_.*"}` | an operator; several in one map must all hold |
//! | `"$target": "mc2_Column"`, `"$node_set": …` | the cells of a named group |
//! | `"$and": [#{…}, #{…}]`, `"$or": […]`, `"$not": #{…}` | as the names say |
//! | several keys | all must hold |

use std::ops::{Range, RangeInclusive};

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::convert::{scalar, to_value};
use crate::diag::{Error, Result};
use crate::query::{BinaryOp, Expr, Members, Pattern, Value};

/// What may stand in the map of a property.
const OPERATORS: &[&str] = &[
    "$regex", "$like", "$ilike", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$between",
    "$not", "$exists",
];

/// What may stand in place of a property.
const COMBINATIONS: &[&str] = &["$and", "$or", "$not", "$target", "$node_set"];

/// The condition that a map of properties states. Named groups come out as members of [`Members::Group`], to be
/// looked up when the circuit is known.
///
/// # Errors
/// An operator that does not exist, or a value that does not fit it.
pub fn translate_map(map: &Map) -> Result<Expr> {
    let conditions = map.iter().map(|(key, value)| entry(key, value)).collect::<Result<Vec<_>>>()?;
    Ok(all_of(conditions))
}

fn all_of(conditions: Vec<Expr>) -> Expr {
    conditions.into_iter().reduce(Expr::and).unwrap_or_else(|| Expr::literal(true))
}

fn any_of(conditions: Vec<Expr>) -> Expr {
    let or = |a, b| Expr::binary(BinaryOp::Or, a, b);
    conditions.into_iter().reduce(or).unwrap_or_else(|| Expr::literal(false))
}

/// One key of the outer map.
fn entry(key: &str, value: &Dynamic) -> Result<Expr> {
    match key {
        "$and" => Ok(all_of(maps(key, value)?)),
        "$or" => Ok(any_of(maps(key, value)?)),
        "$not" => Ok(one_map(key, value)?.negated()),
        "$target" | "$node_set" => group(key, value),
        _ if key.starts_with('$') => {
            let error = Error::unknown("operator", key, COMBINATIONS);
            Err(if OPERATORS.contains(&key) {
                error.help(format!("`{key}` stands inside a property: #{{mtype: #{{\"{key}\": …}}}}"))
            } else {
                error
            })
        }
        _ => property(key, value),
    }
}

fn one_map(key: &str, value: &Dynamic) -> Result<Expr> {
    match value.read_lock::<Map>() {
        Some(map) => translate_map(&map),
        None => Err(Error::argument(format!("`{key}` takes a map of properties, not {}", kind(value)))),
    }
}

fn maps(key: &str, value: &Dynamic) -> Result<Vec<Expr>> {
    match value.read_lock::<Array>() {
        Some(array) => array.iter().map(|v| one_map(key, v)).collect(),
        None => Err(Error::argument(format!("`{key}` takes an array of maps, not {}", kind(value)))),
    }
}

/// The cells of one named group, or of any of several.
fn group(key: &str, value: &Dynamic) -> Result<Expr> {
    let named = |value: &Dynamic| match value.read_lock::<ImmutableString>() {
        Some(name) => Ok(Expr::In(Box::new(Expr::column("id")), Members::Group(name.to_string()))),
        None => Err(Error::argument(format!("`{key}` takes a name, not {}", kind(value)))),
    };
    match value.read_lock::<Array>() {
        Some(array) => Ok(any_of(array.iter().map(named).collect::<Result<_>>()?)),
        None => named(value),
    }
}

/// What is said of one property.
fn property(name: &str, value: &Dynamic) -> Result<Expr> {
    let column = || Expr::column(name);
    if let Some(map) = value.read_lock::<Map>() {
        let conditions = map.iter().map(|(key, v)| operator(name, key, v)).collect::<Result<Vec<_>>>()?;
        if conditions.is_empty() {
            return Err(Error::argument(format!("the map of `{name}` is empty")));
        }
        return Ok(all_of(conditions));
    }
    if let Some(range) = range(column(), value) {
        return Ok(range);
    }
    if let Some(array) = value.read_lock::<Array>() {
        return one_of(name, &array);
    }
    equal(name, value)
}

/// A range of whole numbers.
fn range(column: Expr, value: &Dynamic) -> Option<Expr> {
    if let Some(range) = value.read_lock::<RangeInclusive<i64>>() {
        return Some(column.between(Expr::literal(*range.start()), Expr::literal(*range.end())));
    }
    let range = value.read_lock::<Range<i64>>()?;
    let low = Expr::binary(BinaryOp::GreaterOrEqual, column.clone(), Expr::literal(range.start));
    Some(low.and(Expr::binary(BinaryOp::Less, column, Expr::literal(range.end))))
}

fn one_of(name: &str, array: &Array) -> Result<Expr> {
    // A floating number is hardly ever asked to be one of two, but BluePy's pair of floats is a range.
    if let [low, high] = array.as_slice()
        && let (Ok(low), Ok(high)) = (low.as_float(), high.as_float())
    {
        return Ok(Expr::column(name).between(Expr::literal(low), Expr::literal(high)));
    }
    let values = array.iter().map(|v| checked(name, v)).collect::<Result<Vec<_>>>()?;
    Ok(Expr::In(Box::new(Expr::column(name)), Members::Values(values)))
}

fn equal(name: &str, value: &Dynamic) -> Result<Expr> {
    Ok(match checked(name, value)? {
        Value::Null => Expr::IsNull(Box::new(Expr::column(name))),
        value => Expr::binary(BinaryOp::Equal, Expr::column(name), Expr::Literal(value)),
    })
}

/// A plain value; the forms of regular expressions that BluePy has removed are refused.
fn checked(name: &str, value: &Dynamic) -> Result<Value> {
    let Some(plain) = scalar(value) else {
        return Err(Error::argument(format!("`{name}` cannot be asked to be {}", kind(value)))
            .help("a property takes a value, an array (one of), a range, or a map of operators"));
    };
    if let Value::Text(text) = &plain
        && let Some(pattern) = text.strip_prefix('@').or_else(|| text.strip_prefix("regex:"))
    {
        return Err(Error::argument(format!(
            "`{name}: \"{text}\"` is an old way to write a regular expression"
        ))
        .help(format!("write #{{{name}: #{{\"$regex\": \"{pattern}\"}}}}")));
    }
    Ok(plain)
}

/// One operator in the map of a property.
fn operator(name: &str, key: &str, value: &Dynamic) -> Result<Expr> {
    let column = || Expr::column(name);
    let text = || match value.read_lock::<ImmutableString>() {
        Some(text) => Ok(text.to_string()),
        None => Err(Error::argument(format!("`{key}` of `{name}` takes a text, not {}", kind(value)))),
    };
    let array = || match value.read_lock::<Array>() {
        Some(array) => array.iter().map(to_value).collect::<Result<Vec<_>>>(),
        None => Err(Error::argument(format!("`{key}` of `{name}` takes an array, not {}", kind(value)))),
    };
    let matches = |pattern| Expr::Match(Box::new(column()), pattern);
    let compare = |op| Ok(Expr::binary(op, column(), Expr::Literal(to_value(value)?)));
    match key {
        "$regex" => Ok(matches(Pattern::Regex(text()?))),
        "$like" => Ok(matches(Pattern::Like(text()?))),
        "$ilike" => Ok(matches(Pattern::ILike(text()?))),
        "$eq" => equal(name, value),
        "$ne" => Ok(equal(name, value)?.negated()),
        "$gt" => compare(BinaryOp::Greater),
        "$gte" => compare(BinaryOp::GreaterOrEqual),
        "$lt" => compare(BinaryOp::Less),
        "$lte" => compare(BinaryOp::LessOrEqual),
        "$in" => match range(column(), value) {
            Some(range) => Ok(range),
            None => Ok(Expr::In(Box::new(column()), Members::Values(array()?))),
        },
        "$nin" => Ok(Expr::In(Box::new(column()), Members::Values(array()?)).negated()),
        "$between" => match array()?.as_slice() {
            [low, high] => Ok(column().between(Expr::Literal(low.clone()), Expr::Literal(high.clone()))),
            other => {
                Err(Error::argument(format!("`$between` of `{name}` takes two values, not {}", other.len())))
            }
        },
        "$not" => Ok(property(name, value)?.negated()),
        "$exists" => match value.as_bool() {
            Ok(true) => Ok(Expr::IsNull(Box::new(column())).negated()),
            Ok(false) => Ok(Expr::IsNull(Box::new(column()))),
            Err(_) => {
                Err(Error::argument(format!("`$exists` of `{name}` is true or false, not {}", kind(value))))
            }
        },
        _ => {
            let error = Error::unknown("operator", key, OPERATORS);
            Err(if key.starts_with('$') {
                error
            } else {
                Error::argument(format!("`{name}` holds a map with the key `{key}`, which is no operator"))
                    .help(format!("the operators are {}", OPERATORS.join(" ")))
            })
        }
    }
}

fn kind(value: &Dynamic) -> &str {
    super::error::type_name(value.type_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhai::Engine;

    fn text(script: &str) -> String {
        let value: Dynamic = Engine::new().eval(script).expect("a map");
        match translate_map(&value.read_lock::<Map>().expect("a map")) {
            Ok(expr) => expr.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn values_lists_and_ranges() {
        assert_eq!(text(r#"#{layer: 4, mtype: "L5_TTPC1"}"#), r#"(layer == 4) && (mtype == "L5_TTPC1")"#);
        assert_eq!(text("#{layer: [4, 5]}"), "layer in [4, 5]");
        assert_eq!(text("#{x: [100.0, 200.0]}"), "(x >= 100.0) && (x <= 200.0)");
        assert_eq!(text("#{x: [100.0, 200.0, 300.0]}"), "x in [100.0, 200.0, 300.0]");
        assert_eq!(text("#{y: 100..200}"), "(y >= 100) && (y < 200)");
        assert_eq!(text("#{y: 100..=200}"), "(y >= 100) && (y <= 200)");
        assert_eq!(text("#{layer: ()}"), "layer == ()");
        assert_eq!(text("#{}"), "true");
    }

    #[test]
    fn operators_and_combinations() {
        assert_eq!(text(r#"#{mtype: #{"$regex": "L5_.*"}}"#), r#"mtype matches "L5_.*""#);
        assert_eq!(text(r#"#{layer: #{"$gte": 2, "$lt": 5}}"#), "(layer >= 2) && (layer < 5)");
        assert_eq!(text(r#"#{layer: #{"$not": [1, 6]}}"#), "!(layer in [1, 6])");
        assert_eq!(text(r#"#{"$or": [#{layer: 4}, #{layer: 6}]}"#), "(layer == 4) || (layer == 6)");
        assert_eq!(text(r#"#{"$not": #{layer: 4}}"#), "!(layer == 4)");
        assert_eq!(text(r#"#{"$target": "A", mtype: "L6_Y"}"#), r#"id in "A" && (mtype == "L6_Y")"#);
        assert_eq!(text(r#"#{etype: #{"$exists": true}}"#), "!(etype == ())");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(text(r#"#{mtype: #{"$regx": "L5"}}"#).contains("did you mean `$regex`"));
        assert!(text(r#"#{"$adn": []}"#).contains("did you mean `$and`"));
        assert!(text(r#"#{"$regex": "L5"}"#).contains("inside a property"));
        assert!(text(r#"#{mtype: "@.*Y"}"#).contains(r#"#{mtype: #{"$regex": ".*Y"}}"#));
        assert!(text(r#"#{"$and": 3}"#).contains("array of maps"));
        assert!(text(r#"#{layer: #{"$between": [1]}}"#).contains("two values"));
        assert!(text("#{layer: #{gt: 1}}").contains("no operator"));
    }
}
