//! Text files as bytes in memory: mapped, with the line and column of a byte, and cut for parallel reading.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memchr::{memchr_iter, memrchr};
use memmap2::Mmap;

use crate::diag::{Error, Result};

/// A text file in memory. A byte order mark at its start is left out.
pub struct Text {
    path: PathBuf,
    map: Option<Mmap>,
    skip: usize,
}

impl Text {
    /// Maps a file.
    ///
    /// # Errors
    /// When it is missing, not a file, or unreadable.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |cause: std::io::Error| Error::io("read", path, &cause);
        let file = File::open(path).map_err(fail)?;
        let facts = file.metadata().map_err(fail)?;
        if facts.is_dir() {
            return Err(Error::format("this is a folder where a text file is expected").in_file(path));
        }
        // An empty file cannot be mapped everywhere.
        let map = if facts.len() == 0 {
            None
        } else {
            // The map is read-only; a file that another program changes meanwhile is the risk.
            #[allow(unsafe_code)]
            Some(unsafe { Mmap::map(&file) }.map_err(fail)?)
        };
        let skip = map.as_ref().map_or(0, |m| if m.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 });
        Ok(Text { path: path.to_owned(), map, skip })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |m| &m[self.skip..])
    }

    /// Line and column (in bytes) of a byte, both from 1.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.bytes()[..at.min(self.bytes().len())];
        let line = memchr_iter(b'\n', before).count() + 1;
        (line, before.len() - memrchr(b'\n', before).map_or(0, |n| n + 1) + 1)
    }

    /// An error at a byte of the file.
    pub fn error(&self, at: usize, message: impl Into<String>) -> Error {
        self.place(at, Error::format(message))
    }

    /// An error placed at a byte of the file.
    pub fn place(&self, at: usize, error: Error) -> Error {
        let (line, column) = self.line_column(at);
        error.at_line(&self.path, line, column)
    }
}

/// Cuts a range of `bytes` into pieces of about `size` bytes that end after a byte for which `is_cut` holds.
pub fn cut(bytes: &[u8], range: Range<usize>, size: usize, is_cut: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut pieces = Vec::with_capacity(range.len() / size.max(1) + 1);
    let mut start = range.start;
    while start < range.end {
        let near = (start + size.max(1)).min(range.end);
        let end = bytes[near - 1..range.end].iter().position(|&b| is_cut(b)).map_or(range.end, |n| near + n);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// The finite number that a word is.
pub fn number(word: &[u8]) -> Option<f64> {
    short_decimal(word)
        .or_else(|| std::str::from_utf8(word).ok()?.parse().ok().filter(|f: &f64| f.is_finite()))
}

/// The usual number, if a word is one.
fn short_decimal(word: &[u8]) -> Option<f64> {
    decimal(word).filter(|found| found.1 == word.len()).map(|found| found.0)
}

/// The powers of ten that floating point holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The usual number that some text begins with, and its length: a minus, digits, a point among them. Both parts of the
/// quotient are exact, so it is the nearest number to what is written, as the general way would find. Nothing where
/// there are too many digits for that, or none.
#[inline]
pub fn decimal(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut value, mut at) = digits(text, start, 0);
    let (mut count, mut behind) = (at - start, 0);
    if text.get(at) == Some(&b'.') {
        let point = at + 1;
        (value, at) = digits(text, point, value);
        behind = at - point;
        count += behind;
    }
    // More digits may not fit into the 64 bits.
    if count == 0 || count > 19 || value > 1 << 53 {
        return None;
    }
    let value = value as f64 / POWERS[behind];
    Some((if negative { -value } else { value }, at))
}

/// Appends the digits from a place on to a number; gives the place after them. More than 19 digits wrap around.
#[inline]
pub fn digits(text: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    // Eight at a time are no faster: where the next number begins then depends on arithmetic, here it is guessed.
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit <= 9) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The whole number that a word is.
pub fn whole(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text(content: &[u8]) -> (tempfile::NamedTempFile, Text) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let text = Text::open(file.path()).unwrap();
        (file, text)
    }

    #[test]
    fn knows_lines_and_columns_and_skips_the_mark() {
        let (_file, text) = text(b"\xEF\xBB\xBFab\ncd\r\n\nx");
        assert_eq!(text.bytes().first(), Some(&b'a'));
        let places: Vec<_> = [0, 1, 3, 7, 8, 99].map(|at| text.line_column(at)).to_vec();
        assert_eq!(places, [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2)]);
        assert!(self::text(b"").1.bytes().is_empty());
        assert!(Text::open(Path::new("no/such/file")).is_err());
        assert!(Text::open(Path::new(".")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_what_the_standard_way_finds(word in "[+-]?[0-9]{0,17}[.]?[0-9]{0,17}([eE]-?[0-9]{1,3})?", value: f64) {
            for word in [word, format!("{value}"), format!("{value:.6}")] {
                let expected = word.parse::<f64>().ok().filter(|f| f.is_finite()).map(f64::to_bits);
                proptest::prop_assert_eq!(number(word.as_bytes()).map(f64::to_bits), expected, "{}", word);
            }
        }
    }

    #[test]
    fn words_that_are_no_numbers() {
        for word in ["", "-", ".", "-.", "nan", "inf", "1.2.3", "1,5", "--1", "1e", "0x1", "1e999"] {
            assert_eq!(number(word.as_bytes()), None, "{word}");
        }
        assert_eq!(number(b"-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
        assert_eq!([&b"12"[..], b"-3", b"1.0", b""].map(whole), [Some(12), Some(-3), None, None]);
    }

    #[test]
    fn pieces_cover_the_range_and_end_after_a_cut() {
        let bytes = b"aaa bbb\nccccccccc dd e";
        for size in 1..30 {
            let pieces = cut(bytes, 2..bytes.len(), size, |b| b.is_ascii_whitespace());
            assert_eq!(pieces.first().map(|p| p.start), Some(2));
            assert_eq!(pieces.last().map(|p| p.end), Some(bytes.len()));
            assert!(pieces.windows(2).all(|w| w[0].end == w[1].start));
            let ends = pieces.iter().take(pieces.len() - 1);
            assert!(ends.into_iter().all(|p| bytes[p.end - 1].is_ascii_whitespace()), "{size}");
        }
        assert!(cut(bytes, 3..3, 4, |_| true).is_empty());
    }
}
