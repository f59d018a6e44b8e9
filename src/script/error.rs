//! From Rhai's errors to ours: our own taken out whole, Rhai's said in the words of the language.

use std::sync::Arc;

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::registry::entries;
use crate::diag::{Code, Error, ScriptPlace, nearest};

/// An error of running a script, with the place in its source.
/// `variables` are those that the script has.
pub(super) fn from_eval(error: &EvalAltResult, name: &str, source: &Arc<str>, variables: &[String]) -> Error {
    let mut calls = Vec::new();
    let (inner, position) = innermost(error, &mut calls);
    let error = match inner {
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(name, variables),
        other => explain(other),
    };
    if error.code() == Code::Cancelled {
        return error;
    }
    place(error, position, name, source, calls)
}

/// An error of a closure that is called for each row: the place in it is said, since the caret stands at the call.
pub(super) fn from_row(error: &EvalAltResult) -> Error {
    let (inner, position) = innermost(error, &mut Vec::new());
    let error = explain(inner);
    match (position.line(), position.position()) {
        (Some(line), Some(column)) if error.code() != Code::Cancelled => {
            error.help(format!("at line {line}, position {column}"))
        }
        _ => error,
    }
}

/// An error of reading a script.
pub(super) fn from_parse(error: &ParseError, name: &str, source: &Arc<str>) -> Error {
    let text = sentence(&error.err_type().to_string());
    let mut ours = Error::script(text);
    if let ParseErrorType::Reserved(word) = &*error.0 {
        ours = ours.help(format!("`{word}` is a reserved word; use `[\"{word}\"]` for a name"));
    }
    place(ours, error.position(), name, source, Vec::new())
}

fn place(error: Error, position: Position, name: &str, source: &Arc<str>, calls: Vec<String>) -> Error {
    let Some(line) = position.line() else { return error };
    let column = position.position().unwrap_or(1);
    error.in_script(ScriptPlace { name: name.to_owned(), source: source.clone(), line, column, calls })
}

/// The error at the bottom of a chain of calls, and the best known position of it.
fn innermost<'e>(error: &'e EvalAltResult, calls: &mut Vec<String>) -> (&'e EvalAltResult, Position) {
    match error {
        EvalAltResult::ErrorInFunctionCall(function, _, inner, position) => {
            let (found, at) = innermost(inner, calls);
            if at.is_none() {
                return (found, *position);
            }
            let shown = if function.starts_with("anon$") { "a closure" } else { function };
            if let Some(line) = position.line() {
                calls.push(format!("{shown} (line {line})"));
            }
            (found, at)
        }
        EvalAltResult::ErrorInModule(_, inner, position) => {
            let (found, at) = innermost(inner, calls);
            (found, if at.is_none() { *position } else { at })
        }
        other => (other, other.position()),
    }
}

fn explain(error: &EvalAltResult) -> Error {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => match value.read_lock::<Error>() {
            Some(ours) => ours.clone(),
            None => Error::script(format!("the script threw {value}")),
        },
        EvalAltResult::ErrorTerminated(..) => Error::cancelled(),
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(name, &[]),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => unknown_function(signature),
        EvalAltResult::ErrorPropertyNotFound(name, _) | EvalAltResult::ErrorDotExpr(name, _) => {
            unknown_property(name)
        }
        EvalAltResult::ErrorIndexingType(name, _) => unknown_property(name),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) => Error::argument(format!(
            "{} was expected here, but this is {}",
            type_name(wanted),
            type_name(found)
        )),
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            Error::script(format!("`{name}` cannot be changed here"))
                .help(format!("a closure uses it; bind it anew: let {name} = …"))
        }
        EvalAltResult::ErrorDataRace(..) => {
            Error::script("a closure uses the variable whose own method is running it")
                .help("copy what the closure needs to another variable first")
        }
        EvalAltResult::ErrorStackOverflow(_) => {
            Error::script("calls are nested too deeply (a function calls itself?)")
        }
        EvalAltResult::ErrorModuleNotFound(name, _) => {
            Error::new(Code::Name, format!("there is no library `{name}`"))
        }
        other => {
            // Rhai adds the position to the text; the caret shows it better.
            let text = other.to_string();
            let text = text.split(" (line ").next().unwrap_or(&text);
            Error::script(sentence(text))
        }
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut chars = text.chars();
    match (chars.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

fn unknown_variable(name: &str, variables: &[String]) -> Error {
    let functions: Vec<&str> = entries().iter().filter(|e| e.on.is_empty()).map(|e| e.name).collect();
    let error = Error::new(Code::Name, format!("there is no variable `{name}`"));
    if let Some(variable) = nearest(name, variables) {
        return error.help(if variable == name {
            "a function does not see the variables of the script; hand it over as an argument".to_owned()
        } else {
            format!("did you mean `{variable}`?")
        });
    }
    match nearest(name, &functions) {
        Some(function) if function == name => {
            error.help(format!("`{name}` is a function: write `{name}(…)`"))
        }
        Some(function) => error.help(format!("did you mean the function `{function}`?")),
        None if name == "circuit" => error.help("open one first: let circuit = open(\"PATH\");"),
        None => error,
    }
}

/// `name (Type, Type)` as Rhai writes it.
fn unknown_function(signature: &str) -> Error {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let arguments: Vec<&str> =
        arguments.trim_end_matches(')').split(", ").filter(|a| !a.is_empty()).map(type_name).collect();
    if let Some(property) = name.strip_prefix("get$") {
        return unknown_property_of(property, arguments.first().copied().unwrap_or("value"));
    }
    let receiver = arguments.first().copied().unwrap_or("");
    let entries = entries();
    let own: Vec<_> = entries.iter().filter(|e| e.on == receiver || shares(receiver, e.on)).collect();
    let forms: Vec<String> = own
        .iter()
        .chain(entries.iter().filter(|e| e.on.is_empty()).collect::<Vec<_>>().iter())
        .filter(|e| e.name == name)
        .map(|e| format!("`{}`", e.signature))
        .collect();
    if !forms.is_empty() {
        let given: Vec<&str> =
            if own.iter().any(|e| e.name == name) { arguments[1..].to_vec() } else { arguments.clone() };
        let given = if given.is_empty() { "nothing".to_owned() } else { given.join(", ") };
        return Error::argument(format!("`{name}` does not take {given}"))
            .help(format!("it is {}", forms.join(" or ")));
    }
    if own.is_empty() {
        let known: Vec<&str> = entries.iter().filter(|e| e.on.is_empty()).map(|e| e.name).collect();
        let what =
            if arguments.is_empty() { String::new() } else { format!(" for {}", arguments.join(", ")) };
        let error = Error::new(Code::Name, format!("there is no function `{name}`{what}"));
        return match crate::diag::did_you_mean(name, &known) {
            Some(help) => error.help(help),
            None => error,
        };
    }
    let known: Vec<&str> = own.iter().map(|e| e.name).collect();
    let error = Error::new(Code::Name, format!("{receiver} has no `{name}`"));
    match crate::diag::did_you_mean(name, &known) {
        Some(help) => error.help(help),
        None => error.help(format!("it has: {}", known.join(", "))),
    }
}

/// Whether a type has the verbs that are documented on another one.
fn shares(receiver: &str, documented: &str) -> bool {
    documented == "Table" && matches!(receiver, "Cells" | "Synapses")
}

/// Rhai's text for a missing property: `Unknown property 'x' - a getter is not registered for type 'T'`.
fn unknown_property(text: &str) -> Error {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some(owner)) => unknown_property_of(name, type_name(owner)),
        _ => Error::new(Code::Name, sentence(text)),
    }
}

fn unknown_property_of(name: &str, owner: &str) -> Error {
    let entries = entries();
    let own: Vec<_> = entries.iter().filter(|e| e.on == owner || shares(owner, e.on)).collect();
    let known: Vec<&str> = own.iter().map(|e| e.name).collect();
    let mut error = Error::new(Code::Name, format!("{owner} has no property `{name}`"));
    if let Some(method) = own.iter().find(|e| e.name == name) {
        error = error.help(format!("`{name}` is a call: write `{}`", method.signature));
    } else if let Some(help) = crate::diag::did_you_mean(name, &known) {
        error = error.help(help);
    }
    error
}

/// Rhai's names of types in the words of the language.
pub(super) fn type_name(rhai: &str) -> &str {
    match rhai.trim().trim_start_matches("&mut ").trim_start_matches('&') {
        "i64" => "int",
        "f64" => "float",
        "str" | "String" | "ImmutableString" | "string" => "text",
        "()" => "nothing",
        "FnPtr" | "Fn" => "closure",
        "rhai::Dynamic" | "Dynamic" | "?" => "value",
        "Vec<rhai::Dynamic>" | "Array" | "array" => "array",
        "map" | "Map" => "map",
        "range" | "range=" => "range",
        other => other.rsplit("::").next().unwrap_or(other),
    }
}
