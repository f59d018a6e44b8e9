//! A table as aligned text: what the prompt and a script show of a result.

use std::borrow::Cow;
use std::fmt::Write;

use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::number::{ColumnStyle, format_count, format_number};
use super::values::{Cell, Values};
use crate::model::{ColumnSpec, Frame};

/// Between two columns.
const GUTTER: usize = 2;

/// A column of text is not made narrower than this to gain room for others.
const NARROWEST_TEXT: usize = 14;

/// A header takes at most so many lines.
const HEADER_LINES: usize = 3;

/// Of a list in a cell so many items are shown.
const LIST_ITEMS: usize = 8;

/// How a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width of the terminal in characters; 0 for no limit.
    pub width: usize,
    /// At most so many rows are shown; the middle is left out. 0 for no limit.
    pub rows: usize,
    /// Whether to use bold and dim.
    pub colour: bool,
}

/// A table of `total_rows` rows, of which `head` holds the first and `tail` the last (it may be empty where `head`
/// holds all; overlapping is allowed). Every line ends with a line break.
pub fn render(head: &Frame, tail: &Frame, total_rows: u64, look: &Look) -> String {
    let rows = Rows::choose(head, tail, total_rows, look.rows);
    let columns: Vec<Column> = head
        .schema()
        .columns()
        .iter()
        .enumerate()
        .map(|(index, spec)| Column::new(spec, &rows.values(index, head, tail)))
        .collect();
    let ink = Ink { colour: look.colour };
    let layout = Layout::fit(&columns, if look.width == 0 { usize::MAX } else { look.width });
    let mut text = String::new();
    if !columns.is_empty() {
        layout.write_header(&columns, ink, &mut text);
        layout.write_rows(&columns, rows.top, rows.gap, ink, &mut text);
    }
    write_footer(&columns, &layout, &rows, total_rows, look.width, ink, &mut text);
    text
}

/// A value as text, without regard to its column.
fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "—".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Float32(value) => format_number(f64::from(*value)),
        Cell::Float64(value) => format_number(*value),
        Cell::Text(text) => printable(text).into_owned(),
        Cell::List(items) => {
            let mut shown: Vec<String> = items.iter().take(LIST_ITEMS).map(|item| cell_text(&item)).collect();
            if items.len() > LIST_ITEMS {
                shown.push(format!("… {} more", format_count((items.len() - LIST_ITEMS) as u64)));
            }
            format!("[{}]", shown.join(", "))
        }
    }
}

/// Text that cannot move the cursor or change colours: control characters are written as escapes.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Which rows are shown: `top` from the start of the table, `bottom` from its end.
struct Rows {
    top: usize,
    bottom: usize,
    /// Whether rows between them are left out.
    gap: bool,
    total: u64,
}

impl Rows {
    fn choose(head: &Frame, tail: &Frame, total: u64, most: usize) -> Self {
        let most = if most == 0 { usize::MAX } else { most };
        let held = head.rows().saturating_add(tail.rows());
        // A mark in place of a single row would save nothing.
        if total <= held as u64 && total <= (most as u64).saturating_add(1) {
            let top = head.rows().min(total as usize);
            return Rows { top, bottom: total as usize - top, gap: false, total };
        }
        let top = most.div_ceil(2).min(head.rows());
        let last = if total == head.rows() as u64 { head.rows() - top } else { tail.rows() };
        let bottom = (most - top).min(last);
        Rows { top, bottom, gap: (top + bottom) as u64 != total, total }
    }

    /// The shown values of a column.
    fn values(&self, index: usize, head: &Frame, tail: &Frame) -> Vec<Values> {
        let top = head.columns()[index].slice(0, self.top);
        let end = if self.total == head.rows() as u64 { head } else { tail };
        let bottom = end.columns().get(index).map(|c| c.slice(c.len() - self.bottom, self.bottom));
        std::iter::once(top)
            .chain(bottom)
            .map(|part| Values::of(&part).unwrap_or_else(|_| described(&part)))
            .collect()
    }
}

/// Values of a type that a table does not know, as Arrow describes them.
fn described(array: &ArrayRef) -> Values {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options).ok();
    let text = |row| formatter.as_ref().and_then(|f| f.value(row).try_to_string().ok());
    Values::Text((0..array.len()).map(|row| text(row).filter(|_| array.is_valid(row))).collect())
}

/// A piece of a header: part of the name, or the unit.
struct Piece {
    text: String,
    unit: bool,
    /// Whether a space stands before it when it does not begin a line.
    spaced: bool,
}

/// A column as text.
struct Column {
    name: String,
    header: Vec<Piece>,
    /// The shown values; `None` is a missing one.
    cells: Vec<Option<String>>,
    /// Numbers stand to the right.
    right: bool,
    /// The widest value.
    width: usize,
}

impl Column {
    fn new(spec: &ColumnSpec, parts: &[Values]) -> Self {
        let right = parts.iter().any(Values::numeric);
        let floats = parts.iter().flat_map(Values::iter).filter_map(|cell| match cell {
            Cell::Float32(v) => Some(f64::from(v)),
            Cell::Float64(v) => Some(v),
            _ => None,
        });
        let style = ColumnStyle::of(floats.collect::<Vec<_>>().into_iter());
        let text = |cell: Cell| match cell {
            Cell::Null => None,
            Cell::Float32(v) => Some(style.text(f64::from(v))),
            Cell::Float64(v) => Some(style.text(v)),
            other => Some(cell_text(&other)),
        };
        let cells: Vec<Option<String>> = parts.iter().flat_map(Values::iter).map(text).collect();
        let width = cells.iter().map(|c| c.as_ref().map_or(1, |c| c.width())).max().unwrap_or(0);
        let name = printable(&spec.name).into_owned();
        Column { header: header_pieces(&name, spec.unit.as_deref()), name, cells, right, width }
    }

    /// The header in lines of at most `width`, where its pieces allow.
    fn header_lines(&self, width: usize) -> Vec<Vec<&Piece>> {
        let mut lines: Vec<Vec<&Piece>> = Vec::new();
        let mut used = 0;
        for piece in &self.header {
            let wide = piece.text.width();
            match lines.last_mut() {
                Some(line) if used + usize::from(piece.spaced) + wide <= width => {
                    line.push(piece);
                    used += usize::from(piece.spaced) + wide;
                }
                _ => {
                    lines.push(vec![piece]);
                    used = wide;
                }
            }
        }
        lines
    }

    /// The width of the header on one line.
    fn header_width(&self) -> usize {
        line_width(self.header.iter())
    }

    /// The least width, not below `least`, at which the header takes few lines.
    fn narrow_header_width(&self, least: usize) -> usize {
        let longest = self.header.iter().map(|p| p.text.width()).max().unwrap_or(0);
        let mut width = least.max(longest);
        while width < self.header_width() && self.header_lines(width).len() > HEADER_LINES {
            width += 1;
        }
        width
    }
}

/// A name cut where it may be broken, and its unit.
fn header_pieces(name: &str, unit: Option<&str>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = name
        .split_inclusive(['_', '.'])
        .flat_map(|part| part.split(' ').enumerate().map(|(i, word)| (i > 0, word)).collect::<Vec<_>>())
        .map(|(spaced, text)| Piece { text: text.to_owned(), unit: false, spaced })
        .collect();
    if let Some(unit) = unit {
        pieces.push(Piece { text: format!("({})", printable(unit)), unit: true, spaced: true });
    }
    pieces
}

fn line_width<'a>(pieces: impl Iterator<Item = &'a Piece>) -> usize {
    pieces.enumerate().map(|(i, p)| p.text.width() + usize::from(i > 0 && p.spaced)).sum()
}

/// The name and the unit in a line of a header, cut to `width`.
fn line_text(pieces: &[&Piece], width: usize) -> (String, String) {
    let (mut name, mut unit) = (String::new(), String::new());
    for (i, piece) in pieces.iter().enumerate() {
        let part = if piece.unit { &mut unit } else { &mut name };
        part.push_str(if i > 0 && piece.spaced { " " } else { "" });
        part.push_str(&piece.text);
    }
    let name = cut(&name, width).into_owned();
    let unit = cut(&unit, width - name.width().min(width)).into_owned();
    (name, unit)
}

/// How wide each shown column is.
struct Layout {
    widths: Vec<usize>,
    /// Columns that did not fit.
    hidden: usize,
}

impl Layout {
    /// All columns at their own width if they fit; else headers are broken, then text is cut, then the last
    /// columns are left out.
    fn fit(columns: &[Column], limit: usize) -> Self {
        let own: Vec<usize> = columns.iter().map(|c| c.width.max(c.header_width())).collect();
        if total(&own) <= limit {
            return Layout { widths: own, hidden: 0 };
        }
        let mut widths: Vec<usize> = columns
            .iter()
            .map(|c| c.narrow_header_width(if c.right { c.width } else { c.width.min(NARROWEST_TEXT) }))
            .collect();
        // Room for the mark that columns are missing.
        let mark = GUTTER + 1;
        if total(&widths) > limit {
            while widths.len() > 1 && total(&widths) + mark > limit {
                widths.pop();
            }
        }
        let hidden = columns.len() - widths.len();
        let room = limit - if hidden > 0 { mark.min(limit - 1) } else { 0 };
        if let [only] = widths.as_mut_slice() {
            *only = (*only).min(room);
        }
        widen(columns, &mut widths, room);
        Layout { widths, hidden }
    }

    fn write_header(&self, columns: &[Column], ink: Ink, text: &mut String) {
        let headers: Vec<Vec<Vec<&Piece>>> =
            self.widths.iter().zip(columns).map(|(&width, column)| column.header_lines(width)).collect();
        let height = headers.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut out = Line::default();
            for ((column, header), &width) in columns.iter().zip(&headers).zip(&self.widths) {
                let pieces = (line + header.len()).checked_sub(height).and_then(|i| header.get(i));
                let Some(pieces) = pieces else {
                    out.pad(width + GUTTER);
                    continue;
                };
                let used = line_width(pieces.iter().copied()).min(width);
                out.pad(if column.right { width - used } else { 0 });
                let (name, unit) = line_text(pieces, width);
                out.push(&ink.bold(&name));
                out.push(&ink.dim(&unit));
                out.pad(GUTTER + if column.right { 0 } else { width - used });
            }
            if self.hidden > 0 && line + 1 == height {
                out.push(&ink.dim("…"));
            }
            out.end(text);
        }
        let width = total(&self.widths) + if self.hidden > 0 { GUTTER + 1 } else { 0 };
        let _ = writeln!(text, "{}", ink.dim(&"─".repeat(width)));
    }

    fn write_rows(&self, columns: &[Column], top: usize, gap: bool, ink: Ink, text: &mut String) {
        let count = columns.first().map_or(0, |c| c.cells.len());
        for row in 0..count {
            if gap && row == top {
                self.write_gap(columns, ink, text);
            }
            self.write_line(
                columns,
                text,
                |column| match column.cells.get(row) {
                    Some(Some(cell)) => (Cow::Borrowed(cell.as_str()), false),
                    _ => (Cow::Borrowed("—"), true),
                },
                ink,
            );
        }
        if gap && count == top {
            self.write_gap(columns, ink, text);
        }
    }

    fn write_gap(&self, columns: &[Column], ink: Ink, text: &mut String) {
        self.write_line(columns, text, |_| (Cow::Borrowed("⋮"), true), ink);
    }

    /// One line of cells; `cell` gives the text and whether it is dim.
    fn write_line<'a>(
        &self,
        columns: &'a [Column],
        text: &mut String,
        cell: impl Fn(&'a Column) -> (Cow<'a, str>, bool),
        ink: Ink,
    ) {
        let mut out = Line::default();
        for (column, &width) in columns.iter().zip(&self.widths) {
            let (value, dim) = cell(column);
            let shown = cut(&value, width);
            let space = width - shown.width().min(width);
            out.pad(if column.right { space } else { 0 });
            out.push(&if dim { ink.dim(&shown) } else { shown });
            out.pad(GUTTER + if column.right { 0 } else { space });
        }
        out.end(text);
    }
}

/// Gives the room that is left to the columns whose text is cut, the narrowest first, then to headers, first
/// columns first.
fn widen(columns: &[Column], widths: &mut [usize], limit: usize) {
    let mut room = limit.saturating_sub(total(widths));
    while room > 0 {
        let cut = widths.iter_mut().zip(columns).filter(|(w, c)| **w < c.width).map(|(w, _)| w);
        let Some(narrowest) = cut.min() else { break };
        *narrowest += 1;
        room -= 1;
    }
    for (width, column) in widths.iter_mut().zip(columns) {
        let more = column.header_width().saturating_sub(*width);
        if more <= room {
            *width += more;
            room -= more;
        }
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GUTTER * widths.len().saturating_sub(1)
}

/// `text` in at most `width` columns of the terminal. Of a path the end is kept, of other text the start.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let path = text.contains('/') && !text.contains(' ');
    if path {
        let kept = text.chars().rev().take_while(fits).map(char::len_utf8).sum::<usize>();
        Cow::Owned(format!("…{}", text.split_at(text.len() - kept).1))
    } else {
        Cow::Owned(text.chars().take_while(fits).chain(['…']).collect())
    }
}

fn write_footer(
    columns: &[Column],
    layout: &Layout,
    rows: &Rows,
    total_rows: u64,
    width: usize,
    ink: Ink,
    text: &mut String,
) {
    let mut line = count_of(total_rows, "row");
    if total_rows > 0 || columns.is_empty() {
        let _ = write!(line, " × {}", count_of(columns.len() as u64, "column"));
    }
    if rows.gap {
        let _ = write!(line, ", {} shown", format_count((rows.top + rows.bottom) as u64));
    }
    let _ = writeln!(text, "{}", ink.dim(&line));
    if layout.hidden > 0 {
        let hidden = columns[layout.widths.len()..].iter().map(|c| c.name.as_str());
        let lead = format!("… {}:", count_of(layout.hidden as u64, "more column"));
        for line in list_lines(lead, hidden, width) {
            let _ = writeln!(text, "{}", ink.dim(&line));
        }
    }
}

/// A list of names after `lead`, broken into lines of at most `width`.
fn list_lines<'a>(lead: String, names: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = lead;
    let mut names = names.peekable();
    while let Some(name) = names.next() {
        let comma = if names.peek().is_some() { "," } else { "" };
        if line.width() + 1 + name.width() + comma.len() > width {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        let _ = write!(line, " {name}{comma}");
    }
    lines.push(line);
    lines
}

/// `1 row`, `1,234 rows`.
fn count_of(count: u64, what: &str) -> String {
    format!("{} {what}{}", format_count(count), if count == 1 { "" } else { "s" })
}

/// A line that is padded only where something follows.
#[derive(Default)]
struct Line {
    text: String,
    pending: usize,
}

impl Line {
    fn pad(&mut self, spaces: usize) {
        self.pending += spaces;
    }

    fn push(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', std::mem::take(&mut self.pending)));
            self.text.push_str(text);
        }
    }

    fn end(self, text: &mut String) {
        text.push_str(&self.text);
        text.push('\n');
    }
}

/// Bold and dim, or neither.
#[derive(Clone, Copy)]
struct Ink {
    colour: bool,
}

impl Ink {
    fn bold(self, text: &str) -> Cow<'_, str> {
        self.with("\x1b[1m", text)
    }

    fn dim(self, text: &str) -> Cow<'_, str> {
        self.with("\x1b[2m", text)
    }

    fn with<'a>(self, start: &str, text: &'a str) -> Cow<'a, str> {
        if self.colour && !text.is_empty() {
            Cow::Owned(format!("{start}{text}\x1b[0m"))
        } else {
            Cow::Borrowed(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::ListArray;
    use arrow_array::types::Float64Type;
    use proptest::prelude::*;

    use super::*;
    use crate::formats::table::samples;

    fn show(frame: &Frame, rows: usize, width: usize) -> String {
        let look = Look { width, rows, colour: false };
        render(frame, &frame.slice(0, 0), frame.rows() as u64, &look)
    }

    #[test]
    fn numbers_stand_to_the_right_with_their_unit_above() {
        let expected = "\
id  mtype   layer   x (µm)  y (µm)  rate (Hz)
─────────────────────────────────────────────
 1  L23_PC      1   -17.21  1862.3        1.6
 2  L6_IPC      2  -121.54  1445.0        0.8
 3  L4_SS       3  -225.87  1027.7        3.9
3 rows × 6 columns
";
        assert_eq!(show(&samples::few(3), 10, 80), expected);
    }

    #[test]
    fn the_middle_of_a_long_table_is_left_out() {
        let table = samples::few(10_000);
        let look = Look { width: 80, rows: 4, colour: false };
        let text = render(&table.slice(0, 10), &table.slice(9_990, 10), 10_000, &look);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].starts_with("    1  L23_PC") && lines[3].starts_with("    2  L6_IPC"), "{text}");
        assert!(lines[4].starts_with("    ⋮  ⋮"), "{text}");
        assert!(lines[5].starts_with(" 9999") && lines[6].starts_with("10000"), "{text}");
        assert_eq!(lines[7..], ["10,000 rows × 6 columns, 4 shown"]);
        assert_eq!(text, show(&table, 4, 80), "the same when the head holds everything");
        assert_eq!(show(&samples::few(5), 4, 80).lines().count(), 8, "no mark in place of one row");
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let text = show(&samples::synapses(2), 10, 80);
        assert!(text.contains("\n… 26 more columns: efferent_segment_id, "), "{text}");
        assert!(text.contains("offset (µm)") && text.contains("delay (ms)"), "{text}");
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(show(&samples::synapses(2), 10, 0).contains("efferent_surface_z (µm)"));
    }

    #[test]
    fn long_text_is_cut_and_cannot_touch_the_terminal() {
        let text = show(&samples::check(), 10, 80);
        assert!(text.contains("  …ionalAllRecipePathways/nrn.h5  "), "the end of a path is kept: {text}");
        assert!(text.contains("two\\nlines and a\\ttab"), "{text}");
        assert!(!show(&samples::check(), 10, 0).contains('\u{1b}'));
    }

    #[test]
    fn missing_and_empty_values_differ() {
        let text = show(&samples::nulls(), 10, 0);
        let line = |i: usize| text.lines().nth(i).unwrap_or_default();
        assert!(line(2).ends_with("0.30000     0.97  cADpyr  say \"hi\", please  [1.5, 20.25]"), "{text}");
        assert!(line(3).ends_with("-12          NaN  1.2e-12  —       —                 —"), "{text}");
        assert!(line(4).ends_with("1234567            —        —                            []"), "{text}");
        assert!(line(5).ends_with("0.00125     0.00  bNAC    two\\nlines        [—, 3.0]"), "{text}");
    }

    #[test]
    fn a_long_list_is_counted() {
        let spikes = (0..1200).map(f64::from).map(Some).collect::<Vec<_>>();
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(spikes)]);
        let text = show(&samples::frame(vec![("t (ms)", Arc::new(lists))]), 10, 80);
        assert!(text.contains("\n[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, … 1,192 more]\n"), "{text}");
    }

    #[test]
    fn small_tables_look_fine() {
        assert_eq!(
            show(&samples::one(), 10, 80),
            "probability\n───────────\n   0.054321\n1 row × 1 column\n"
        );
        assert!(show(&samples::few(0), 10, 80).ends_with("\n0 rows\n"));
        assert_eq!(show(&samples::frame(vec![]), 10, 80), "0 rows × 0 columns\n");
    }

    #[test]
    fn colour_adds_nothing_but_escapes() {
        let table = samples::synapses(40);
        let look = Look { width: 100, rows: 10, colour: true };
        let coloured = render(&table, &table, 40, &look);
        let plain = coloured.replace("\u{1b}[1m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
        assert_ne!(coloured, plain);
        assert_eq!(plain, show(&table, 10, 100));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(width in 40usize..200, rows in 0usize..12, most in 1usize..12) {
            for table in [samples::synapses(rows), samples::few(rows)] {
                let text = show(&table, most, width);
                prop_assert!(text.lines().all(|line| line.width() <= width), "{text}");
                let shown = text.lines().filter(|l| l.contains('⋮')).count();
                prop_assert_eq!(shown, usize::from(rows > most + 1));
            }
        }

        #[test]
        fn text_is_cut_to_its_width(text in any::<String>(), width in 0usize..40) {
            prop_assert!(cut(&printable(&text), width).width() <= width);
        }
    }
}
