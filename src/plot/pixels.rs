//! What is too much for single marks: clouds of points and large heat maps become pixels.

use super::axes::Map;
use super::key::ColourKey;
use super::scene::{Mark, Rect, Shape};
use super::theme::Colour;
use super::{Bins, Figure, Values};

/// More points or cells than this are drawn as pixels.
pub(super) const MANY: usize = 20_000;
/// More cells of a heat map than this are drawn as pixels.
pub(super) const MANY_CELLS: usize = 10_000;

/// A rectangle of pixels over a part of the figure.
struct Raster {
    rect: Rect,
    columns: usize,
    rows: usize,
}

impl Raster {
    fn new(rect: Rect, detail: f64) -> Self {
        let side = |length: f64| ((length * detail).round() as usize).max(1);
        Raster { rect, columns: side(rect.width()), rows: side(rect.height()) }
    }

    fn mark(&self, pixels: Vec<[u8; 4]>) -> Mark {
        Mark::Image { rect: self.rect, columns: self.columns, pixels }
    }
}

/// How each point of a cloud is coloured.
pub(super) enum Tint<'a> {
    One(Colour),
    Each(&'a dyn Fn(usize) -> Colour),
}

/// Points as one image. Where points lie on each other, their colours are mixed, and the ink grows with the logarithm
/// of their number.
pub(super) fn cloud(
    (x, y): (&[f64], &[f64]),
    (mapx, mapy): (&Map, &Map),
    rect: Rect,
    detail: f64,
    (shape, radius): (Shape, f64),
    tint: &Tint<'_>,
) -> Mark {
    let raster = Raster::new(rect, detail);
    let disc = disc(radius * detail);
    let upright = if let Shape::Tick(half) = shape { half * detail } else { 0.0 };
    let mut counts = vec![0_u32; raster.columns * raster.rows];
    let mut sums = match tint {
        Tint::One(_) => Vec::new(),
        Tint::Each(_) => vec![[0_f32; 3]; counts.len()],
    };
    for (i, (x, y)) in x.iter().zip(y).enumerate() {
        let (px, py) = (mapx.at(*x), mapy.at(*y));
        // NaN is in no rectangle.
        if !rect.contains((px, py)) {
            continue;
        }
        let (u, v) = ((px - rect.x0) * detail, (py - rect.y0) * detail);
        let (column, row) = (u as i64, v as i64);
        let colour = if let Tint::Each(of) = tint { Some(of(i)) } else { None };
        // A stroke covers the rows of pixels from its upper to its lower end, so that strokes above each other meet.
        let (first, last) = ((v - upright).round() as i64, (v + upright).round() as i64);
        let stroke = (first..last.max(first + 1)).map(|r| (column, r));
        let dot = disc.iter().map(|(dx, dy)| (column + dx, row + dy));
        let pixels: &mut dyn Iterator<Item = (i64, i64)> =
            if upright > 0.0 { &mut stroke.into_iter() } else { &mut dot.into_iter() };
        for (c, r) in pixels {
            if c < 0 || r < 0 || c >= raster.columns as i64 || r >= raster.rows as i64 {
                continue;
            }
            let at = r as usize * raster.columns + c as usize;
            counts[at] = counts[at].saturating_add(1);
            if let Some(colour) = colour {
                for (sum, channel) in sums[at].iter_mut().zip([colour.r, colour.g, colour.b]) {
                    *sum += f32::from(channel);
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let whole = f64::from(most).ln_1p();
    let ink = |n: u32| {
        let share = if most < 3 { 1.0 } else { f64::from(n).ln_1p() / whole };
        ((0.22 + 0.78 * share) * 255.0).round() as u8
    };
    let pixels = counts.iter().enumerate().map(|(at, n)| match (n, tint) {
        (0, _) => [0; 4],
        (n, Tint::One(c)) => [c.r, c.g, c.b, ink(*n)],
        (n, Tint::Each(_)) => {
            let [r, g, b] = sums[at].map(|s| (s / *n as f32).round() as u8);
            [r, g, b, ink(*n)]
        }
    });
    raster.mark(pixels.collect())
}

/// The pixels of one disc around its middle.
fn disc(radius: f64) -> Vec<(i64, i64)> {
    let radius = radius.max(0.5);
    let reach = (radius - 0.5).round() as i64;
    let inside = |(dx, dy): &(i64, i64)| (dx * dx + dy * dy) as f64 <= radius * radius;
    (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy))).filter(inside).collect()
}

/// The radius of so many points, in em.
pub(super) fn radius(n: usize) -> f64 {
    match n {
        0..=100 => 0.22,
        101..=500 => 0.18,
        501..=3_000 => 0.14,
        3_001..=MANY => 0.10,
        20_001..=200_000 => 0.06,
        200_001..=2_000_000 => 0.04,
        _ => 0.01,
    }
}

/// The numbers of a heat map and where they lie.
pub(super) struct Heat<'a> {
    pub figure: &'a Figure,
    pub columns: &'a Bins,
    pub rows: &'a Bins,
    pub values: &'a Values,
}

impl Heat<'_> {
    fn size(&self) -> (usize, usize) {
        (self.columns.len(&self.figure.x), self.rows.len(&self.figure.y))
    }

    /// Whether there are too many cells for single marks.
    pub fn many(&self) -> bool {
        let (columns, rows) = self.size();
        match self.values {
            Values::Dense(_) => columns.saturating_mul(rows) > MANY_CELLS,
            Values::Sparse(cells) => cells.len() > MANY_CELLS,
        }
    }

    /// Whether cells are smaller than pixels of a heat map drawn on this area, so that some share a pixel.
    pub fn merged(&self, area: Rect, detail: f64) -> bool {
        let (columns, rows) = self.size();
        columns as f64 > area.width() * detail || rows as f64 > area.height() * detail
    }

    /// The cells as single rectangles on whole pixels.
    pub fn cells(&self, mapx: &Map, mapy: &Map, area: Rect, key: &ColourKey) -> Mark {
        let (columns, _) = self.size();
        let mut cells = Vec::new();
        for (row, column, v) in self.values.cells(columns) {
            let Some(colour) = key.colour(v) else { continue };
            let (x0, x1) = (mapx.at(self.columns.edge(column)), mapx.at(self.columns.edge(column + 1)));
            let (y0, y1) = (mapy.at(self.rows.edge(row)), mapy.at(self.rows.edge(row + 1)));
            let rect = Rect::new(x0.round(), y0.round(), x1.round(), y1.round());
            if rect.overlaps(&area) {
                cells.push((rect, colour));
            }
        }
        Mark::Cells(cells)
    }

    /// The cells as one image; a pixel on which several cells fall is their mean.
    pub fn image(&self, mapx: &Map, mapy: &Map, area: Rect, detail: f64, key: &ColourKey) -> Mark {
        let raster = Raster::new(area, detail);
        let (columns, _) = self.size();
        let mut sums = vec![(0.0_f64, 0_u32); raster.columns * raster.rows];
        for (row, column, v) in self.values.cells(columns) {
            if key.place(v).is_none() {
                continue;
            }
            let xs = span(self.columns, column, mapx, area.x0, detail, raster.columns);
            let ys = span(self.rows, row, mapy, area.y0, detail, raster.rows);
            for y in ys.0..ys.1 {
                for sum in
                    sums.get_mut(y * raster.columns + xs.0..y * raster.columns + xs.1).unwrap_or_default()
                {
                    sum.0 += v;
                    sum.1 = sum.1.saturating_add(1);
                }
            }
        }
        let pixel = |(sum, n): &(f64, u32)| match key.colour(sum / f64::from(*n)) {
            Some(c) if *n > 0 => [c.r, c.g, c.b, 255],
            _ => [0; 4],
        };
        raster.mark(sums.iter().map(pixel).collect())
    }
}

/// The first and the last pixel (not included) that the `i`th row or column covers; one at least, if it is inside.
fn span(bins: &Bins, i: usize, map: &Map, start: f64, detail: f64, pixels: usize) -> (usize, usize) {
    let place = |i: usize| (map.at(bins.edge(i)) - start) * detail;
    let held = |v: f64| v.clamp(0.0, pixels as f64) as usize;
    let (a, b) = (place(i), place(i + 1));
    let (lo, hi) = (a.min(b), a.max(b));
    if hi < 0.0 || lo >= pixels as f64 || lo.is_nan() {
        return (0, 0);
    }
    if hi - lo < 1.0 {
        let only = held(f64::midpoint(lo, hi)).min(pixels.saturating_sub(1));
        return (only, only + 1);
    }
    let first = held(lo.round()).min(pixels.saturating_sub(1));
    (first, held(hi.round()).max(first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::axes::Range;
    use crate::plot::ticks::Manner;
    use crate::plot::{Axis, Colours, Layer};

    fn map(to: f64, start: f64, end: f64) -> Map {
        let manner = Manner::default();
        Map::new(Range { from: 0.0, to, log: false, manner, empty: false }, start, end)
    }

    #[test]
    fn a_cloud_shows_every_point_and_more_ink_for_more() {
        let area = Rect::new(0.0, 0.0, 10.0, 10.0);
        let (x, y) = (vec![0.5, 5.5, 5.5, 5.5, f64::NAN, 20.0], vec![9.5, 9.5, 9.5, 9.5, 1.0, 1.0]);
        let ink = Tint::One(Colour::hex(0x112233));
        let maps = (map(10.0, 0.0, 10.0), map(10.0, 10.0, 0.0));
        let Mark::Image { columns, pixels, .. } =
            cloud((&x, &y), (&maps.0, &maps.1), area, 1.0, (Shape::Disc, 0.2), &ink)
        else {
            panic!("a cloud is an image")
        };
        assert_eq!((columns, pixels.len()), (10, 100));
        assert_eq!(pixels.iter().filter(|p| p[3] > 0).count(), 2);
        assert!(pixels[5][3] > pixels[0][3]);
        assert_eq!(pixels[0][..3], [0x11, 0x22, 0x33]);
    }

    #[test]
    fn colours_of_points_on_each_other_are_mixed() {
        let area = Rect::new(0.0, 0.0, 4.0, 4.0);
        let of = |i: usize| if i == 0 { Colour::hex(0xff0000) } else { Colour::hex(0x0000ff) };
        let maps = (map(4.0, 0.0, 4.0), map(4.0, 0.0, 4.0));
        let (x, y) = ([1.5, 1.5], [1.5, 1.5]);
        let mark = cloud((&x, &y), (&maps.0, &maps.1), area, 1.0, (Shape::Disc, 0.2), &Tint::Each(&of));
        let Mark::Image { pixels, .. } = mark else { panic!("a cloud is an image") };
        assert_eq!(pixels[5][..3], [128, 0, 128]);
    }

    #[test]
    fn discs() {
        assert_eq!(disc(0.2), [(0, 0)]);
        assert_eq!(disc(1.5).len(), 9);
    }

    #[test]
    fn rows_of_strokes_meet() {
        let area = Rect::new(0.0, 0.0, 3.0, 30.0);
        let y: Vec<f64> = (0..14).map(|i| 0.5 + f64::from(i)).collect();
        let x = vec![1.5; y.len()];
        let maps = (map(3.0, 0.0, 3.0), map(14.0, 30.0, 0.0));
        let half = maps.1.unit() / 2.0;
        let ink = Tint::One(Colour::hex(0));
        let mark = cloud((&x, &y), (&maps.0, &maps.1), area, 1.0, (Shape::Tick(half), 0.25), &ink);
        let Mark::Image { pixels, .. } = mark else { panic!("a cloud is an image") };
        assert!(pixels.chunks(3).all(|row| row[1][3] > 0 && row[0][3] == 0), "no row is left out");
    }

    #[test]
    fn a_pixel_is_the_mean_of_its_cells_and_empty_cells_do_not_count() {
        let n = 8;
        let mut values = vec![f64::NAN; n * n];
        (values[0], values[1], values[8]) = (0.0, 4.0, 2.0);
        values[63] = 4.0;
        let even = Bins::Even { start: 0.0, width: 1.0, n };
        let figure = Figure::new(Axis::default(), Axis::default()).layer(Layer::Heatmap {
            columns: even.clone(),
            rows: even.clone(),
            values: Values::Dense(values.clone()),
            label: String::new(),
            unit: String::new(),
            colours: Colours::Linear,
        });
        let (keys, _) = ColourKey::of(&figure);
        let values = Values::Dense(values);
        let heat = Heat { figure: &figure, columns: &even, rows: &even, values: &values };
        let area = Rect::new(0.0, 0.0, 4.0, 4.0);
        assert!(heat.merged(area, 1.0) && !heat.merged(area, 2.0));
        let Mark::Image { pixels, .. } =
            heat.image(&map(8.0, 0.0, 4.0), &map(8.0, 0.0, 4.0), area, 1.0, &keys[0])
        else {
            panic!("many cells are an image")
        };
        let colour = |v: f64| keys[0].colour(v).map(|c| [c.r, c.g, c.b, 255]).unwrap();
        assert_eq!(pixels[0], colour(2.0), "the mean of 0, 4 and 2");
        assert_eq!(pixels[15], colour(4.0));
        assert_eq!(pixels[1], [0; 4]);
    }
}
