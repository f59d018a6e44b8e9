//! The renderer for pixels.

use tiny_skia::{
    FillRule, FilterQuality, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    Transform,
};

use super::font;
use super::scene::{Mark, Point, Rect, Scene, Shape, Stroke, Text};
use super::theme::Colour;
use crate::diag::{Error, Result};

/// The figure as the bytes of a PNG file, opaque, with its resolution.
pub(super) fn render(scene: &Scene) -> Result<Vec<u8>> {
    let mut canvas = Canvas::new(scene.width, scene.height, Transform::identity())?;
    canvas.pixmap.fill(skia(scene.background));
    canvas.draw(&scene.marks);
    let rgb: Vec<u8> = canvas.pixmap.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    encode(scene.width, scene.height, png::ColorType::Rgb, Some(scene.dpi), &rgb)
}

/// The part of a figure inside `rect` as the bytes of a PNG file with transparency, `detail` pixels for one of the figure.
pub(super) fn cutout(rect: Rect, marks: &[Mark], detail: f64) -> Result<Vec<u8>> {
    let (width, height) = ((rect.width() * detail).ceil() as u32, (rect.height() * detail).ceil() as u32);
    let scale =
        Transform::from_translate(-rect.x0 as f32, -rect.y0 as f32).post_scale(detail as f32, detail as f32);
    let mut canvas = Canvas::new(width.max(1), height.max(1), scale)?;
    canvas.draw(marks);
    let rgba: Vec<u8> = canvas
        .pixmap
        .pixels()
        .iter()
        .flat_map(|p| {
            let c = p.demultiply();
            [c.red(), c.green(), c.blue(), c.alpha()]
        })
        .collect();
    encode(width.max(1), height.max(1), png::ColorType::Rgba, None, &rgba)
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

fn skia(colour: Colour) -> tiny_skia::Color {
    let mut out = tiny_skia::Color::from_rgba8(colour.r, colour.g, colour.b, 255);
    out.set_alpha(colour.a.clamp(0.0, 1.0));
    out
}

fn paint(colour: Colour) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(skia(colour));
    paint
}

struct Canvas {
    pixmap: Pixmap,
    place: Transform,
    mask: Option<Mask>,
}

impl Canvas {
    fn new(width: u32, height: u32, place: Transform) -> Result<Self> {
        let pixmap = Pixmap::new(width, height)
            .ok_or_else(|| Error::argument(format!("a figure cannot have {width} × {height} pixels")))?;
        Ok(Canvas { pixmap, place, mask: None })
    }

    fn draw(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.mark(mark);
        }
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Box { rect, fill, edge } => {
                let corners =
                    [(rect.x0, rect.y0), (rect.x1, rect.y0), (rect.x1, rect.y1), (rect.x0, rect.y1)];
                self.area(&corners, *fill, edge.as_ref());
            }
            Mark::Area { points, fill, edge } => self.area(points, *fill, edge.as_ref()),
            Mark::Cells(cells) => {
                for (rect, colour) in cells {
                    let sides = (rect.x0 as f32, rect.y0 as f32, rect.x1 as f32, rect.y1 as f32);
                    if let Some(rect) = tiny_skia::Rect::from_ltrb(sides.0, sides.1, sides.2, sides.3) {
                        let paint = Paint { anti_alias: false, ..paint(*colour) };
                        self.pixmap.fill_rect(rect, &paint, self.place, self.mask.as_ref());
                    }
                }
            }
            Mark::Lines { paths, stroke } => {
                if let Some(path) = path(paths.iter().map(Vec::as_slice), false) {
                    self.stroke(&path, stroke);
                }
            }
            Mark::Dots { points, colours, radius, shape } => self.dots(points, colours, *radius, *shape),
            Mark::Text(text) => self.text(text),
            Mark::Image { rect, columns, pixels } => self.image(*rect, *columns, pixels),
            Mark::Clip { rect, marks, .. } => {
                let outer = self.mask.take();
                self.mask = Mask::new(self.pixmap.width(), self.pixmap.height());
                if let (Some(mask), Some(path)) = (&mut self.mask, rectangle(*rect)) {
                    mask.fill_path(&path, FillRule::Winding, false, self.place);
                }
                self.draw(marks);
                self.mask = outer;
            }
        }
    }

    fn area(&mut self, points: &[Point], fill: Colour, edge: Option<&Stroke>) {
        let Some(path) = path(std::iter::once(points), true) else { return };
        if fill.a > 0.0 {
            self.fill(&path, fill, self.place);
        }
        if let Some(edge) = edge {
            self.stroke(&path, edge);
        }
    }

    fn fill(&mut self, path: &Path, colour: Colour, place: Transform) {
        self.pixmap.fill_path(path, &paint(colour), FillRule::Winding, place, self.mask.as_ref());
    }

    fn stroke(&mut self, path: &Path, stroke: &Stroke) {
        let width = stroke.width as f32;
        let dash = stroke.dash.iter().map(|d| d * width).collect();
        let style = tiny_skia::Stroke {
            width,
            line_cap: if stroke.round { LineCap::Round } else { LineCap::Butt },
            line_join: if stroke.round { LineJoin::Round } else { LineJoin::Miter },
            dash: tiny_skia::StrokeDash::new(dash, 0.0),
            ..tiny_skia::Stroke::default()
        };
        self.pixmap.stroke_path(path, &paint(stroke.colour), &style, self.place, self.mask.as_ref());
    }

    fn dots(&mut self, points: &[Point], colours: &[Colour], radius: f64, shape: Shape) {
        let Some(outline) = outline(shape, radius) else { return };
        for (i, (x, y)) in points.iter().enumerate() {
            if let Some(colour) = colours.get(i).or(colours.first()) {
                self.fill(&outline, *colour, self.place.pre_translate(*x as f32, *y as f32));
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let Some(outline) = font::outline(&text.words, text.size, text.bold) else { return };
        let place = self
            .place
            .pre_translate(text.at.0 as f32, text.at.1 as f32)
            .pre_concat(Transform::from_rotate(text.angle as f32))
            .pre_translate(-text.shift() as f32, 0.0);
        self.fill(&outline, text.colour, place);
    }

    fn image(&mut self, rect: Rect, columns: usize, pixels: &[[u8; 4]]) {
        let rows = pixels.len().checked_div(columns).unwrap_or(0);
        let Some(mut image) = Pixmap::new(columns as u32, rows as u32) else { return };
        for (out, [r, g, b, a]) in image.pixels_mut().iter_mut().zip(pixels) {
            *out = tiny_skia::ColorU8::from_rgba(*r, *g, *b, *a).premultiply();
        }
        let style = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
        let (sx, sy) = (rect.width() / columns as f64, rect.height() / rows as f64);
        let place = self.place.pre_translate(rect.x0 as f32, rect.y0 as f32).pre_scale(sx as f32, sy as f32);
        self.pixmap.draw_pixmap(0, 0, image.as_ref(), &style, place, self.mask.as_ref());
    }
}

fn rectangle(rect: Rect) -> Option<Path> {
    let sides = tiny_skia::Rect::from_ltrb(rect.x0 as f32, rect.y0 as f32, rect.x1 as f32, rect.y1 as f32)?;
    Some(PathBuilder::from_rect(sides))
}

fn path<'a>(paths: impl Iterator<Item = &'a [Point]>, close: bool) -> Option<Path> {
    let mut pen = PathBuilder::new();
    for points in paths {
        for (i, (x, y)) in points.iter().enumerate() {
            if i == 0 {
                pen.move_to(*x as f32, *y as f32);
            } else {
                pen.line_to(*x as f32, *y as f32);
            }
        }
        if close {
            pen.close();
        }
    }
    pen.finish()
}

/// A point's outline around the origin.
fn outline(shape: Shape, radius: f64) -> Option<Path> {
    let corners = super::scene::corners(shape, radius);
    if corners.is_empty() {
        PathBuilder::from_circle(0.0, 0.0, radius as f32)
    } else {
        path(std::iter::once(&corners[..]), true)
    }
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
