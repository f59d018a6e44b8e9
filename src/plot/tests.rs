//! Whole figures: their words, their sizes, and data of every kind.

use std::path::Path;

use proptest::prelude::*;

use super::render::scene;
use super::scene::{Mark, Point, Text};
use super::*;

/// All words of a figure.
fn texts(figure: &Figure) -> (f64, f64, Vec<Text>) {
    fn collect(marks: &[Mark], out: &mut Vec<Text>) {
        for mark in marks {
            match mark {
                Mark::Text(text) => out.push(text.clone()),
                Mark::Clip { marks, .. } => collect(marks, out),
                _ => {}
            }
        }
    }
    let scene = scene(figure, 1.0).unwrap();
    let mut out = Vec::new();
    collect(&scene.marks, &mut out);
    (f64::from(scene.width), f64::from(scene.height), out)
}

/// Whether two turned boxes overlap by more than a pixel: no side of either separates them.
fn collide(a: &[Point; 4], b: &[Point; 4]) -> bool {
    let sides = |q: &[Point; 4]| [(q[0], q[1]), (q[1], q[2])];
    sides(a).into_iter().chain(sides(b)).all(|(p, q)| {
        let length = (q.0 - p.0).hypot(q.1 - p.1).max(1e-9);
        let along = |c: &Point| (c.0 * (q.0 - p.0) + c.1 * (q.1 - p.1)) / length;
        let span = |q: &[Point; 4]| {
            q.iter().map(along).fold((f64::MAX, f64::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)))
        };
        let ((a0, a1), (b0, b1)) = (span(a), span(b));
        a0 + 1.0 < b1 && b0 + 1.0 < a1
    })
}

fn assert_words_are_clear(name: &str, figure: &Figure) {
    let (width, height, texts) = texts(figure);
    for (i, a) in texts.iter().enumerate() {
        let box_a = a.corners();
        for (x, y) in box_a {
            let inside = x >= -1.0 && y >= -1.0 && x <= width + 1.0 && y <= height + 1.0;
            assert!(inside, "{name}: `{}` leaves the paper of {width} × {height} at {x}, {y}", a.words);
        }
        for b in &texts[i + 1..] {
            assert!(!collide(&box_a, &b.corners()), "{name}: `{}` and `{}` overlap", a.words, b.words);
        }
    }
}

#[test]
fn no_words_overlap_or_leave_the_paper() {
    for (name, figure) in samples::small() {
        for theme in Theme::NAMES {
            assert_words_are_clear(&format!("{name}, {theme}"), &figure.clone().theme(theme).unwrap());
        }
        for (w, h) in [(640, 480), (1500, 500), (500, 900)] {
            let sized = figure.clone().size(w, h).unwrap();
            // A figure that is too small for its words says so.
            match scene(&sized, 1.0) {
                Ok(_) => assert_words_are_clear(&format!("{name}, {w} × {h}"), &sized),
                Err(error) => assert!(error.message().contains("too few for the words"), "{name}: {error}"),
            }
        }
    }
}

#[test]
fn every_name_is_written() {
    for (name, figure) in samples::small() {
        let svg = figure.to_svg().unwrap();
        assert_eq!(svg.contains("of which it shows every"), name == "bars55-tiny");
        if name == "bars55-tiny" {
            continue;
        }
        let wanted: Vec<&String> =
            [&figure.x, &figure.y].into_iter().filter_map(|a| a.categories()).flatten().collect();
        for category in wanted {
            let found = svg.contains(&format!(">\n{category}\n</text>"))
                || svg.contains(&format!(">\n{category} (n="));
            assert!(found, "{name} lacks {category}");
        }
    }
}

#[test]
fn default_and_chosen_sizes() {
    let size = |figure: &Figure| {
        let bytes = figure.to_png().unwrap();
        let reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let info = reader.info();
        (info.width, info.height, info.pixel_dims.map(|d| d.xppu))
    };
    let figure = || samples::small().remove(0).1;
    assert_eq!(size(&figure()), (1200, 800, Some(5669)));
    assert_eq!(size(&figure().theme("print").unwrap()), (1772, 1181, Some(11_811)));
    let sized = size(&figure().size(640, 333).unwrap());
    assert_eq!((sized.0, sized.1), (640, 333));
    for (w, h) in [(99, 500), (500, 0), (20_001, 500), (20_000, 20_000)] {
        assert!(figure().size(w, h).is_err());
    }
}

#[test]
fn names_that_do_not_fit_make_the_figure_grow() {
    let names: Vec<String> = (0..150).map(|i| format!("mtype_number_{i}")).collect();
    let values = (0..150).map(f64::from).collect();
    let bars = Layer::Bars { name: String::new(), values, errors: vec![], horizontal: false };
    let figure = Figure::new(Axis::names("mtype", names), Axis::new("cells", "")).layer(bars);
    let (width, _, written) = texts(&figure);
    assert!(width > 1500.0);
    assert_eq!(written.iter().filter(|t| t.words.starts_with("mtype_number_")).count(), 150);
    assert_words_are_clear("150 names", &figure);
    let small = figure.size(400, 300).unwrap();
    let (_, _, written) = texts(&small);
    let shown = written.iter().filter(|t| t.words.starts_with("mtype_number_")).count();
    assert!(shown < 150 && written.iter().any(|t| t.words.contains("has 150 names, of which")), "{shown}");
    let error = small.size(100, 100).unwrap().to_png().unwrap_err().to_string();
    assert!(error.contains("100 × 100 pixels are too few") && error.contains("they need about"), "{error}");
}

#[test]
fn very_many_names_are_thinned_with_a_note() {
    let names: Vec<String> = (0..2000).map(|i| format!("{i}")).collect();
    let values = vec![1.0; 2000];
    let bars = Layer::Bars { name: String::new(), values, errors: vec![], horizontal: true };
    let figure = Figure::new(Axis::default(), Axis::names("morphology", names)).layer(bars);
    let (_, height, written) = texts(&figure);
    assert!(
        height <= 6000.0 && written.iter().any(|t| t.words.contains("2,000 names, of which it shows every"))
    );
}

#[test]
fn many_points_become_one_picture() {
    let svg = samples::scatter(30_000).to_svg().unwrap();
    assert_eq!(svg.matches("<image").count(), 1);
    assert!(svg.len() < 2_000_000, "{}", svg.len());
    assert!(svg.contains("30,000 points, drawn as a density image"));
    assert!(svg.matches("<circle").count() <= 6, "the legend");
    let svg = samples::scatter(3000).to_svg().unwrap();
    assert!(!svg.contains("<image") && svg.matches("<circle").count() >= 3000);
    assert!(!svg.contains("density image"));
}

#[test]
fn many_cells_become_one_picture() {
    let names: Vec<String> = (0..110).map(|i| format!("m{i}")).collect();
    let svg = samples::heat(&names, Colours::Linear).to_svg().unwrap();
    assert_eq!(svg.matches("<image").count(), 1);
    let svg = samples::heat(&names[..50], Colours::Linear).to_svg().unwrap();
    assert!(!svg.contains("<image") && svg.matches("<rect").count() > 1500);
    let even = |n| Bins::Even { start: 0.0, width: 1.0, n };
    let values = Values::Sparse(vec![(5, 7, 1.0), (99_999, 99_999, 2.0)]);
    let (label, unit, colours) = ("n".to_owned(), String::new(), Colours::Linear);
    let heat = Layer::Heatmap { columns: even(100_000), rows: even(100_000), values, label, unit, colours };
    let svg = Figure::default().layer(heat).to_svg().unwrap();
    assert!(svg.contains("100,000 × 100,000 cells: a pixel is the mean"));
    let values = Values::Sparse(vec![(u32::MAX - 1, 7, 1.0)]);
    let (rows, columns) = (even(usize::MAX), even(usize::MAX / 3));
    let heat = Layer::Heatmap { columns, rows, values, label: String::new(), unit: String::new(), colours };
    assert!(
        Figure::default().layer(heat).to_svg().unwrap().contains("<image"),
        "no room is taken for empty cells"
    );
}

#[test]
fn long_lines_keep_their_picture_and_lose_their_weight() {
    let x: Vec<f64> = (0..300_000).map(|i| f64::from(i) * 0.1).collect();
    let y: Vec<f64> = x.iter().map(|x| (x * 0.7).sin()).collect();
    let line = Layer::Line { name: String::new(), x, y, lower: vec![], upper: vec![], markers: false };
    let figure = Figure::new(Axis::new("time", "ms"), Axis::new("voltage", "mV")).layer(line);
    let svg = figure.to_svg().unwrap();
    assert!(svg.len() < 300_000, "{}", svg.len());
    assert!(svg.contains("300,000 points of the line"));
    assert!(
        !texts(&figure).2.iter().any(|t| t.words.contains("300,000")),
        "pixels hold all that can be seen"
    );
}

#[test]
fn the_same_name_has_the_same_colour_in_all_panels() {
    let line = |name: &str| Layer::Line {
        name: name.into(),
        x: vec![0.0, 1.0],
        y: vec![0.0, 1.0],
        lower: vec![],
        upper: vec![],
        markers: false,
    };
    let one = Figure::default().layer(line("EXC")).layer(line("INH"));
    let other = Figure::default().layer(line("INH")).layer(line("EXC"));
    let figure = Figure::grid(vec![vec![one, other]]).unwrap();
    let palette = palette::Palette::new(&figure);
    let panels: Vec<&Figure> = figure.panels.iter().flatten().collect();
    assert_eq!(palette.number(panels[0], 1, "INH"), palette.number(panels[1], 0, "INH"));
    assert_ne!(palette.number(panels[0], 0, "EXC"), palette.number(panels[0], 1, "INH"));
}

#[test]
fn a_legend_hides_no_data() {
    let line = |name: &str, y: Vec<f64>| Layer::Line {
        name: name.into(),
        x: (0..y.len()).map(|i| i as f64).collect(),
        y,
        lower: vec![],
        upper: vec![],
        markers: false,
    };
    let wave = |n: usize| (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect::<Vec<_>>();
    let place = |figure: &Figure| {
        let (width, _, texts) = texts(figure);
        texts.iter().find(|t| t.words == "INH").map(|t| t.at.0 / width).unwrap()
    };
    let full = Figure::default().layer(line("EXC", wave(200))).layer(line("INH", wave(200)));
    let free = Figure::default().layer(line("EXC", vec![0.0, 1.0])).layer(line("INH", vec![0.0, 0.9]));
    assert!(place(&full) > 0.9, "beside the axes");
    assert!(place(&free) < 0.3, "in the free corner above the rising lines");
    let hidden = Figure { legend: Legend::Hidden, ..full };
    assert!(!texts(&hidden).2.iter().any(|t| t.words == "INH"));
}

#[test]
fn panels_stand_in_line() {
    let (_, figure) = samples::small().into_iter().find(|(name, _)| *name == "grid").unwrap();
    let (_, _, texts) = texts(&figure);
    let at = |words: &str| texts.iter().find(|t| t.words == words).unwrap().at;
    assert!((at("Delays").0 - at("Voltage").0).abs() > 100.0 && at("Delays").1 == at("Voltage").1);
    for letter in ["A", "B", "C", "D"] {
        assert!(texts.iter().any(|t| t.words == letter && t.bold));
    }
    assert_eq!(at("A").0, at("C").0);
    assert_eq!(at("B").1, at("A").1);
    assert!(Figure::grid(vec![vec![figure]]).is_err(), "a grid in a grid");
    assert!(Figure::grid(vec![vec![], vec![]]).is_err());
}

#[test]
fn panels_share_one_axis_which_is_written_once() {
    let panel = |from: f64, to: f64| {
        Figure::new(Axis::new("time", "ms"), Axis::new("rate", "Hz"))
            .layer(Layer::line(vec![from, to], vec![0.0, 10.0]))
            .note("seen twice")
    };
    let wide = panel(0.0, 5.0).panel(Panel { wide: true, ..Panel::default() });
    let thin = Panel { label: "a42\ncADpyr".into(), height: 0.4, wide: false };
    let rows = vec![
        vec![wide],
        vec![panel(2.0, 10.0), panel(0.0, 1.0).panel(thin.clone())],
        vec![panel(0.0, 1.0).panel(thin)],
    ];
    let figure = Figure::stack(rows).unwrap();
    assert_eq!(figure.notes, ["seen twice"]);
    assert_words_are_clear("a stack", &figure);
    let (_, _, words) = texts(&figure);
    let places =
        |word: &str| -> Vec<Point> { words.iter().filter(|t| t.words == word).map(|t| t.at).collect() };
    assert_eq!(places("time (ms)").len(), 2, "below each column");
    let ends: Vec<Point> = places("10").into_iter().filter(|p| p.1 > 200.0).collect();
    assert!(ends.len() >= 2, "all reach from 0 to 10");
    assert_eq!((places("a42").len(), places("cADpyr").len()), (2, 2));

    let mut other = figure.clone();
    other.y = Axis::new("voltage", "mV");
    assert_eq!(
        texts(&other.ylabel("current (nA)")).2.iter().filter(|t| t.words == "current (nA)").count(),
        1
    );
    let log = panel(1.0, 9.0).xscale("log").unwrap();
    let error = Figure::stack(vec![vec![panel(0.0, 1.0)], vec![log]]).unwrap().to_svg().unwrap_err();
    assert!(error.message().contains("need the same scale"), "{error}");
    assert!(figure.size(300, 200).unwrap().to_png().unwrap_err().message().contains("too few"));
}

#[test]
fn own_ticks_are_thinned_where_they_have_no_room() {
    let ticks = (0..100).map(|i| (f64::from(i), format!("cell {i}"))).collect();
    let y = Axis { ticks, ..Axis::new("cell", "") };
    let figure = Figure::new(Axis::new("time", "ms"), y).layer(Layer::line(vec![0.0, 1.0], vec![0.0, 99.0]));
    assert_words_are_clear("own ticks", &figure);
    let words = texts(&figure).2;
    let shown = words.iter().filter(|t| t.words.starts_with("cell ")).count();
    assert!((10..60).contains(&shown) && words.iter().any(|t| t.words == "cell 0"), "{shown}");
}

#[test]
fn points_of_several_shapes_keep_their_order() {
    let colour = Colouring::Category {
        label: String::new(),
        names: vec!["a".into(), "b".into()],
        of: vec![0, 1, 1, 0],
    };
    let v = vec![0.0, 1.0, 2.0, 3.0];
    let dots = Layer::Scatter { name: String::new(), x: v.clone(), y: v, colour, marker: Marker::Dot };
    let figure = Figure::default().layer(dots).theme("print").unwrap();
    let marks = scene(&figure, 1.0).unwrap().marks;
    let runs: Vec<usize> = marks
        .iter()
        .filter_map(|mark| if let Mark::Clip { marks, .. } = mark { Some(marks) } else { None })
        .flatten()
        .filter_map(|mark| if let Mark::Dots { points, .. } = mark { Some(points.len()) } else { None })
        .collect();
    assert_eq!(runs, [1, 2, 1]);
}

#[test]
fn overlay_unites_names_and_series() {
    let bars = |names: &[&str], values: Vec<f64>, title: &str| {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        let layer = Layer::Bars { name: String::new(), values, errors: vec![], horizontal: false };
        Figure::new(Axis::names("layer", names), Axis::new("rate", "Hz")).layer(layer).title(title)
    };
    let both = bars(&["L1", "L4"], vec![1.0, 2.0], "quiet")
        .overlay(bars(&["L4", "L5"], vec![3.0, 4.0], "evoked"))
        .unwrap();
    assert_eq!(both.x.categories().unwrap(), ["L1", "L4", "L5"]);
    let values: Vec<(String, Vec<f64>)> = both
        .layers
        .iter()
        .map(|l| match &**l {
            Layer::Bars { name, values, .. } => (name.clone(), values.clone()),
            _ => panic!("bars stay bars"),
        })
        .collect();
    assert_eq!((values[0].0.as_str(), &values[0].1[..2]), ("quiet", &[1.0, 2.0][..]));
    assert!(values[0].1[2].is_nan() && values[1].1[0].is_nan());
    assert_eq!((values[1].0.as_str(), &values[1].1[1..]), ("evoked", &[3.0, 4.0][..]));
    assert!(both.title.is_empty());
    let svg = both.to_svg().unwrap();
    assert!(svg.contains(">\nquiet\n</text>") && svg.contains(">\nevoked\n</text>"));

    let numbers = || Figure::new(Axis::new("layer", ""), Axis::new("rate", "Hz"));
    let error = bars(&["L1"], vec![1.0], "").overlay(numbers()).unwrap_err().to_string();
    assert!(error.contains("names on its x axis"), "{error}");
    let volts = Figure::new(Axis::default(), Axis::new("voltage", "mV"));
    let error = numbers().overlay(volts).unwrap_err().to_string();
    assert!(error.contains("rate (Hz)") && error.contains("voltage (mV)"), "{error}");
    let heat = || samples::heat(&samples::mtypes()[..3], Colours::Linear);
    assert!(heat().overlay(heat()).is_err());
    let limits = numbers().xlim(0.0, 5.0).unwrap().overlay(numbers().xlim(3.0, 9.0).unwrap()).unwrap();
    assert_eq!(limits.x.limits, Some((0.0, 9.0)));
}

#[test]
fn overlaid_heat_maps_and_points_follow_their_names() {
    let heat = samples::heat(&["b".to_owned(), "a".to_owned()], Colours::Linear);
    let points = Layer::Scatter {
        name: String::new(),
        x: vec![0.0, 1.25],
        y: vec![1.0, 0.0],
        colour: Colouring::Series,
        marker: Marker::Dot,
    };
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let dots = Figure::new(Axis::names("", names()), Axis::names("", names())).layer(points);
    let Layer::Heatmap { values: Values::Dense(before), .. } = &*heat.layers[0].clone() else {
        panic!("dense")
    };
    let both = dots.clone().overlay(heat.clone()).unwrap();
    let Layer::Heatmap { values, .. } = &*both.layers[1] else { panic!("a heat map") };
    for (row, column, v) in values.cells(2) {
        assert_eq!(v, before[(1 - row) * 2 + (1 - column)]);
    }
    let both = heat.overlay(dots).unwrap();
    let Layer::Scatter { x, y, .. } = &*both.layers[1] else { panic!("points") };
    assert_eq!((x.as_slice(), y.as_slice()), (&[1.0, 0.25][..], &[0.0, 1.0][..]));
}

#[test]
fn limits_scales_and_labels() {
    let line = || samples::small().into_iter().find(|(n, _)| *n == "lines").unwrap().1;
    assert!(line().xlim(1.0, 1.0).is_err() && line().ylim(f64::NAN, 1.0).is_err());
    let bars = samples::small().into_iter().find(|(n, _)| *n == "bars").unwrap().1;
    assert!(bars.clone().xlim(0.0, 1.0).is_err() && bars.clone().xscale("log").is_err());
    let error = line().yscale("lug").unwrap_err().to_string();
    assert!(error.contains("did you mean `log`") || error.contains("log"), "{error}");
    let error = line().ylim(-80.0, 0.0).unwrap().yscale("log").unwrap().to_png().unwrap_err().to_string();
    assert!(error.contains("logarithmic y axis cannot reach from -80 to 0"), "{error}");
    let renamed = line().xlabel("time after the stimulus (s)").ylabel("potential");
    assert_eq!((renamed.x.label.as_str(), renamed.x.unit.as_str()), ("time after the stimulus", "s"));
    assert_eq!(renamed.y.text(), "potential");
    let place =
        |figure: &Figure, words: &str| texts(figure).2.iter().find(|t| t.words == words).unwrap().at.0;
    let turned = line().xlim(150.0, 50.0).unwrap();
    assert!(place(&turned, "140") < place(&turned, "60"), "the larger limit stands left");
    assert!(!turned.to_svg().unwrap().contains(">\n200\n</text>"));
}

#[test]
fn wrong_data_are_refused_with_their_numbers() {
    let figure = || Figure::new(Axis::default(), Axis::default());
    let error = |layer: Layer, words: &str| {
        let error = figure().layer(layer).to_png().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let name = String::new;
    let line = |x: Vec<f64>, y: Vec<f64>, lower| Layer::Line {
        name: name(),
        x,
        y,
        lower,
        upper: vec![],
        markers: true,
    };
    error(line(vec![1.0], vec![1.0, 2.0], vec![]), "1 x values of the line and 2 y values");
    error(line(vec![1.0], vec![1.0], vec![0.5]), "1 lower errors and 0 upper errors");
    error(
        Layer::Histogram { name: name(), edges: vec![0.0, 1.0], counts: vec![1.0, 2.0] },
        "2 edges of the histogram",
    );
    error(Layer::Histogram { name: name(), edges: vec![1.0, 0.0], counts: vec![1.0] }, "do not rise");
    error(Layer::Steps { name: name(), edges: vec![0.0, f64::NAN], values: vec![1.0] }, "do not rise");
    error(
        Layer::Bars { name: name(), values: vec![1.0], errors: vec![], horizontal: false },
        "x axis with names",
    );
    error(Layer::Pie { names: vec!["a".into()], values: vec![-1.0] }, "`a` of the pie is negative: −1");
    let heat = |columns: Bins, values: Values| Layer::Heatmap {
        columns,
        rows: Bins::Even { start: 0.0, width: 1.0, n: 2 },
        values,
        label: name(),
        unit: name(),
        colours: Colours::Linear,
    };
    error(heat(Bins::Names, Values::Dense(vec![])), "names on its x axis");
    error(
        heat(Bins::Edges(vec![0.0, 1.0]), Values::Dense(vec![0.0; 3])),
        "3 values of the heat map and 2 cells",
    );
    error(heat(Bins::Edges(vec![0.0, 1.0]), Values::Sparse(vec![(0, 1, 1.0)])), "cell (0, 1) is outside");
    error(heat(Bins::Even { start: 0.0, width: 0.0, n: 1 }, Values::Dense(vec![0.0; 2])), "width above zero");
    let colour = Colouring::Category { label: name(), names: vec!["a".into()], of: vec![1] };
    error(
        Layer::Scatter { name: name(), x: vec![0.0], y: vec![0.0], colour, marker: Marker::Dot },
        "colour 1 has no name",
    );
}

#[test]
fn files_are_named_by_their_kind() {
    let figure = samples::small().remove(0).1;
    assert_eq!(&figure.encode(Path::new("a/b.PNG")).unwrap()[1..4], b"PNG");
    assert!(figure.encode(Path::new("b.svg")).unwrap().starts_with(b"<svg"));
    let error = figure.encode(Path::new("b.pdf")).unwrap_err().to_string();
    assert!(error.contains("`pdf`") && error.contains("png") && error.contains("svg"), "{error}");
    assert!(figure.encode(Path::new("picture")).unwrap_err().to_string().contains(".png or .svg"));
}

#[test]
fn figures_in_one_line() {
    let words: Vec<String> = samples::small().into_iter().map(|(_, f)| f.describe()).collect();
    assert!(words.iter().all(|w| !w.is_empty() && !w.contains('\n')));
    assert!(words.contains(&"heat map of connection probability, 12 × 12".to_owned()), "{words:?}");
    assert!(words.contains(&"raster, 6,000 events".to_owned()));
    assert!(words.contains(&"histogram of delay (ms), 0 bins, 0 values".to_owned()));
    assert_eq!(Figure::default().describe(), "empty figure");
}

#[test]
fn the_same_figure_is_the_same_file() {
    for (name, figure) in samples::small().into_iter().take(3) {
        assert_eq!(figure.to_svg().unwrap(), figure.to_svg().unwrap(), "{name}");
        assert_eq!(figure.to_png().unwrap(), figure.to_png().unwrap(), "{name}");
    }
}

#[test]
fn what_is_not_drawn_is_told() {
    let svg = samples::small().into_iter().find(|(n, _)| *n == "lost").unwrap().1.to_svg().unwrap();
    assert!(svg.contains("11 values without a place are not drawn"));
    let line = |y: Vec<f64>| {
        let x = (0..y.len()).map(|i| i as f64).collect();
        Figure::default().layer(Layer::Line {
            name: String::new(),
            x,
            y,
            lower: vec![],
            upper: vec![],
            markers: false,
        })
    };
    assert!(
        !line(vec![1.0, f64::NAN, 2.0, 3.0]).to_svg().unwrap().contains("without a place"),
        "a gap is no loss"
    );
    assert!(
        line(vec![1.0, f64::INFINITY]).to_svg().unwrap().contains("1 value without a place is not drawn")
    );
    for nothing in
        [Figure::default(), line(vec![]), line(vec![f64::NAN; 4]), line(vec![-1.0]).yscale("log").unwrap()]
    {
        assert!(nothing.to_svg().unwrap().contains("no data"));
    }
}

/// Numbers of every kind.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-320, 1e150, -1e300]),
    ]
}

fn wild_figure() -> impl Strategy<Value = Figure> {
    let values = prop::collection::vec(wild(), 0..12);
    let words = prop::sample::select(vec![
        "",
        "delay",
        "a\nb\u{7}<&>",
        "a very long label that never seems to end at all",
    ]);
    let limits = prop::option::of((wild(), wild()));
    (values, 0..14_u8, words, limits, any::<[bool; 4]>(), 0..3_usize).prop_map(
        |(v, kind, word, limits, [a, b, c, d], theme)| {
            let name = || word.to_owned();
            let names: Vec<String> = (0..v.len()).map(|i| format!("{word}{i}")).collect();
            let edges: Vec<f64> = (0..=v.len()).map(|i| i as f64).collect();
            let sparse = v.iter().enumerate().map(|(i, v)| (i as u32 % 3, i as u32 % 4, *v)).collect();
            let even = |n| Bins::Even { start: v.first().copied().unwrap_or(0.0), width: 1.0, n };
            let other: Vec<f64> = v.iter().rev().copied().collect();
            let boxes = v
                .iter()
                .map(|v| BoxStats {
                    low: *v,
                    q1: *v,
                    median: v + 1.0,
                    q3: v * 2.0,
                    high: v * 3.0,
                    outliers: vec![*v],
                    n: 3,
                })
                .collect();
            let colour = match (b, c) {
                (true, _) => Colouring::Value { label: name(), unit: String::new(), of: v.clone() },
                (_, true) => Colouring::Category {
                    label: name(),
                    names: names.clone(),
                    of: (0..v.len() as u32).collect(),
                },
                _ => Colouring::Series,
            };
            let first = v.first().copied().unwrap_or(f64::NAN);
            let layer = match kind {
                0 => Layer::Histogram { name: name(), edges, counts: v.clone() },
                1 => Layer::Bars {
                    name: name(),
                    errors: v.iter().map(|v| (v - 1.0, v + 1.0)).collect(),
                    values: v.clone(),
                    horizontal: b,
                },
                2 => Layer::Line {
                    name: name(),
                    x: other.clone(),
                    y: v.clone(),
                    lower: other.clone(),
                    upper: v.clone(),
                    markers: b,
                },
                3 => Layer::Steps { name: name(), edges, values: v.clone() },
                4 => Layer::Scatter {
                    name: name(),
                    x: other,
                    y: v.clone(),
                    colour,
                    marker: if d { Marker::Tick } else { Marker::Dot },
                },
                5 => Layer::Boxes { name: name(), boxes, horizontal: b },
                6 => Layer::Heatmap {
                    columns: even(4),
                    rows: even(3),
                    values: Values::Sparse(sparse),
                    label: name(),
                    unit: "mV".into(),
                    colours: if b { Colours::Log } else { Colours::Diverging(first) },
                },
                7 => Layer::Segments {
                    segments: v.iter().map(|v| [*v, first, 1.0, *v, *v]).collect(),
                    names: vec![],
                    of: vec![],
                },
                8 => Layer::Pie { names: names.clone(), values: v.iter().map(|v| v.abs()).collect() },
                9 => Layer::VLine { x: first, label: name() },
                10 => Layer::Span { from: first, to: v.last().copied().unwrap_or(1.0), label: name() },
                11 => Layer::Text { x: first, y: first, text: name(), anchor: Anchor::Middle },
                12 => Layer::Rules { lines: v.iter().map(|v| [*v, first, 1.0, *v]).collect() },
                _ => Layer::Bundle { name: name(), lines: vec![(other, v.clone()), (v.clone(), v.clone())] },
            };
            let scale = |named: bool, log: bool| match (named, log) {
                (true, _) => Scale::Category(names.clone()),
                (_, true) => Scale::Log,
                _ => Scale::Linear,
            };
            let named = matches!(kind, 1 | 5);
            let ticks = if d { v.iter().map(|v| (*v, name())).collect() } else { Vec::new() };
            let x =
                Axis { label: name(), unit: "ms".into(), limits: None, scale: scale(named && !b, a), ticks };
            let y = Axis { label: name(), scale: scale(named && b, d), ..Axis::default() };
            let mut figure = Figure::new(x, y).layer(layer).title(word);
            if c {
                figure = figure.equal();
            }
            if let Some((lo, hi)) = limits {
                figure = figure.clone().xlim(lo, hi).unwrap_or(figure);
                figure = figure.clone().ylim(hi, lo).unwrap_or(figure);
            }
            figure.theme(Theme::NAMES[theme]).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn no_data_panic(figure in wild_figure()) {
        if let Ok(svg) = figure.to_svg() {
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
            prop_assert!(svg.len() < 3_000_000);
        }
    }

    #[test]
    fn no_size_panics(figure in wild_figure(), w in 100..400_u32, h in 100..400_u32) {
        let png = figure.clone().size(w, h).unwrap().to_png();
        prop_assert!(png.map_or_else(|e| !e.message().is_empty(), |bytes| bytes.len() > 60));
        let _ = Figure::grid(vec![vec![figure.clone(), figure.clone()], vec![figure]]).unwrap().to_svg();
    }
}

#[test]
fn a_pie_of_enormous_values_is_drawn() {
    for values in [vec![2.16e223, 0.0], vec![f64::MAX, f64::MAX], vec![1e-300, 1e300]] {
        let pie = Layer::Pie { names: vec!["a".into(), "b".into()], values };
        let svg = Figure::default().layer(pie).to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

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
    for (name, figure) in samples::small().into_iter().chain(samples::large()) {
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

    /// Figures that are drawn in no time.
    pub fn small() -> Vec<(&'static str, Figure)> {
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
        let segments: Vec<[f64; 5]> = {
            let mut noise = Noise::new(21);
            let (mut out, mut at, mut angle) = (vec![], (0.0, 0.0), 0.0);
            for i in 0..1500 {
                if i % 60 == 0 {
                    (at, angle) = ((0.0, 0.0), noise.next() * std::f64::consts::TAU);
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
            ("raster", raster(6000)),
            ("boxes", Figure::new(Axis::names("layer", five.clone()), Axis::new("latency", "ms")).layer(Layer::Boxes { name: "EXC".into(), boxes: boxes(5, 1), horizontal: false }).layer(Layer::Boxes { name: "INH".into(), boxes: boxes(5, 2), horizontal: false })),
            ("boxes-lying", Figure::new(Axis::new("latency", "ms"), Axis::names("layer", five)).layer(Layer::Boxes { name: String::new(), boxes: boxes(5, 3), horizontal: true })),
            ("boxes55", Figure::new(Axis::names("mtype", mtypes()), Axis::new("latency", "ms")).layer(Layer::Boxes { name: String::new(), boxes: boxes(55, 3), horizontal: false })),
            ("heat12", heat(&mtypes()[..12], Colours::Linear)),
            ("heat55", heat(&mtypes(), Colours::Linear).title("Connection probability by pathway")),
            ("heat-diverging", heat(&mtypes()[..20], Colours::Diverging(0.0))),
            ("heat-log", heat(&mtypes()[..8], Colours::Log)),
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

    /// Figures with very many points or cells.
    pub fn large() -> Vec<(&'static str, Figure)> {
        let (hx, hy, _) = points(2_000_000, 4);
        vec![
            (
                "scatter-cloud",
                Figure::new(Axis::new("x", "µm"), Axis::new("y", "µm")).layer(Layer::Scatter {
                    name: String::new(),
                    x: hx,
                    y: hy,
                    colour: Colouring::Series,
                    marker: Marker::Dot,
                }),
            ),
            ("scatter-cloud-category", scatter(300_000)),
            ("raster-many", raster(200_000)),
            (
                "heat-numbers",
                Figure::new(Axis::new("time", "ms"), Axis::new("depth", "µm")).layer(Layer::Heatmap {
                    columns: Bins::Even { start: 0.0, width: 0.1, n: 3000 },
                    rows: Bins::Even { start: 0.0, width: 20.0, n: 100 },
                    values: Values::Dense(
                        (0..300_000)
                            .map(|i| {
                                f64::sin(f64::from(i % 3000) / 150.0 + f64::from(i / 3000) / 9.0) * 40.0
                                    - 60.0
                            })
                            .collect(),
                    ),
                    label: "voltage".into(),
                    unit: "mV".into(),
                    colours: Colours::Linear,
                }),
            ),
            (
                "heat-sparse",
                Figure::new(Axis::new("postsynaptic cell", ""), Axis::new("presynaptic cell", "")).layer(
                    Layer::Heatmap {
                        columns: Bins::Even { start: -0.5, width: 1.0, n: 10_000 },
                        rows: Bins::Even { start: -0.5, width: 1.0, n: 10_000 },
                        values: Values::Sparse({
                            let mut noise = Noise::new(2);
                            (0..40_000)
                                .map(|_| {
                                    (
                                        (noise.next() * 1e4) as u32,
                                        (noise.next().powi(2) * 1e4) as u32,
                                        (1.0 + noise.next() * 12.0).floor(),
                                    )
                                })
                                .collect()
                        }),
                        label: "synapses per connection".into(),
                        unit: String::new(),
                        colours: Colours::Linear,
                    },
                ),
            ),
        ]
    }
}
