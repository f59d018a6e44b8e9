//! Spikes as text: a line each, with time and id (`out.dat`) or id and time (`.gdf`). Lines that begin with `/` or `#`,
//! and what follows the two numbers of a line, are left out.

use std::ops::Range;

use memchr::{memchr, memchr_iter};
use rayon::prelude::*;

use crate::diag::{Error, Result};
use crate::formats::text::{Text, cut, decimal, digits, number, whole};
use crate::model::Sink;

/// Bytes that one core reads at a time.
const PIECE: usize = 4 << 20;
/// Up to here floating point holds every whole number.
const LARGEST_WHOLE: f64 = (1_u64 << 53) as f64;
/// So much of a line is shown in a message.
const SHOWN: usize = 60;

/// Which number stands first in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// `time id`
    TimeFirst,
    /// `id time`
    IdFirst,
}

/// The lines of a file, in pieces that threads read.
pub(super) struct Lines<'a> {
    text: &'a Text,
    columns: Columns,
    pieces: Vec<Range<usize>>,
}

impl<'a> Lines<'a> {
    /// Finds pieces that begin and end with a line.
    pub(super) fn of(text: &'a Text, columns: Columns) -> Self {
        let bytes = text.bytes();
        // With the usual header left out, all lines of the usual file are spikes.
        let mut start = 0;
        while let Some(b'/' | b'#') = bytes.get(start) {
            start += memchr(b'\n', &bytes[start..]).map_or(bytes.len() - start, |end| end + 1);
        }
        Lines { text, columns, pieces: cut(bytes, start..bytes.len(), PIECE, |byte| byte == b'\n') }
    }

    /// For each piece, how many lines it has.
    pub(super) fn counts(&self) -> Vec<usize> {
        let bytes = self.text.bytes();
        let lines = |piece: &Range<usize>| {
            let piece = &bytes[piece.clone()];
            memchr_iter(b'\n', piece).count() + usize::from(!piece.ends_with(b"\n"))
        };
        self.pieces.par_iter().map(lines).collect()
    }

    /// Reads the lines of a piece.
    ///
    /// # Errors
    /// With the number of the first line that does not begin with a time and an id.
    pub(super) fn read(&self, piece: usize, sink: &mut Sink<'_>) -> Result<()> {
        let Some(piece) = self.pieces.get(piece) else { return Ok(()) };
        let bytes = &self.text.bytes()[..piece.end];
        let mut at = piece.start;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if let Some((t, id, length)) = usual(rest, self.columns) {
                sink.push(t, id);
                at += length;
                continue;
            }
            let length = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let found = line(&rest[..length], self.columns);
            let place = |fault: Error| fault.at_line(self.text.path(), self.text.line_column(at).0, 0);
            if let Some((t, id)) = found.map_err(place)? {
                sink.push(t, id);
            }
            at += length;
        }
        Ok(())
    }
}

/// The time and the id of a line that is as almost all are, and its length with its end.
#[inline]
fn usual(text: &[u8], columns: Columns) -> Option<(f64, i64, usize)> {
    let ((t, id), at) = match columns {
        Columns::TimeFirst => {
            let (t, at) = decimal(text)?;
            let at = blanks(text, at)?;
            let (id, length) = few_digits(&text[at..])?;
            ((t, id), at + length)
        }
        Columns::IdFirst => {
            let (id, at) = few_digits(text)?;
            let at = blanks(text, at)?;
            let (t, length) = decimal(&text[at..])?;
            ((t, id), at + length)
        }
    };
    match &text[at..] {
        [b'\n', ..] => Some((t, id, at + 1)),
        [b'\r', b'\n', ..] => Some((t, id, at + 2)),
        [] => Some((t, id, at)),
        _ => None,
    }
}

/// The place after some blanks.
#[inline]
fn blanks(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while matches!(text.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    (at > start).then_some(at)
}

/// The whole number that a text begins with, and its length.
#[inline]
fn few_digits(text: &[u8]) -> Option<(i64, usize)> {
    let (value, length) = digits(text, 0, 0);
    (1..=18).contains(&length).then_some((value as i64, length))
}

/// The time and the id of any line; nothing where there is nothing, or a comment.
fn line(line: &[u8], columns: Columns) -> Result<Option<(f64, i64)>> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (first, second) = match (words.next(), words.next()) {
        (None | Some([b'/' | b'#', ..]), _) => return Ok(None),
        (Some(first), Some(second)) => (first, second),
        (Some(only), None) => {
            return Err(of_format(columns, format!("one word in a line, `{}`", shown(only))));
        }
    };
    let (t, cell) = match columns {
        Columns::TimeFirst => (first, second),
        Columns::IdFirst => (second, first),
    };
    Ok(Some((
        time(t).map_err(|why| of_format(columns, why))?,
        id(cell).map_err(|why| of_format(columns, why))?,
    )))
}

fn of_format(columns: Columns, message: String) -> Error {
    Error::format(message).help(match columns {
        Columns::TimeFirst => "a line has a time (ms) and the id of a cell: `12.5 17`",
        Columns::IdFirst => "a line of a .gdf file has the id of a cell and a time (ms): `17 12.5`",
    })
}

/// The time that a word is, or what is wrong with it.
pub(super) fn time(word: &[u8]) -> Result<f64, String> {
    number(word).ok_or_else(|| match str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()) {
        Some(_) => format!("the time `{}` is not finite", shown(word)),
        None => format!("`{}` is not a time", shown(word)),
    })
}

/// The id that a word is, or what is wrong with it. Some writers give ids as `22.0`.
pub(super) fn id(word: &[u8]) -> Result<i64, String> {
    let id = whole(word).or_else(|| {
        let value = number(word)?;
        (value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE).then_some(value as i64)
    });
    match id {
        Some(id) if id >= 0 => Ok(id),
        Some(id) => Err(format!("the id {id} is negative")),
        None if number(word).is_some() => Err(format!("the id `{}` is not a whole number", shown(word))),
        None => Err(format!("`{}` is not the id of a cell", shown(word))),
    }
}

/// A word as a message shows it.
pub(super) fn shown(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(&word[..word.len().min(SHOWN)]);
    if word.len() > SHOWN { format!("{text}…") } else { text.into_owned() }
}
