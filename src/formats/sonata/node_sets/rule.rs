//! What a node set says, before it is asked of a population.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::super::json;
use crate::diag::{Error, Result};

/// Which cells belong.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// All of these hold; of none, every cell.
    All(Vec<Rule>),
    /// One of these holds; of none, no cell.
    Any(Vec<Rule>),
    /// This does not hold.
    Not(Box<Rule>),
    /// The cells of another set, or of a population.
    Set(String),
    /// The cells of populations of these names.
    Population(HashSet<String>),
    /// The cells of populations of these types.
    PopulationType(HashSet<String>),
    /// These ids.
    Ids(Vec<i64>),
    /// A property passes a test.
    Property(String, Test),
}

/// A test of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is one of these texts.
    Texts(HashSet<String>),
    /// It is one of these whole numbers.
    Whole(HashSet<i64>),
    /// It is one of these.
    Flags(HashSet<bool>),
    /// The pattern is found in the text.
    Matches(String),
    /// The number is greater, less …
    Compare(Comparison, Bound),
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `$gt`
    Greater,
    /// `$gte`
    AtLeast,
    /// `$lt`
    Less,
    /// `$lte`
    AtMost,
}

/// What a number is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A whole number, which whole numbers are compared with exactly.
    Whole(i128),
    /// Any other.
    Real(f64),
}

/// The operators of a property.
const OPERATORS: [&str; 5] = ["$regex", "$gt", "$gte", "$lt", "$lte"];
/// The operators that stand where a property may stand.
const COMBINATIONS: [&str; 4] = ["$and", "$or", "$not", "$node_set"];

impl Rule {
    /// The rule of a set: a map of rules, or a list of the names of sets.
    ///
    /// # Errors
    /// What no population can follow.
    pub fn of_set(value: &Value) -> Result<Self> {
        match value {
            Value::Object(rules) => Self::of_map(rules),
            Value::Array(names) => {
                let name = |name: &Value| match name {
                    Value::String(name) => Ok(Rule::Set(name.clone())),
                    other => Err(json::expected("a member of a list", "the name of a node set", other)
                        .help("cells are listed with {\"node_id\": […]}")),
                };
                Ok(Rule::Any(names.iter().map(name).collect::<Result<_>>()?))
            }
            other => Err(json::expected("it", "a map of rules or a list of node sets", other)),
        }
    }

    /// The sets that the rule names, each once.
    pub fn members(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut members = Vec::new();
        let mut waiting = vec![self];
        while let Some(rule) = waiting.pop() {
            match rule {
                Rule::All(rules) | Rule::Any(rules) => waiting.extend(rules.iter().rev()),
                Rule::Not(rule) => waiting.push(rule),
                Rule::Set(name) if seen.insert(name) => members.push(name.clone()),
                _ => {}
            }
        }
        members
    }

    fn of_map(rules: &Map<String, Value>) -> Result<Self> {
        let rules = rules.iter().map(|(key, value)| Self::of_key(key, value));
        Ok(Rule::All(rules.collect::<Result<_>>()?))
    }

    fn of_key(key: &str, value: &Value) -> Result<Self> {
        match key {
            "$and" => Ok(Rule::All(clauses(key, value)?)),
            "$or" => Ok(Rule::Any(clauses(key, value)?)),
            "$not" => Ok(Rule::Not(Box::new(match value {
                Value::Object(rules) => Self::of_map(rules)?,
                _ => Rule::Any(clauses(key, value)?),
            }))),
            "$node_set" => match value {
                Value::String(name) => Ok(Rule::Set(name.clone())),
                other => Err(json::expected("`$node_set`", "the name of a node set", other)),
            },
            "population" => Ok(Rule::Population(names(key, value)?)),
            "population_type" => Ok(Rule::PopulationType(names(key, value)?)),
            "node_id" | "gids" if !value.is_object() => Ok(Rule::Ids(ids(key, value)?)),
            _ if OPERATORS.contains(&key) => Err(Error::format(format!(
                "`{key}` stands inside a property, such as {{\"layer\": {{\"{key}\": …}}}}"
            ))),
            _ if key.starts_with('$') => Err(Error::unknown("operator", key, COMBINATIONS)),
            _ => property(key, value),
        }
    }
}

/// Several rules: a list of maps, or the entries of one map.
fn clauses(key: &str, value: &Value) -> Result<Vec<Rule>> {
    match value {
        Value::Object(rules) => rules.iter().map(|(key, value)| Rule::of_key(key, value)).collect(),
        Value::Array(list) => {
            let clause = |value: &Value| match value {
                Value::Object(rules) => Rule::of_map(rules),
                other => Err(json::expected(&format!("each of `{key}`"), "a map of rules", other)),
            };
            list.iter().map(clause).collect()
        }
        other => Err(json::expected(&format!("`{key}`"), "a list of maps", other)),
    }
}

/// The values of a list, or a single one.
fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

fn names(key: &str, value: &Value) -> Result<HashSet<String>> {
    let name = |value: &Value| match value {
        Value::String(name) => Ok(name.clone()),
        other => Err(json::expected(&format!("`{key}`"), "a text or a list of texts", other)),
    };
    listed(value).iter().map(name).collect()
}

/// Ids; one that is greater than any is kept as the greatest, which no cell has.
fn ids(key: &str, value: &Value) -> Result<Vec<i64>> {
    let what = format!("`{key}`");
    let wrong = |value: &Value| json::expected(&what, "a whole number from 0, or a list of them", value);
    let id = |value: &Value| match value {
        Value::Number(number) => match (whole(number), number.as_u64()) {
            (Some(id), _) if id >= 0 => Ok(id),
            (None, Some(_)) => Ok(i64::MAX),
            _ => Err(wrong(value)),
        },
        other => Err(wrong(other)),
    };
    listed(value).iter().map(id).collect()
}

/// The whole number that a number is: 5 or 5.0.
fn whole(number: &Number) -> Option<i64> {
    // The greatest that a float holds without rounding.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let of_float = || number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() <= EXACT);
    number.as_i64().or_else(|| of_float().filter(|_| number.is_f64()).map(|f| f as i64))
}

fn property(name: &str, value: &Value) -> Result<Rule> {
    let test = |test| Rule::Property(name.to_owned(), test);
    if let Value::Object(operators) = value {
        if operators.is_empty() {
            return Err(Error::format(format!("property `{name}` has no operator in `{{}}`"))
                .help(format!("there are: {}", OPERATORS.join(", "))));
        }
        let tests = operators.iter().map(|(key, value)| Ok(test(operator(name, key, value)?)));
        return Ok(Rule::All(tests.collect::<Result<_>>()?));
    }
    let list = listed(value);
    let what = format!("property `{name}`");
    match list.first() {
        // Whatever the property, no cell has one of no values.
        None => Ok(Rule::Any(Vec::new())),
        Some(Value::String(_)) => {
            let text = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| mixed(&what, v));
            Ok(test(Test::Texts(list.iter().map(text).collect::<Result<_>>()?)))
        }
        Some(Value::Bool(_)) => {
            let flag = |v: &Value| v.as_bool().ok_or_else(|| mixed(&what, v));
            Ok(test(Test::Flags(list.iter().map(flag).collect::<Result<_>>()?)))
        }
        Some(Value::Number(_)) => {
            let number = |v: &Value| match v {
                Value::Number(number) => whole(number).ok_or_else(|| {
                    json::expected(&what, "compared with whole numbers", v)
                        .help("a range of numbers is {\"$gte\": 1.5, \"$lt\": 2.5}")
                }),
                other => Err(mixed(&what, other)),
            };
            Ok(test(Test::Whole(list.iter().map(number).collect::<Result<_>>()?)))
        }
        Some(other) => Err(json::expected(&what, "compared with texts or whole numbers", other)),
    }
}

fn mixed(what: &str, value: &Value) -> Error {
    Error::format(format!(
        "{what} is compared with a list of different kinds, {} among them",
        json::kind(value)
    ))
}

fn operator(property: &str, key: &str, value: &Value) -> Result<Test> {
    let what = format!("`{key}` of property `{property}`");
    let comparison = match key {
        "$gt" => Comparison::Greater,
        "$gte" => Comparison::AtLeast,
        "$lt" => Comparison::Less,
        "$lte" => Comparison::AtMost,
        "$regex" => {
            return match value {
                Value::String(pattern) => Ok(Test::Matches(pattern.clone())),
                other => Err(json::expected(&what, "a text", other)),
            };
        }
        _ if key.starts_with('$') => return Err(Error::unknown("operator", key, OPERATORS)),
        _ => {
            return Err(Error::format(format!(
                "property `{property}` has `{key}` where an operator is expected"
            ))
            .help(format!("there are: {}", OPERATORS.join(", "))));
        }
    };
    let Value::Number(number) = value else { return Err(json::expected(&what, "a number", value)) };
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (exact, number.as_f64()) {
        (Some(bound), _) => Ok(Test::Compare(comparison, Bound::Whole(bound))),
        (None, Some(bound)) => Ok(Test::Compare(comparison, Bound::Real(bound))),
        (None, None) => Err(json::expected(&what, "a number", value)),
    }
}
