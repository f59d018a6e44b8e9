//! What a simulation should have written and did not.

use std::path::Path;

use super::paths::{folder_of, missing, names_in};
use crate::diag::{Code, Error, did_you_mean};

/// So many names are told.
const TOLD: usize = 12;

/// The error for a file that is not there; it tells what is in the folder.
pub(super) fn lost(what: &str, path: &Path) -> Error {
    let folder = folder_of(path);
    if !folder.is_dir() {
        let error = missing(path);
        let named = Error::new(error.code(), format!("{what} is not there: {}", error.message()));
        return error.helps().iter().fold(named, |error, help| error.help(help.clone()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let error =
        Error::new(Code::Io, format!("{what} is not there: no file `{name}` in {}", folder.display()));
    let names = names_in(&folder);
    let error = did_you_mean(&name, &names).into_iter().fold(error, Error::help);
    error.help(contents(&names))
}

/// The error for something that may be in one of several files, none of which is in the folder.
pub(super) fn nowhere(what: &str, folder: &Path, names: &[&str]) -> Error {
    let error = Error::new(Code::Io, format!("there are no {what} in {}", folder.display()));
    error.help(format!("looked for {}", names.join(", "))).help(contents(&names_in(folder)))
}

fn contents(names: &[String]) -> String {
    match names {
        [] => "the folder is empty".to_owned(),
        names if names.len() <= TOLD => format!("the folder has {}", names.join(", ")),
        names => format!("the folder has {} and {} more", names[..TOLD].join(", "), names.len() - TOLD),
    }
}
