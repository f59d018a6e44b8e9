//! Spikes, of any format.
//!
//! | format | extension | content | module |
//! |---|---|---|---|
//! | text | `.dat` | `/scatter`, then `time gid` a line | [`text`] |
//! | NEST | `.gdf` | `gid time` a line; many files by a pattern, `spikes-*.gdf` | [`text`] |
//! | binary | `.spikes` | a mark and a version, then 32-bit `time gid` | [`binary`] |
//! | SONATA | `.h5` | `/spikes/<population>/{timestamps, node_ids}` | [`hdf5`] |
//! | old HDF5 | `.h5` | `/spikes/{timestamps, gids}` | [`hdf5`] |
//! | Allen Institute | `.csv` | `timestamps population node_ids` | [`csv`] |
//!
//! Content decides what a file is, except where it cannot: `time gid` and `gid time` are told apart by the extension.
//! Nothing is believed of what a file says about its order.

mod binary;
mod csv;
mod hdf5;
mod save;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use memchr::memchr;
use regex::Regex;

pub use self::save::save;

use self::binary::Records;
use self::text::{Columns, Lines};
use super::paths::{existing, folder_of, names_in};
use super::text::Text;
use crate::diag::work::Progress;
use crate::diag::{Code, Error, Result};
use crate::model::{Batch, Spikes};

/// A population among several has room for ids up to here.
const MOST_PACKED: i64 = 1 << 40;

/// How spikes are read and written.
#[derive(Clone, Debug, Default)]
pub struct SpikeOptions {
    /// The id of node 0 of a SONATA file: 1 where ids are to be the gids of a legacy circuit.
    pub first_id: i64,
    /// The only population to read; or, of spikes that nobody says the population of, the name to write.
    pub population: Option<String>,
}

/// Opens spikes. A file without any gives none.
///
/// `path` may be a pattern with `*` and `?` in its last part: the text and binary files that it fits become one.
///
/// # Errors
/// A file that is missing, damaged or of no known format; ids that are negative or not whole numbers, times that are not
/// finite. The message names the line, record or dataset.
pub fn open(path: &Path, options: &SpikeOptions) -> Result<Spikes> {
    if let Some(paths) = of_pattern(path)? {
        return of_files(path, &paths, options);
    }
    let text = Text::open(existing(path)?)?;
    if is_hdf5(text.bytes()) || ["h5", "hdf5", "sonata"].contains(&extension(path).as_str()) {
        return hdf5::read(path, options);
    }
    if let Some(header) = csv::Header::of(&text) {
        return csv::read(&text, &header, options);
    }
    if let Some(name) = &options.population {
        return Err(no_population(path, name));
    }
    of_parts(path, &[Part::of(&text)?])
}

/// The files that a pattern fits, in order of their names; nothing if the path is none.
fn of_pattern(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains(['*', '?']) || path.exists() {
        return Ok(None);
    }
    let pattern = regex::escape(&name).replace("\\*", ".*").replace("\\?", ".");
    let pattern = Regex::new(&format!("^{pattern}$")).map_err(|e| Error::argument(e.to_string()))?;
    let folder = folder_of(path);
    let names = names_in(existing(&folder)?);
    let paths: Vec<PathBuf> = names.iter().filter(|n| pattern.is_match(n)).map(|n| folder.join(n)).collect();
    if paths.is_empty() {
        let message = format!("no file in {} fits `{name}`", folder.display());
        let like = |n: &&String| extension(Path::new(n)) == extension(path);
        let others: Vec<&str> = names.iter().filter(like).take(8).map(String::as_str).collect();
        let error = Error::new(Code::Io, message);
        return Err(if others.is_empty() {
            error
        } else {
            error.help(format!("there are {}", others.join(", ")))
        });
    }
    Ok(Some(paths))
}

/// The spikes of several files as one.
fn of_files(pattern: &Path, paths: &[PathBuf], options: &SpikeOptions) -> Result<Spikes> {
    if let [one] = paths {
        return open(one, options);
    }
    if let Some(name) = &options.population {
        return Err(no_population(pattern, name));
    }
    let texts = paths.iter().map(|path| Text::open(path)).collect::<Result<Vec<Text>>>()?;
    if let Some(other) = texts.iter().find(|text| is_hdf5(text.bytes())) {
        return Err(
            Error::argument("files of HDF5 cannot be put together by a pattern").in_file(other.path())
        );
    }
    of_parts(pattern, &texts.iter().map(Part::of).collect::<Result<Vec<Part>>>()?)
}

fn no_population(path: &Path, name: &str) -> Error {
    Error::argument(format!("the population `{name}` is asked for, but the file has no populations"))
        .in_file(path)
}

/// A file, or one of several, whose spikes threads read piece by piece.
enum Part<'a> {
    Lines(Lines<'a>),
    Records(Records<'a>),
}

impl<'a> Part<'a> {
    fn of(text: &'a Text) -> Result<Self> {
        let extension = extension(text.path());
        if extension == "spikes" || binary::has_mark(text.bytes()) {
            return Records::of(text).map(Part::Records);
        }
        let columns = if extension == "gdf" { Columns::IdFirst } else { Columns::TimeFirst };
        Ok(Part::Lines(Lines::of(text, columns)))
    }

    /// For each piece, how many spikes there are at most.
    fn counts(&self) -> Vec<usize> {
        match self {
            Part::Lines(lines) => lines.counts(),
            Part::Records(records) => records.counts(),
        }
    }
}

fn of_parts(path: &Path, parts: &[Part]) -> Result<Spikes> {
    let (mut pieces, mut batches) = (Vec::new(), Vec::new());
    for part in parts {
        for (piece, room) in part.counts().into_iter().enumerate() {
            pieces.push((part, piece));
            batches.push(Batch { room, population: 0 });
        }
    }
    let progress = Progress::new("reading spikes", pieces.len() as u64);
    Spikes::gather(path, &[], &batches, |at, sink| {
        progress.advance(1)?;
        match pieces[at] {
            (Part::Lines(lines), piece) => lines.read(piece, sink),
            (Part::Records(records), piece) => records.read(piece, sink),
        }
    })
}

/// The id of the cell that a node is; nothing where there cannot be one. Ids of several populations are to be packed.
fn cell(node: i64, first_id: i64, packed: bool) -> Option<i64> {
    let most = if packed { MOST_PACKED } else { i64::MAX };
    node.checked_add(first_id).filter(|id| node >= 0 && (0..most).contains(id))
}

/// The mark of HDF5 stands at the start, or after a block of 512, 1024, 2048 … bytes.
fn is_hdf5(bytes: &[u8]) -> bool {
    const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
    let places = std::iter::once(0).chain((9..=20).map(|power| 1 << power));
    places.map_while(|at| bytes.get(at..)).any(|bytes| bytes.starts_with(SIGNATURE))
}

/// The extension of a file, in small letters.
fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// The first line that is neither empty nor a comment, with the place after it.
fn first_line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1);
        let line = bytes[at..end].trim_ascii();
        if !matches!(line, [] | [b'/' | b'#', ..]) {
            return Some((line, end));
        }
        at = end;
    }
    None
}
