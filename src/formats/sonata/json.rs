//! JSON files: values with the place of a fault, and the words that name what was found instead.

use std::path::Path;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::diag::{Error, Result};

/// The value that a file holds.
///
/// # Errors
/// A file that cannot be read, or is not JSON (with line and column).
pub fn read(path: &Path) -> Result<Value> {
    if path.is_dir() {
        return Err(Error::format("this is a folder where a JSON file is expected").in_file(path));
    }
    parse(&std::fs::read(path).map_err(|e| Error::io("read", path, &e))?, path)
}

/// The same where no key of a map may be there twice: of two inputs with one name, one would be lost.
///
/// # Errors
/// As [`read`], and a key that is there twice, with the place of the second.
pub fn read_once(path: &Path) -> Result<Value> {
    parse_as::<Once>(&std::fs::read(path).map_err(|e| Error::io("read", path, &e))?, path).map(|once| once.0)
}

/// A value without repeated keys.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OnceVisitor).map(Once)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(value)) = from.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            let Once(value) = from.next_value()?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

/// The value of a text; `path` names it in errors. A byte order mark at its start is left out.
///
/// # Errors
/// A text that is not JSON, with line and column.
pub fn parse(text: &[u8], path: &Path) -> Result<Value> {
    parse_as(text, path)
}

fn parse_as<T: DeserializeOwned>(text: &[u8], path: &Path) -> Result<T> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    serde_json::from_slice(text).map_err(|error| {
        // The crate ends its sentence with the place, which the error already has.
        let said = error.to_string();
        let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
        let message = if error.is_data() { what.to_owned() } else { format!("this is not JSON: {what}") };
        Error::format(message).at_line(path, error.line(), error.column())
    })
}

/// What a value is, as in "a text is expected, not a number".
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The error for a value of another kind than `what` must be.
pub fn expected(what: &str, must_be: &str, value: &Value) -> Error {
    let found = match value {
        Value::Number(_) | Value::Bool(_) => format!("not {value}"),
        other => format!("not {}", kind(other)),
    };
    Error::format(format!("{what} must be {must_be}, {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, b"\xEF\xBB\xBF{\"a\":\n [1, ]}").unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.message(), "this is not JSON: trailing comma");
        assert_eq!(error.place().and_then(|p| p.line), Some((2, 6)));
        std::fs::write(&path, b"\xEF\xBB\xBF[1]").unwrap();
        assert_eq!(read(&path).unwrap(), serde_json::json!([1]));
        assert!(read(folder.path()).unwrap_err().message().contains("folder"));
        assert!(read(&folder.path().join("y.json")).unwrap_err().message().contains("no such file"));
        assert!(parse(b"\xff", &path).is_err());
        std::fs::write(&path, "{\"a\": {\"b\": [1, -2.5, null, true],\n \"b\": 1}}").unwrap();
        let error = read_once(&path).unwrap_err();
        assert_eq!(error.message(), "the key `b` is there twice");
        assert_eq!(error.place().and_then(|p| p.line).map(|p| p.0), Some(2));
        std::fs::write(&path, "{\"a\": {\"b\": [1, -2.5, null, true, \"x\"]}}").unwrap();
        assert_eq!(read_once(&path).unwrap(), read(&path).unwrap());
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), &path).is_err());
    }
}
