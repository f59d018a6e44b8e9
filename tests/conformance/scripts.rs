//! The tables of scripts: how a question of an oracle is asked in our language.
//!
//! A `.scripts` file has three kinds of sections. Their header is followed by a pattern, a regular expression
//! that must match a case's whole id (or its machine form); `$1` … in the section is what its groups matched.
//!
//! ```text
//! === pattern        the script; the first matching one counts, and its last value is the answer
//! +++ pattern        lines put before the script; all that match, in the order of the file
//! @@@ pattern : name a file written to the folder `scratch` before the script runs
//! ```
//!
//! Scripts know the constants `data` (the oracle's folder), `file` (the case's file), `scratch` (an empty folder)
//! and `asked` (the arguments of the machine form).

use std::path::Path;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::oracle::Case;

#[derive(PartialEq)]
enum Kind {
    Script,
    Before,
    File(String),
}

struct Section {
    kind: Kind,
    pattern: Regex,
    text: String,
}

/// The sections of one file.
pub struct Scripts(Vec<Section>);

/// A script that is ready to run, and the files that it wants.
pub struct Prepared {
    pub source: String,
    pub files: Vec<(String, String)>,
    /// Where the helpers before the question end.
    pub question: usize,
}

impl Prepared {
    /// The question itself.
    pub fn asks(&self) -> &str {
        &self.source[self.question..]
    }
}

impl Scripts {
    /// Reads a table; a line outside any section is a mistake of the table.
    pub fn read(path: &Path) -> Scripts {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut sections: Vec<Section> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match header(line) {
                Some((kind, pattern)) => {
                    let whole = format!("^(?:{pattern})$");
                    let pattern = Regex::new(&whole)
                        .unwrap_or_else(|e| panic!("{}, line {}: {e}", path.display(), index + 1));
                    sections.push(Section { kind, pattern, text: String::new() });
                }
                None => match sections.last_mut() {
                    Some(section) => section.text.extend([line, "\n"]),
                    None => assert!(
                        line.trim().is_empty() || line.starts_with("//"),
                        "{}, line {}: no section yet",
                        path.display(),
                        index + 1
                    ),
                },
            }
        }
        Scripts(sections)
    }

    /// The script for a case, if the table has one.
    pub fn prepare(&self, case: &Case) -> Option<Prepared> {
        let script = self.0.iter().find_map(|section| {
            let found = matched(section, case)?;
            (section.kind == Kind::Script).then(|| filled(&section.text, &found))
        })?;
        let mut source = format!("let asked = {};\n", literal(&case.asked));
        let mut files = Vec::new();
        for section in &self.0 {
            let Some(found) = matched(section, case) else { continue };
            match &section.kind {
                Kind::Script => {}
                Kind::Before => source.push_str(&filled(&section.text, &found)),
                Kind::File(name) => files.push((name.clone(), filled(&section.text, &found))),
            }
        }
        source.push_str(&script);
        Some(Prepared { source, files, question: 0 })
    }
}

fn header(line: &str) -> Option<(Kind, &str)> {
    if let Some(pattern) = line.strip_prefix("=== ") {
        return Some((Kind::Script, pattern.trim()));
    }
    if let Some(pattern) = line.strip_prefix("+++ ") {
        return Some((Kind::Before, pattern.trim()));
    }
    let (pattern, name) = line.strip_prefix("@@@ ")?.rsplit_once(" : ")?;
    Some((Kind::File(name.trim().to_owned()), pattern.trim()))
}

fn matched<'c>(section: &Section, case: &'c Case) -> Option<Captures<'c>> {
    section.pattern.captures(&case.id).or_else(|| section.pattern.captures(&case.op))
}

fn filled(text: &str, found: &Captures) -> String {
    let groups = found.iter().enumerate().skip(1);
    groups.fold(text.to_owned(), |text, (i, group)| {
        text.replace(&format!("${i}"), group.map_or("", |group| group.as_str()))
    })
}

/// A JSON value in the spelling of a script.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "()".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key:?}: {}", literal(value)));
            format!("#{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
