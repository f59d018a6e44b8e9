//! Whole figures: their words, their sizes, and data of every kind.

use super::*;

/// Writes every kind of figure in every theme into a folder, to be looked at:
/// `NEURHAI_GALLERY=/somewhere cargo test --lib gallery -- --ignored`.
#[test]
#[ignore = "writes pictures to be looked at"]
fn gallery() {
    let Some(folder) = std::env::var_os("NEURHAI_GALLERY").map(std::path::PathBuf::from) else {
        println!("skipped: NEURHAI_GALLERY names no folder");
        return;
    };
    let only = std::env::var("NEURHAI_GALLERY_ONLY").unwrap_or_default();
    std::fs::create_dir_all(&folder).unwrap();
    for (name, figure) in samples::all() {
        if !name.contains(&only) {
            continue;
        }
        println!("{name}: {}", figure.describe());
        std::fs::write(folder.join(format!("{name}.png")), figure.to_png().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.svg")), figure.to_svg().unwrap()).unwrap();
        if !["histogram", "bars-grouped", "lines", "scatter-category", "boxes", "heat55", "grid"]
            .contains(&name)
        {
            continue;
        }
        for theme in ["dark", "print"] {
            let figure = figure.clone().theme(theme).unwrap();
            std::fs::write(folder.join(format!("{name}-{theme}.png")), figure.to_png().unwrap()).unwrap();
        }
    }
}

/// Figures of every kind with made-up numbers.
mod samples {
    use super::*;

    /// Numbers between 0 and 1 that look random and are always the same.
    pub struct Noise(u64);

    impl Noise {
        pub fn new(seed: u64) -> Self {
            Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
        }

        pub fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// About normal, mean 0, standard deviation 1.
        pub fn bell(&mut self) -> f64 {
            (0..12).map(|_| self.next()).sum::<f64>() - 6.0
        }
    }

    pub fn mtypes() -> Vec<String> {
        let kinds = [
            "DAC", "NGC-DA", "NGC-SA", "HAC", "DLAC", "SLAC", "MC", "BTC", "DBC", "BP", "NBC", "LBC", "SBC",
            "ChC",
        ];
        let mut names: Vec<String> = kinds[..6].iter().map(|k| format!("L1_{k}")).collect();
        for layer in ["L23", "L4", "L5", "L6"] {
            names.extend(kinds[6..].iter().take(8).map(|k| format!("{layer}_{k}")));
            names.extend(["PC", "TTPC1", "UTPC", "STPC"].iter().map(|k| format!("{layer}_{k}")));
        }
        names.truncate(55);
        names.extend((names.len()..55).map(|i| format!("L6_TPC_L{i}")));
        names
    }

    fn histogram(seed: u64, centre: f64, name: &str) -> Layer {
        let mut noise = Noise::new(seed);
        let edges: Vec<f64> = (0..=40).map(|i| f64::from(i) * 0.25).collect();
        let mut counts = vec![0.0; 40];
        for _ in 0..5000 {
            let v = centre + noise.bell() * 1.2;
            if let Some(c) = counts.get_mut((v / 0.25) as usize) {
                *c += 1.0;
            }
        }
        Layer::Histogram { name: name.into(), edges, counts }
    }

    fn bars(name: &str, values: Vec<f64>) -> Layer {
        let errors = values.iter().map(|v| (v * 0.9, v * 1.12)).collect();
        Layer::Bars { name: name.into(), values, errors, horizontal: false }
    }

    fn line(name: &str, seed: u64, n: usize, level: f64) -> Layer {
        let mut noise = Noise::new(seed);
        let x: Vec<f64> = (0..n).map(|i| i as f64 * 200.0 / n as f64).collect();
        let mut v = level;
        let y = x.iter().map(|_| {
            v += (level - v) * 0.1 + noise.bell() * 0.8;
            v
        });
        Layer::Line { name: name.into(), y: y.collect(), x, lower: vec![], upper: vec![], markers: false }
    }

    pub fn points(n: usize, seed: u64) -> (Vec<f64>, Vec<f64>, Vec<u32>) {
        let mut noise = Noise::new(seed);
        let mut out = (vec![], vec![], vec![]);
        for _ in 0..n {
            let layer = (noise.next() * 6.0) as u32;
            out.0.push(noise.bell() * 60.0);
            out.1.push(2000.0 - f64::from(layer) * 330.0 + noise.bell() * 70.0);
            out.2.push(layer);
        }
        out
    }

    fn layers() -> Vec<String> {
        (1..=6).map(|i| format!("layer {i}")).collect()
    }

    fn boxes(n: usize, seed: u64) -> Vec<BoxStats> {
        let mut noise = Noise::new(seed);
        (0..n)
            .map(|i| {
                let median = 8.0 + noise.next() * 6.0;
                let outliers =
                    (0..(noise.next() * 6.0) as usize).map(|_| median + 9.0 + noise.next() * 6.0).collect();
                BoxStats {
                    low: median - 5.0,
                    q1: median - 2.0 - noise.next(),
                    median,
                    q3: median + 2.5 + noise.next(),
                    high: median + 7.0,
                    outliers,
                    n: 40 + 317 * i,
                }
            })
            .collect()
    }

    pub fn heat(names: &[String], colours: Colours) -> Figure {
        let mut noise = Noise::new(5);
        let n = names.len();
        let mut values: Vec<f64> = (0..n * n).map(|_| noise.next().powi(3) * 0.4).collect();
        for v in &mut values {
            if noise.next() < 0.2 {
                *v = f64::NAN;
            } else if matches!(colours, Colours::Diverging(_)) {
                *v -= 0.1;
            }
        }
        Figure::new(
            Axis::names("postsynaptic mtype", names.to_vec()),
            Axis::names("presynaptic mtype", names.to_vec()),
        )
        .layer(Layer::Heatmap {
            columns: Bins::Names,
            rows: Bins::Names,
            values: Values::Dense(values),
            label: "connection probability".into(),
            unit: String::new(),
            colours,
        })
    }

    pub fn scatter(n: usize) -> Figure {
        let (x, y, of) = points(n, 3);
        Figure::new(Axis::new("x", "µm"), Axis::new("y", "µm")).equal().layer(Layer::Scatter {
            name: String::new(),
            x,
            y,
            colour: Colouring::Category { label: "layer".into(), names: layers(), of },
            marker: Marker::Dot,
        })
    }

    pub fn raster(n: usize) -> Figure {
        let mut noise = Noise::new(9);
        let (mut x, mut y, mut of) = (vec![], vec![], vec![]);
        for _ in 0..n {
            let cell = (noise.next() * 300.0).floor();
            x.push(if noise.next() < 0.4 { 1500.0 + noise.next() * 60.0 } else { noise.next() * 3000.0 });
            y.push(cell);
            of.push((cell / 60.0) as u32);
        }
        Figure::new(Axis::new("time", "ms"), Axis::new("cell", "")).layer(Layer::Scatter {
            name: String::new(),
            x,
            y,
            colour: Colouring::Category {
                label: "layer".into(),
                names: ["L1", "L23", "L4", "L5", "L6"].map(String::from).to_vec(),
                of,
            },
            marker: Marker::Tick,
        })
    }

    pub fn all() -> Vec<(&'static str, Figure)> {
        let delay = || Figure::new(Axis::new("delay", "ms"), Axis::new("synapses", ""));
        let five: Vec<String> = ["L1", "L2/3", "L4", "L5", "L6"].map(String::from).to_vec();
        let mut noise = Noise::new(11);
        let many: Vec<f64> = (0..55).map(|_| (noise.next() * 20_000.0).round()).collect();
        let traces = ["L5_TTPC1", "L4_SS", "L6_TPC_L1"].iter().zip([-65.0, -58.0, -71.0]).enumerate().fold(
            Figure::new(Axis::new("time", "ms"), Axis::new("voltage", "mV")),
            |f, (i, (name, level))| f.layer(line(name, i as u64 + 1, 800, level)),
        );
        let x: Vec<f64> = (0..20).map(|i| 12.5 + 25.0 * f64::from(i)).collect();
        let p: Vec<f64> = x.iter().map(|x| 0.2 * (-x / 150.0).exp()).collect();
        let error =
            |by: f64| p.iter().zip(&x).map(|(p, x)| p + by * 0.02 * (1.0 + x / 200.0)).collect::<Vec<_>>();
        let probability = |markers: bool| {
            Figure::new(Axis::new("intersomatic distance", "µm"), Axis::new("connection probability", ""))
                .layer(Layer::Line {
                    name: "mean ± 95 % CI".into(),
                    x: x.clone(),
                    y: p.clone(),
                    lower: error(-1.0),
                    upper: error(1.0),
                    markers,
                })
        };
        let psth = Figure::new(Axis::new("time", "ms"), Axis::new("firing rate", "Hz"))
            .layer(Layer::Span { from: 1500.0, to: 1530.0, label: "stimulus".into() })
            .layer(Layer::Steps {
                name: "EXC".into(),
                edges: (0..=100).map(|i| 1000.0 + f64::from(i) * 10.0).collect(),
                values: (0..100)
                    .map(|i| {
                        if (50..58).contains(&i) {
                            14.0 - f64::from(i - 50)
                        } else {
                            1.0 + f64::from(i * 7 % 5) * 0.2
                        }
                    })
                    .collect(),
            })
            .layer(Layer::HLine { y: 1.3, label: "mean before the stimulus".into() });
        let (bx, by, _) = points(2000, 8);
        let depth: Vec<f64> = by.iter().map(|y| 2100.0 - y).collect();
        let long: Vec<String> =
            (0..12).map(|i| format!("a very long name of an electrical type number {i}")).collect();
        let (hx, hy, _) = points(2_000_000, 4);
        let segments: Vec<[f64; 5]> = {
            let mut noise = Noise::new(21);
            let (mut out, mut at, mut angle) = (vec![], (0.0, 0.0), 0.0);
            for i in 0..1500 {
                if i % 60 == 0 {
                    (at, angle) = ((0.0, 0.0), noise.next() * 6.283);
                }
                angle += noise.bell() * 0.2;
                let to = (at.0 + 6.0 * f64::cos(angle), at.1 + 6.0 * f64::sin(angle));
                out.push([at.0, at.1, to.0, to.1, 3.0 / (1.0 + f64::from(i % 60) / 8.0)]);
                at = to;
            }
            out
        };
        let kinds: Vec<u32> = (0..1500).map(|i| if i < 300 { 0 } else { 1 + u32::from(i > 1000) }).collect();
        let log = |f: Figure| f.yscale("log").unwrap();
        vec![
            ("histogram", delay().layer(histogram(1, 4.0, "")).title("Delays of L5_TTPC1 → L5_MC")),
            ("histograms", delay().layer(histogram(1, 3.5, "L4_SS → L5_TTPC1")).layer(histogram(2, 6.0, "L5_MC → L5_TTPC1"))),
            ("histogram-log", log(delay().layer(histogram(1, 4.0, "")))),
            ("bars", Figure::new(Axis::names("layer", five.clone()), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: vec![338.0, 7524.0, 4656.0, 6114.0, 12_651.0], errors: vec![], horizontal: false }).title("Cells of the circuit")),
            ("bars-grouped", Figure::new(Axis::names("layer", five.clone()), Axis::new("firing rate", "Hz")).layer(bars("EXC", vec![f64::NAN, 1.2, 2.4, 3.9, 2.2])).layer(bars("INH", vec![4.2, 6.5, 5.1, 8.8, 4.4]))),
            ("bars-stacked", Figure::new(Axis::names("layer", five.clone()), Axis::new("cells", "")).stacked().layer(Layer::Bars { name: "EXC".into(), values: vec![0.0, 5877.0, 4200.0, 5000.0, 11_000.0], errors: vec![], horizontal: false }).layer(Layer::Bars { name: "INH".into(), values: vec![338.0, 1647.0, 456.0, 1114.0, 1651.0], errors: vec![], horizontal: false })),
            ("bars55", Figure::new(Axis::names("mtype", mtypes()), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: many.clone(), errors: vec![], horizontal: false })),
            ("bars55-fixed", Figure::new(Axis::names("mtype", mtypes()), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: many.clone(), errors: vec![], horizontal: false }).size(700, 450).unwrap()),
            ("bars55-tiny", Figure::new(Axis::names("mtype", mtypes()), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: many.clone(), errors: vec![], horizontal: false }).size(360, 260).unwrap()),
            ("bars55-lying", Figure::new(Axis::new("cells", ""), Axis::names("mtype", mtypes())).layer(Layer::Bars { name: String::new(), values: many, errors: vec![], horizontal: true })),
            ("bars-long", Figure::new(Axis::names("etype", long.clone()), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: (0..12).map(|i| 1e6 * f64::from(i + 1)).collect(), errors: vec![], horizontal: false })),
            ("bars-long-lying", Figure::new(Axis::new("cells", ""), Axis::names("etype", long)).layer(Layer::Bars { name: String::new(), values: (0..12).map(|i| 1e6 * f64::from(i + 1)).collect(), errors: vec![], horizontal: true })),
            ("lines", traces.clone().title("Soma voltage")),
            ("line-errors", probability(true)),
            ("line-band", probability(false).title("A rather long title that explains at length what the figure shows: connection probability of layer 5 thick-tufted pyramidal cells against distance")),
            ("psth", psth.clone()),
            ("scatter-category", scatter(3000)),
            ("scatter-value", Figure::new(Axis::new("x", "µm"), Axis::new("y", "µm")).layer(Layer::Scatter { name: String::new(), x: bx, y: by, colour: Colouring::Value { label: "depth".into(), unit: "µm".into(), of: depth }, marker: Marker::Dot })),
            ("scatter-cloud", Figure::new(Axis::new("x", "µm"), Axis::new("y", "µm")).layer(Layer::Scatter { name: String::new(), x: hx, y: hy, colour: Colouring::Series, marker: Marker::Dot })),
            ("scatter-cloud-category", scatter(300_000)),
            ("raster", raster(6000)),
            ("raster-many", raster(200_000)),
            ("boxes", Figure::new(Axis::names("layer", five.clone()), Axis::new("latency", "ms")).layer(Layer::Boxes { name: "EXC".into(), boxes: boxes(5, 1), horizontal: false }).layer(Layer::Boxes { name: "INH".into(), boxes: boxes(5, 2), horizontal: false })),
            ("boxes-lying", Figure::new(Axis::new("latency", "ms"), Axis::names("layer", five)).layer(Layer::Boxes { name: String::new(), boxes: boxes(5, 3), horizontal: true })),
            ("boxes55", Figure::new(Axis::names("mtype", mtypes()), Axis::new("latency", "ms")).layer(Layer::Boxes { name: String::new(), boxes: boxes(55, 3), horizontal: false })),
            ("heat12", heat(&mtypes()[..12], Colours::Linear)),
            ("heat55", heat(&mtypes(), Colours::Linear).title("Connection probability by pathway")),
            ("heat-diverging", heat(&mtypes()[..20], Colours::Diverging(0.0))),
            ("heat-log", heat(&mtypes()[..8], Colours::Log)),
            ("heat-numbers", Figure::new(Axis::new("time", "ms"), Axis::new("depth", "µm")).layer(Layer::Heatmap {
                columns: Bins::Even { start: 0.0, width: 0.1, n: 3000 },
                rows: Bins::Even { start: 0.0, width: 20.0, n: 100 },
                values: Values::Dense((0..300_000).map(|i| f64::sin(f64::from(i % 3000) / 150.0 + f64::from(i / 3000) / 9.0) * 40.0 - 60.0).collect()),
                label: "voltage".into(),
                unit: "mV".into(),
                colours: Colours::Linear,
            })),
            ("heat-sparse", Figure::new(Axis::new("postsynaptic cell", ""), Axis::new("presynaptic cell", "")).layer(Layer::Heatmap {
                columns: Bins::Even { start: -0.5, width: 1.0, n: 10_000 },
                rows: Bins::Even { start: -0.5, width: 1.0, n: 10_000 },
                values: Values::Sparse({
                    let mut noise = Noise::new(2);
                    (0..40_000).map(|_| ((noise.next() * 1e4) as u32, (noise.next().powi(2) * 1e4) as u32, (1.0 + noise.next() * 12.0).floor())).collect()
                }),
                label: "synapses per connection".into(),
                unit: String::new(),
                colours: Colours::Linear,
            })),
            ("pie", Figure::default().title("Pyramidal cells of layer 5").layer(Layer::Pie { names: ["L5_TTPC1", "L5_TTPC2", "L5_UTPC", "L5_STPC"].map(String::from).to_vec(), values: vec![2403.0, 2003.0, 342.0, 12.0] })),
            ("pie55", Figure::default().layer(Layer::Pie { names: mtypes(), values: (0..55).map(|i| 1.0 + f64::from(i * 13 % 55)).collect() })),
            ("morphology", Figure::new(Axis::new("x", "µm"), Axis::new("y", "µm")).equal().layer(Layer::Segments { segments, names: ["axon", "basal dendrite", "apical dendrite"].map(String::from).to_vec(), of: kinds })),
            ("empty", delay().layer(Layer::Histogram { name: String::new(), edges: vec![0.0], counts: vec![] })),
            ("empty-names", Figure::new(Axis::names("mtype", vec![]), Axis::new("cells", "")).layer(Layer::Bars { name: String::new(), values: vec![], errors: vec![], horizontal: false })),
            ("lost", log(Figure::new(Axis::new("distance", "µm"), Axis::new("rate", "Hz")).layer(Layer::Scatter { name: String::new(), x: (0..50).map(f64::from).collect(), y: (0..50).map(|i| f64::from(i - 10) * 3.0).collect(), colour: Colouring::Series, marker: Marker::Dot }))),
            ("grid", Figure::grid(vec![
                vec![delay().layer(histogram(1, 4.0, "")).title("Delays"), traces.clone().title("Voltage")],
                vec![heat(&mtypes()[..12], Colours::Linear), psth],
            ]).unwrap()),
            ("grid-stack", Figure::grid((0..4).map(|i| vec![Figure::new(Axis::new(if i == 3 { "time" } else { "" }, if i == 3 { "ms" } else { "" }), Axis::new("voltage", "mV")).layer(line("", i + 1, 4000, -65.0)).title(format!("a{}  L5_TTPC1", i + 76))]).collect()).unwrap().title("Voltage of four cells").size(1000, 1300).unwrap()),
        ]
    }
}
