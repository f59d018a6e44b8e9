//! The renderer for vectors. Text stays text; heavy layers become one embedded picture.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::font;
use super::png;
use super::scene::{Anchor, Mark, Point, Rect, Scene, Shape, Stroke, Text, corners};
use super::theme::Colour;
use crate::diag::Result;

/// Pixels of an embedded picture for each pixel of the figure.
pub(super) const DETAIL: f64 = 2.0;

/// The figure as the text of an SVG file.
pub(super) fn render(scene: &Scene) -> Result<String> {
    let (w, h) = (scene.width, scene.height);
    let mut svg = Svg { out: String::new(), clips: 0 };
    svg.put(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"{}\">\n<title>{}</title>\n",
        font::FAMILIES,
        escape(&scene.words)
    ));
    svg.put(&format!("<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n", scene.background.css()));
    svg.marks(&scene.marks)?;
    svg.put("</svg>\n");
    Ok(svg.out)
}

struct Svg {
    out: String,
    clips: usize,
}

impl Svg {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn marks(&mut self, marks: &[Mark]) -> Result<()> {
        marks.iter().try_for_each(|mark| self.mark(mark))
    }

    fn mark(&mut self, mark: &Mark) -> Result<()> {
        match mark {
            Mark::Box { rect, fill, edge } => {
                let line = format!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}{}/>\n",
                    short(rect.x0),
                    short(rect.y0),
                    short(rect.width()),
                    short(rect.height()),
                    ink("fill", *fill),
                    edge.as_ref().map(stroke).unwrap_or_default()
                );
                self.put(&line);
            }
            Mark::Area { points, fill, edge } => {
                let edge = edge.as_ref().map(stroke).unwrap_or_default();
                let line = format!("<path d=\"{}Z\"{}{edge}/>\n", way(points), ink("fill", *fill));
                self.put(&line);
            }
            Mark::Lines { paths, stroke: style } => {
                let ways: String = paths.iter().map(|p| way(p)).collect();
                self.put(&format!("<path d=\"{ways}\" fill=\"none\"{}/>\n", stroke(style)));
            }
            Mark::Dots { points, colours, radius, shape } => self.dots(points, colours, *radius, *shape),
            Mark::Cells(cells) => {
                self.put("<g shape-rendering=\"crispEdges\">\n");
                for (rect, colour) in cells {
                    self.mark(&Mark::Box { rect: *rect, fill: *colour, edge: None })?;
                }
                self.put("</g>\n");
            }
            Mark::Text(text) => self.text(text),
            Mark::Image { rect, columns, pixels } => {
                let bytes: Vec<u8> = pixels.iter().flatten().copied().collect();
                let rows = pixels.len().checked_div(*columns).unwrap_or(0);
                if rows > 0 {
                    let kind = ::png::ColorType::Rgba;
                    self.image(*rect, &png::encode(*columns as u32, rows as u32, kind, None, &bytes)?);
                }
            }
            Mark::Clip { rect, marks, heavy: true } => self.image(*rect, &png::cutout(*rect, marks, DETAIL)?),
            Mark::Clip { rect, marks, heavy: false } => {
                self.clips += 1;
                let id = self.clips;
                let (x, y, w, h) =
                    (short(rect.x0), short(rect.y0), short(rect.width()), short(rect.height()));
                self.put(&format!(
                    "<clipPath id=\"c{id}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/></clipPath>\n\
                     <g clip-path=\"url(#c{id})\">\n"
                ));
                self.marks(marks)?;
                self.put("</g>\n");
            }
        }
        Ok(())
    }

    fn image(&mut self, rect: Rect, png: &[u8]) {
        let line = format!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,",
            short(rect.x0),
            short(rect.y0),
            short(rect.width()),
            short(rect.height())
        );
        self.put(&line);
        STANDARD.encode_string(png, &mut self.out);
        self.put("\"/>\n");
    }

    fn dots(&mut self, points: &[Point], colours: &[Colour], radius: f64, shape: Shape) {
        let Some(first) = colours.first() else { return };
        let outline = corners(shape, radius);
        let mut colour = first;
        self.put(&format!("<g{}>\n", ink("fill", *colour)));
        for (i, (x, y)) in points.iter().enumerate() {
            let own = colours.get(i).unwrap_or(first);
            if own != colour {
                colour = own;
                self.put(&format!("</g>\n<g{}>\n", ink("fill", *colour)));
            }
            if outline.is_empty() {
                let _ = writeln!(
                    self.out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
                    short(*x),
                    short(*y),
                    short(radius)
                );
            } else {
                let moved: Vec<Point> = outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
                let _ = writeln!(self.out, "<path d=\"{}Z\"/>", way(&moved));
            }
        }
        self.put("</g>\n");
    }

    fn text(&mut self, text: &Text) {
        let (x, y) = (short(text.at.0), short(text.at.1));
        let anchor = match text.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let turn = if text.angle == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {x} {y})\"", text.angle)
        };
        let line = format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"{anchor}{}{}{turn}>{}</text>\n",
            short(text.size),
            if text.bold { " font-weight=\"bold\"" } else { "" },
            ink("fill", text.colour),
            escape(&text.words)
        );
        self.put(&line);
    }
}

/// A length with two digits, without zeros at its end.
fn short(v: f64) -> String {
    let text = format!("{v:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn ink(what: &str, colour: Colour) -> String {
    if colour.a <= 0.0 {
        return format!(" {what}=\"none\"");
    }
    let opacity = if colour.a < 1.0 {
        format!(" {what}-opacity=\"{}\"", short(colour.a.into()))
    } else {
        String::new()
    };
    format!(" {what}=\"{}\"{opacity}", colour.css())
}

fn stroke(style: &Stroke) -> String {
    let mut out = format!("{} stroke-width=\"{}\"", ink("stroke", style.colour), short(style.width));
    if style.round {
        out.push_str(" stroke-linecap=\"round\" stroke-linejoin=\"round\"");
    }
    if !style.dash.is_empty() {
        let dash: Vec<String> = style.dash.iter().map(|d| short(f64::from(*d) * style.width)).collect();
        let _ = write!(out, " stroke-dasharray=\"{}\"", dash.join(" "));
    }
    out
}

fn way(points: &[Point]) -> String {
    let mut out = String::with_capacity(points.len() * 14);
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { "M" } else { "L" }, short(*x), short(*y));
    }
    out
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
        assert!(svg.contains(">p &lt; 0.05 &amp; &quot;g&quot;  (µm)</text>"), "{svg}");
        assert!(svg.contains("rotate(-90 1 2.35)") || svg.contains("rotate(-90 1 2.34)"), "{svg}");
        assert!(svg.contains("<title>a &lt;b&gt;</title>"));
        assert!(svg.contains("DejaVu Sans, Verdana, sans-serif"));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!([1.0, -0.001, 2.5, 100.0, 0.126].map(short), ["1", "0", "2.5", "100", "0.13"]);
    }
}
