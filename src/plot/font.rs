//! The embedded font: the size of a text on paper, and the outlines of its letters.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

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

/// The outlines of one line of text as one path that starts at the origin of the baseline; y grows downwards.
pub(super) fn outline(text: &str, size: f64, bold: bool) -> Option<tiny_skia::Path> {
    let face = face(bold)?;
    let mut pen = Pen {
        path: tiny_skia::PathBuilder::new(),
        scale: size as f32 / f32::from(face.units_per_em()),
        x: 0.0,
    };
    walk(face, text, |glyph, x| {
        pen.x = x as f32;
        face.outline_glyph(glyph, &mut pen);
    });
    pen.path.finish()
}

struct Pen {
    path: tiny_skia::PathBuilder,
    scale: f32,
    x: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        ((self.x + x) * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (x1, y1) = self.at(x1, y1);
        let (x, y) = self.at(x, y);
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (x1, y1) = self.at(x1, y1);
        let (x2, y2) = self.at(x2, y2);
        let (x, y) = self.at(x, y);
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
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
    fn outline_fits_its_measure() {
        let bounds = outline("Hxg", 100.0, false).unwrap().bounds();
        assert!(f64::from(bounds.right()) <= width("Hxg", 100.0, false));
        assert!(f64::from(-bounds.top()) <= ASCENT * 100.0 && f64::from(bounds.bottom()) <= DESCENT * 100.0);
        assert!(outline("  ", 10.0, false).is_none());
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
