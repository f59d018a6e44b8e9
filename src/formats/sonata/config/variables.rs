//! The variables of a configuration: `$NAME` or `${NAME}`, defined in its `manifest`.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json;
use super::without_detours;
use crate::diag::{Code, Error, Result, did_you_mean};

/// What only a simulation knows, once it runs: such a variable stays in the text.
const OF_A_RUN: [&str; 3] = ["date", "time", "datetime"];
/// A longer text is no path: variables that repeat one another grow without end.
const LONGEST: usize = 4096;

/// The variables of one file, with their values.
pub struct Variables(HashMap<String, String>);

/// A variable in a text.
struct Mention<'a> {
    name: &'a str,
    /// With the dollar and the braces.
    range: Range<usize>,
    braced: bool,
}

impl Variables {
    /// The variables of a configuration in a folder: those of its manifest, `configdir` and `workingdir`.
    ///
    /// # Errors
    /// A name that cannot be one, a value that is no text, a variable that is not defined or needs itself.
    pub fn of(config: &Value, folder: &Path) -> Result<Self> {
        let mut written = HashMap::from([("configdir".to_owned(), folder.display().to_string())]);
        if let Ok(working) = std::env::current_dir() {
            written.insert("workingdir".to_owned(), working.display().to_string());
        }
        let none = serde_json::Map::new();
        let manifest = match config.get("manifest") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(manifest)) => manifest,
            Some(other) => return Err(json::expected("`manifest`", "a map", other)),
        };
        for (key, value) in manifest {
            let Value::String(text) = value else {
                return Err(json::expected(&format!("variable `{key}` of the manifest"), "a text", value));
            };
            written.insert(name_of(key)?.to_owned(), text.clone());
        }
        let mut variables = Variables(HashMap::new());
        for name in manifest.keys().map(|k| name_of(k)).chain(["configdir", "workingdir"].map(Ok)) {
            variables.define(name?, &written)?;
        }
        Ok(variables)
    }

    /// Finds the value of a variable, and first those of the variables that it is made of.
    fn define(&mut self, name: &str, written: &HashMap<String, String>) -> Result<()> {
        let mut path = vec![name];
        while let Some(&name) = path.last() {
            let Some(text) = written.get(name).filter(|_| !self.0.contains_key(name)) else {
                path.pop();
                continue;
            };
            let needed = mentions(text).map(|m| m.name);
            match needed.filter(|n| written.contains_key(*n)).find(|n| !self.0.contains_key(*n)) {
                Some(next) if path.contains(&next) => {
                    let round = path.iter().copied().skip_while(|n| *n != next).chain([next]);
                    let round: Vec<String> = round.map(|n| format!("${n}")).collect();
                    return Err(Error::format(format!(
                        "variable `{}` of the manifest is made of itself: {}",
                        round[0],
                        round.join(" → ")
                    )));
                }
                Some(next) => path.push(next),
                None => {
                    let value = self.expand_text(text)?;
                    self.0.insert(name.to_owned(), value);
                    path.pop();
                }
            }
        }
        Ok(())
    }

    /// Replaces the variables in all texts of a value.
    ///
    /// # Errors
    /// As [`expand_text`](Self::expand_text).
    pub fn expand(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) => {
                if text.contains('$') {
                    *text = self.expand_text(text)?;
                }
                Ok(())
            }
            Value::Array(list) => list.iter_mut().try_for_each(|v| self.expand(v)),
            Value::Object(map) => map.values_mut().try_for_each(|v| self.expand(v)),
            _ => Ok(()),
        }
    }

    /// A text with its variables replaced; where there was one, it is a path, and becomes tidy.
    ///
    /// # Errors
    /// A variable that is not defined, or stands where none can.
    pub fn expand_text(&self, text: &str) -> Result<String> {
        let mut expanded = String::new();
        let mut done = 0;
        for Mention { name, range, braced } in mentions(text) {
            let Some(value) = self.0.get(name) else {
                if OF_A_RUN.contains(&name) {
                    continue;
                }
                return Err(self.undefined(name, text));
            };
            let before = &text[..range.start];
            let fits = before.is_empty() || (before.ends_with('/') || braced) && !value.starts_with('/');
            if !fits {
                return Err(Error::format(format!("`${name}` is misplaced in \"{text}\"")).help(
                    "a variable stands at the start of a text, or, if it is no absolute path, after a slash",
                ));
            }
            expanded.push_str(&text[done..range.start]);
            expanded.push_str(value);
            done = range.end;
            if expanded.len() > LONGEST {
                return Err(Error::format(format!("with `${name}` replaced, a text becomes too long")));
            }
        }
        if done == 0 {
            return Ok(text.to_owned());
        }
        expanded.push_str(&text[done..]);
        Ok(without_detours(&PathBuf::from(expanded)).to_string_lossy().into_owned())
    }

    fn undefined(&self, name: &str, text: &str) -> Error {
        let mut known: Vec<String> = self.0.keys().map(|k| format!("${k}")).collect();
        known.sort();
        let message = format!("there is no variable `${name}`, which \"{text}\" needs");
        let error = Error::new(Code::Name, message);
        match did_you_mean(&format!("${name}"), &known) {
            Some(help) => error.help(help),
            None => error.help(format!("`manifest` defines the variables; there are: {}", known.join(", "))),
        }
    }
}

/// The name that a key of the manifest defines: `$NAME`, `${NAME}` or `NAME`.
fn name_of(key: &str) -> Result<&str> {
    let bare = key.strip_prefix('$').unwrap_or(key);
    let bare = bare.strip_prefix('{').and_then(|b| b.strip_suffix('}')).unwrap_or(bare);
    if !bare.is_empty() && bare.bytes().all(is_of_name) {
        return Ok(bare);
    }
    Err(Error::format(format!("`{key}` of the manifest cannot be the name of a variable"))
        .help("a name is a dollar and letters, digits and underscores, such as `$BASE_DIR`"))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The variables in a text. A dollar that no name follows is only a dollar.
fn mentions(text: &str) -> impl Iterator<Item = Mention<'_>> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let (name, length, braced) = match rest.strip_prefix('{') {
            Some(inner) => (inner.split_once('}')?.0, 3, true),
            None => (&rest[..rest.bytes().position(|b| !is_of_name(b)).unwrap_or(rest.len())], 1, false),
        };
        let is_name = !name.is_empty() && name.bytes().all(is_of_name);
        is_name.then(|| Mention { name, range: at..at + name.len() + length, braced })
    })
}
