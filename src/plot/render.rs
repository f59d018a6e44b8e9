//! From a figure to its scene: one chart, or a grid of charts with aligned axes.

use super::axes::Range;
use super::figure::distinct;
use super::layout::{Chart, Margins, Plan, Style, square};
use super::palette::Palette;
use super::scene::{Anchor, Mark, Rect, Scene, Text};
use super::{Figure, font, png, svg};
use crate::diag::{Error, Result};

/// A figure never grows beyond this by itself.
const LARGEST: f64 = 6000.0;

impl Figure {
    /// The figure as a PNG file.
    ///
    /// # Errors
    /// When lengths of its data do not agree, or its size leaves no room for its words.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        png::render(&scene(self, 1.0)?)
    }

    /// The figure as an SVG file. Text stays text. More than 20,000 points of a layer, or 10,000 cells of a heat map,
    /// become one embedded picture.
    ///
    /// # Errors
    /// As for [`to_png`](Self::to_png).
    pub fn to_svg(&self) -> Result<String> {
        svg::render(&scene(self, svg::DETAIL)?)
    }
}

/// All marks of a figure; images in it have `detail` pixels for each pixel of the figure.
pub(super) fn scene(figure: &Figure, detail: f64) -> Result<Scene> {
    figure.check()?;
    let ink = figure.theme.ink();
    let palette = Palette::new(figure);
    let (width, height, marks) = if figure.panels.is_empty() {
        single(figure, &palette, detail)?
    } else {
        grid(figure, &palette, detail)?
    };
    let words = figure.describe();
    Ok(Scene { width, height, background: ink.background, dpi: ink.dpi, words, marks })
}

fn whole(width: f64, height: f64) -> Rect {
    Rect::new(0.0, 0.0, width, height)
}

/// How large the letters of a figure are, relative to the theme's: they grow more slowly than the figure.
fn scale(figure: &Figure, width: f64, height: f64) -> f64 {
    let (w, h) = figure.theme.ink().size;
    (width * height / (f64::from(w) * f64::from(h))).powf(0.25).clamp(0.4, 3.0)
}

fn single(figure: &Figure, palette: &Palette, detail: f64) -> Result<(u32, u32, Vec<Mark>)> {
    let ink = figure.theme.ink();
    if let Some((w, h)) = figure.size {
        let (width, height) = (f64::from(w), f64::from(h));
        let style = Style::new(ink, scale(figure, width, height), detail);
        let chart = Chart::new(figure, &style, palette, None, true);
        let plan = chart.settle(whole(width, height), Margins::default());
        chart.verify(&plan)?;
        return Ok((w, h, chart.draw(&plan)));
    }
    let style = Style::new(ink, 1.0, detail);
    let chart = Chart::new(figure, &style, palette, None, false);
    let (width, height) = grow(&chart, f64::from(ink.size.0), f64::from(ink.size.1));
    if width > LARGEST || height > LARGEST {
        // Even a very large figure is not large enough for all names: they must make do with it.
        let (w, h) = (width.min(LARGEST) as u32, height.min(LARGEST) as u32);
        return single(&Figure { size: Some((w, h)), ..figure.clone() }, palette, detail);
    }
    let plan = chart.settle(whole(width, height), Margins::default());
    chart.verify(&plan)?;
    Ok((width as u32, height as u32, chart.draw(&plan)))
}

/// The size at which the chart has the room that it wishes, starting from this one.
fn grow(chart: &Chart<'_>, mut width: f64, mut height: f64) -> (f64, f64) {
    for _ in 0..4 {
        let plan = chart.settle(whole(width, height), Margins::default());
        let (w, h) = chart.wish(&plan);
        // Areas stand on whole pixels: a difference of one is none.
        let more = |wish: f64, has: f64| if (wish - has).abs() < 1.5 { 0.0 } else { wish - has };
        let (more_w, more_h) = (more(w, plan.area.width()), more(h, plan.area.height()));
        let (wide, high) = ((width + more_w).ceil(), (height + more_h).ceil());
        if (more_w == 0.0 && more_h == 0.0) || wide > LARGEST || high > LARGEST {
            return (wide, high);
        }
        (width, height) = (wide, high);
    }
    (width, height)
}

/// One chart in its place.
struct Cell<'a> {
    chart: Chart<'a>,
    row: usize,
    column: usize,
    /// How many columns it covers.
    span: usize,
    outer: Rect,
    /// The margins that it must keep at least.
    least: Margins,
}

impl Cell<'_> {
    /// The column in which it ends.
    fn last(&self) -> usize {
        self.column + self.span - 1
    }

    /// Whether it stands in one of the columns of the other.
    fn meets(&self, other: &Cell<'_>) -> bool {
        self.column <= other.last() && other.column <= self.last()
    }
}

/// The charts of a grid of so many columns.
fn cells<'a>(
    figure: &'a Figure,
    style: &'a Style,
    palette: &'a Palette,
    columns: usize,
) -> Result<Vec<Cell<'a>>> {
    let mut letters = (0..).map(letter);
    let mut cells = Vec::new();
    for (row, panels) in figure.panels.iter().enumerate() {
        for (column, panel) in panels.iter().enumerate() {
            let letter = figure.lettered.then(|| letters.next()).flatten();
            let chart = Chart::new(panel, style, palette, letter, figure.size.is_some());
            let wide = figure.shared && panel.panel.wide && column + 1 == panels.len();
            let span = if wide { columns - column } else { 1 };
            cells.push(Cell { chart, row, column, span, outer: Rect::default(), least: Margins::default() });
        }
    }
    if figure.shared {
        share(&mut cells)?;
    }
    Ok(cells)
}

/// Gives all charts one horizontal range, which is written below the last chart of each column.
fn share(cells: &mut [Cell<'_>]) -> Result<()> {
    let mut common: Option<Range> = None;
    for range in cells.iter().filter_map(|cell| cell.chart.across()) {
        common = Some(match common {
            None => range,
            Some(seen) => seen.united(range).ok_or_else(|| {
                Error::argument("figures that share an axis need the same scale on it, in the same direction")
                    .help("put them into a grid, where each has its own axes: grid([[a], [b]])")
            })?,
        });
    }
    let below = |cell: &Cell<'_>| cells.iter().any(|other| other.row > cell.row && other.meets(cell));
    let written: Vec<bool> = cells.iter().map(|cell| !below(cell)).collect();
    for (cell, written) in cells.iter_mut().zip(written) {
        cell.chart.share(common, written);
    }
    Ok(())
}

/// The title above the panels of a grid and the notes below them.
struct Frame {
    title: Vec<String>,
    notes: Vec<String>,
    above: f64,
    below: f64,
}

impl Frame {
    fn new(figure: &Figure, style: &Style, width: f64, notes: &[String]) -> Self {
        let title = font::wrap(&figure.title, width - style.em, style.title * 1.1, true);
        let notes = font::wrap(&notes.join("\n"), width - style.em, style.small, false);
        let above =
            if title.is_empty() { 0.0 } else { (title.len() as f64 * font::LINE * 1.1 + 0.8) * style.title };
        let below =
            if notes.is_empty() { 0.0 } else { notes.len() as f64 * font::LINE * style.small + style.em };
        Frame { title, notes, above, below }
    }

    /// Its words on a picture of this height.
    fn draw(&self, style: &Style, height: f64) -> Vec<Mark> {
        let mut marks = Vec::new();
        let line = |text: &String, y: f64, size: f64, bold: bool| {
            let colour = if bold { style.ink.text } else { style.ink.faint };
            let at = (0.5 * style.em, y);
            Mark::Text(Text {
                words: text.clone(),
                at,
                size,
                bold,
                anchor: Anchor::Start,
                angle: 0.0,
                colour,
            })
        };
        for (i, text) in self.title.iter().enumerate() {
            let y = 0.6 * style.title + (i as f64 + 0.8) * font::LINE * 1.1 * style.title;
            marks.push(line(text, y, style.title * 1.1, true));
        }
        for (i, text) in self.notes.iter().enumerate() {
            let y = height - self.below + (i as f64 + 0.8) * font::LINE * style.small;
            marks.push(line(text, y, style.small, false));
        }
        marks
    }
}

fn grid(figure: &Figure, palette: &Palette, detail: f64) -> Result<(u32, u32, Vec<Mark>)> {
    let ink = figure.theme.ink();
    let rows = figure.panels.len();
    let columns = figure.panels.iter().map(Vec::len).max().unwrap_or(1);
    let fixed = figure.size.map(|(w, h)| (f64::from(w), f64::from(h)));
    let factor = match fixed {
        // Panels on one axis stand close together, so that their letters are those of the whole.
        Some((w, h)) if figure.shared => 0.9 * scale(figure, w, h),
        Some((w, h)) => scale(figure, w / columns as f64, h / rows as f64),
        None => 0.9,
    };
    let style = Style::new(ink, factor, detail);
    let mut cells = cells(figure, &style, palette, columns)?;
    let (width, height, mut marks) = if figure.shared {
        stack(figure, &mut cells, (rows, columns), &style)
    } else {
        side_by_side(figure, &mut cells, (rows, columns), &style)
    };
    for cell in &cells {
        let plan = cell.chart.settle(cell.outer, cell.least);
        cell.chart.verify(&plan)?;
        marks.extend(cell.chart.draw(&plan));
    }
    match figure.size {
        Some((w, h)) => Ok((w, h, marks)),
        None if width * height < 120e6 => Ok((width.ceil() as u32, height.ceil() as u32, marks)),
        None => {
            Err(Error::argument(format!("a grid of {rows} × {columns} figures is too large for one picture"))
                .help("choose its size, or save the figures one by one"))
        }
    }
}

/// Places charts in rows and columns whose axes stand in line. The answer is the size of the picture, and its words.
fn side_by_side(
    figure: &Figure,
    cells: &mut [Cell<'_>],
    (rows, columns): (usize, usize),
    style: &Style,
) -> (f64, f64, Vec<Mark>) {
    let own = (f64::from(style.ink.size.0), f64::from(style.ink.size.1));
    let fixed = figure.size.map(|(w, h)| (f64::from(w), f64::from(h)));
    let frame = Frame::new(figure, style, fixed.unwrap_or(own).0, &figure.notes);
    let (mut widths, mut heights) = match fixed {
        Some((w, h)) => {
            (vec![w / columns as f64; columns], vec![(h - frame.above - frame.below) / rows as f64; rows])
        }
        None => own_sizes(cells, rows, columns, own.0 * 0.62, own.1 * 0.62),
    };
    widths.iter_mut().chain(&mut heights).for_each(|side| *side = side.max(1.0));
    place(cells, &widths, &heights, (0.0, frame.above));
    // First each for itself, then with the margins of its neighbours, so that axes stand in line.
    for _ in 0..2 {
        align(cells);
    }
    let (width, height) =
        (widths.iter().sum::<f64>(), heights.iter().sum::<f64>() + frame.above + frame.below);
    let marks = frame.draw(style, height);
    (width, height, marks)
}

/// Gives each chart the largest margins of its row and of its column; the answer is what each must tell in a note.
fn align(cells: &mut [Cell<'_>]) -> Vec<String> {
    let plans: Vec<Plan> = cells.iter().map(|cell| cell.chart.settle(cell.outer, cell.least)).collect();
    let told = cells.iter().zip(&plans).flat_map(|(cell, plan)| cell.chart.told(plan)).collect();
    let places: Vec<(usize, usize, usize)> = cells.iter().map(|c| (c.row, c.column, c.last())).collect();
    for (cell, own) in cells.iter_mut().zip(&places) {
        for (plan, other) in plans.iter().zip(&places) {
            // Square heat maps and equal axes need not be in line with others.
            let Margins { left, right, top, bottom } = plan.margins;
            if other.0 == own.0 {
                cell.least = cell.least.max(Margins { top, bottom, ..Margins::default() });
            }
            if other.1 == own.1 {
                cell.least = cell.least.max(Margins { left, ..Margins::default() });
            }
            if other.2 == own.2 {
                cell.least = cell.least.max(Margins { right, ..Margins::default() });
            }
        }
    }
    told
}

/// Places charts below each other on one horizontal axis: the columns are equally wide, and the heights between the axes
/// follow from the panels.
fn stack(
    figure: &Figure,
    cells: &mut [Cell<'_>],
    (rows, columns): (usize, usize),
    style: &Style,
) -> (f64, f64, Vec<Mark>) {
    let em = style.em;
    let width =
        figure.size.map_or(f64::from(style.ink.size.0).max(columns as f64 * 24.0 * em), |s| f64::from(s.0));
    let label = figure.y.text();
    let left = if label.is_empty() { 0.0 } else { style.label * font::LINE + 0.4 * em };
    let mut widths = vec![((width - left) / columns as f64).max(1.0); columns];
    let mut shares = vec![0.0_f64; rows];
    for cell in cells.iter() {
        // Who asks for nothing, or for no number, gets a line.
        let share = cell.chart.figure.panel.height;
        shares[cell.row] =
            shares[cell.row].max(if share.is_finite() { share.clamp(0.05, 20.0) } else { 1.0 });
    }
    let mut frame = Frame::new(figure, style, width, &figure.notes);
    let mut heights = vec![0.0; rows];
    for _ in 0..3 {
        let (mut around, mut beside) = (vec![0.0_f64; rows], vec![0.0_f64; columns]);
        for cell in cells.iter() {
            around[cell.row] = around[cell.row].max(cell.least.top + cell.least.bottom);
            if cell.span == 1 {
                beside[cell.column] = beside[cell.column].max(cell.least.left + cell.least.right);
            }
        }
        let each = (width - left - beside.iter().sum::<f64>()) / columns as f64;
        widths = beside.iter().map(|beside| (beside + each).max(1.0)).collect();
        let rest = |h: u32| f64::from(h) - frame.above - frame.below - around.iter().sum::<f64>();
        let unit = figure.size.map_or(ROW * em, |s| rest(s.1) / shares.iter().sum::<f64>());
        heights =
            around.iter().zip(&shares).map(|(around, share)| (around + unit * share).max(1.0)).collect();
        place(cells, &widths, &heights, (left, frame.above));
        let told = align(cells);
        let notes = distinct(figure.notes.iter().cloned().chain(told).collect());
        frame = Frame::new(figure, style, width, &notes);
    }
    place(cells, &widths, &heights, (left, frame.above));
    let between = heights.iter().sum::<f64>();
    let height = between + frame.above + frame.below;
    let mut marks = frame.draw(style, height);
    if !label.is_empty() {
        marks.push(Mark::Text(Text {
            words: label,
            at: (0.4 * em + style.label, frame.above + between / 2.0),
            size: style.label,
            bold: false,
            anchor: Anchor::Middle,
            angle: -90.0,
            colour: style.ink.text,
        }));
    }
    (width, height, marks)
}

/// The height between the axes of a panel of height one, in em.
const ROW: f64 = 11.0;

/// The widths of the columns and the heights of the rows that the charts wish for.
fn own_sizes(
    cells: &[Cell<'_>],
    rows: usize,
    columns: usize,
    width: f64,
    height: f64,
) -> (Vec<f64>, Vec<f64>) {
    let mut widths = vec![0.0_f64; columns];
    let mut heights = vec![0.0_f64; rows];
    for cell in cells {
        let (w, h) = grow(&cell.chart, width, height);
        // Only what is made of squares may be smaller than the others.
        let (w, h) = if square(cell.chart.figure) { (w, h) } else { (w.max(width * 0.6), h) };
        if let (Some(column), Some(row)) = (widths.get_mut(cell.column), heights.get_mut(cell.row)) {
            *column = column.max(w.min(LARGEST));
            *row = row.max(h.min(LARGEST));
        }
    }
    (widths, heights)
}

fn place(cells: &mut [Cell<'_>], widths: &[f64], heights: &[f64], (left, above): (f64, f64)) {
    let until = |sides: &[f64], i: usize| sides.iter().take(i).sum::<f64>();
    for cell in cells {
        let (x0, x1) = (until(widths, cell.column), until(widths, cell.last() + 1));
        let (y0, y1) = (until(heights, cell.row), until(heights, cell.row + 1));
        cell.outer = Rect::new(left + x0, above + y0, left + x1, above + y1);
    }
}

/// A, B … Z, AA, AB …
fn letter(mut i: usize) -> String {
    let mut out = Vec::new();
    loop {
        out.push(char::from(b'A' + (i % 26) as u8));
        if i < 26 {
            break;
        }
        i = i / 26 - 1;
    }
    out.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters() {
        assert_eq!([0, 25, 26, 51, 52, 701, 702].map(letter), ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
