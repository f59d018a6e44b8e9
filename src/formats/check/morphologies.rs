//! Files that cells name: morphologies and templates of electrical models.

use std::path::Path;

use super::{Findings, Severity, Texts, counted, some_of};
use crate::diag::{Result, work};
use crate::formats::hdf5::File;

/// Names that one look at the clock is worth.
const NAMES_AT_ONCE: usize = 256;

/// The names that have no file `folder/name.extension`. An HDF5 file in place of the folder holds a group for each name.
///
/// # Errors
/// When that file is damaged, or the work was stopped.
fn missing<'a>(names: &'a Texts, folder: &Path, extension: &str) -> Result<Vec<&'a String>> {
    if folder.is_file() {
        let members = File::open(folder)?.members("/")?;
        let known: std::collections::HashSet<&str> = members.iter().map(|m| m.0.as_str()).collect();
        return Ok(names.iter().filter(|n| !known.contains(n.as_str())).collect());
    }
    let extensions = [extension.to_owned(), extension.to_uppercase()];
    let mut gone = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if at % NAMES_AT_ONCE == 0 {
            work::check()?;
        }
        // A name may hold a folder, and dots.
        if !extensions.iter().any(|e| folder.join(format!("{name}.{e}")).exists()) {
            gone.push(name);
        }
    }
    Ok(gone)
}

/// One finding for all names without a file.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(
    findings: &mut Findings,
    what: &str,
    names: &Texts,
    folder: &Path,
    extension: &str,
) -> Result<()> {
    let found = missing(names, folder, extension);
    let Some(gone) = findings.take(Severity::Warning, folder, found)?.filter(|gone| !gone.is_empty()) else {
        return Ok(());
    };
    let (of, first) =
        (counted(names.len() as u64, what), some_of(gone.iter().map(|n| format!("{n}.{extension}"))));
    findings.add(Severity::Warning, folder, "", format!("missing {} of {of}: {first}", gone.len()));
    Ok(())
}

/// The names that are in none of several folders, told once.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check_any(
    findings: &mut Findings,
    what: &str,
    names: &Texts,
    places: &[(std::path::PathBuf, &str)],
) -> Result<()> {
    let Some((first, extension)) = places.first() else { return Ok(()) };
    let mut left = names.clone();
    for (folder, extension) in places {
        let gone = missing(&left, folder, extension)?.into_iter().cloned().collect();
        left = gone;
    }
    if !left.is_empty() {
        let (of, shown) =
            (counted(names.len() as u64, what), some_of(left.iter().map(|n| format!("{n}.{extension}"))));
        findings.add(Severity::Warning, first, "", format!("missing {} of {of}: {shown}", left.len()));
    }
    Ok(())
}
