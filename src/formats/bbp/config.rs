//! CircuitConfig and BlueConfig: sections of keys with text values.
//!
//! ```text
//! Type Name
//! {
//!     Key value up to the end of the line   # comment
//! }
//! ```
//! A block whose header is commented out (`#Type Name`) is skipped. Inside a block every line is a key with its
//! value, also one that looks like a header (`Stimulus hypamp`). Where a key stands twice in a section the first
//! one counts, and a warning tells of the other.

use std::path::Path;
use std::sync::Arc;

use nom::branch::alt;
use nom::bytes::complete::{take_till, take_till1};
use nom::character::complete::{char, space0, space1};
use nom::combinator::{eof, map, rest, value};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use serde_json::{Map, Value};

use crate::diag::{Error, Result, did_you_mean};
use crate::formats::text::Text;

/// A key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, as written.
    pub key: String,
    /// The rest of the line, without blanks around it and without the comment.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

/// A section `Type Name { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The type: `Run`, `Report`, `Projection` … Types that this crate does not know are kept.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The line of its header, from 1.
    pub line: usize,
    /// Its keys in file order, each once.
    pub entries: Vec<Entry>,
    path: Arc<Path>,
}

impl Section {
    /// A key with its line.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// The text of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|e| e.value.as_str())
    }

    /// The text of a key that must be there.
    ///
    /// # Errors
    /// When it is not, with the nearest key.
    pub fn require(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            let known: Vec<&str> = self.entries.iter().map(|e| e.key.as_str()).collect();
            let error = self.error(key, format!("section `{} {}` has no `{key}`", self.kind, self.name));
            did_you_mean(key, &known).into_iter().fold(error, Error::help)
        })
    }

    /// The number behind a key, where there is one.
    ///
    /// # Errors
    /// When its text is no number.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        match entry.value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.error(key, format!("`{key} {}`: this is not a number", entry.value))),
        }
    }

    /// An error about a key: it stands at the key's line, or at the section's where the key is missing.
    pub fn error(&self, key: &str, message: impl Into<String>) -> Error {
        self.place(key, Error::format(message))
    }

    /// Puts an error at a key's line, or at the section's where the key is missing.
    pub fn place(&self, key: &str, error: Error) -> Error {
        error.at_line(&self.path, self.entry(key).map_or(self.line, |e| e.line), 0)
    }
}

/// Something odd in a configuration that does not keep it from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: usize,
    /// A sentence.
    pub message: String,
}

/// A configuration file.
#[derive(Clone, Debug)]
pub struct BlueConfig {
    path: Arc<Path>,
    sections: Vec<Section>,
    warnings: Vec<Warning>,
}

impl BlueConfig {
    /// Reads a file. Bytes that are not UTF-8 (names in old comments) become the replacement character.
    ///
    /// # Errors
    /// When it cannot be read or its text is not a configuration, with the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = Text::open(path)?;
        Self::parse(&String::from_utf8_lossy(text.bytes()), path)
    }

    /// Reads text; `path` is for messages.
    ///
    /// # Errors
    /// A header of other than two words, a section that is not closed, text between the sections.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let path: Arc<Path> = path.into();
        let mut reader =
            Reader { path: path.clone(), sections: vec![], warnings: vec![], state: State::Outside };
        let mut commented = false;
        for (index, line) in text.lines().enumerate() {
            let (code, comment) = line.split_once('#').map_or((line, None), |(c, r)| (c, Some(r)));
            if code.trim().is_empty() {
                commented |= comment.is_some();
            } else {
                reader.line(index + 1, code, commented)?;
                commented = false;
            }
        }
        reader.end()?;
        Ok(BlueConfig { path, sections: reader.sections, warnings: reader.warnings })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All sections in file order; two may have the same type and name.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What was odd.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The sections of a type.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |s| s.kind == kind)
    }

    /// The first section of a type and name.
    pub fn section(&self, kind: &str, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.kind == kind && s.name == name)
    }

    /// The one `Run` section.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn run(&self) -> Result<&Section> {
        let mut runs = self.of_kind("Run");
        let first = runs.next().ok_or_else(|| {
            Error::format("there is no section `Run`")
                .in_file(&self.path)
                .help("a configuration starts with `Run Default { … }`")
        })?;
        match runs.next() {
            None => Ok(first),
            Some(second) => Err(Error::format(format!(
                "there is a second `Run` section, `{}`; the first one, `{}`, is in line {}",
                second.name, first.name, first.line
            ))
            .at_line(&self.path, second.line, 0)),
        }
    }

    /// Type → name → key → text, in file order. Further sections of the same type and name are called
    /// `name#2`, `name#3` … (no name of the file can hold a `#`).
    pub fn to_json(&self) -> Value {
        let mut kinds = Map::new();
        for section in &self.sections {
            let texts: Map<String, Value> =
                section.entries.iter().map(|e| (e.key.clone(), e.value.clone().into())).collect();
            let kind = kinds.entry(section.kind.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(names) = kind {
                let numbered = (2..).map(|n| format!("{}#{n}", section.name));
                let mut free =
                    std::iter::once(section.name.clone()).chain(numbered).filter(|n| !names.contains_key(n));
                if let Some(name) = free.next() {
                    names.insert(name, texts.into());
                }
            }
        }
        kinds.into()
    }
}

/// A line of code between two sections.
#[derive(Clone)]
enum Between<'a> {
    /// `}` that closes nothing.
    Stray,
    /// `{` without a header, and what follows it on the line.
    Open(&'a str),
    /// `Type Name`, and what follows a `{` on the same line.
    Header(&'a str, &'a str, Option<&'a str>),
}

fn word(input: &str) -> IResult<&str, &str> {
    take_till1(|c: char| c.is_whitespace() || c == '{' || c == '}')(input)
}

fn between(input: &str) -> IResult<&str, Between<'_>> {
    let open = || preceded(char('{'), rest);
    let header = (word, space1, word, space0, alt((value(None, eof), map(open(), Some))));
    delimited(
        space0,
        alt((
            value(Between::Stray, (char('}'), eof)),
            map(open(), Between::Open),
            map(header, |(kind, _, name, _, open)| Between::Header(kind, name, open)),
        )),
        rest,
    )
    .parse(input)
}

/// A key and the rest of the line.
fn entry(input: &str) -> IResult<&str, (&str, &str)> {
    (preceded(space0, take_till(char::is_whitespace)), rest).parse(input)
}

enum State {
    Outside,
    /// After a header, before its `{`.
    Headed(Section),
    Inside(Section),
    /// In a block without a header: the line of its `{`, and how many are open.
    Skipped(usize, usize),
}

struct Reader {
    path: Arc<Path>,
    sections: Vec<Section>,
    warnings: Vec<Warning>,
    state: State,
}

impl Reader {
    fn error(&self, line: usize, column: usize, message: impl Into<String>) -> Error {
        Error::format(message).at_line(&self.path, line, column)
    }

    fn warn(&mut self, line: usize, message: impl Into<String>) {
        self.warnings.push(Warning { line, message: message.into() });
    }

    /// Takes a line without its comment; `commented` if the lines of comment stand just before it.
    fn line(&mut self, line: usize, code: &str, commented: bool) -> Result<()> {
        let trimmed = code.trim();
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside => self.outside(line, code, commented),
            State::Headed(section) => match trimmed.strip_prefix('{') {
                Some(after) => self.inside(line, section, after),
                None => Err(self
                    .error(
                        line,
                        0,
                        format!("there is no `{{` after the header `{} {}`", section.kind, section.name),
                    )
                    .help(format!("the header is in line {}", section.line))),
            },
            State::Inside(section) => self.inside(line, section, trimmed),
            State::Skipped(start, depth) => {
                self.skipped(start, depth, trimmed);
                Ok(())
            }
        }
    }

    fn outside(&mut self, line: usize, code: &str, commented: bool) -> Result<()> {
        match between(code.trim_end()) {
            Ok((_, Between::Stray)) => self.warn(line, "a `}` that closes nothing"),
            Ok((_, Between::Open(after))) => {
                if !commented {
                    self.warn(line, "a block without a header is skipped");
                }
                self.skipped(line, 1, after.trim());
            }
            Ok((_, Between::Header(kind, name, open))) => {
                let (kind, name) = (kind.to_owned(), name.to_owned());
                let section = Section { kind, name, line, entries: vec![], path: self.path.clone() };
                match open {
                    Some(after) => self.inside(line, section, after.trim())?,
                    None => self.state = State::Headed(section),
                }
            }
            Err(_) => {
                let column = code.len() - code.trim_start().len() + 1;
                let found = code.trim();
                let message = match found.trim_end_matches('{').split_whitespace().count() {
                    0 | 1 => format!("a section starts with two words, `Type Name`; here is one: `{found}`"),
                    _ => format!("a section starts with two words, `Type Name`; here is `{found}`"),
                };
                return Err(self.error(line, column, message));
            }
        }
        Ok(())
    }

    /// Takes a line (or what follows a `{`) in a section.
    fn inside(&mut self, line: usize, mut section: Section, code: &str) -> Result<()> {
        if code.starts_with('{') {
            return Err(self
                .unclosed(&section.kind, &section.name, section.line)
                .help(format!("a new block starts in line {line}: a `}}` is missing before it")));
        }
        // A closing brace may end a line, but only as a word of its own: values such as `${HOME}` hold braces.
        let (code, closed) = match code.strip_suffix('}') {
            Some(before) if before.is_empty() || before.ends_with(char::is_whitespace) => {
                (before.trim(), true)
            }
            _ => (code, false),
        };
        if !code.is_empty() {
            self.entry(line, &mut section, code);
        }
        if closed {
            self.sections.push(section);
        } else {
            self.state = State::Inside(section);
        }
        Ok(())
    }

    fn entry(&mut self, line: usize, section: &mut Section, code: &str) {
        let Ok((_, (key, value))) = entry(code) else { return };
        let value = value.trim();
        if value.is_empty() {
            self.warn(line, format!("`{key}` has no value and is left out"));
        } else if let Some(first) = section.entry(key) {
            let message = format!("`{key}` stands a second time; the one of line {} counts", first.line);
            self.warn(line, message);
        } else {
            section.entries.push(Entry { key: key.to_owned(), value: value.to_owned(), line });
        }
    }

    fn skipped(&mut self, start: usize, depth: usize, code: &str) {
        let opens = usize::from(code.starts_with('{'));
        let closes = usize::from(code.split_whitespace().next_back() == Some("}"));
        let depth = (depth + opens).saturating_sub(closes);
        self.state = if depth == 0 { State::Outside } else { State::Skipped(start, depth) };
    }

    fn unclosed(&self, kind: &str, name: &str, line: usize) -> Error {
        self.error(line, 0, format!("section `{kind} {name}` is not closed"))
    }

    fn end(&self) -> Result<()> {
        match &self.state {
            State::Outside => Ok(()),
            State::Headed(s) => {
                Err(self.error(s.line, 0, format!("section `{} {}` has no `{{`", s.kind, s.name)))
            }
            State::Inside(s) => Err(self.unclosed(&s.kind, &s.name, s.line).help("its `}` is missing")),
            State::Skipped(line, _) => Err(self.error(*line, 0, "the block that starts here is not closed")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::format_push_string)] // texts are put together as they read
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::path::PathBuf;

    fn parse(text: &str) -> Result<BlueConfig> {
        BlueConfig::parse(text, Path::new("BlueConfig"))
    }

    fn line_of(error: &Error) -> Option<usize> {
        error.place().and_then(|p| p.line).map(|l| l.0)
    }

    #[test]
    fn reads_the_whole_grammar() {
        let config = parse(
            "# a comment {\r\nRun Default\r\n{\r\n  CircuitPath /a b/c # where\r\n\tDate 28:04:17\r\n}\r\n}\r\n\
             Conditions Default {}\n\
             #Report off\n# more\n{\n Target All\n}\n\
             StimulusInject in {\n Stimulus hypamp\n Target ä;b:c\n Root ${HOME}\n}\n\
             Connection x\n{ Weight 1 }\n\n#Stimulus s\n#{\n#  Mode Current\n#}\nOdd kind-of_1\n{\nKey value }\n",
        )
        .unwrap();
        let expected = json!({
            "Run": {"Default": {"CircuitPath": "/a b/c", "Date": "28:04:17"}},
            "Conditions": {"Default": {}},
            "StimulusInject": {"in": {"Stimulus": "hypamp", "Target": "ä;b:c", "Root": "${HOME}"}},
            "Connection": {"x": {"Weight": "1"}},
            "Odd": {"kind-of_1": {"Key": "value"}},
        });
        assert_eq!(config.to_json(), expected);
        assert_eq!(config.run().unwrap().entry("Date").unwrap().line, 5);
        let odd: Vec<_> = config.warnings().iter().map(|w| w.line).collect();
        assert_eq!(odd, [7]);
        assert!(parse("").unwrap().sections().is_empty());
    }

    #[test]
    fn keeps_the_first_of_two_keys_and_all_sections() {
        let config = parse("R a\n{\n k 1\n lonely\n k 2\n}\nR a\n{\n}\n{\n x y\n}\nR a {\n z 0\n}").unwrap();
        assert_eq!(config.to_json(), json!({"R": {"a": {"k": "1"}, "a#2": {}, "a#3": {"z": "0"}}}));
        let odd: Vec<_> = config.warnings().iter().map(|w| (w.line, w.message.as_str())).collect();
        assert_eq!(
            odd,
            [
                (4, "`lonely` has no value and is left out"),
                (5, "`k` stands a second time; the one of line 3 counts"),
                (10, "a block without a header is skipped")
            ]
        );
        assert_eq!(config.sections().len(), 3);
    }

    #[test]
    fn names_the_line_of_what_is_wrong() {
        let cases = [
            ("Run Default\n{\n a b\n", 1, "section `Run Default` is not closed"),
            ("\nRun A\n{\n a b\nReport r\n{\n}\n", 2, "section `Run A` is not closed"),
            ("\nRun\n{\n}\n", 2, "here is one: `Run`"),
            ("Run{\n}\n", 1, "two words"),
            ("Run My Default\n{\n}\n", 1, "here is `Run My Default`"),
            ("Run A\nReport b\n{\n}\n", 2, "no `{` after the header `Run A`"),
            ("Run A\n", 1, "has no `{`"),
            ("#Run A\n{\n x y\n", 2, "not closed"),
        ];
        for (text, line, message) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(message), "{text}: {error}");
            assert_eq!(line_of(&error), Some(line), "{text}: {error}");
        }
    }

    #[test]
    fn asks_for_one_run_and_for_keys() {
        let error = parse("Report a\n{\n Target X\n}\n").unwrap().run().unwrap_err();
        assert!(error.message().contains("no section `Run`"), "{error}");
        let error = parse("Run A\n{\n}\nRun B\n{\n}\n").unwrap().run().unwrap_err();
        assert_eq!(line_of(&error), Some(4), "{error}");
        let config = parse("Run A\n{\n Dt 0.025\n Durration 1\n Seed x\n}\n").unwrap();
        let run = config.run().unwrap();
        assert_eq!(run.number("Dt").unwrap(), Some(0.025));
        assert_eq!(run.number("Duration").unwrap(), None);
        assert_eq!(line_of(&run.number("Seed").unwrap_err()), Some(5));
        let error = run.require("Duration").unwrap_err();
        assert!(error.to_string().contains("did you mean `Durration`"), "{error}");
    }

    fn files(folder: &str, wanted: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
        let mut folders = vec![shared.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if entry.file_name().to_string_lossy().contains(wanted) {
                    found.push(path);
                }
            }
        }
        found.sort();
        if found.is_empty() {
            println!("skipped: no shared/{folder}");
        }
        found
    }

    #[test]
    fn production_configurations_open() {
        let header =
            regex::Regex::new(r"(?m)^[ \t]*(\w+)[ \t]+([^\s#{]+)[ \t\r]*(?:#.*)?\n(?:\s*#.*\n)*\s*\{")
                .unwrap();
        for path in files("real", "BlueConfig").iter().chain(&files("real", "CircuitConfig")) {
            let config = BlueConfig::read(path).unwrap_or_else(|e| panic!("{e}"));
            config.run().unwrap_or_else(|e| panic!("{e}"));
            // The same by another way: two words, then a line that starts with a brace.
            let text = std::fs::read_to_string(path).unwrap();
            let expected: Vec<_> =
                header.captures_iter(&text).map(|c| (c[1].to_owned(), c[2].to_owned())).collect();
            let read: Vec<_> = config.sections().iter().map(|s| (s.kind.clone(), s.name.clone())).collect();
            assert_eq!(read, expected, "{}", path.display());
        }
    }

    #[test]
    fn damaged_configurations_say_what_is_wrong() {
        for path in files("oracle", ".BlueConfig") {
            let config = BlueConfig::read(&path);
            let name = path.file_name().unwrap().to_str().unwrap();
            match name {
                "no_close.BlueConfig" | "unclosed.BlueConfig" | "one_word.BlueConfig" => {
                    assert!(config.unwrap_err().place().is_some(), "{name}");
                }
                "no_run.BlueConfig" | "two_runs.BlueConfig" | "empty.BlueConfig" => {
                    assert!(config.unwrap().run().is_err(), "{name}");
                }
                "stray.BlueConfig" => assert_eq!(
                    config.unwrap().to_json(),
                    json!({"Run": {"Default": {"Duration": "10"}}, "Report": {"r": {"Type": "synapse"}}})
                ),
                "hash_in_value.BlueConfig" => assert_eq!(
                    config.unwrap().to_json(),
                    json!({"Run": {"Default": {"CircuitPath": ".", "nrnPath": "./x"}}})
                ),
                "dup_key.BlueConfig" => assert_eq!(config.unwrap().run().unwrap().get("nrnPath"), Some("a")),
                _ => assert!(config.unwrap().run().is_ok(), "{name}"),
            }
        }
    }

    fn name() -> impl Strategy<Value = String> {
        "[A-Za-z][A-Za-z0-9_:;.-]{0,8}"
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            sections in proptest::collection::vec(
                (name(), name(), proptest::collection::btree_map(name(), "[!-\"$-|~ä]([ -\"$-|~ä]{0,12}[!-\"$-|~])?", 0..5)),
                0..6,
            ),
            layout in 0usize..4,
        ) {
            let (open, end) = [(" {", "\n"), ("\n{", "\r\n"), ("\n\n# x }\n {", " # {\n"), ("{", "\n\n")][layout];
            let mut text = String::new();
            for (kind, name, keys) in &sections {
                text += &format!("{kind}\t {name}{open}{end}");
                for (key, value) in keys {
                    text += &format!("  {key} \t{value}{end}");
                }
                text += &format!("}}{end}#gone {kind}\n{{\n {kind} {name}\n}}\n");
            }
            let config = parse(&text).unwrap();
            prop_assert_eq!(config.warnings(), &[]);
            let read: Vec<_> = config.sections().iter().map(|s| {
                let keys = s.entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
                (s.kind.clone(), s.name.clone(), keys)
            }).collect();
            prop_assert_eq!(read, sections);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ \t\n{}#aB\u{e4}]{0,60}") {
            let _ = parse(&text).map(|c| c.to_json());
        }
    }
}
