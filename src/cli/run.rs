//! `neurhai run` and `neurhai eval`.

use std::path::Path;

use rhai::Array;

use super::screen;
use crate::diag::{Error, Result};
use crate::script::Session;

fn session(args: &[String]) -> Session {
    let mut session = Session::new();
    session.set("args", args.iter().map(|a| a.clone().into()).collect::<Array>());
    session
}

/// Runs a script file.
pub(super) fn file(path: &Path, args: &[String], json: bool) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    // The first line may name the interpreter.
    let text = if text.starts_with("#!") { format!("//{text}") } else { text };
    let value = session(args).run(&text, &path.display().to_string())?;
    screen::print(&value, json)
}

/// Runs one line.
pub(super) fn line(text: &str, args: &[String], json: bool) -> Result<()> {
    let value = session(args).run(text, "<eval>")?;
    screen::print(&value, json)
}
