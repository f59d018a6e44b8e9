//! From layers to marks.

use super::layer::{BoxStats, Colouring, Marker, drawable};
use super::layout::{Chart, Plan, Style};
use super::palette::Look;
use super::pixels::{self, Heat, MANY, Tint};
use super::scene::{Anchor, Mark, Point, Rect, Shape, Stroke, Text};
use super::theme::Colour;
use super::ticks::number;
use super::{Layer, axes, font};

/// The marks of all layers, by their depth.
#[derive(Default)]
pub(super) struct Ink {
    /// Under the grid.
    pub behind: Vec<Mark>,
    /// Between the axes.
    pub data: Vec<Mark>,
    /// Over everything.
    pub words: Vec<Mark>,
}

/// Draws all layers of a chart with axes; roughly, where only the place of the ink matters.
pub(super) fn layers(chart: &Chart<'_>, plan: &Plan, rough: bool) -> Ink {
    let detail = if rough { 0.25 } else { chart.style.detail };
    let (ink, marks, labels) = (Ink::default(), Vec::new(), Vec::new());
    let mut pen = Pen { chart, plan, style: chart.style, detail, ink, marks, heavy: false, labels };
    for (i, layer) in chart.figure.layers.iter().enumerate() {
        pen.layer(i, layer);
        let marks = std::mem::take(&mut pen.marks);
        if !marks.is_empty() {
            let clip = Mark::Clip { rect: plan.area, marks, heavy: std::mem::take(&mut pen.heavy) };
            pen.ink.data.push(clip);
        }
    }
    for label in std::mem::take(&mut pen.labels) {
        pen.write(&label);
    }
    pen.ink
}

/// Words between the axes, with the places where they may stand, the best first.
struct Label {
    text: String,
    places: Vec<(Point, Anchor)>,
}

struct Pen<'a> {
    chart: &'a Chart<'a>,
    plan: &'a Plan,
    style: &'a Style,
    /// Pixels of an image for each pixel of the figure.
    detail: f64,
    ink: Ink,
    labels: Vec<Label>,
    /// The marks of the layer at hand.
    marks: Vec<Mark>,
    /// They are too many for a vector file.
    heavy: bool,
}

impl Pen<'_> {
    fn look(&self, i: usize, name: &str) -> Look {
        Look::of(self.style.ink, self.chart.palette, self.chart.figure, i, name)
    }

    fn at(&self, x: f64, y: f64) -> Point {
        (self.plan.mapx.at(x), self.plan.mapy.at(y))
    }

    fn edge(&self) -> Option<Stroke> {
        self.style.ink.grey_safe.then(|| Stroke::new(self.style.ink.axis, self.style.hair))
    }

    fn layer(&mut self, i: usize, layer: &Layer) {
        match layer {
            Layer::Histogram { name, edges, counts } => self.histogram(&self.look(i, name), edges, counts),
            Layer::Bars { name, values, errors, horizontal } => {
                self.bars(i, &self.look(i, name), values, errors, *horizontal);
            }
            Layer::Line { name, x, y, lower, upper, markers } => {
                self.line(&self.look(i, name), (x, y), (lower, upper), *markers);
            }
            Layer::Bundle { name, lines } => self.bundle(&self.look(i, name), lines),
            Layer::Steps { name, edges, values } => {
                let path = self.steps(edges, values);
                self.strokes(path, self.look(i, name).stroke(self.style.stroke));
            }
            Layer::Scatter { name, x, y, colour, marker } => self.scatter(i, name, (x, y), colour, *marker),
            Layer::Boxes { name, boxes, horizontal } => {
                self.boxes(i, &self.look(i, name), boxes, *horizontal);
            }
            Layer::Heatmap { columns, rows, values, .. } => {
                let heat = Heat { figure: self.chart.figure, columns, rows, values };
                self.heatmap(i, &heat);
            }
            Layer::Segments { segments, names, of } => self.segments(i, segments, names, of),
            Layer::Rules { lines } => {
                let ends = |[x0, y0, x1, y1]: &[f64; 4]| vec![self.at(*x0, *y0), self.at(*x1, *y1)];
                let mut paths: Vec<Vec<Point>> = lines.iter().map(ends).collect();
                paths.retain(|path| path.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
                self.strokes(paths, Stroke::new(self.style.ink.axis, self.style.hair));
            }
            Layer::VLine { x, label } => self.upright(*x, label),
            Layer::HLine { y, label } => self.level(*y, label),
            Layer::Span { from, to, label } => self.span(*from, *to, label),
            Layer::Text { x, y, text, anchor } => {
                let (x, y) = self.at(*x, *y);
                if self.plan.area.contains((x, y)) {
                    let at = (x, y + font::CAP / 2.0 * self.style.em);
                    self.label(text, vec![(at, *anchor)]);
                }
            }
            Layer::Pie { .. } => {}
        }
    }

    fn strokes(&mut self, paths: Vec<Vec<Point>>, stroke: Stroke) {
        if !paths.is_empty() {
            self.marks.push(Mark::Lines { paths, stroke });
        }
    }

    /// The outline of bins from the base line, as one path for each run of bins that have a height.
    fn skyline(&self, edges: &[f64], counts: &[f64]) -> Vec<Vec<Point>> {
        let (mapx, mapy) = (&self.plan.mapx, &self.plan.mapy);
        let base = mapy.base();
        let mut runs: Vec<Vec<Point>> = Vec::new();
        let mut run: Vec<Point> = Vec::new();
        let close = |run: &mut Vec<Point>, runs: &mut Vec<Vec<Point>>| {
            if let Some((x, _)) = run.last().copied() {
                run.push((x, base));
                runs.push(std::mem::take(run));
            }
        };
        for (pair, count) in edges.windows(2).zip(counts) {
            let (x0, x1, y) = (mapx.at(pair[0]), mapx.at(pair[1]), mapy.at(*count));
            if !(x0.is_finite() && x1.is_finite() && y.is_finite()) || *count == 0.0 {
                close(&mut run, &mut runs);
                continue;
            }
            if run.is_empty() {
                run.push((x0, base));
            }
            run.extend([(x0, y), (x1, y)]);
        }
        close(&mut run, &mut runs);
        runs
    }

    fn histogram(&mut self, look: &Look, edges: &[f64], counts: &[f64]) {
        let style = self.style;
        let several =
            self.chart.figure.layers.iter().filter(|l| matches!(***l, Layer::Histogram { .. })).count() > 1;
        let fill = if several { look.fill.alpha(0.35) } else { look.fill };
        let runs = self.skyline(edges, counts);
        for run in &runs {
            self.marks.push(Mark::Area { points: run.clone(), fill, edge: None });
        }
        let wide = self.plan.area.width() / counts.len().max(1) as f64 >= 8.0 * style.hair;
        if !several && wide {
            // Thin lines between the bars, in the colour of the paper.
            let colour = if style.ink.grey_safe { style.ink.axis } else { style.ink.background };
            self.marks.extend(self.gaps(edges, counts, Stroke::new(colour, style.hair)));
        }
        if several {
            self.strokes(runs, look.stroke(style.stroke));
        } else if let Some(edge) = self.edge() {
            self.strokes(runs, edge);
        }
    }

    /// The lines between neighbouring bins, as high as the lower of the two.
    fn gaps(&self, edges: &[f64], counts: &[f64], stroke: Stroke) -> Option<Mark> {
        let (mapx, mapy) = (&self.plan.mapx, &self.plan.mapy);
        let inner = edges.iter().skip(1).zip(counts.windows(2));
        let paths: Vec<Vec<Point>> = inner
            .filter(|(_, pair)| pair[0] != 0.0 && pair[1] != 0.0)
            .map(|(edge, pair)| {
                let x = self.style.snap(mapx.at(*edge));
                let lower = if (pair[0] < 0.0) == (pair[1] < 0.0) {
                    if pair[0].abs() < pair[1].abs() { pair[0] } else { pair[1] }
                } else {
                    0.0
                };
                vec![(x, mapy.base()), (x, mapy.at(lower))]
            })
            .filter(|path| path.iter().all(|(x, y)| x.is_finite() && y.is_finite()))
            .collect();
        (!paths.is_empty()).then_some(Mark::Lines { paths, stroke })
    }

    /// How many layers share the places of the names, and which of them the `i`th is.
    fn share(&self, i: usize, alike: impl Fn(&Layer) -> bool) -> (usize, usize) {
        let layers = &self.chart.figure.layers;
        let before = layers.iter().take(i).filter(|l| alike(l)).count();
        (before, layers.iter().filter(|l| alike(l)).count().max(1))
    }

    fn bars(&mut self, i: usize, look: &Look, values: &[f64], errors: &[(f64, f64)], horizontal: bool) {
        let figure = self.chart.figure;
        let alike = |l: &Layer| matches!(l, Layer::Bars { horizontal: h, .. } if *h == horizontal);
        let (nth, of) = if figure.stacked { (0, 1) } else { self.share(i, alike) };
        let (names, numbers) = self.maps(horizontal);
        let width = (0.8 / of as f64).min(5.0 * self.style.em / names.unit() / of as f64);
        let centre = (nth as f64 - (of - 1) as f64 / 2.0) * width;
        let below = self.below(i, horizontal);
        let edge = self.edge();
        let mut whiskers = Vec::new();
        for (at, v) in values.iter().enumerate() {
            let middle = at as f64 + centre;
            let (start, end) = if figure.stacked {
                let (down, up) = below.get(at).copied().unwrap_or_default();
                let from = if *v < 0.0 { down } else { up };
                (numbers.at(from), numbers.at(from + v))
            } else {
                (numbers.base(), numbers.at(*v))
            };
            if !(end.is_finite() && start.is_finite()) {
                continue;
            }
            let gap = if of > 1 { 0.04 } else { 0.0 };
            let (a, b) = (names.at(middle - width * (0.5 - gap)), names.at(middle + width * (0.5 - gap)));
            let rect = if horizontal { Rect::new(start, a, end, b) } else { Rect::new(a, start, b, end) };
            self.marks.push(Mark::Box { rect, fill: look.fill, edge: edge.clone() });
            if let Some((lower, upper)) = errors.get(at) {
                let place = names.at(middle);
                let cap = (names.unit() * width * 0.2).min(0.4 * self.style.em);
                whiskers.extend(whisker(place, numbers.at(*lower), numbers.at(*upper), cap, horizontal));
            }
        }
        self.strokes(
            whiskers,
            Stroke::new(self.style.ink.text, self.style.hair.max(self.style.stroke * 0.6)),
        );
    }

    /// How far the stack below the `i`th layer reaches already.
    fn below(&self, i: usize, horizontal: bool) -> Vec<(f64, f64)> {
        let figure = self.chart.figure;
        let layers = figure.layers.iter().take(i).cloned().collect();
        let before = super::Figure { layers, stacked: figure.stacked, ..super::Figure::default() };
        axes::stacked(&before, horizontal).unwrap_or_default()
    }

    /// The map of the names and the map of the numbers.
    fn maps(&self, horizontal: bool) -> (axes::Map, axes::Map) {
        let (x, y) = (self.plan.mapx, self.plan.mapy);
        if horizontal { (y, x) } else { (x, y) }
    }

    fn line(
        &mut self,
        look: &Look,
        (x, y): (&[f64], &[f64]),
        (lower, upper): (&[f64], &[f64]),
        markers: bool,
    ) {
        let style = self.style;
        if markers {
            let cap = 0.22 * style.em;
            let ends = x.iter().zip(lower.iter().zip(upper));
            let whiskers: Vec<Vec<Point>> = ends
                .flat_map(|(x, (l, u))| {
                    whisker(self.plan.mapx.at(*x), self.plan.mapy.at(*l), self.plan.mapy.at(*u), cap, false)
                })
                .collect();
            self.strokes(whiskers, Stroke::new(look.line, style.stroke * 0.7));
        } else {
            self.band(look, x, lower, upper);
        }
        let paths = self.paths(x, y);
        let total: usize = paths.iter().map(Vec::len).sum();
        self.heavy |= total > MANY;
        // Single points between gaps would have no length.
        let (lines, lone): (Vec<_>, Vec<_>) = paths.into_iter().partition(|p| p.len() > 1);
        self.strokes(lines, look.stroke(style.stroke));
        let mut points: Vec<Point> = if markers {
            x.iter().zip(y).map(|(x, y)| self.at(*x, *y)).collect()
        } else {
            lone.into_iter().flatten().collect()
        };
        points.retain(|p| self.plan.area.grown(style.em).contains(*p));
        if !points.is_empty() {
            let radius = if markers { 0.2 * style.em } else { style.stroke };
            let shape = if markers { look.shape } else { Shape::Disc };
            self.marks.push(Mark::Dots { points, colours: vec![look.line], radius, shape });
        }
    }

    /// Thin lines, the more translucent the more they are.
    fn bundle(&mut self, look: &Look, lines: &[(Vec<f64>, Vec<f64>)]) {
        let alpha = (2.5 / (lines.len().max(1) as f64).sqrt()).clamp(0.12, 0.7) as f32;
        let stroke = Stroke::new(look.line.alpha(alpha), self.style.stroke * 0.6);
        let paths: Vec<Vec<Point>> = lines.iter().flat_map(|(x, y)| self.paths(x, y)).collect();
        self.heavy |= paths.iter().map(Vec::len).sum::<usize>() > MANY;
        self.strokes(paths, stroke);
    }

    /// The surface between the lower and the upper errors, interrupted where one is missing.
    fn band(&mut self, look: &Look, x: &[f64], lower: &[f64], upper: &[f64]) {
        let mut low: Vec<Point> = Vec::new();
        let mut high: Vec<Point> = Vec::new();
        let fill = look.line.alpha(0.2);
        let mut areas = Vec::new();
        let mut close = |low: &mut Vec<Point>, high: &mut Vec<Point>| {
            if low.len() > 1 {
                let points: Vec<Point> = high.drain(..).chain(low.drain(..).rev()).collect();
                areas.push(Mark::Area { points, fill, edge: None });
            }
            low.clear();
            high.clear();
        };
        for (x, (l, u)) in x.iter().zip(lower.iter().zip(upper)) {
            let (a, b) = (self.at(*x, *l), self.at(*x, *u));
            if a.0.is_finite() && a.1.is_finite() && b.1.is_finite() {
                low.push(a);
                high.push(b);
            } else {
                close(&mut low, &mut high);
            }
        }
        close(&mut low, &mut high);
        self.marks.extend(areas);
    }

    /// The line in pixels, interrupted where a point has no place. Many points that follow the axis are reduced to the
    /// first, lowest, highest and last of each column of pixels, which leaves the picture as it is.
    fn paths(&self, x: &[f64], y: &[f64]) -> Vec<Vec<Point>> {
        let mut paths = Vec::new();
        let mut path = Vec::new();
        for (x, y) in x.iter().zip(y) {
            let p = self.at(*x, *y);
            if p.0.is_finite() && p.1.is_finite() {
                path.push(p);
            } else if !path.is_empty() {
                paths.push(std::mem::take(&mut path));
            }
        }
        paths.push(path);
        let columns = self.plan.area.width() * self.style.detail;
        for path in &mut paths {
            if path.len() as f64 > 4.0 * columns && path.windows(2).all(|w| w[0].0 <= w[1].0) {
                *path = reduced(path, self.style.detail);
            }
        }
        paths.retain(|p| !p.is_empty());
        paths
    }

    fn steps(&self, edges: &[f64], values: &[f64]) -> Vec<Vec<Point>> {
        let mut xs = Vec::with_capacity(2 * values.len());
        let mut ys = Vec::with_capacity(2 * values.len());
        for (pair, v) in edges.windows(2).zip(values) {
            xs.extend([pair[0], pair[1]]);
            ys.extend([*v, *v]);
        }
        self.paths(&xs, &ys)
    }

    fn scatter(
        &mut self,
        i: usize,
        name: &str,
        (x, y): (&[f64], &[f64]),
        colour: &Colouring,
        marker: Marker,
    ) {
        let style = self.style;
        let look = self.look(i, name);
        let radius = pixels::radius(x.len()) * style.em;
        let (shape, radius) = match marker {
            Marker::Dot => (look.shape, radius),
            Marker::Tick => {
                // As high as the row of its cell; many of them leave no gaps between rows.
                let row = self.plan.mapy.unit() * if x.len() > MANY { 0.5 } else { 0.45 };
                let least = if x.len() > MANY { 0.5 } else { 0.09 * style.em };
                (
                    Shape::Tick(row.clamp(least, 0.8 * style.em)),
                    if x.len() > MANY { 0.25 } else { 0.05 * style.em },
                )
            }
        };
        let looks: Vec<Look> = match colour {
            Colouring::Category { names, .. } => names.iter().map(|n| self.look(i, n)).collect(),
            _ => Vec::new(),
        };
        let key = self.chart.key_of.get(i).copied().flatten().and_then(|k| self.chart.keys.get(k));
        let tint = |n: usize| match colour {
            Colouring::Series => look.line,
            Colouring::Category { of, .. } => {
                of.get(n).and_then(|k| looks.get(*k as usize)).map_or(look.line, |l| l.line)
            }
            Colouring::Value { of, .. } => {
                of.get(n).and_then(|v| key.and_then(|k| k.colour(*v))).unwrap_or(style.ink.faint)
            }
        };
        if x.len() > MANY {
            let maps = (&self.plan.mapx, &self.plan.mapy);
            let tint = if *colour == Colouring::Series { Tint::One(look.line) } else { Tint::Each(&tint) };
            let cloud = pixels::cloud((x, y), maps, self.plan.area, self.detail, (shape, radius), &tint);
            self.marks.push(cloud);
            return;
        }
        let alpha = match (marker, x.len()) {
            (Marker::Tick, _) => 1.0,
            (_, 0..=100) => 0.9,
            (_, 101..=1000) => 0.75,
            _ => 0.55,
        };
        let outline = |n: usize| match (marker, colour) {
            (Marker::Dot, Colouring::Category { of, .. }) => {
                of.get(n).and_then(|k| looks.get(*k as usize)).map_or(shape, |l| l.shape)
            }
            _ => shape,
        };
        // Points are drawn in their own order, whatever their colours and shapes, so that no kind hides another.
        let near = self.plan.area.grown(style.em);
        let placed = x.iter().zip(y).enumerate().map(|(n, (x, y))| (n, self.at(*x, *y)));
        let seen: Vec<(usize, Point)> = placed.filter(|(_, p)| near.contains(*p)).collect();
        for run in seen.chunk_by(|a, b| outline(a.0) == outline(b.0)) {
            let points = run.iter().map(|(_, p)| *p).collect();
            let mut colours: Vec<Colour> = run.iter().map(|(n, _)| tint(*n).alpha(alpha)).collect();
            if *colour == Colouring::Series {
                colours.truncate(1);
            }
            self.marks.push(Mark::Dots { points, colours, radius, shape: outline(run[0].0) });
        }
    }

    fn boxes(&mut self, i: usize, look: &Look, boxes: &[BoxStats], horizontal: bool) {
        let style = self.style;
        let alike = |l: &Layer| matches!(l, Layer::Boxes { horizontal: h, .. } if *h == horizontal);
        let (nth, of) = self.share(i, alike);
        let (names, numbers) = self.maps(horizontal);
        let width = (0.7 / of as f64).min(3.5 * style.em / names.unit() / of as f64);
        let centre = (nth as f64 - (of - 1) as f64 / 2.0) * width;
        let line = if style.ink.grey_safe { style.ink.text } else { look.line };
        let fill = if style.ink.grey_safe { look.fill } else { look.fill.mix(style.ink.background, 0.62) };
        let thin = Stroke::new(line, style.stroke * 0.75);
        let (mut whiskers, mut medians, mut outside) = (Vec::new(), Vec::new(), Vec::new());
        for (at, b) in boxes.iter().enumerate().filter(|(_, b)| b.n > 0) {
            let middle = at as f64 + centre;
            let gap = if of > 1 { 0.1 } else { 0.0 };
            let (left, right) =
                (names.at(middle - width * (0.5 - gap)), names.at(middle + width * (0.5 - gap)));
            let place = f64::midpoint(left, right);
            let point = |v: f64, across: f64| {
                let v = numbers.at(v);
                if horizontal { (v, across) } else { (across, v) }
            };
            outside.extend(b.outliers.iter().map(|v| point(*v, place)));
            let five = [b.low, b.q1, b.median, b.q3, b.high].map(|v| numbers.at(v));
            if five.iter().any(|v| !v.is_finite()) {
                continue;
            }
            let [low, q1, _, q3, high] = five;
            let cap = (right - left).abs() * 0.25;
            whiskers.extend(whisker(place, low, q1, cap, horizontal).into_iter().take(2));
            whiskers.extend(whisker(place, high, q3, cap, horizontal).into_iter().take(2));
            let rect =
                if horizontal { Rect::new(q1, left, q3, right) } else { Rect::new(left, q1, right, q3) };
            self.marks.push(Mark::Box { rect, fill, edge: Some(thin.clone()) });
            medians.push(vec![point(b.median, left), point(b.median, right)]);
        }
        outside.retain(|p| self.plan.area.grown(style.em).contains(*p));
        self.heavy |= outside.len() > MANY;
        self.strokes(whiskers, thin);
        let dark = style.ink.grey_safe && luminous(look.fill) < 110.0;
        let median = if dark { style.ink.background } else { line };
        self.strokes(medians, Stroke::new(median, style.stroke * 1.5));
        if !outside.is_empty() {
            let colours = vec![line.alpha(0.6)];
            self.marks.push(Mark::Dots {
                points: outside,
                colours,
                radius: 0.12 * style.em,
                shape: Shape::Disc,
            });
        }
    }

    fn heatmap(&mut self, i: usize, heat: &Heat<'_>) {
        let (area, detail, ink) = (self.plan.area, self.style.detail, self.style.ink);
        let key = self.chart.key_of.get(i).copied().flatten().and_then(|k| self.chart.keys.get(k));
        // Where the middle of the colours is white, cells without a value are grey.
        let white = key.is_some_and(super::key::ColourKey::has_white);
        let empty = if white { ink.background.mix(ink.text, 0.3) } else { ink.empty };
        self.marks.push(Mark::Box { rect: area, fill: empty, edge: None });
        let Some(key) = key else { return };
        let (mapx, mapy) = (&self.plan.mapx, &self.plan.mapy);
        if heat.many() || heat.merged(area, detail) {
            self.marks.push(heat.image(mapx, mapy, area, detail, key));
        } else {
            self.marks.push(heat.cells(mapx, mapy, area, key));
        }
    }

    fn segments(&mut self, i: usize, segments: &[[f64; 5]], names: &[String], of: &[u32]) {
        let unit = self.plan.mapx.unit();
        let thin = self.style.hair * 0.8;
        // Strokes of one kind and thickness (to a quarter of a pixel) are one mark.
        let mut kinds: std::collections::BTreeMap<(u32, u64), Vec<Vec<Point>>> =
            std::collections::BTreeMap::new();
        for (n, [x0, y0, x1, y1, width]) in segments.iter().enumerate() {
            let (a, b) = (self.at(*x0, *y0), self.at(*x1, *y1));
            if [a.0, a.1, b.0, b.1, *width].iter().all(|v| v.is_finite()) {
                let quarter = ((width * unit).clamp(thin, 1000.0) * 4.0).round() as u64;
                kinds.entry((of.get(n).copied().unwrap_or(0), quarter)).or_default().push(vec![a, b]);
            }
        }
        self.heavy |= segments.len() > MANY;
        for ((kind, quarter), paths) in kinds {
            let look = self.look(i, names.get(kind as usize).map_or("", String::as_str));
            let stroke = Stroke { round: true, ..Stroke::new(look.line, quarter as f64 / 4.0) };
            self.marks.push(Mark::Lines { paths, stroke });
        }
    }

    /// The stroke of lines that explain the data.
    fn guide(&self) -> Stroke {
        Stroke { dash: &[4.0, 3.0], ..Stroke::new(self.style.ink.faint, self.style.stroke * 0.7) }
    }

    fn upright(&mut self, x: f64, label: &str) {
        let area = self.plan.area;
        let place = self.plan.mapx.at(x);
        if !(place >= area.x0 && place <= area.x1) {
            return;
        }
        self.marks.push(Mark::Lines {
            paths: vec![vec![(place, area.y0), (place, area.y1)]],
            stroke: self.guide(),
        });
        let gap = 0.35 * self.style.em;
        let (right, left) = (place + gap, place - gap);
        let (top, bottom) = (area.y0 + self.style.em, area.y1 - 0.5 * self.style.em);
        let (start, end) = (Anchor::Start, Anchor::End);
        let mut places =
            vec![((right, top), start), ((left, top), end), ((right, bottom), start), ((left, bottom), end)];
        for line in 1..5 {
            let lower = top + f64::from(line) * self.style.em;
            places.extend([((right, lower), start), ((left, lower), end)]);
        }
        self.label(label, places);
    }

    fn level(&mut self, y: f64, label: &str) {
        let area = self.plan.area;
        let place = self.plan.mapy.at(y);
        if !(place >= area.y0 && place <= area.y1) {
            return;
        }
        self.marks.push(Mark::Lines {
            paths: vec![vec![(area.x0, place), (area.x1, place)]],
            stroke: self.guide(),
        });
        let (above, below) = (place - 0.35 * self.style.em, place + 1.05 * self.style.em);
        let (left, right) = (area.x0 + 0.4 * self.style.em, area.x1 - 0.4 * self.style.em);
        let (start, end) = (Anchor::Start, Anchor::End);
        let mut places = vec![
            ((right, above), end),
            ((right, below), end),
            ((left, above), start),
            ((left, below), start),
        ];
        // Where data lie along the line, its label stands a little above them.
        for line in 1..5 {
            let higher = above - f64::from(line) * 0.6 * self.style.em;
            places.extend([((right, higher), end), ((left, higher), start)]);
        }
        self.label(label, places);
    }

    fn span(&mut self, from: f64, to: f64, label: &str) {
        let area = self.plan.area;
        let (a, b) = (self.plan.mapx.at(from), self.plan.mapx.at(to));
        if !(a.is_finite() && b.is_finite()) {
            return;
        }
        let (a, b) = (a.clamp(area.x0, area.x1), b.clamp(area.x0, area.x1));
        let fill = self.style.ink.faint.alpha(0.18);
        self.ink.behind.push(Mark::Box { rect: Rect::new(a, area.y0, b, area.y1), fill, edge: None });
        let half = font::width(&font::clean(label), self.style.em * WORDS, false) / 2.0;
        let middle = f64::midpoint(a, b).min(area.x1 - half).max(area.x0 + half);
        let (top, bottom) = (area.y0 + self.style.em, area.y1 - 0.5 * self.style.em);
        let gap = 0.35 * self.style.em;
        let places = [
            ((middle, top), Anchor::Middle),
            ((b + gap, top), Anchor::Start),
            ((a - gap, top), Anchor::End),
            ((middle, bottom), Anchor::Middle),
        ];
        self.label(label, places.to_vec());
    }

    fn label(&mut self, text: &str, places: Vec<(Point, Anchor)>) {
        if !text.trim().is_empty() {
            self.labels.push(Label { text: font::clean(text), places });
        }
    }

    /// Writes a label where it hides nothing, else where it hides no other words, on a veil that keeps it readable.
    fn write(&mut self, label: &Label) {
        let full = self.style.em * WORDS;
        let wide = font::width(&label.text, full, false);
        let size = full * (0.98 * self.plan.area.width() / wide).clamp(0.4, 1.0);
        let text = |(at, anchor): (Point, Anchor)| Text {
            words: label.text.clone(),
            at,
            size,
            bold: false,
            anchor,
            angle: 0.0,
            colour: self.style.ink.text,
        };
        let area = self.plan.area.grown(1.0);
        let inside = |r: &Rect| r.x0 >= area.x0 && r.x1 <= area.x1 && r.y0 >= area.y0 && r.y1 <= area.y1;
        let written = |r: &Rect| self.ink.words.iter().any(|m| m.touches(r));
        let free = |text: &Text| {
            let bounds = text.bounds();
            inside(&bounds) && !written(&bounds) && !self.ink.data.iter().any(|m| m.touches(&bounds))
        };
        if let Some(text) = label.places.iter().map(|p| text(*p)).find(free) {
            self.ink.words.push(Mark::Text(text));
            return;
        }
        let Some(first) = label.places.iter().find(|p| inside(&text(**p).bounds())).or(label.places.first())
        else {
            return;
        };
        let mut text = text(*first);
        let bounds = text.bounds();
        text.at.0 += (area.x1 - bounds.x1).min(0.0) + (area.x0 - bounds.x0).max(0.0);
        for _ in 0..20 {
            if !written(&text.bounds()) {
                break;
            }
            text.at.1 += size * font::LINE;
        }
        let veil = self.style.ink.background.alpha(0.8);
        self.ink.words.push(Mark::Box { rect: text.bounds(), fill: veil, edge: None });
        self.ink.words.push(Mark::Text(text));
    }
}

/// The size of words between the axes, in em.
const WORDS: f64 = 0.9;

/// How light a colour is, 0 to 255.
fn luminous(c: Colour) -> f64 {
    0.3 * f64::from(c.r) + 0.59 * f64::from(c.g) + 0.11 * f64::from(c.b)
}

/// A line from `a` to `b` with caps: the line, the cap at `a`, the cap at `b`; nothing where an end has no place.
fn whisker(place: f64, a: f64, b: f64, cap: f64, horizontal: bool) -> Vec<Vec<Point>> {
    if !(place.is_finite() && a.is_finite() && b.is_finite()) {
        return Vec::new();
    }
    let turn = |across: f64, along: f64| if horizontal { (along, across) } else { (across, along) };
    vec![
        vec![turn(place, a), turn(place, b)],
        vec![turn(place - cap, a), turn(place + cap, a)],
        vec![turn(place - cap, b), turn(place + cap, b)],
    ]
}

/// The first, lowest, highest and last point of each column of pixels, in their order.
fn reduced(path: &[Point], detail: f64) -> Vec<Point> {
    let column = |p: &Point| (p.0 * detail).floor();
    let mut out: Vec<Point> = Vec::new();
    for run in path.chunk_by(|a, b| column(a) == column(b)) {
        let by = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1);
        let lowest = (0..run.len()).min_by(by).unwrap_or(0);
        let highest = (0..run.len()).max_by(by).unwrap_or(0);
        let mut keep = [0, lowest.min(highest), lowest.max(highest), run.len() - 1].to_vec();
        keep.dedup();
        out.extend(keep.into_iter().filter_map(|k| run.get(k)).copied());
    }
    out
}

/// A pie with a line from each slice to its name and share.
pub(super) fn pie(chart: &Chart<'_>, plan: &Plan) -> Vec<Mark> {
    let style = chart.style;
    let Some((i, names, values)) = chart.figure.layers.iter().enumerate().find_map(|(i, l)| match &**l {
        Layer::Pie { names, values } => Some((i, names, values)),
        _ => None,
    }) else {
        return Vec::new();
    };
    let total: f64 = values.iter().filter(|v| drawable(**v, false)).sum();
    let area = plan.area;
    let slices = names.iter().zip(values).filter(|(_, v)| drawable(**v, false));
    let labels: Vec<(String, f64, Look)> = slices
        .map(|(name, v)| {
            let share = v / total;
            let place = chart.palette.number(chart.figure, i, name);
            let decimals = if share > 0.0 && share < 0.001 { 3 } else { 1 };
            let text = format!("{}  {} %", font::clean(name), number(share * 100.0, decimals));
            (text, share, Look::new(style.ink, place))
        })
        .collect();
    // Names are as large as the rows on one side allow.
    let rows = labels.len().div_ceil(2).max(1) as f64;
    let size = (area.height() / (rows * 1.3)).clamp(style.em * 0.45, style.em);
    let widest = labels.iter().map(|(t, _, _)| font::width(t, size, false)).fold(0.0, f64::max);
    let room = (area.width() / 2.0 - widest - 2.2 * style.em).max(2.0 * style.em);
    let radius = (area.height() / 2.0 - 0.8 * style.em).min(room).max(style.em);
    let centre = area.centre();
    let point = |turn: f64, r: f64| {
        let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
        (centre.0 + r * sin, centre.1 - r * cos)
    };
    let mut marks = Vec::new();
    let mut from = 0.0;
    let mut sides: [Vec<(f64, f64, String)>; 2] = [Vec::new(), Vec::new()];
    let edge = Stroke::new(
        if style.ink.grey_safe { style.ink.axis } else { style.ink.background },
        style.hair * 1.5,
    );
    for (text, share, look) in labels {
        let to = from + share;
        let steps = (share * 180.0).ceil().max(1.0) as usize;
        let mut points: Vec<Point> =
            (0..=steps).map(|s| point(from + share * s as f64 / steps as f64, radius)).collect();
        if share < 1.0 {
            points.push(centre);
        }
        if share > 0.0 {
            marks.push(Mark::Area { points, fill: look.fill, edge: Some(edge.clone()) });
        }
        let middle = f64::midpoint(from, to);
        sides[usize::from(middle > 0.5)].push((middle, point(middle, radius).1, text));
        from = to;
    }
    let row = size * 1.3;
    for (left, side) in sides.iter_mut().enumerate() {
        side.sort_by(|a, b| a.1.total_cmp(&b.1));
        let heights = apart(&side.iter().map(|s| s.1).collect::<Vec<_>>(), row, area);
        let sign = if left == 1 { -1.0 } else { 1.0 };
        let anchor = if left == 1 { Anchor::End } else { Anchor::Start };
        for ((turn, _, text), y) in side.iter().zip(heights) {
            let elbow = centre.0 + sign * (radius + 1.1 * style.em);
            let end = elbow + sign * 0.4 * style.em;
            let path = vec![point(*turn, radius * 1.01), (elbow, y), (end, y)];
            marks.push(Mark::Lines { paths: vec![path], stroke: Stroke::new(style.ink.faint, style.hair) });
            let at = (end + sign * 0.3 * style.em, y + font::CAP / 2.0 * size);
            let colour = style.ink.text;
            marks.push(Mark::Text(Text {
                words: text.clone(),
                at,
                size,
                bold: false,
                anchor,
                angle: 0.0,
                colour,
            }));
        }
    }
    marks
}

/// Moves rising heights apart so that they are `row` away from each other and stay in the area, if it is high enough.
fn apart(heights: &[f64], row: f64, area: Rect) -> Vec<f64> {
    let mut out = heights.to_vec();
    let mut least = area.y0 + row / 2.0;
    for y in &mut out {
        *y = y.max(least);
        least = *y + row;
    }
    let mut most = area.y1 - row / 2.0;
    for y in out.iter_mut().rev() {
        *y = y.min(most);
        most = *y - row;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduction_keeps_the_envelope() {
        let path: Vec<Point> =
            (0..10_000).map(|i| (f64::from(i) / 1000.0, f64::from(i * 7919 % 613))).collect();
        let short = reduced(&path, 2.0);
        assert!(short.len() <= 4 * 20, "{}", short.len());
        assert_eq!((short.first(), short.last()), (path.first(), path.last()));
        for half in 0..20 {
            let inside = |p: &&Point| (p.0 * 2.0).floor() as i32 == half;
            let most = |points: &[Point]| points.iter().filter(inside).map(|p| p.1).fold(f64::MIN, f64::max);
            let least = |points: &[Point]| points.iter().filter(inside).map(|p| p.1).fold(f64::MAX, f64::min);
            assert_eq!((most(&short), least(&short)), (most(&path), least(&path)));
        }
        assert!(short.windows(2).all(|w| w[0].0 <= w[1].0));
    }

    #[test]
    fn names_of_slices_stand_apart() {
        let area = Rect::new(0.0, 0.0, 100.0, 100.0);
        let rows = apart(&[50.0, 51.0, 52.0, 99.0], 10.0, area);
        assert!(rows.windows(2).all(|w| w[1] - w[0] >= 10.0 - 1e-9), "{rows:?}");
        assert!(rows[0] >= 5.0 && rows[3] <= 95.0);
    }

    #[test]
    fn whiskers_need_all_ends() {
        assert_eq!(whisker(1.0, 2.0, 3.0, 0.5, false)[0], [(1.0, 2.0), (1.0, 3.0)]);
        assert_eq!(whisker(1.0, 2.0, 3.0, 0.5, true)[1], [(2.0, 0.5), (2.0, 1.5)]);
        assert!(whisker(1.0, f64::NAN, 3.0, 0.5, false).is_empty());
    }
}
