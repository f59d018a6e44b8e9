//! Spikes as the Allen Institute's tools write them: a header, then `timestamps population node_ids` in any order,
//! divided by blanks or commas. Without a header three words in a line are these, and two are time and id.

use std::collections::HashMap;

use memchr::memchr;

use super::text::{id, shown, time};
use super::{SpikeOptions, cell, extension, first_line};
use crate::diag::{Error, Result, work};
use crate::formats::text::Text;
use crate::model::Spikes;

/// Lines after which it is asked whether to stop.
const LINES: usize = 1 << 16;

const TIMES: [&str; 5] = ["timestamps", "timestamp", "times", "time", "t"];
const POPULATIONS: [&str; 3] = ["population", "populations", "pop"];
const IDS: [&str; 7] = ["node_ids", "node_id", "gids", "gid", "ids", "id", "nodes"];

/// Where the columns are.
pub(super) struct Header {
    time: usize,
    population: Option<usize>,
    id: usize,
    /// Where the first spike stands.
    start: usize,
    /// Whether the times are in seconds.
    seconds: bool,
    /// Whether the ids are those of nodes.
    nodes: bool,
}

impl Header {
    /// The header of a file that is such a table.
    pub(super) fn of(text: &Text) -> Option<Self> {
        let (line, start) = first_line(text.bytes())?;
        let line = String::from_utf8_lossy(line).to_lowercase();
        let line = line.replace(" (ms)", "").replace(" (s)", "\u{1f}");
        let names: Vec<&str> = words(line.as_bytes()).filter_map(|word| str::from_utf8(word).ok()).collect();
        let find =
            |known: &[&str]| names.iter().position(|name| known.contains(&name.trim_end_matches('\u{1f}')));
        if let (Some(time), Some(id)) = (find(&TIMES), find(&IDS)) {
            let (seconds, nodes) = (names[time].ends_with('\u{1f}'), names[id].starts_with("node"));
            return Some(Header { time, population: find(&POPULATIONS), id, start, seconds, nodes });
        }
        if extension(text.path()) != "csv" {
            return None;
        }
        let number = |at: usize| names.get(at).is_some_and(|name| name.parse::<f64>().is_ok());
        let comma = line.contains(',');
        let population = match names.len() {
            3 if number(0) && !number(1) && number(2) => Some(1),
            2 if comma && number(0) && number(1) => None,
            _ => return None,
        };
        let id = if population.is_some() { 2 } else { 1 };
        Some(Header { time: 0, population, id, start: 0, seconds: false, nodes: true })
    }
}

/// The words of a line: what stands between commas, else between blanks.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let comma = line.contains(&b',');
    let cut = move |byte: &u8| if comma { *byte == b',' } else { byte.is_ascii_whitespace() };
    line.split(cut).map(unquoted).filter(move |word| comma || !word.is_empty())
}

fn unquoted(word: &[u8]) -> &[u8] {
    let word = word.trim_ascii();
    word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word)
}

/// Reads a file.
///
/// # Errors
/// With the line where a column is missing, or a time or an id cannot be one.
pub(super) fn read(text: &Text, header: &Header, options: &SpikeOptions) -> Result<Spikes> {
    let bytes = text.bytes();
    let scale = if header.seconds { 1000.0 } else { 1.0 };
    let first_id = if header.nodes { options.first_id } else { 0 };
    let mut parts: Vec<(String, Vec<f64>, Vec<i64>)> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let (mut at, mut lines) = (header.start, 0_usize);
    while at < bytes.len() {
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1);
        let line = bytes[at..end].trim_ascii();
        lines += 1;
        if lines.is_multiple_of(LINES) {
            work::check()?;
        }
        if !matches!(line, [] | [b'/' | b'#', ..]) {
            let fault = |why: String| Error::format(why).at_line(text.path(), text.line_column(at).0, 0);
            let (t, population, id) = row(line, header).map_err(fault)?;
            let id = cell(id, first_id, header.population.is_some())
                .ok_or_else(|| fault(format!("the id {id} cannot be one of a cell")))?;
            let t = t * scale;
            if !t.is_finite() {
                return Err(fault(format!("the time `{t}` ms is not finite")));
            }
            let place = *places.entry(population).or_insert_with(|| {
                parts.push((shown(population), Vec::new(), Vec::new()));
                parts.len() - 1
            });
            parts[place].1.push(t);
            parts[place].2.push(id);
        }
        at = end;
    }
    let path = text.path();
    match (&options.population, header.population) {
        (Some(name), None) => Err(super::no_population(path, name)),
        (Some(name), Some(_)) => {
            let known: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
            let at = known.iter().position(|known| known == name);
            let at = at.ok_or_else(|| Error::unknown("population of spikes", name, &known).in_file(path))?;
            Ok(Spikes::of_populations(path, vec![parts.swap_remove(at)]))
        }
        (None, Some(_)) => Ok(Spikes::of_populations(path, parts)),
        (None, None) => {
            let (_, times, ids) = parts.pop().unwrap_or_default();
            Ok(Spikes::new(path, times, ids))
        }
    }
}

/// The time, population and id of a line.
fn row<'a>(line: &'a [u8], header: &Header) -> Result<(f64, &'a [u8], i64), String> {
    let (mut t, mut cell, mut population) = (None, None, None);
    for (at, word) in words(line).enumerate() {
        if at == header.time {
            t = Some(time(word)?);
        } else if at == header.id {
            cell = Some(id(word)?);
        } else if Some(at) == header.population {
            population = Some(word);
        }
    }
    match (t, cell, population) {
        (Some(t), Some(cell), Some(population)) => Ok((t, population, cell)),
        (Some(t), Some(cell), None) if header.population.is_none() => Ok((t, b"", cell)),
        _ => Err(format!("a column is missing in `{}`", shown(line))),
    }
}
