//! The embedded font: the size of a text on paper, and the pixels that its letters cover.

use std::sync::LazyLock;

use ab_glyph_rasterizer::{Rasterizer, point};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::scene::{Point, Text};

static REGULAR: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("font/DejaVuSans-subset.ttf"), 0).ok());
static BOLD: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("font/DejaVuSans-Bold-subset.ttf"), 0).ok());

/// The families that an SVG viewer tries, in order.
pub(super) const FAMILIES: &str = "DejaVu Sans, Verdana, sans-serif";
/// The height of a capital letter, in em.
pub(super) const CAP: f64 = 0.73;
/// How far letters reach above and below the baseline, in em.
pub(super) const ASCENT: f64 = 0.78;
pub(super) const DESCENT: f64 = 0.24;
/// From one baseline to the next, in em.
pub(super) const LINE: f64 = 1.25;

fn face(bold: bool) -> Option<&'static Face<'static>> {
    if bold { BOLD.as_ref() } else { REGULAR.as_ref() }
}

/// Calls `place` with each glyph and its position along the baseline, in font units; returns the whole advance.
fn walk(face: &Face<'_>, text: &str, mut place: impl FnMut(GlyphId, f64)) -> f64 {
    let kerning = face.tables().kern;
    let mut x = 0.0;
    let mut before = None;
    for c in text.chars() {
        let glyph = face.glyph_index(c).unwrap_or(GlyphId(0));
        if let (Some(before), Some(kerning)) = (before, kerning) {
            let tables = kerning.subtables.into_iter().filter(|t| t.horizontal && !t.variable);
            x += tables.filter_map(|t| t.glyphs_kerning(before, glyph)).map(f64::from).sum::<f64>();
        }
        place(glyph, x);
        x += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0));
        before = Some(glyph);
    }
    x
}

/// The width of one line of text, in the unit of `size`.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    face(bold).map_or(0.0, |face| walk(face, text, |_, _| ()) * size / f64::from(face.units_per_em()))
}

/// Calls `ink` with each pixel that the letters cover, and how much of it they cover (0 to 1). The pixels are `scale` times
/// smaller than those of the figure, and the first one lies at `origin`; letters outside the `rows` are left out.
pub(super) fn cover(
    text: &Text,
    scale: f64,
    origin: Point,
    rows: (i32, i32),
    mut ink: impl FnMut(i32, i32, f32),
) {
    let Some(face) = face(text.bold) else { return };
    let unit = text.size / f64::from(face.units_per_em());
    let (sin, cos) = text.angle.to_radians().sin_cos();
    let shift = text.shift();
    walk(face, &text.words, |glyph, x| {
        let Some(size) = face.glyph_bounding_box(glyph) else { return };
        // From font units, with y upwards, to pixels.
        let place = |u: f64, v: f64| {
            let (along, up) = ((x + u) * unit - shift, v * unit);
            let at = (text.at.0 + along * cos + up * sin, text.at.1 + along * sin - up * cos);
            ((at.0 - origin.0) * scale, (at.1 - origin.1) * scale)
        };
        let (left, right) = (f64::from(size.x_min), f64::from(size.x_max));
        let (low, high) = (f64::from(size.y_min), f64::from(size.y_max));
        let corners = [place(left, low), place(right, low), place(left, high), place(right, high)];
        let bounds = super::scene::bounds(&corners);
        let (column, row) = (bounds.x0.floor() - 1.0, bounds.y0.floor() - 1.0);
        let (width, height) = (bounds.x1.ceil() + 1.0 - column, bounds.y1.ceil() + 1.0 - row);
        if row + height < f64::from(rows.0) || row > f64::from(rows.1) {
            return;
        }
        let mut pen = Pen {
            raster: Rasterizer::new(width as usize, height as usize),
            place: |u, v| {
                let (x, y) = place(f64::from(u), f64::from(v));
                point((x - column) as f32, (y - row) as f32)
            },
            start: point(0.0, 0.0),
            at: point(0.0, 0.0),
        };
        face.outline_glyph(glyph, &mut pen);
        pen.raster.for_each_pixel_2d(|x, y, share| {
            // Less than that is rounding: the rasteriser sums up differences along a row.
            if share > 1e-3 {
                ink(column as i32 + x as i32, row as i32 + y as i32, share.min(1.0));
            }
        });
    });
}

/// Draws outlines of letters into their pixels.
struct Pen<F> {
    raster: Rasterizer,
    place: F,
    /// Where the outline began, and where it is.
    start: ab_glyph_rasterizer::Point,
    at: ab_glyph_rasterizer::Point,
}

impl<F: Fn(f32, f32) -> ab_glyph_rasterizer::Point> OutlineBuilder for Pen<F> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.start = (self.place)(x, y);
        self.at = self.start;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = (self.place)(x, y);
        self.raster.draw_line(self.at, to);
        self.at = to;
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let to = (self.place)(x, y);
        self.raster.draw_quad(self.at, (self.place)(x1, y1), to);
        self.at = to;
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let to = (self.place)(x, y);
        self.raster.draw_cubic(self.at, (self.place)(x1, y1), (self.place)(x2, y2), to);
        self.at = to;
    }

    fn close(&mut self) {
        self.raster.draw_line(self.at, self.start);
        self.at = self.start;
    }
}

/// The text as it can be drawn on one line: control characters, which neither a font nor XML knows, become spaces.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}

/// Breaks a text into lines no wider than `limit`, at spaces, and inside a word where a word alone is wider.
pub(super) fn wrap(text: &str, limit: f64, size: f64, bold: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in clean(paragraph).split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if width(&longer, size, bold) <= limit {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if line.chars().count() > 1 && width(&line, size, bold) > limit {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Anchor;
    use crate::plot::theme::Colour;

    #[test]
    fn both_faces_are_there_and_measure() {
        let (thin, bold) = (width("delay (ms)", 20.0, false), width("delay (ms)", 20.0, true));
        assert!(thin > 80.0 && thin < bold, "{thin} {bold}");
        assert_eq!(width("", 20.0, false), 0.0);
        assert!((width("mmmm", 10.0, false) - 4.0 * width("m", 10.0, false)).abs() < 1e-9);
    }

    #[test]
    fn the_signs_of_the_field_have_glyphs() {
        let face = REGULAR.as_ref().unwrap();
        for c in "µm² ± σ Δ Ω ≤ ≥ × − – ° ⁻⁶ ₀ → ∞ √ Å Čř ы".chars().filter(|c| *c != ' ')
        {
            assert!(face.glyph_index(c).is_some(), "{c}");
        }
        assert!(width("日本", 20.0, false) > 10.0, "what the font lacks is a box, not nothing");
    }

    #[test]
    fn letters_fit_their_measure_at_every_angle() {
        for angle in [0.0, -45.0, -90.0] {
            let text = Text {
                words: "Hxg µ".into(),
                at: (200.0, 200.0),
                size: 30.0,
                bold: false,
                anchor: Anchor::Middle,
                angle,
                colour: Colour::hex(0),
            };
            let inside = |of: &Text, at: Point| {
                let q = of.corners();
                (0..4).all(|i| {
                    let (a, b) = (q[i], q[(i + 1) % 4]);
                    let side = (b.0 - a.0) * (at.1 - a.1) - (b.1 - a.1) * (at.0 - a.0);
                    side >= -0.4 * (b.0 - a.0).hypot(b.1 - a.1)
                })
            };
            let mut ink = 0.0;
            cover(&text, 4.0, (100.0, 100.0), (0, 1000), |x, y, share| {
                let at = (100.0 + (f64::from(x) + 0.5) / 4.0, 100.0 + (f64::from(y) + 0.5) / 4.0);
                assert!(inside(&text, at), "{angle}: {at:?}");
                ink += f64::from(share) / 16.0;
            });
            assert!(ink > 400.0 && ink < 700.0, "{angle}: {ink}");
            cover(&text, 4.0, (100.0, 100.0), (1000, 2000), |_, _, _| panic!("not on these rows"));
        }
    }

    #[test]
    fn wrapping_keeps_every_letter() {
        let text = "synapses per connection of a pathway with a_very_long_name_without_any_space";
        let lines = wrap(text, 120.0, 14.0, false);
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|l| width(l, 14.0, false) <= 120.0), "{lines:?}");
        let letters = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
        assert_eq!(wrap("a\nb", 100.0, 10.0, false), ["a", "b"]);
        assert_eq!(wrap("ab", 0.1, 10.0, false), ["a", "b"]);
    }
}
