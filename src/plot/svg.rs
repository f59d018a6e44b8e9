//! The renderer for vectors: plotters' SVG backend. Text stays text; heavy layers become one embedded picture.
//!
//! Coordinates of the backend are whole numbers, so that it draws on a larger paper, which the view box scales down. What
//! it has no words for is written around what it writes: the head with the figure in words, clip paths, pictures, turned
//! text, and the attributes that its elements inherit (dashes, round ends, cells without seams).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plotters::backend::SVGBackend;
use plotters_backend::{BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind};

use super::font;
use super::ink::{Ink, Letters, failed};
use super::paths;
use super::png;
use super::scene::{Mark, Point, Rect, Scene, Shape, Stroke, Text, corners};
use super::theme::Colour;
use crate::diag::Result;

/// Pixels of an embedded picture for each pixel of the figure.
pub(super) const DETAIL: f64 = 2.0;
/// Units of the file for each pixel of the figure.
const FINE: f64 = 20.0;

/// The figure as the text of an SVG file.
pub(super) fn render(scene: &Scene) -> Result<String> {
    let (w, h) = (scene.width, scene.height);
    let size = (w * FINE as u32, h * FINE as u32);
    let mut svg = Svg { out: String::new(), size, clips: 0 };
    svg.put(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {} {}\" role=\"img\">\n<title>{}</title>\n",
        size.0,
        size.1,
        escape(&scene.words)
    ));
    svg.rectangle(Rect::new(0.0, 0.0, w.into(), h.into()), scene.background)?;
    svg.marks(&scene.marks)?;
    svg.put("</svg>\n");
    Ok(svg.out)
}

struct Svg {
    out: String,
    size: (u32, u32),
    clips: usize,
}

impl Svg {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Adds what the backend writes for some shapes: its file without the head and the end, and without attributes that
    /// say what holds anyway.
    fn shapes<E: std::error::Error + Send + Sync>(
        &mut self,
        draw: impl FnOnce(&mut SVGBackend<'_>) -> std::result::Result<(), DrawingErrorKind<E>>,
    ) -> Result<()> {
        let mut file = String::new();
        let mut backend = SVGBackend::with_string(&mut file, self.size);
        draw(&mut backend).map_err(failed)?;
        backend.present().map_err(failed)?;
        drop(backend);
        let inner = file.split_once(">\n").and_then(|(_, rest)| rest.strip_suffix("</svg>\n"));
        // Quotes in texts are escaped, so that these are attributes.
        let short = inner.unwrap_or_default().replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
        self.out.push_str(&short);
        Ok(())
    }

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
                self.shapes(|svg| svg.fill_polygon(way(points), &Ink::new(*fill)))?;
                edge.as_ref().map_or(Ok(()), |edge| self.closed(points, edge))
            }
            Mark::Lines { paths, stroke } => self.lines(paths, stroke),
            Mark::Dots { points, colours, radius, shape } => self.dots(points, colours, *radius, *shape),
            Mark::Cells(cells) => {
                self.put("<g shape-rendering=\"crispEdges\">\n");
                self.shapes(|svg| cells.iter().try_for_each(|(rect, colour)| fill(svg, *rect, *colour)))?;
                self.put("</g>\n");
                Ok(())
            }
            Mark::Text(text) => self.text(text),
            Mark::Image { rect, columns, pixels } => {
                let bytes: Vec<u8> = pixels.iter().flatten().copied().collect();
                let rows = pixels.len().checked_div(*columns).unwrap_or(0);
                if rows > 0 {
                    let kind = ::png::ColorType::Rgba;
                    self.image(*rect, &png::encode(*columns as u32, rows as u32, kind, None, &bytes)?);
                }
                Ok(())
            }
            Mark::Clip { rect, marks, heavy: true } => {
                self.image(*rect, &png::cutout(*rect, marks, DETAIL)?);
                Ok(())
            }
            Mark::Clip { rect, marks, heavy: false } => {
                self.clips += 1;
                let id = self.clips;
                self.put(&format!("<clipPath id=\"c{id}\">\n"));
                self.rectangle(*rect, Colour::hex(0))?;
                self.put(&format!("</clipPath>\n<g clip-path=\"url(#c{id})\">\n"));
                self.marks(marks)?;
                self.put("</g>\n");
                Ok(())
            }
        }
    }

    fn rectangle(&mut self, rect: Rect, colour: Colour) -> Result<()> {
        self.shapes(|svg| fill(svg, rect, colour))
    }

    fn lines(&mut self, paths: &[Vec<Point>], stroke: &Stroke) -> Result<()> {
        let mut inherited = String::new();
        if stroke.round {
            inherited.push_str(" stroke-linecap=\"round\" stroke-linejoin=\"round\"");
        }
        if !stroke.dash.is_empty() {
            let width = stroke.width * FINE;
            let dash: Vec<String> =
                stroke.dash.iter().map(|d| (f64::from(*d) * width).round().to_string()).collect();
            let _ = write!(inherited, " stroke-dasharray=\"{}\"", dash.join(" "));
        }
        let ink = Ink::wide(stroke.colour, stroke.width * FINE);
        if inherited.is_empty() {
            return self.shapes(|svg| paths.iter().try_for_each(|path| svg.draw_path(way(path), &ink)));
        }
        self.put(&format!("<g{inherited}>\n"));
        self.shapes(|svg| paths.iter().try_for_each(|path| svg.draw_path(way(path), &ink)))?;
        self.put("</g>\n");
        Ok(())
    }

    /// The outline of a closed path.
    fn closed(&mut self, points: &[Point], stroke: &Stroke) -> Result<()> {
        // Past its start, so that there is a corner too.
        let around = points.iter().chain(points.iter().take(2)).copied().collect();
        self.lines(&[around], stroke)
    }

    fn image(&mut self, rect: Rect, png: &[u8]) {
        let (x, y) = unit((rect.x0, rect.y0));
        let (right, bottom) = unit((rect.x1, rect.y1));
        self.put(&format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,",
            right - x,
            bottom - y
        ));
        STANDARD.encode_string(png, &mut self.out);
        self.put("\"/>\n");
    }

    fn dots(&mut self, points: &[Point], colours: &[Colour], radius: f64, shape: Shape) -> Result<()> {
        let outline = corners(shape, radius);
        self.shapes(|svg| {
            points.iter().enumerate().try_for_each(|(i, at)| {
                let Some(colour) = colours.get(i).or(colours.first()) else { return Ok(()) };
                let ink = Ink::new(*colour);
                if outline.is_empty() {
                    let radius = (radius * FINE).round().max(1.0) as u32;
                    return svg.draw_circle(unit(*at), radius, &ink, true);
                }
                let moved: Vec<Point> = outline.iter().map(|p| (at.0 + p.0, at.1 + p.1)).collect();
                svg.fill_polygon(way(&moved), &ink)
            })
        })
    }

    fn text(&mut self, text: &Text) -> Result<()> {
        let (x, y) = unit(text.at);
        if text.angle != 0.0 {
            self.put(&format!("<g transform=\"rotate({} {x} {y})\">\n", text.angle));
        }
        let letters = Letters { text, scale: FINE, origin: (0.0, 0.0), rows: (0, 0) };
        let above = (Letters::DROP * text.size * FINE).round() as i32;
        self.shapes(|svg| svg.draw_text(&font::clean(&text.words), &letters, (x, y - above)))?;
        if text.angle != 0.0 {
            self.put("</g>\n");
        }
        Ok(())
    }
}

fn fill(
    svg: &mut SVGBackend<'_>,
    rect: Rect,
    colour: Colour,
) -> std::result::Result<(), DrawingErrorKind<std::io::Error>> {
    let ink = Ink::new(colour);
    if ink.color().alpha == 0.0 {
        return Ok(());
    }
    svg.draw_rect(unit((rect.x0, rect.y0)), unit((rect.x1, rect.y1)), &ink, true)
}

/// A place in units of the file.
fn unit((x, y): Point) -> BackendCoord {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn way(points: &[Point]) -> impl Iterator<Item = BackendCoord> {
    points.iter().filter_map(|p| paths::held(*p)).map(unit)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in font::clean(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Anchor;

    #[test]
    fn text_stays_text_and_is_escaped() {
        let text = Text {
            words: "p < 0.05 & \"g\"\u{1} (µm)".into(),
            at: (1.0, 2.345),
            size: 12.0,
            bold: false,
            anchor: Anchor::End,
            angle: -90.0,
            colour: Colour::hex(0x123456),
        };
        let scene = Scene {
            width: 10,
            height: 20,
            background: Colour::hex(0),
            dpi: 72.0,
            words: "a <b>".into(),
            marks: vec![Mark::Text(text)],
        };
        let svg = render(&scene).unwrap();
        assert!(svg.contains(">\np &lt; 0.05 &amp; &quot;g&quot;  (µm)\n</text>"), "{svg}");
        assert!(svg.contains("rotate(-90 20 47)"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 200 400\"") && svg.contains("width=\"10\""), "{svg}");
        assert!(svg.contains("text-anchor=\"end\"") && svg.contains("fill=\"#123456\""), "{svg}");
        assert!(svg.contains("<title>a &lt;b&gt;</title>"));
        assert!(svg.contains("DejaVu Sans, Verdana, sans-serif"));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }
}
