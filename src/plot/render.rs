//! From a figure to its scene: one chart, or a grid of charts with aligned axes.

use super::layout::{Chart, Margins, Plan, Style, square};
use super::palette::Palette;
use super::scene::{Anchor, Mark, Rect, Scene, Text};
use super::{Figure, font, png, svg};
use crate::diag::Result;

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
    outer: Rect,
}

fn grid(figure: &Figure, palette: &Palette, detail: f64) -> Result<(u32, u32, Vec<Mark>)> {
    let ink = figure.theme.ink();
    let rows = figure.panels.len();
    let columns = figure.panels.iter().map(Vec::len).max().unwrap_or(1);
    let fixed = figure.size.map(|(w, h)| (f64::from(w), f64::from(h)));
    let factor = match fixed {
        Some((w, h)) => scale(figure, w / columns as f64, h / rows as f64),
        None => 0.9,
    };
    let style = Style::new(ink, factor, detail);
    let mut cells = Vec::new();
    let mut letters = (0..).map(letter);
    for (row, panels) in figure.panels.iter().enumerate() {
        for (column, panel) in panels.iter().enumerate() {
            let letter = figure.lettered.then(|| letters.next()).flatten();
            let chart = Chart::new(panel, &style, palette, letter, fixed.is_some());
            cells.push(Cell { chart, row, column, outer: Rect::default() });
        }
    }
    let title = font::wrap(
        &figure.title,
        fixed.map_or(f64::from(ink.size.0), |f| f.0) - style.em,
        style.title * 1.1,
        true,
    );
    let notes = font::wrap(
        &figure.notes.join("\n"),
        fixed.map_or(f64::from(ink.size.0), |f| f.0) - style.em,
        style.small,
        false,
    );
    let above =
        if title.is_empty() { 0.0 } else { (title.len() as f64 * font::LINE * 1.1 + 0.8) * style.title };
    let below = if notes.is_empty() { 0.0 } else { notes.len() as f64 * font::LINE * style.small + style.em };
    let (mut widths, mut heights) = match fixed {
        Some((w, h)) => (vec![w / columns as f64; columns], vec![(h - above - below) / rows as f64; rows]),
        None => own_sizes(&cells, rows, columns, f64::from(ink.size.0) * 0.62, f64::from(ink.size.1) * 0.62),
    };
    widths.iter_mut().chain(&mut heights).for_each(|side| *side = side.max(1.0));
    let mut least = vec![Margins::default(); cells.len()];
    place(&mut cells, &widths, &heights, above);
    // First each for itself, then with the margins of its neighbours, so that axes stand in line.
    for _ in 0..2 {
        let plans: Vec<Plan> = cells.iter().zip(&least).map(|(c, m)| c.chart.settle(c.outer, *m)).collect();
        for (i, cell) in cells.iter().enumerate() {
            for (other, plan) in cells.iter().zip(&plans) {
                // Square heat maps and equal axes need not be in line with others.
                let Margins { left, right, top, bottom } = plan.margins;
                if other.column == cell.column {
                    least[i] = least[i].max(Margins { left, right, ..Margins::default() });
                }
                if other.row == cell.row {
                    least[i] = least[i].max(Margins { top, bottom, ..Margins::default() });
                }
            }
        }
    }
    let mut marks = Vec::new();
    for (cell, margins) in cells.iter().zip(&least) {
        let plan = cell.chart.settle(cell.outer, *margins);
        cell.chart.verify(&plan)?;
        marks.extend(cell.chart.draw(&plan));
    }
    let (width, height) = (widths.iter().sum::<f64>(), heights.iter().sum::<f64>() + above + below);
    let left = 0.5 * style.em;
    let line = |text: &String, y: f64, size: f64, bold: bool| {
        let colour = if bold { ink.text } else { ink.faint };
        Mark::Text(Text {
            words: text.clone(),
            at: (left, y),
            size,
            bold,
            anchor: Anchor::Start,
            angle: 0.0,
            colour,
        })
    };
    for (i, text) in title.iter().enumerate() {
        let y = 0.6 * style.title + (i as f64 + 0.8) * font::LINE * 1.1 * style.title;
        marks.push(line(text, y, style.title * 1.1, true));
    }
    for (i, text) in notes.iter().enumerate() {
        let y = height - below + (i as f64 + 0.8) * font::LINE * style.small;
        marks.push(line(text, y, style.small, false));
    }
    match figure.size {
        Some((w, h)) => Ok((w, h, marks)),
        None if width * height < 120e6 => Ok((width.ceil() as u32, height.ceil() as u32, marks)),
        None => Err(crate::diag::Error::argument(format!(
            "a grid of {rows} × {columns} figures is too large for one picture"
        ))
        .help("choose its size, or save the figures one by one")),
    }
}

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

fn place(cells: &mut [Cell<'_>], widths: &[f64], heights: &[f64], above: f64) {
    let start = |sides: &[f64], i: usize| sides.iter().take(i).sum::<f64>();
    for cell in cells {
        let (x, y) = (start(widths, cell.column), above + start(heights, cell.row));
        let side = |sides: &[f64], i: usize| sides.get(i).copied().unwrap_or(1.0);
        cell.outer = Rect::new(x, y, x + side(widths, cell.column), y + side(heights, cell.row));
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
