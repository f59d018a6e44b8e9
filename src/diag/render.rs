//! The one renderer of errors: for a terminal (with colours), for a pipe, and as JSON.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::{Error, ScriptPlace};

/// An [`Error`] dressed as what miette draws.
#[derive(Debug)]
struct Shown<'a> {
    error: &'a Error,
    source: Option<NamedSource<String>>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.error.message())?;
        if let Some(place) = self.error.place() {
            write!(f, "\nin {place}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let mut lines = self.error.helps().to_vec();
        if let Some(place) = self.error.script_place() {
            lines.extend(place.calls.iter().map(|call| format!("called from {call}")));
        }
        (!lines.is_empty()).then(|| Box::new(lines.join("\n")) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.error.script_place()?;
        let (offset, length) = span(place);
        Some(Box::new(std::iter::once(LabeledSpan::new(None, offset, length))))
    }
}

/// Byte offset and length of the word that stands at a place in a script.
fn span(place: &ScriptPlace) -> (usize, usize) {
    let start: usize =
        place.source.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = place.source[start..].lines().next().unwrap_or("");
    let offset = line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(i, _)| i);
    let word: usize =
        line[offset..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    let at_end = offset >= line.len();
    (start + offset, if at_end { 0 } else { word.max(1) })
}

/// The error as text. `colour` is for terminals only.
pub fn render(error: &Error, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let source = error.script_place().map(|p| NamedSource::new(&p.name, p.source.to_string()));
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    match handler.render_report(&mut text, &Shown { error, source }) {
        Ok(()) => text,
        Err(_) => format!("{error}\n"),
    }
}

/// The error as a JSON object: `error`, and where known `file`, `line`, `column`, `dataset`, `script`, `help`.
pub fn render_json(error: &Error) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    object.insert("error".into(), error.message().into());
    if let Some(place) = error.place() {
        object.insert("file".into(), place.path.display().to_string().into());
        if let Some((line, column)) = place.line {
            object.insert("line".into(), line.into());
            object.insert("column".into(), column.into());
        }
        if let Some(dataset) = &place.dataset {
            object.insert("dataset".into(), dataset.clone().into());
        }
    }
    if let Some(place) = error.script_place() {
        let script = serde_json::json!({"name": place.name, "line": place.line, "column": place.column});
        object.insert("script".into(), script);
    }
    if !error.helps().is_empty() {
        object.insert("help".into(), error.helps().into());
    }
    object.into()
}
