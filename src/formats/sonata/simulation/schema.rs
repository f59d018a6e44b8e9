//! What a section of a configuration may hold, as tables; and the one function that checks a section against its table
//! and fills in what it does not say.

use serde_json::{Map, Value};

use super::super::json;
use crate::diag::{Error, Result, nearest};

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    /// A number.
    Number,
    /// A number that is not negative.
    NotNegative,
    /// A number above zero.
    Positive,
    /// A whole number that is not negative.
    Count,
    /// `true` or `false`.
    Truth,
    /// A text that says something.
    Text,
    /// One of some words. Case and underscores do not count; the other words are older spellings.
    OneOf(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// A list of numbers.
    Numbers,
    /// A list of maps, or anything else that is checked elsewhere.
    Else,
}

/// What holds where nothing is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Absent {
    /// It must be said.
    Wrong,
    /// Nothing.
    Nothing,
    /// A text.
    Text(&'static str),
    /// A number.
    Number(f64),
    /// A whole number.
    Count(u64),
    /// `true` or `false`.
    Truth(bool),
    /// What another key says.
    Same(&'static str),
}

/// A key of a section.
pub(super) type Key = (&'static str, Is, Absent);

/// A value that says something.
pub(super) fn said<'a>(section: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    section.get(key).filter(|value| !value.is_null())
}

/// A text that says something.
pub(super) fn text<'a>(section: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    section.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Checks the keys of a section and fills in what is absent; keys that are not in the table stay as they are. `place` is
/// how messages call the section, such as "input `pulse`".
///
/// # Errors
/// A key that is absent and must not be, a value of the wrong kind.
pub(super) fn check(section: &mut Map<String, Value>, keys: &[Key], place: &str) -> Result<()> {
    for (key, is, absent) in keys {
        let value = match (said(section, key), absent) {
            (Some(value), _) => is.check(value, &format!("`{key}` of {place}"))?,
            (None, Absent::Wrong) => return Err(lacking(section, key, place)),
            (None, absent) => absent.value(section),
        };
        if let Some(value) = value {
            section.insert((*key).to_owned(), value);
        }
    }
    Ok(())
}

impl Absent {
    /// What is then said, if anything.
    fn value(self, section: &Map<String, Value>) -> Option<Value> {
        match self {
            Absent::Wrong | Absent::Nothing => None,
            Absent::Text(text) => Some(text.into()),
            Absent::Number(number) => Some(number.into()),
            Absent::Count(count) => Some(count.into()),
            Absent::Truth(truth) => Some(truth.into()),
            Absent::Same(other) => said(section, other).cloned(),
        }
    }
}

/// The error for a key that must be there; the nearest one that is may be misspelt.
pub(super) fn lacking(section: &Map<String, Value>, key: &str, place: &str) -> Error {
    let error = Error::format(format!("{place} has no `{key}`"));
    let keys: Vec<&String> = section.keys().collect();
    match nearest(key, &keys) {
        Some(near) => error.help(format!("there is `{near}` instead")),
        None => error,
    }
}

impl Is {
    /// Checks a value; gives what is to stand for it, where it is spelt otherwise.
    fn check(self, value: &Value, what: &str) -> Result<Option<Value>> {
        let wrong = |must_be: &str| Err(json::expected(what, must_be, value));
        let number = value.as_f64();
        match self {
            Is::Number if number.is_none() => wrong("a number"),
            Is::NotNegative if number.is_none_or(|n| n < 0.0) => wrong("a number that is not negative"),
            Is::Positive if number.is_none_or(|n| n <= 0.0) => wrong("a number above 0"),
            // Programs write whole numbers as `42.0`.
            Is::Count if number.is_none_or(|n| n < 0.0 || n.fract() != 0.0) => {
                wrong("a whole number that is not negative")
            }
            Is::Truth if !value.is_boolean() => wrong("true or false"),
            Is::Text if value.as_str().is_none_or(str::is_empty) => wrong("a text"),
            Is::Numbers if value.as_array().is_none_or(|list| !list.iter().all(Value::is_number)) => {
                wrong("a list of numbers")
            }
            Is::OneOf(words, older) => one_of(words, older, value, what),
            _ => Ok(None),
        }
    }
}

fn one_of(words: &[&str], older: &[(&str, &str)], value: &Value, what: &str) -> Result<Option<Value>> {
    let written = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(json::expected(what, &format!("one of {}", words.join(", ")), other)),
    };
    let bare = |text: &str| text.replace('_', "").to_lowercase();
    let known = words.iter().find(|word| bare(word) == bare(&written));
    let known =
        known.or_else(|| older.iter().find(|(word, _)| bare(word) == bare(&written)).map(|(_, now)| now));
    match known {
        Some(word) if *word == written => Ok(None),
        Some(word) => Ok(Some((*word).into())),
        None => {
            let error = Error::format(format!("{what} cannot be \"{written}\""))
                .help(format!("it may be {}", words.join(", ")));
            Err(match nearest(&written, words) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            })
        }
    }
}

/// The map that a section is; an empty one where it is absent.
pub(super) fn map_of(section: Option<Value>, what: &str) -> Result<Map<String, Value>> {
    match section {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(json::expected(what, "a map", &other)),
    }
}

/// The entries of a list whose names are each there once. Older files have a map from the names instead.
pub(super) fn list_of(section: Option<Value>, what: &str) -> Result<Vec<Map<String, Value>>> {
    let entries: Vec<Map<String, Value>> = match section {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => {
            let entry = |value| map_of(Some(value), &format!("an entry of {what}"));
            list.into_iter().map(entry).collect::<Result<_>>()?
        }
        Some(Value::Object(map)) => {
            let entry = |(name, value): (String, Value)| {
                let mut entry = map_of(Some(value), &format!("`{name}` of {what}"))?;
                entry.entry("name").or_insert_with(|| name.into());
                Ok(entry)
            };
            map.into_iter().map(entry).collect::<Result<_>>()?
        }
        Some(other) => return Err(json::expected(what, "a list", &other)),
    };
    let mut names: Vec<&str> = entries.iter().filter_map(|entry| text(entry, "name")).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::format(format!("two entries of {what} have the name `{name}`")));
    }
    Ok(entries)
}
