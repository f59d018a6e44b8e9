//! The data of the figures, what they refuse, and pictures of all of them to be looked at.

use std::path::Path;

use super::*;
use crate::plot::{Colouring, Figure, Layer, Scale, Values};

/// Numbers that look random and are always the same.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, mean 0, standard deviation 1.
    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Cells of five layers that fire at rest, and together after 1500 and 2000 ms.
struct Simulation {
    ids: Vec<i64>,
    layers: Vec<String>,
    layer: Vec<u32>,
    times: Vec<f64>,
    rows: Vec<u32>,
}

impl Simulation {
    fn new(cells: usize, spikes: usize) -> Self {
        let mut noise = Noise::new(7);
        let layers = words(&["1", "2", "3", "4", "5", "6"]);
        let share = [0.02, 0.14, 0.2, 0.18, 0.2, 0.26];
        let pick = |noise: &mut Noise| {
            let mut at = noise.next();
            let mut layer = 0;
            while layer < 5 && at > share[layer] {
                at -= share[layer];
                layer += 1;
            }
            layer as u32
        };
        let layer: Vec<u32> = (0..cells).map(|_| pick(&mut noise)).collect();
        let (mut times, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..spikes {
            let row = (noise.next() * cells as f64) as u32;
            let late = f64::from(layer[row as usize]) * 2.0;
            let together = noise.next();
            times.push(match together {
                t if t < 0.2 => 1508.0 + late + noise.next() * noise.next() * 40.0,
                t if t < 0.3 => 2008.0 + late + noise.next() * noise.next() * 40.0,
                _ => 1000.0 + noise.next() * 1500.0,
            });
            rows.push(row);
        }
        let ids = (0..cells as i64).map(|i| 1000 + 3 * i).collect();
        Simulation { ids, layers, layer, times, rows }
    }

    fn raster(&self) -> Raster<'_> {
        Raster {
            times: &self.times,
            rows: &self.rows,
            ids: &self.ids,
            populations: &[],
            window: (1000.0, 2500.0),
            groups: None,
        }
    }

    fn groups(&self) -> Groups<'_> {
        Groups { label: "layer", names: &self.layers, of: &self.layer }
    }

    /// Rates (Hz) in bins of 5 ms, of one layer or of all cells.
    fn rate(&self, layer: Option<u32>) -> Vec<f64> {
        let mine = |row: u32| layer.is_none_or(|l| self.layer[row as usize] == l);
        let cells = (0..self.ids.len() as u32).filter(|row| mine(*row)).count();
        let mut counts = vec![0.0; 300];
        for (t, _) in self.times.iter().zip(&self.rows).filter(|(_, row)| mine(**row)) {
            counts[(((t - 1000.0) / 5.0) as usize).min(299)] += 1.0 / cells as f64 / 0.005;
        }
        counts
    }

    fn rates(&self) -> Rates {
        let groups = (0..6).map(|l| (self.layers[l as usize].clone(), self.rate(Some(l)))).collect();
        Rates { label: "layer".into(), edges: edges(), groups }
    }
}

fn edges() -> Vec<f64> {
    (0..=300).map(|i| 1000.0 + 5.0 * f64::from(i)).collect()
}

/// Times (ms) and a membrane voltage (mV) with some spikes.
fn voltage(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut noise = Noise::new(seed);
    let t: Vec<f64> = (0..15_000).map(|i| 1000.0 + f64::from(i) * 0.1).collect();
    let mut v = -68.0;
    let mut since = 1e9_f64;
    let values = t.iter().map(|t| {
        let drive = if (1505.0..1540.0).contains(t) || (2005.0..2030.0).contains(t) { 0.012 } else { 0.0002 };
        v += (-68.0 - v) * 0.004 + noise.bell() * 0.09 + if drive > 0.001 { 0.06 } else { 0.0 };
        since += 0.1;
        if since > 6.0 && noise.next() < drive * 0.6 {
            since = 0.0;
        }
        if since < 1.0 {
            v = -55.0;
            30.0 - (since * 2.0 - 0.3).abs() * 60.0
        } else {
            v
        }
    });
    let values = values.collect();
    (t, values)
}

struct Recorded(Vec<(Vec<f64>, Vec<f64>)>);

impl Recorded {
    fn new(n: u64) -> Self {
        Recorded((0..n).map(|i| voltage(31 + i)).collect())
    }

    fn traces(&self) -> Vec<Trace<'_>> {
        let kinds = ["cADpyr", "bNAC", "cNAC", "dSTUT"];
        self.0
            .iter()
            .enumerate()
            .map(|(i, (t, values))| Trace {
                name: format!("a{}", 62_693 + 117 * i),
                kind: kinds[i % 4].to_owned(),
                t,
                values,
            })
            .collect()
    }

    fn mean(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.0.len() as f64;
        let at = |i: usize| self.0.iter().map(move |(_, v)| v[i]);
        let mean: Vec<f64> = (0..15_000).map(|i| at(i).sum::<f64>() / n).collect();
        let sd = (0..15_000).map(|i| (at(i).map(|v| (v - mean[i]).powi(2)).sum::<f64>() / n).sqrt());
        let sd = sd.collect();
        (mean, sd)
    }
}

fn column(n: usize) -> (Vec<[f64; 3]>, Vec<u32>) {
    let mut noise = Noise::new(3);
    let mut points = Vec::new();
    let mut layer = Vec::new();
    for _ in 0..n {
        let l = (noise.next() * 6.0) as u32;
        let y = 2000.0 - (f64::from(l) + noise.next()) * 340.0;
        let (r, a) = (230.0 * noise.next().sqrt(), noise.next() * std::f64::consts::TAU);
        points.push([3990.0 + r * a.cos(), y, -120.0 + r * a.sin()]);
        layer.push(l);
    }
    (points, layer)
}

/// The latencies of six layers, for two classes.
fn latencies() -> Vec<(String, Vec<Vec<f64>>)> {
    let mut noise = Noise::new(5);
    let mut class = |first: bool, late: f64| -> Vec<Vec<f64>> {
        (0..6)
            .map(|l| {
                let n = if l == 0 && first { 0 } else { (40.0 + noise.next() * 400.0) as usize };
                (0..n)
                    .map(|_| (9.0 + late + f64::from((l - 3_i32).abs()) * 1.6 + noise.bell() * 2.2).max(3.0))
                    .collect()
            })
            .collect()
    };
    vec![("EXC".to_owned(), class(true, 1.5)), ("INH".to_owned(), class(false, 0.0))]
}

fn millivolts() -> Axis {
    quantity("v", "mV")
}

fn points_of(figure: &Figure) -> (Vec<f64>, Vec<f64>, Colouring) {
    let points = figure.layers.iter().find_map(|layer| match &**layer {
        Layer::Scatter { x, y, colour, .. } => Some((x.clone(), y.clone(), colour.clone())),
        _ => None,
    });
    points.expect("points")
}

fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_raster_shows_the_whole_window_and_tells_ids() {
    let ids = [7, 9, 12];
    let spikes = Raster {
        times: &[5.0, 6.0, 400.0],
        rows: &[0, 2, 2],
        ids: &ids,
        populations: &[],
        window: (0.0, 100.0),
        groups: None,
    };
    let figure = raster(&spikes).unwrap();
    assert_eq!((figure.x.limits, figure.y.limits), (Some((0.0, 100.0)), Some((0.0, 3.0))));
    assert_eq!(figure.y.text(), "cell");
    let ticks: Vec<(f64, &str)> = figure.y.ticks.iter().map(|(v, l)| (*v, l.as_str())).collect();
    assert_eq!(ticks, [(0.5, "7"), (1.5, "9"), (2.5, "12")]);
    let (x, y, colour) = points_of(&figure);
    assert_eq!((x, y, colour), (vec![5.0, 6.0], vec![0.5, 2.5], Colouring::Series));
    assert_eq!(figure.notes, ["1 spike outside of the window: not shown"]);
    assert_eq!(figure.describe(), "raster, 2 events");
}

#[test]
fn a_raster_orders_cells_by_group_and_leaves_out_empty_groups() {
    let names = words(&["1", "2", "4"]);
    let groups = Groups { label: "layer", names: &names, of: &[2, 0, 2, 0] };
    let spikes = Raster {
        times: &[1.0, 2.0, 3.0, 4.0],
        rows: &[0, 1, 2, 3],
        ids: &[1, 2, 3, 4],
        populations: &[],
        window: (0.0, 10.0),
        groups: Some(groups),
    };
    let figure = raster(&spikes).unwrap();
    assert_eq!((figure.y.text().as_str(), figure.y.limits), ("cells by layer", Some((4.0, 0.0))));
    let (_, y, colour) = points_of(&figure);
    assert_eq!(y, [2.5, 0.5, 3.5, 1.5], "those of layer 1 stand on top");
    let of = vec![1, 0, 1, 0];
    assert_eq!(colour, Colouring::Category { label: "layer".into(), names: words(&["1", "4"]), of });
}

#[test]
fn ids_of_several_populations_are_written_with_their_names() {
    use crate::model::merged::pack;
    let populations = words(&["hippocampus", "thalamus"]);
    let ids = [pack(0, 3), pack(1, 3)];
    let spikes = Raster {
        times: &[1.0],
        rows: &[1],
        ids: &ids,
        populations: &populations,
        window: (0.0, 2.0),
        groups: None,
    };
    let figure = raster(&spikes).unwrap();
    let labels: Vec<&str> = figure.y.ticks.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels, ["hippocampus:3", "thalamus:3"]);
}

#[test]
fn a_raster_refuses_what_it_cannot_show() {
    let some = Simulation::new(10, 20);
    let with = |change: &dyn Fn(&mut Raster<'_>)| {
        let mut spikes = some.raster();
        change(&mut spikes);
        message(raster(&spikes))
    };
    assert!(with(&|s| (s.times, s.rows) = (&[], &[])).contains("there are no spikes to draw"));
    assert!(with(&|s| s.window = (0.0, 10.0)).contains("no spikes to draw between 0 and 10 ms"));
    assert!(with(&|s| s.window = (10.0, 10.0)).contains("from 10 to 10 ms spans no time"));
    assert!(with(&|s| s.times = &[1.0]).contains("1 times and 20 cells that fired"));
    assert!(with(&|s| s.ids = &[1, 2]).contains("there are 2 cells only"));
    let names = words(&["a"]);
    let short = Groups { label: "layer", names: &names, of: &[0] };
    assert!(message(raster(&Raster { groups: Some(short), ..some.raster() })).contains("cells with a group"));
    let of = vec![3; 10];
    let far = Groups { label: "layer", names: &names, of: &of };
    assert!(message(raster(&Raster { groups: Some(far), ..some.raster() })).contains("a cell is in group 3"));
}

#[test]
fn many_spikes_become_an_image_that_says_so() {
    let some = Simulation::new(3000, 30_000);
    let svg = raster(&Raster { groups: Some(some.groups()), ..some.raster() }).unwrap().to_svg().unwrap();
    assert_eq!(svg.matches("<image").count(), 1);
    assert!(svg.contains("30,000 events, drawn as a density image"));
}

#[test]
fn rates_have_a_name_only_among_others() {
    let rates = |n: usize| Rates {
        label: "class".into(),
        edges: vec![0.0, 5.0, 10.0],
        groups: ["EXC", "INH"][..n].iter().map(|name| ((*name).to_owned(), vec![1.0, 2.0])).collect(),
    };
    let names = |figure: Figure| -> Vec<String> {
        figure.layers.iter().filter_map(|layer| layer.name().map(str::to_owned)).collect()
    };
    let one = psth(&rates(1), &[5.0, 7.0]).unwrap();
    assert_eq!((one.x.text().as_str(), one.y.text().as_str()), ("time (ms)", "firing rate (Hz)"));
    let lines: Vec<&str> = one
        .layers
        .iter()
        .filter_map(|layer| match &**layer {
            Layer::VLine { label, .. } => Some(label.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["stimulus", ""]);
    assert_eq!(names(one), [""]);
    assert_eq!(names(psth(&rates(2), &[]).unwrap()), ["EXC", "INH"]);
    assert!(message(psth(&rates(0), &[])).contains("there are no rates to draw"));
    let wrong = Rates { edges: vec![0.0, 1.0], ..rates(2) };
    assert!(message(psth(&wrong, &[])).contains("2 rates of `EXC` and 1 bins"));
}

#[test]
fn intervals_take_a_logarithmic_axis_where_they_need_it() {
    let counted = |figure: &Figure| match &*figure.layers[0] {
        Layer::Histogram { edges, counts, .. } => (edges.clone(), counts.iter().sum::<f64>()),
        _ => panic!("a histogram"),
    };
    let near = isi(&[10.0, 12.0, 15.0, 30.0], Interval::Time).unwrap();
    assert_eq!(
        (near.x.scale.clone(), near.x.text().as_str()),
        (Scale::Linear, "interval between spikes (ms)")
    );
    assert_eq!(counted(&near).1, 4.0);
    let far = isi(&[0.0, 1.0, 10.0, 1000.0], Interval::Time).unwrap();
    assert_eq!(far.x.scale, Scale::Log);
    let (edges, sum) = counted(&far);
    assert!((edges[0] - 1.0).abs() < 1e-9 && (edges[edges.len() - 1] - 1000.0).abs() < 1e-6 && sum == 3.0);
    assert_eq!(far.notes, ["1 interval of 0 ms: no place on a logarithmic axis"]);
    let rates = isi(&[0.0, 10.0, 20.0], Interval::Rate).unwrap();
    assert_eq!(rates.x.text(), "instantaneous firing rate (Hz)");
    let (edges, sum) = counted(&rates);
    assert_eq!((edges[0], edges[edges.len() - 1], sum), (50.0, 100.0, 2.0));
    assert_eq!(rates.notes, ["1 interval of 0 ms: no rate"]);
    assert!(message(isi(&[], Interval::Time)).contains("no intervals to draw"));
    assert!(message(isi(&[0.0], Interval::Rate)).contains("no interval is above zero"));
}

#[test]
fn few_traces_have_names_and_many_are_a_bundle() {
    let (t, v) = (vec![0.0, 1.0], vec![-65.0, -64.0]);
    let some = |n: usize| -> Vec<Trace<'_>> {
        (0..n).map(|i| Trace { name: i.to_string(), kind: String::new(), t: &t, values: &v }).collect()
    };
    let few = traces(&some(12), &millivolts()).unwrap();
    assert_eq!((few.layers.len(), few.y.text().as_str()), (12, "membrane voltage (mV)"));
    assert_eq!((few.layers[3].name(), few.notes.len()), (Some("3"), 0));
    let many = traces(&some(13), &quantity("i_membrane", "nA")).unwrap();
    assert!(matches!(&*many.layers[0], Layer::Bundle { lines, .. } if lines.len() == 13));
    assert_eq!((many.y.text().as_str(), many.notes[0].as_str()), ("i membrane (nA)", "13 traces"));
    assert!(message(traces(&[], &millivolts())).contains("there are no traces to draw"));
    let uneven = [Trace { t: &t, values: &v[..1], name: "7".into(), kind: String::new() }];
    assert!(message(traces(&uneven, &millivolts())).contains("2 times of `7` and 1 values"));
}

#[test]
fn means_have_a_band() {
    let mean =
        MeanTrace { name: "L5".into(), cells: 1200, t: &[0.0, 1.0], mean: &[-65.0, -60.0], sd: &[1.0, 2.0] };
    let figure = mean_traces(std::slice::from_ref(&mean), &millivolts()).unwrap();
    let Layer::Line { lower, upper, .. } = &*figure.layers[0] else { panic!("a line") };
    assert_eq!((lower.as_slice(), upper.as_slice()), (&[-66.0, -62.0][..], &[-64.0, -58.0][..]));
    assert_eq!(figure.notes, ["mean ± standard deviation of 1,200 cells"]);
    let wrong = MeanTrace { sd: &[1.0], ..mean };
    assert!(
        message(mean_traces(&[wrong], &millivolts())).contains("1 standard deviations of `L5` and 2 means")
    );
    assert!(message(mean_traces(&[], &millivolts())).contains("no traces to draw"));
}

#[test]
fn a_collage_names_its_cells_and_has_one_scale() {
    let recorded = Recorded::new(3);
    let figure = collage(&recorded.traces(), &millivolts()).unwrap();
    let panels: Vec<&Figure> = figure.panels.iter().flatten().collect();
    assert_eq!(panels.len(), 3);
    assert_eq!(panels[0].panel.label, "a62693\ncADpyr");
    assert!(panels.iter().all(|panel| panel.y.limits == panels[0].y.limits && panel.y.limits.is_some()));
    let svg = figure.to_svg().unwrap();
    assert_eq!(svg.matches("time (ms)").count(), 1, "the axis is written once");
    assert_eq!(svg.matches("membrane voltage (mV)").count(), 1, "and so is the label");
    for label in ["a62693", "cADpyr", "a62810", "bNAC"] {
        assert!(svg.contains(&format!(">\n{label}\n</text>")), "{label}");
    }
    let many = vec![recorded.traces()[0].clone(); 101];
    assert!(message(collage(&many, &millivolts())).contains("101 cells do not fit"));
}

#[test]
fn voltages_are_counted_in_bins() {
    let mut found = VoltageHistogram::new((0.0, 25.0), 10.0, (-80.0, -40.0), 20.0).unwrap();
    assert!(message(found.figure(&millivolts(), None, false)).contains("no values to draw"));
    found.add(&[0.0, 5.0, 12.0, 25.0, 26.0], &[-70.0, -70.0, -50.0, -40.0, -50.0]).unwrap();
    let figure = found.figure(&millivolts(), None, true).unwrap();
    let Layer::Heatmap { columns, values: Values::Dense(values), .. } = &*figure.layers[0] else {
        panic!("a heat map")
    };
    assert_eq!(*columns, crate::plot::Bins::Edges(vec![0.0, 10.0, 20.0, 25.0]));
    let counts: Vec<f64> = values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect();
    assert_eq!(counts, [2.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(figure.notes, ["1 sample outside of the window or the range: not counted"]);
    for (step, height) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1e-9, 1e-9)] {
        assert!(message(VoltageHistogram::new((0.0, 10.0), step, (0.0, 1.0), height)).contains("do not cut"));
    }
}

#[test]
fn nearer_points_are_drawn_later() {
    let points = [[0.0, 0.0, 10.0], [5.0, 0.0, -10.0], [f64::NAN, 0.0, 0.0]];
    let colour = Colouring::Value { label: "depth".into(), unit: String::new(), of: vec![1.0, 2.0, 3.0] };
    let figure = positions_3d(&points, colour, View { azimuth: 0.0, elevation: 0.0 }).unwrap();
    let (x, _, colour) = points_of(&figure);
    let Colouring::Value { of, .. } = colour else { panic!("values") };
    let finite: Vec<(f64, f64)> = x.into_iter().zip(of).filter(|(x, _)| x.is_finite()).collect();
    assert_eq!(finite, [(5.0, 2.0), (0.0, 1.0)], "the farther one first");
    assert!(figure.bare && figure.equal);
    let rules: usize = figure
        .layers
        .iter()
        .map(|layer| if let Layer::Rules { lines } = &**layer { lines.len() } else { 0 })
        .sum();
    assert_eq!(rules, 12);
    let view = View::default();
    assert!(message(positions_3d(&[], Colouring::Series, view)).contains("no positions to draw"));
    let colour = Colouring::Category { label: String::new(), names: words(&["a"]), of: vec![0] };
    assert!(message(positions_3d(&points, colour, view)).contains("1 colours and 3 positions"));
    let view = View { azimuth: f64::NAN, elevation: 0.0 };
    assert!(message(positions_3d(&points, Colouring::Series, view)).contains("azimuth of NaN"));
}

#[test]
fn small_slices_are_gathered_and_told() {
    let names = words(&["L5_TTPC1", "L5_TTPC2", "L5_UTPC", "L5_BP", "L5_ChC"]);
    let figure = pie(&names, &[510.0, 425.0, 64.0, 3.0, 8.0]).unwrap();
    let Layer::Pie { names: slices, values } = &*figure.layers[0] else { panic!("a pie") };
    assert_eq!(slices.last().map(String::as_str), Some("others"));
    assert_eq!((values.len(), values[3]), (4, 11.0));
    assert_eq!(figure.notes, ["others, each below 2 %: L5_ChC (8), L5_BP (3)"]);
    assert!(pie(&names[..2], &[1.0, 1000.0]).unwrap().notes.is_empty(), "one alone is not gathered");
    assert!(message(pie(&names[..1], &[])).contains("1 names and 0 counts"));
    assert!(message(pie(&names[..1], &[0.0])).contains("nothing to count"));
    assert!(message(pie(&names[..1], &[-1.0])).contains("`L5_TTPC1` cannot be a slice"));
}

#[test]
fn latencies_stand_layer_by_layer() {
    let layers = words(&["L1", "L2"]);
    let class = |name: &str, a: Vec<f64>, b: Vec<f64>| (name.to_owned(), vec![a, b]);
    let classes = [class("EXC", vec![], vec![9.0, 11.0, f64::NAN]), class("INH", vec![7.0], vec![8.0])];
    let figure = latency_boxes(&layers, &classes).unwrap();
    assert_eq!(figure.y.categories(), Some(&layers[..]));
    assert_eq!(figure.x.text(), "response latency (ms)");
    let n: Vec<Vec<usize>> = figure
        .layers
        .iter()
        .map(|layer| match &**layer {
            Layer::Boxes { boxes, horizontal: true, .. } => boxes.iter().map(|b| b.n).collect(),
            _ => panic!("lying boxes"),
        })
        .collect();
    assert_eq!(n, [vec![0, 2], vec![1, 1]]);
    assert_eq!(figure.notes, ["n: cells that answered, EXC | INH", "1 cell did not answer"]);
    assert!(figure.to_svg().unwrap().contains("L2 (n=2 | 1)"));
    let none = [class("EXC", vec![], vec![])];
    assert!(message(latency_boxes(&layers, &none)).contains("no latencies to draw"));
    assert!(message(latency_boxes(&layers[..1], &classes)).contains("2 layers of `EXC` and 1 names"));
}

/// A summary of two groups with two traces each.
fn summary(some: &Simulation, recorded: &Recorded, groups: usize, each: usize) -> Result<Figure> {
    let (mean, sd) = recorded.mean();
    let t = &recorded.0[0].0;
    let means = [MeanTrace { name: "hypercolumn 2".into(), cells: 31_346, t, mean: &mean, sd: &sd }];
    let all = recorded.traces();
    let names = ["L23_PC", "L4_PC", "L5_TTPC1", "L6_NBC"];
    let group = |i: usize| Population {
        name: names[i % 4].to_owned(),
        spikes: some.raster(),
        rate: some.rate(Some(1 + i as u32 % 4)),
        traces: all.iter().cycle().skip(i * each).take(each).cloned().collect(),
    };
    let groups: Vec<Population<'_>> = (0..groups).map(group).collect();
    population_summary(&means, &groups, &edges(), &[1500.0, 2000.0], &millivolts())
}

#[test]
fn a_summary_is_one_page() {
    let (some, recorded) = (Simulation::new(60, 900), Recorded::new(4));
    let figure = summary(&some, &recorded, 2, 3).unwrap();
    let shape: Vec<usize> = figure.panels.iter().map(Vec::len).collect();
    assert_eq!(shape, [1, 2, 2, 2, 2, 2]);
    assert!(figure.panels[0][0].panel.wide && figure.shared && !figure.lettered);
    assert_eq!(figure.panels[1][0].y.limits, figure.panels[1][1].y.limits);
    assert_eq!(figure.panels[1][1].y.text(), "");
    assert_eq!(figure.panels[1][1].title, "L4_PC (60 cells)");
    assert_eq!(figure.to_svg().unwrap().matches(">\ntime (ms)\n<").count(), 2, "once below each column");
    assert!(message(summary(&some, &recorded, 0, 1)).contains("at least one group"));
    assert!(message(summary(&some, &recorded, 7, 1)).contains("7 groups do not fit on one page"));
    assert!(message(summary(&some, &recorded, 1, 9)).contains("9 single traces of `L23_PC`"));
    let silent = Simulation { times: vec![], rows: vec![], ..some };
    assert!(message(summary(&silent, &recorded, 1, 1)).contains("no spikes to draw"));
}

fn film<'a>(some: &'a Simulation, x: &'a [f64], y: &'a [f64]) -> Firing<'a> {
    Firing {
        title: "Hypercolumn <2> & neighbours".into(),
        x_axis: Axis::new("x", "µm"),
        y_axis: Axis::new("y", "µm"),
        x,
        y,
        groups: Some(some.groups()),
        times: &some.times,
        rows: &some.rows,
        window: (1000.0, 2500.0),
        step: 5.0,
    }
}

/// The value of a key in the data of a page.
fn embedded(page: &Animation) -> serde_json::Value {
    let html = page.to_html();
    let start = html.find("id=\"data\">").unwrap() + 10;
    let end = start + html[start..].find("</script>").unwrap();
    serde_json::from_str(&html[start..end]).unwrap()
}

#[test]
fn an_animation_holds_each_frame() {
    use base64::Engine as _;
    let bytes = |v: &serde_json::Value| {
        base64::engine::general_purpose::STANDARD.decode(v.as_str().unwrap()).unwrap()
    };
    let some = Simulation {
        ids: vec![1, 2, 3],
        layers: words(&["</script>", "2"]),
        layer: vec![0, 1, 1],
        times: vec![12.0, 1.0, 1.5, 25.0, 30.0],
        rows: vec![1, 2, 2, 0, 0],
    };
    let (x, y) = ([0.0, 1.0, f64::NAN], [0.0, 1.0, 2.0]);
    let firing = Firing { window: (0.0, 25.0), step: 10.0, ..film(&some, &x, &y) };
    let page = firing_animation(&firing).unwrap();
    assert_eq!(page.describe(), "animation of 3 cells, 3 frames of 10 ms, 4 spikes");
    let data = embedded(&page);
    assert_eq!(data["groups"][0], "</script>", "names cannot end the data");
    let starts: Vec<u32> =
        bytes(&data["starts"]).chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(starts, [0, 1, 2, 3], "a cell lights up once in a frame, and the end of the window counts");
    assert_eq!(bytes(&data["fired"]), [2, 0, 1, 0, 0, 0]);
    assert_eq!(bytes(&data["group"]), [0, 1, 1]);
    assert!(data["notes"].as_str().unwrap().contains("1 cell without a position"));
    let html = page.to_html();
    assert!(html.contains("<title>Hypercolumn &lt;2> &amp; neighbours</title>"));
    assert!(!html.contains("http"), "nothing is fetched");
    assert!(page.encode(Path::new("film.html")).is_ok());
    assert!(message(page.encode(Path::new("film.mp4"))).contains("film.mp4"));
}

#[test]
fn an_animation_refuses_what_no_browser_likes() {
    let some = Simulation::new(100, 500);
    let x = vec![0.0; 100];
    let with = |change: &dyn Fn(&mut Firing<'_>)| {
        let mut firing = film(&some, &x, &x);
        change(&mut firing);
        message(firing_animation(&firing))
    };
    assert!(with(&|f| f.step = 0.0).contains("do not make a film"));
    assert!(with(&|f| f.step = 1e-6).contains("do not make a film"));
    assert!(with(&|f| f.window = (0.0, 5.0)).contains("no spikes to draw between 0 and 5 ms"));
    assert!(with(&|f| f.x = &[]).contains("0 x positions and 100 y positions"));
    assert!(with(&|f| (f.x, f.y, f.groups) = (&[1.0], &[1.0], None)).contains("positions of 1 cell only"));
    let cells = 6_000_000;
    let far = vec![0.0; cells];
    let error = message(firing_animation(&Firing { groups: None, ..film(&some, &far, &far) }));
    assert!(error.contains("500 spikes would be a page of 72 MB"), "{error}");
}

/// All figures with plausible numbers.
fn gallery_of() -> Vec<(&'static str, Figure)> {
    let small = Simulation::new(25, 300);
    let some = Simulation::new(800, 9_000);
    let large = Simulation::new(31_346, 1_000_000);
    let recorded = Recorded::new(40);
    let all = recorded.traces();
    let (mean, sd) = recorded.mean();
    let t = &recorded.0[0].0;
    let mut voltages = VoltageHistogram::new((1000.0, 2500.0), 5.0, (-90.0, 40.0), 2.5).unwrap();
    recorded.0.iter().for_each(|(t, v)| voltages.add(t, v).unwrap());
    let all_rates =
        || Rates { label: String::new(), edges: edges(), groups: vec![("all".into(), some.rate(None))] };
    let (points, layer) = column(3000);
    let layers = words(&["1", "2", "3", "4", "5", "6"]);
    let by_layer = Colouring::Category { label: "layer".into(), names: layers, of: layer };
    let depth = Colouring::Value {
        label: "depth".into(),
        unit: "µm".into(),
        of: points.iter().map(|p| 2000.0 - p[1]).collect(),
    };
    let mut noise = Noise::new(8);
    let intervals: Vec<f64> = (0..20_000).map(|_| 10_f64.powf(1.6 + 0.6 * noise.bell())).collect();
    let near: Vec<f64> = (0..2000).map(|_| 40.0 + 5.0 * noise.bell()).collect();
    let grouped = |s: &Simulation| raster(&Raster { groups: Some(s.groups()), ..s.raster() }).unwrap();
    let layer_names = words(&["L1", "L2", "L3", "L4", "L5", "L6"]);
    let mtypes = words(&[
        "L5_TTPC1", "L5_TTPC2", "L5_UTPC", "L5_STPC", "L5_MC", "L5_LBC", "L5_BTC", "L5_DBC", "L5_BP",
        "L5_NGC", "L5_ChC",
    ]);
    let counts = [2403.0, 2003.0, 342.0, 302.0, 395.0, 210.0, 71.0, 75.0, 37.0, 8.0, 19.0];
    let by_group: Vec<(String, Vec<Trace<'_>>)> = ["L23_PC", "L4_PC", "L5_TTPC1"]
        .iter()
        .enumerate()
        .map(|(i, name)| ((*name).to_owned(), all[i * 12..(i + 1) * 12].to_vec()))
        .collect();
    let one = MeanTrace { name: "L5_TTPC1".into(), cells: 40, t, mean: &mean, sd: &sd };
    let shifted: Vec<f64> = mean.iter().map(|v| v + 6.0).collect();
    let other = MeanTrace { name: "L4_PC".into(), cells: 40, t, mean: &shifted, sd: &sd };
    vec![
        ("raster-ids", raster(&small.raster()).unwrap()),
        ("raster-800", raster(&some.raster()).unwrap()),
        ("raster-layers", grouped(&some).title("Hypercolumn 2, thalamic stimulus")),
        ("raster-million", grouped(&large)),
        ("psth-one", psth(&all_rates(), &[1500.0, 2000.0]).unwrap()),
        ("psth-layers", psth(&some.rates(), &[1500.0, 2000.0]).unwrap()),
        ("isi-log", isi(&intervals, Interval::Time).unwrap()),
        ("isi-linear", isi(&near, Interval::Time).unwrap()),
        ("isi-rate", isi(&intervals, Interval::Rate).unwrap()),
        ("traces-4", traces(&all[..4], &millivolts()).unwrap()),
        ("traces-40", traces(&all, &millivolts()).unwrap()),
        ("mean", mean_traces(std::slice::from_ref(&one), &millivolts()).unwrap()),
        ("mean-two", mean_traces(&[one, other], &millivolts()).unwrap()),
        ("collage", collage(&all[..10], &millivolts()).unwrap().title("Ten cells of L5")),
        ("collage-size", collage(&all[..10], &millivolts()).unwrap().size(900, 1100).unwrap()),
        ("multi-trace", traces_by_group(&by_group, &millivolts()).unwrap()),
        ("raster-psth", raster_with_psth(&some.raster(), &all_rates(), &[1500.0, 2000.0]).unwrap()),
        (
            "raster-psth-layers",
            raster_with_psth(
                &Raster { groups: Some(large.groups()), ..large.raster() },
                &large.rates(),
                &[1500.0],
            )
            .unwrap(),
        ),
        ("summary", summary(&some, &recorded, 3, 3).unwrap().title("Evoked activity")),
        ("summary-one", summary(&small, &recorded, 1, 3).unwrap()),
        ("voltage", voltages.figure(&millivolts(), Some(&all_rates()), false).unwrap()),
        ("voltage-log", voltages.figure(&millivolts(), Some(&all_rates()), true).unwrap()),
        (
            "positions-layers",
            positions_3d(&points, by_layer.clone(), View::default()).unwrap().title("Hypercolumn 2"),
        ),
        ("positions-depth", positions_3d(&points, depth, View { azimuth: -60.0, elevation: -15.0 }).unwrap()),
        (
            "positions-front",
            positions_3d(&points, by_layer.clone(), View { azimuth: 0.0, elevation: 0.0 }).unwrap(),
        ),
        (
            "positions-above",
            positions_3d(&points, by_layer, View { azimuth: 45.0, elevation: 70.0 }).unwrap(),
        ),
        ("pie", pie(&mtypes, &counts).unwrap().title("Layer 5 by m-type")),
        ("latency", latency_boxes(&layer_names, &latencies()).unwrap()),
    ]
}

/// Writes every figure in every theme into a folder, to be looked at:
/// `NEURHAI_GALLERY=/somewhere cargo test --lib simulation_gallery -- --ignored`.
#[test]
#[ignore = "writes pictures to be looked at"]
fn simulation_gallery() {
    let Some(folder) = std::env::var_os("NEURHAI_GALLERY").map(std::path::PathBuf::from) else {
        println!("skipped: NEURHAI_GALLERY names no folder");
        return;
    };
    let only = std::env::var("NEURHAI_GALLERY_ONLY").unwrap_or_default();
    let themes = std::env::var("NEURHAI_GALLERY_THEMES").unwrap_or_else(|_| "light dark print".to_owned());
    std::fs::create_dir_all(&folder).unwrap();
    for (name, figure) in gallery_of().into_iter().filter(|(name, _)| name.contains(&only)) {
        println!("{name}: {}", figure.describe());
        for theme in themes.split(' ') {
            let figure = figure.clone().theme(theme).unwrap();
            let start = std::time::Instant::now();
            let picture = figure.to_png().unwrap();
            println!("  {theme}: {:?}", start.elapsed());
            std::fs::write(folder.join(format!("{name}-{theme}.png")), picture).unwrap();
        }
    }
    let some = Simulation::new(3000, 40_000);
    let (points, _) = column(3000);
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|p| (p[0], p[1])).unzip();
    let page = firing_animation(&film(&some, &x, &y)).unwrap();
    std::fs::write(folder.join("animation.html"), page.to_html()).unwrap();
}
