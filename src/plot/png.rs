//! The renderer for pixels: plotters' bitmap backend on paper four times finer than the picture.
//!
//! Coordinates of a backend are whole numbers, and its edges are sharp or nearly so: places between pixels and smooth
//! edges come from the finer paper. It is drawn in strips, side by side, so that it never needs much memory.

use plotters::backend::BitMapBackend;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind};
use rayon::prelude::*;

use super::ink::{Ink, Letters, failed};
use super::paths;
use super::scene::{Mark, Point, Rect, Scene, Shape, Stroke, Text};
use super::theme::Colour;
use crate::diag::{Error, Result};

/// Pixels of the paper for each pixel of the picture, in both directions.
const FINE: usize = 4;
/// Bytes of one strip of paper, about.
const STRIP: usize = 4 << 20;

/// The figure as the bytes of a PNG file, opaque, with its resolution.
pub(super) fn render(scene: &Scene) -> Result<Vec<u8>> {
    let (width, height) = (scene.width, scene.height);
    let rect = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let rgb = draw(rect, (width, height), scene.background, &scene.marks)?;
    encode(width, height, png::ColorType::Rgb, Some(scene.dpi), &rgb)
}

/// The part of a figure inside `rect` as the bytes of a PNG file with transparency, `detail` pixels for one of the figure.
pub(super) fn cutout(rect: Rect, marks: &[Mark], detail: f64) -> Result<Vec<u8>> {
    let side = |length: f64| ((length * detail).ceil() as u32).max(1);
    let size = (side(rect.width()), side(rect.height()));
    // Paper has no transparency, but what shines through is the difference between black and white paper.
    let black = draw(rect, size, Colour::hex(0), marks)?;
    let white = draw(rect, size, Colour::hex(0xffffff), marks)?;
    let pixels = black.chunks_exact(3).zip(white.chunks_exact(3));
    let rgba: Vec<u8> = pixels
        .flat_map(|(black, white)| {
            let through = black.iter().zip(white).map(|(b, w)| w.saturating_sub(*b)).min().unwrap_or(0);
            let alpha = 255 - u32::from(through);
            let channel = |b: u8| (u32::from(b) * 255 / alpha.max(1)).min(255) as u8;
            [channel(black[0]), channel(black[1]), channel(black[2]), alpha as u8]
        })
        .collect();
    encode(size.0, size.1, png::ColorType::Rgba, None, &rgba)
}

/// Raw bytes as a PNG file.
pub(super) fn encode(
    width: u32,
    height: u32,
    kind: png::ColorType,
    dpi: Option<f64>,
    bytes: &[u8],
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(kind);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(dpi) = dpi {
        let per_metre = (dpi / 0.0254).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: per_metre,
            yppu: per_metre,
            unit: png::Unit::Meter,
        }));
    }
    let failed =
        |e: png::EncodingError| Error::argument(format!("the picture cannot be written as PNG: {e}"));
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// The marks inside `rect` on a picture of this size, as three bytes for each pixel.
fn draw(rect: Rect, (width, height): (u32, u32), background: Colour, marks: &[Mark]) -> Result<Vec<u8>> {
    let row = width as usize * 3;
    let mut rgb = vec![0; row * height as usize];
    let rows = (STRIP / (row * FINE * FINE).max(1)).max(4);
    let scale = f64::from(width) / rect.width().max(f64::MIN_POSITIVE) * FINE as f64;
    rgb.par_chunks_mut((row * rows).max(1)).enumerate().try_for_each(|(i, strip)| {
        let mut fine = vec![0; strip.len() * FINE * FINE];
        let size = (width * FINE as u32, (strip.len() / row * FINE) as u32);
        let seen = [0, 0, size.0 as i32, size.1 as i32];
        let origin = (rect.x0, rect.y0 + (i * rows * FINE) as f64 / scale);
        let mut paper = Paper { pixels: BitMapBackend::with_buffer(&mut fine, size), seen, scale, origin };
        paper.draw_rect((0, 0), (seen[2], seen[3]), &Ink::new(background), true).map_err(failed)?;
        paper.marks(marks)?;
        drop(paper);
        shrink(&fine, strip, row);
        Ok(())
    })?;
    Ok(rgb)
}

/// Each pixel of the strip is the mean of its pixels on the fine paper.
fn shrink(fine: &[u8], strip: &mut [u8], row: usize) {
    let mut sums = vec![0_u16; row * FINE];
    for (rows, out) in fine.chunks_exact(row * FINE * FINE).zip(strip.chunks_exact_mut(row)) {
        sums.fill(0);
        for line in rows.chunks_exact(row * FINE) {
            sums.iter_mut().zip(line).for_each(|(sum, v)| *sum += u16::from(*v));
        }
        for (block, pixel) in sums.chunks_exact(3 * FINE).zip(out.chunks_exact_mut(3)) {
            for (channel, v) in pixel.iter_mut().enumerate() {
                let sum: u16 = block.iter().skip(channel).step_by(3).sum();
                *v = ((sum + (FINE * FINE / 2) as u16) / (FINE * FINE) as u16) as u8;
            }
        }
    }
}

/// A bitmap backend of which only a rectangle is drawn on.
struct Paper<'a> {
    pixels: BitMapBackend<'a>,
    /// The first and last columns and rows that are seen: left, top, right, bottom; the last two are not included.
    seen: [i32; 4],
    /// Pixels of the paper for each pixel of the figure.
    scale: f64,
    /// The place of its upper left corner in the figure.
    origin: Point,
}

type Drawn<'a> = std::result::Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

/// Shapes are plotters' own, made of these pixels, upright and level lines, and rectangles.
impl<'a> DrawingBackend for Paper<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.pixels.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.pixels.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.pixels.present()
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn<'a> {
        let [left, top, right, bottom] = self.seen;
        if x < left || x >= right || y < top || y >= bottom {
            return Ok(());
        }
        self.pixels.draw_pixel((x, y), colour)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn<'a> {
        if (from.0 == to.0 || from.1 == to.1) && style.stroke_width() == 1 {
            let (first, last) = ((from.0.min(to.0), from.1.min(to.1)), (from.0.max(to.0), from.1.max(to.1)));
            return self.draw_rect(first, (last.0 + 1, last.1 + 1), style, true);
        }
        plotters_backend::rasterizer::draw_line(self, from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x0, y0): BackendCoord,
        (x1, y1): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        if !fill {
            return plotters_backend::rasterizer::draw_rect(self, (x0, y0), (x1, y1), style, fill);
        }
        let [left, top, right, bottom] = self.seen;
        let (x0, y0, x1, y1) = (x0.max(left), y0.max(top), x1.min(right), y1.min(bottom));
        if x0 >= x1 || y0 >= y1 {
            return Ok(());
        }
        self.pixels.draw_rect((x0, y0), (x1, y1), style, true)
    }
}

impl Paper<'_> {
    fn marks(&mut self, marks: &[Mark]) -> Result<()> {
        marks.iter().try_for_each(|mark| self.mark(mark))
    }

    fn mark(&mut self, mark: &Mark) -> Result<()> {
        match mark {
            Mark::Box { rect, fill, edge } => {
                self.rectangle(*rect, *fill)?;
                let Some(edge) = edge else { return Ok(()) };
                let Rect { x0, y0, x1, y1 } = *rect;
                self.closed(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], edge)
            }
            Mark::Area { points, fill, edge } => {
                let fine: Vec<Point> = points.iter().filter_map(|p| self.fine(*p)).collect();
                self.surface(&fine, *fill)?;
                edge.as_ref().map_or(Ok(()), |edge| self.closed(points, edge))
            }
            Mark::Cells(cells) => cells.iter().try_for_each(|(rect, colour)| self.rectangle(*rect, *colour)),
            Mark::Lines { paths, stroke } => paths.iter().try_for_each(|path| self.line(path, stroke)),
            Mark::Dots { points, colours, radius, shape } => self.dots(points, colours, *radius, *shape),
            Mark::Text(text) => self.text(text),
            Mark::Image { rect, columns, pixels } => self.image(*rect, *columns, pixels),
            Mark::Clip { rect, marks, .. } => {
                let outer = self.seen;
                let [left, top, right, bottom] = self.pixels_of(*rect);
                self.seen =
                    [outer[0].max(left), outer[1].max(top), outer[2].min(right), outer[3].min(bottom)];
                if self.seen[0] < self.seen[2] && self.seen[1] < self.seen[3] {
                    self.marks(marks)?;
                }
                self.seen = outer;
                Ok(())
            }
        }
    }

    /// A place of the figure on the paper.
    fn fine(&self, (x, y): Point) -> Option<Point> {
        paths::held(((x - self.origin.0) * self.scale, (y - self.origin.1) * self.scale))
    }

    /// The pixels of a rectangle of the figure.
    fn pixels_of(&self, rect: Rect) -> [i32; 4] {
        let side = |v: f64, origin: f64| ((v - origin) * self.scale).clamp(-1e7, 1e7).round() as i32;
        let (left, top) = (side(rect.x0, self.origin.0), side(rect.y0, self.origin.1));
        [left, top, side(rect.x1, self.origin.0), side(rect.y1, self.origin.1)]
    }

    /// What is seen, and this much around it.
    fn window(&self, around: f64) -> Rect {
        let [left, top, right, bottom] = self.seen.map(f64::from);
        Rect::new(left, top, right, bottom).grown(around)
    }

    fn rectangle(&mut self, rect: Rect, fill: Colour) -> Result<()> {
        let [left, top, right, bottom] = self.pixels_of(rect);
        if fill.a <= 0.0 {
            return Ok(());
        }
        self.draw_rect((left, top), (right, bottom), &Ink::new(fill), true).map_err(failed)
    }

    /// A closed path on the paper.
    fn surface(&mut self, points: &[Point], fill: Colour) -> Result<()> {
        let points = paths::cut(points, &self.window(4.0));
        if fill.a <= 0.0 || points.len() < 3 {
            return Ok(());
        }
        self.fill_polygon(points.iter().map(|p| whole(*p)), &Ink::new(fill)).map_err(failed)
    }

    /// The outline of a closed path of the figure.
    fn closed(&mut self, points: &[Point], stroke: &Stroke) -> Result<()> {
        // Past its start, so that there is a corner too.
        let around: Vec<Point> = points.iter().chain(points.iter().take(2)).copied().collect();
        self.line(&around, stroke)
    }

    /// An open path of the figure.
    fn line(&mut self, path: &[Point], stroke: &Stroke) -> Result<()> {
        let width = stroke.width * self.scale;
        let mut points: Vec<Point> = path.iter().filter_map(|p| self.fine(*p)).collect();
        points.dedup_by(|b, a| (a.0 - b.0).abs() < 0.3 && (a.1 - b.1).abs() < 0.3);
        let dash: Vec<f64> = stroke.dash.iter().map(|d| f64::from(*d) * width).collect();
        let window = self.window(2.0 * width + 2.0);
        paths::pieces(&points, &dash, &window).iter().try_for_each(|p| self.stroke(p, width, stroke))
    }

    /// Lays each straight part of a path on the paper by itself, with a disc or a point where two of them meet: as one
    /// surface the path would have holes where it crosses itself.
    fn stroke(&mut self, path: &[Point], width: f64, style: &Stroke) -> Result<()> {
        let ink = Ink::new(style.colour);
        // Surfaces of the backend are half a pixel larger on each side.
        let half = (width / 2.0 - 0.5).max(0.3);
        for part in path.windows(2) {
            let (a, b) = (part[0], part[1]);
            if a.0 == b.0 || a.1 == b.1 {
                self.draw_straight(a, b, width, &ink)?;
            } else {
                let corners = paths::band(a, b, half).map(whole);
                self.fill_polygon(corners, &ink).map_err(failed)?;
            }
        }
        if style.round {
            let radius = half.round() as u32;
            return path
                .iter()
                .try_for_each(|p| self.draw_circle(whole(*p), radius, &ink, true).map_err(failed));
        }
        path.windows(3).try_for_each(|p| {
            let corner = paths::corner(p[0], p[1], p[2], half);
            self.fill_polygon(corner.into_iter().map(whole), &ink).map_err(failed)
        })
    }

    /// An upright or level line is a rectangle of whole pixels.
    fn draw_straight(&mut self, a: Point, b: Point, width: f64, ink: &Ink) -> Result<()> {
        let thick = width.round().max(1.0);
        let across = |v: f64| (v - thick / 2.0).round() as i32;
        let along = |a: f64, b: f64| (a.min(b).round() as i32, a.max(b).round() as i32);
        let (first, last) = if a.1 == b.1 {
            let (from, to) = along(a.0, b.0);
            ((from, across(a.1)), (to, across(a.1) + thick as i32))
        } else {
            let (from, to) = along(a.1, b.1);
            ((across(a.0), from), (across(a.0) + thick as i32, to))
        };
        self.draw_rect(first, last, ink, true).map_err(failed)
    }

    fn dots(&mut self, points: &[Point], colours: &[Colour], radius: f64, shape: Shape) -> Result<()> {
        let radius = (radius * self.scale - 0.5).max(0.5);
        let shape = if let Shape::Tick(half) = shape { Shape::Tick(half * self.scale) } else { shape };
        let outline = super::scene::corners(shape, radius);
        let reach = outline.iter().fold(radius, |reach, p| reach.max(p.0.abs()).max(p.1.abs()));
        let near = self.window(reach + 1.0);
        for (i, at) in points.iter().enumerate() {
            let Some(at) = self.fine(*at).filter(|p| near.contains(*p)) else { continue };
            let Some(colour) = colours.get(i).or(colours.first()) else { continue };
            let ink = Ink::new(*colour);
            if outline.is_empty() {
                self.draw_circle(whole(at), radius.round() as u32, &ink, true).map_err(failed)?;
            } else {
                let corners = outline.iter().map(|p| whole((at.0 + p.0, at.1 + p.1)));
                self.fill_polygon(corners, &ink).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Text) -> Result<()> {
        let rows = (self.seen[1], self.seen[3]);
        let letters = Letters { text, scale: self.scale, origin: self.origin, rows };
        self.draw_text(&text.words, &letters, (0, 0)).map_err(failed)
    }

    /// Pixels of one colour side by side are one rectangle.
    fn image(&mut self, rect: Rect, columns: usize, pixels: &[[u8; 4]]) -> Result<()> {
        let rows = pixels.len().checked_div(columns).unwrap_or(0);
        let (dx, dy) = (rect.width() / columns as f64, rect.height() / rows as f64);
        for (row, line) in pixels.chunks_exact(columns.max(1)).enumerate() {
            let (y0, y1) = (rect.y0 + row as f64 * dy, rect.y0 + (row + 1) as f64 * dy);
            let [_, top, _, bottom] = self.pixels_of(Rect::new(0.0, y0, 0.0, y1));
            if bottom <= self.seen[1] || top >= self.seen[3] {
                continue;
            }
            let mut column = 0;
            for run in line.chunk_by(|a, b| a == b) {
                let (x0, x1) = (rect.x0 + column as f64 * dx, rect.x0 + (column + run.len()) as f64 * dx);
                column += run.len();
                let [r, g, b, a] = run[0];
                self.rectangle(Rect::new(x0, y0, x1, y1), Colour { r, g, b, a: f32::from(a) / 255.0 })?;
            }
        }
        Ok(())
    }
}

/// The pixel whose middle is nearest.
fn whole((x, y): Point) -> BackendCoord {
    ((x - 0.5).round() as i32, (y - 0.5).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Anchor;

    fn pixels(scene: &Scene) -> (u32, u32, Vec<u8>) {
        let bytes = render(scene).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut out).unwrap();
        (info.width, info.height, out)
    }

    fn scene(marks: Vec<Mark>) -> Scene {
        let white = Colour::hex(0xffffff);
        Scene { width: 40, height: 30, background: white, dpi: 300.0, words: String::new(), marks }
    }

    #[test]
    fn size_background_and_clip() {
        let red = Colour::hex(0xff0000);
        let inner = Mark::Box { rect: Rect::new(0.0, 0.0, 40.0, 30.0), fill: red, edge: None };
        let clip = Mark::Clip { rect: Rect::new(10.0, 10.0, 20.0, 20.0), marks: vec![inner], heavy: false };
        let (width, height, rgb) = pixels(&scene(vec![clip]));
        assert_eq!((width, height), (40, 30));
        let at = |x: usize, y: usize| &rgb[(y * 40 + x) * 3..][..3];
        assert_eq!(at(15, 15), [255, 0, 0]);
        for (x, y) in [(9, 15), (20, 15), (15, 9), (15, 20), (0, 0)] {
            assert_eq!(at(x, y), [255, 255, 255], "{x} {y}");
        }
    }

    #[test]
    fn text_and_image_leave_ink() {
        let text = Text {
            words: "Hg".into(),
            at: (20.0, 20.0),
            size: 16.0,
            bold: true,
            anchor: Anchor::Middle,
            angle: -90.0,
            colour: Colour::hex(0),
        };
        let bounds = text.bounds();
        let (_, _, rgb) = pixels(&scene(vec![Mark::Text(text)]));
        for (i, p) in rgb.chunks(3).enumerate() {
            if p[0] < 128 {
                assert!(bounds.grown(1.0).contains(((i % 40) as f64, (i / 40) as f64)));
            }
        }
        assert!(rgb.chunks(3).any(|p| p[0] < 64));
        let image = Mark::Image {
            rect: Rect::new(10.0, 0.0, 30.0, 30.0),
            columns: 2,
            pixels: vec![[0, 0, 255, 255], [0, 0, 0, 0]],
        };
        let (_, _, rgb) = pixels(&scene(vec![image]));
        assert_eq!(rgb[10 * 3..][..3], [0, 0, 255]);
        assert_eq!(rgb[19 * 3..][..3], [0, 0, 255]);
        assert_eq!(rgb[20 * 3..][..3], [255, 255, 255]);
    }
}
