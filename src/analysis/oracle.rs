//! The quantities against what the field's packages answered: the shared cases, and numbers of networkx 3.6,
//! scipy 1.17 and numpy 2.4 noted here, which stand alone.

use std::f64::consts::FRAC_1_SQRT_2;

use serde_json::Value;

use super::common_neighbours::Control;
use super::connectivity::{self, degrees, density};
use super::distance::{Metric, Within};
use super::spikes::latency::{self, Trial};
use super::spikes::{
    BinnedTrains, Pairs, TimeBins, Window, binned, distances, intervals, rates, spectrum, synchrony,
};
use super::statistics::{self, Bins, Hypergeometric, Summary};
use super::traces::{Sign, Trace, ap_features, psp};
use super::{Graph, Pathway, Shared, TsodyksMarkram, bouton_density, cell_density, tm_train, topology};
use crate::model::Spikes;

/// The shared cases; none where they are not there.
fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle/science/cases.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no shared cases");
        return Vec::new();
    };
    serde_json::from_str(&text).expect("the cases are JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map(|list| list.iter().map(number).collect()).unwrap_or_default()
}

fn points(value: &Value) -> Vec<[f64; 3]> {
    let point = |p: &Value| numbers(p).try_into().expect("x, y, z");
    value.as_array().map(|list| list.iter().map(point).collect()).unwrap_or_default()
}

/// The graph of a case, from `edges` or `connections`.
fn graph(input: &Value) -> Graph {
    let list = input["edges"].as_array().or(input["connections"].as_array()).expect("edges");
    let column = |k: usize| list.iter().map(|e| e[k].as_u64().unwrap_or(1) as u32).collect::<Vec<_>>();
    Graph::new(input["n"].as_u64().expect("n") as usize, &column(0), &column(1), Some(&column(2)))
        .expect("a graph")
}

fn rows(graph: &Graph) -> Vec<u32> {
    (0..graph.nodes() as u32).collect()
}

/// Rows of the cells of one m-type.
fn of_mtype(input: &Value, mtype: &str) -> Vec<u32> {
    let mtypes = input["mtype"].as_array().expect("mtypes");
    (0u32..).zip(mtypes).filter(|(_, m)| *m == mtype).map(|(row, _)| row).collect()
}

/// What we answer, in the shape of the case; `None` for quantities that are not of this module.
fn answer(id: &str, input: &Value) -> Option<Value> {
    let json = serde_json::to_value::<Value>;
    let floats = |list: Vec<f64>| Value::from(list);
    let answer = match id {
        "density" => density(&graph(input)).into(),
        "in_degree" => degrees(&graph(input)).iter().map(|d| d.sources).collect(),
        "out_degree" => degrees(&graph(input)).iter().map(|d| d.targets).collect(),
        "reciprocity" | "reciprocity_over_er" => {
            let graph = graph(input);
            let found = Pathway::among(&graph, &rows(&graph)).ok()?.reciprocity(50.0).ok()?;
            if id == "reciprocity" {
                found.fraction.into()
            } else {
                serde_json::json!({"n_recip_pairs": found.pairs, "expected": found.expected_er, "ratio": found.ratio})
            }
        }
        "triad_census" => {
            let census = topology::triad_census(&graph(input)).ok()?;
            topology::TRIADS.iter().map(|name| (*name).to_owned()).zip(census.map(Value::from)).collect()
        }
        "clustering" => floats(topology::clustering(&graph(input)).ok()?.of),
        "clustering_mean" => topology::clustering(&graph(input)).ok()?.mean.into(),
        "transitivity" => topology::clustering(&graph(input)).ok()?.transitivity.into(),
        "scc" => topology::strong_components(&graph(input)).sizes.into(),
        "wcc" => topology::weak_components(&graph(input)).sizes.into(),
        "path_length" => {
            let found = topology::path_lengths(&graph(input), None).ok()?;
            serde_json::json!({"n_pairs": found.pairs, "mean": found.mean, "max": found.max})
        }
        "assortativity" => topology::assortativity(&graph(input)).into(),
        "core_number" => by_number(topology::core_numbers(&graph(input))),
        "betweenness" => by_number(topology::betweenness(&graph(input), None).ok()?),
        "rich_club" => by_number(topology::rich_club(&graph(input))),
        "simplices" => topology::simplices(&graph(input), 8).ok()?.into(),
        "common_neighbors_out" => common(&graph(input), Shared::Targets),
        "common_neighbors_in" => common(&graph(input), Shared::Sources),
        "cn_bias_raw" | "cn_bias_fit" => {
            let (graph, at) = (graph(input), points(&input["positions_um"]));
            let pathway = Pathway::among(&graph, &rows(&graph)).ok()?.at(&at).ok()?;
            let found = pathway.common_neighbours(Shared::Targets, &Control::default()).ok()?;
            let (x, y) = found.fit?;
            if id == "cn_bias_raw" { found.bias_raw.into() } else { serde_json::json!({"x": x, "y": y}) }
        }
        "p_by_distance" => {
            let (graph, at) = (graph(input), points(&input["positions_um"]));
            let pathway = Pathway::among(&graph, &rows(&graph)).ok()?.at(&at).ok()?;
            let bins = pathway.by_distance(&numbers(&input["bins_um"]), Metric::Full).ok()?;
            let column = |f: fn(&super::connectivity::Probability) -> f64| -> Vec<f64> {
                bins.iter().map(|bin| f(&bin.probability)).collect()
            };
            serde_json::json!({
                "pairs": column(|p| p.pairs as f64),
                "connected": column(|p| p.connected as f64),
                "p": column(|p| p.p),
            })
        }
        "bouton_density" => {
            let (synapses, length) =
                (input["n_efferent_synapses"].as_u64()?, number(&input["axon_length_um"]));
            let ratios = numbers(&input["synapses_per_bouton"]);
            floats(ratios.iter().map(|ratio| bouton_density(synapses, length, *ratio)).collect())
        }
        "cell_density" => cell_density(input["count"].as_u64()?, number(&input["volume_um3"])).into(),
        "cm_subpop" => {
            let cells = of_mtype(input, "P");
            let part = graph(input).subgraph(&cells).ok()?;
            serde_json::json!({"gids": cells, "nnz": part.connections(), "sum": part.synapses()})
        }
        "cm_condense" => {
            let classes = ["I", "P"].map(|mtype| of_mtype(input, mtype));
            let graph = graph(input);
            let class: Vec<u32> =
                rows(&graph).iter().map(|row| u32::from(classes[1].contains(row))).collect();
            let labels = classes.map(|cells| format!("{cells:?}"));
            serde_json::json!({"matrix": graph.condensed(&class, 2).ok()?, "labels": labels})
        }
        "neighborhood" => graph(input).neighbourhood(0).into(),
        "tm_train" => {
            let train = |class: &str| {
                let [u, d, f] = numbers(&input[class]).try_into().expect("U, D, F");
                tm_train(TsodyksMarkram { u, d, f }, &numbers(&input["spikes_ms"])).expect("a train")
            };
            serde_json::json!({"E1": train("E1"), "E2": train("E2"), "I2": train("I2")})
        }
        "pearson" => {
            let found = statistics::pearson(&numbers(&input["bio"]), &numbers(&input["model"])).ok()?;
            serde_json::json!({"r": found.statistic, "p": found.p})
        }
        "mwu" => {
            let found = statistics::mann_whitney_u(&numbers(&input["a"]), &numbers(&input["b"])).ok()?;
            serde_json::json!({"U": found.statistic, "p": found.p})
        }
        "ks2" => {
            let found = statistics::ks2(&numbers(&input["a"]), &numbers(&input["b"])).ok()?;
            serde_json::json!({"D": found.statistic, "p": found.p})
        }
        "welch_t" => {
            let sample = |key: &str| {
                let [mean, std, n] = numbers(&input[key]).try_into().expect("mean, std, n");
                Summary { mean, std, n }
            };
            let found = statistics::welch_t(sample("bio"), sample("model")).ok()?;
            serde_json::json!({"t": found.statistic, "p": found.p})
        }
        "zscore" => {
            let [model, mean, std] = ["model", "bio_mean", "bio_std"].map(|key| number(&input[key]));
            statistics::zscore(model, mean, std).into()
        }
        _ if input["trains_ms"].is_object() => of_trains(id, input)?,
        "latency" => latencies(input)?,
        "ap_features" => action_potentials(input)?,
        "psp_amplitude" => {
            let found =
                psp(&Trace::new(0.0, 0.1, &potential()).ok()?, number(&input["t_stim"]), Sign::Excitatory);
            let found = found.ok()?;
            serde_json::json!({
                "amplitude": found.amplitude,
                "rise_20_80_ms": found.rise_20_80,
                "latency_5pct_from_stim_ms": found.latency,
                "t_peak": found.peak_time,
            })
        }
        _ => return None,
    };
    json(answer).ok()
}

/// What we answer to a question about spike trains.
fn of_trains(id: &str, input: &Value) -> Option<Value> {
    let window = Window::new(number(&input["t_start"]), number(&input["t_stop"])).ok()?;
    let named = input["trains_ms"].as_object()?;
    let all: Vec<Vec<f64>> = named.values().map(numbers).collect();
    let of = |name: &Value| name.as_str().and_then(|name| named.get(name)).map(numbers).unwrap_or_default();
    let chosen: Vec<Vec<f64>> = match input["trains"].as_array() {
        Some(names) => names.iter().map(of).collect(),
        None => all.iter().take(3).cloned().collect(),
    };
    let all: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
    let chosen: Vec<&[f64]> = chosen.iter().map(Vec::as_slice).collect();
    let bins = || TimeBins::new(window, number(&input["bin_ms"])).ok();
    // By the names of the trains that the measure is defined for.
    let each = |measure: &dyn Fn(&[f64]) -> Option<f64>| -> Value {
        let defined =
            named.iter().filter_map(|(name, train)| Some((name.clone(), measure(&numbers(train))?.into())));
        Value::Object(defined.collect())
    };
    let irregular = |measure: &dyn Fn(&[f64]) -> Option<f64>| {
        each(&|train| Some(train.len()).filter(|n| *n > 2).and_then(|_| measure(&intervals::isi(train))))
    };
    let matrix = |pairs: Pairs| Some(Value::from(pairs.dense()));
    let counts = |binary: bool| {
        let binned = BinnedTrains::new(&chosen, bins()?);
        Some(if binary { binned.binary() } else { binned })
    };
    let by_pair = |pairs: Pairs| {
        let (ab, ac, bc) = (pairs.get(0, 1), pairs.get(0, 2), pairs.get(1, 2));
        serde_json::json!({"ab": ab, "ac": ac, "bc": bc, "abc": pairs.mean()})
    };
    Some(match id {
        "mean_rate" => each(&|train| Some(rates::mean_rate(train, window))),
        "mean_rate_window" => {
            let [start, end] = numbers(&input["window_ms"]).try_into().ok()?;
            let window = Window::new(start, end).ok()?;
            each(&|train| Some(rates::mean_rate(train, window)).filter(|_| !train.is_empty()))
        }
        "cv" => irregular(&intervals::cv),
        "cv2" => irregular(&intervals::cv2),
        "lv" => irregular(&intervals::lv),
        "lvr" => irregular(&|isi| intervals::lvr(isi, number(&input["R_ms"]))),
        "fano_windows" => {
            let train = of(&input["train"]);
            let fano = binned::fano_over_windows(&train, window, number(&input["bin_ms"])).ok()?;
            serde_json::json!({"counts": bins()?.counts(&train), "fano": fano})
        }
        "psth_counts" | "psth_rate" => {
            let found = rates::psth(&all.concat(), window, number(&input["bin_ms"]), all.len()).ok()?;
            let per_ms: Vec<f64> = found.rate.iter().map(|hz| hz / 1000.0).collect();
            if id == "psth_counts" { found.counts.into() } else { per_ms.into() }
        }
        "corrcoef" => matrix(synchrony::correlation(&counts(false)?).ok()?)?,
        "corrcoef_binary" => matrix(synchrony::correlation(&counts(true)?).ok()?)?,
        "covariance" => matrix(synchrony::covariance(&counts(false)?).ok()?)?,
        "sttc" => {
            let pair = |a: &str, b: &str| {
                synchrony::sttc(&numbers(&named[a]), &numbers(&named[b]), window, number(&input["dt_ms"]))
            };
            let (ab, ac, bc, ae) = (pair("a", "b"), pair("a", "c"), pair("b", "c"), pair("a", "e"));
            serde_json::json!({"ab": ab, "ac": ac, "bc": bc, "ae": ae})
        }
        "spike_contrast" => synchrony::spike_contrast(&chosen, window).ok()?.synchrony.into(),
        "victor_purpura" => {
            matrix(distances::victor_purpura_of_pairs(&chosen, number(&input["q_Hz"])).ok()?)?
        }
        "van_rossum" => matrix(distances::van_rossum_of_pairs(&chosen, number(&input["tau_ms"])).ok()?)?,
        "isi_distance" => by_pair(distances::isi_distance_of_pairs(&chosen, window).ok()?),
        "spike_distance" => by_pair(distances::spike_distance_of_pairs(&chosen, window).ok()?),
        "gauss_rate" => {
            let (sigma, step) = (number(&input["sigma_ms"]), number(&input["dt_ms"]));
            rates::gaussian_rate(&of(&input["train"]), window, sigma, step, 1).ok()?.rate[..40].into()
        }
        _ => return None,
    })
}

fn latencies(input: &Value) -> Option<Value> {
    let simulated = |trial: &Value| {
        let (mut times, mut ids) = (Vec::new(), Vec::new());
        for (id, train) in trial.as_object().expect("trains by cell") {
            let train = numbers(train);
            ids.extend(vec![id.parse::<i64>().expect("a cell"); train.len()]);
            times.extend(train);
        }
        Spikes::new("trial", times, ids)
    };
    let spikes: Vec<Spikes> = input["trials"].as_array()?.iter().map(simulated).collect();
    let (stimulus, end) = (number(&input["t_stim"]), number(&input["t_max"]));
    let trials: Vec<Trial> = spikes.iter().map(|s| Trial { trains: s.trains(), stimulus }).collect();
    let found = latency::latencies(&trials, &[1, 2, 3], end - stimulus).ok()?;
    Some(found.ids.iter().zip(found.latency).map(|(id, ms)| (id.to_string(), Value::from(ms))).collect())
}

/// The trace of the case: a step of current with four action potentials.
fn action_potentials(input: &Value) -> Option<Value> {
    let (dt, stop) = (number(&input["dt_ms"]), number(&input["t_stop_ms"]));
    let voltage = |t: f64| {
        let step = match t {
            t if t < 100.0 => 0.0,
            t if t < 400.0 => 8.0 * (1.0 - (-(t - 100.0) / 15.0).exp()),
            t => 8.0 * (1.0 - (-20.0f64).exp()) * (-(t - 400.0) / 15.0).exp(),
        };
        let spike = |s: f64| {
            let after = if t > s + 2.0 { 10.0 * (-(t - s - 2.0) / 8.0).exp() } else { 0.0 };
            95.0 * (-0.5 * ((t - s) / 0.6).powi(2)).exp() - after
        };
        -65.0 + step + [120.0, 180.0, 260.0, 350.0].map(spike).iter().sum::<f64>()
    };
    let values: Vec<f64> = (0..(stop / dt).round() as usize).map(|k| voltage(k as f64 * dt)).collect();
    let [start, end] = numbers(&input["stim"]).try_into().ok()?;
    let trace = Trace::new(0.0, dt, &values).ok()?;
    let found = ap_features(&trace, Window::new(start, end).ok()?, -20.0).ok()?;
    let asked = |name: &str| !matches!(name, "peak_time" | "AP_begin_time" | "AP_begin_voltage");
    let entries = found.entries().into_iter().filter(|(name, _, _)| asked(name));
    Some(entries.map(|(name, _, values)| (name.to_owned(), Value::from(values))).collect())
}

/// The trace of the case: a difference of exponentials of 1.3 mV from 100 ms on.
fn potential() -> Vec<f64> {
    let shape = |k: i32| {
        let t = f64::from(k) * 0.1 - 100.0;
        if t > 0.0 { (-t / 20.0).exp() - (-t / 2.0).exp() } else { 0.0 }
    };
    let highest = (0..3000).map(shape).fold(0.0, f64::max);
    (0..3000).map(|k| -70.0 + 1.3 * shape(k) / highest).collect()
}

fn by_number<T: Into<Value>>(values: Vec<T>) -> Value {
    values.into_iter().enumerate().map(|(k, value)| (k.to_string(), value.into())).collect()
}

fn common(graph: &Graph, shared: Shared) -> Value {
    let row = |a: u32| -> Value { rows(graph).iter().map(|b| shared.count(graph, a, *b)).collect() };
    rows(graph).into_iter().map(row).collect()
}

/// Whether two values agree; numbers within the tolerance, `null` with NaN.
fn agree(ours: &Value, theirs: &Value, tolerance: f64) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(k, b)| a.get(k).is_some_and(|a| agree(a, b, tolerance)))
        }
        (Value::Number(_), Value::Number(_)) => close(number(ours), number(theirs), tolerance),
        _ => ours == theirs,
    }
}

fn close(ours: f64, theirs: f64, tolerance: f64) -> bool {
    (ours - theirs).abs() <= tolerance * ours.abs().max(theirs.abs())
}

#[test]
fn the_shared_cases_agree() {
    let cases = cases();
    let mut answered = 0;
    for case in &cases {
        let id = case["id"].as_str().expect("an id");
        let Some(ours) = answer(id, &case["input"]) else { continue };
        answered += 1;
        let tolerance = number(&case["rel_tol"]);
        assert!(agree(&ours, &case["expected"], tolerance), "{id}: {ours} is not {}", case["expected"]);
    }
    assert!(
        cases.is_empty() || answered >= 48,
        "only {answered} of {} cases are of this module",
        cases.len()
    );
}

/// Twelve cells that appear in the field's test cases, with a place for each.
fn twelve() -> (Graph, Vec<[f64; 3]>) {
    let edges = [
        (0, 1),
        (1, 0),
        (0, 2),
        (2, 3),
        (3, 0),
        (1, 2),
        (2, 1),
        (4, 5),
        (5, 6),
        (6, 4),
        (4, 6),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 7),
        (9, 10),
        (10, 11),
        (11, 9),
        (3, 7),
        (0, 7),
        (8, 0),
        (5, 2),
        (10, 0),
        (1, 7),
    ];
    let (pre, post): (Vec<u32>, Vec<u32>) = edges.into_iter().unzip();
    let at = vec![
        [165.2, 212.4, 87.3],
        [153.2, 267.9, 268.9],
        [37.7, 62.2, 15.4],
        [132.2, 9.0, 137.0],
        [194.7, 83.5, 202.9],
        [177.3, 7.2, 167.7],
        [77.8, 124.5, 85.1],
        [207.9, 132.1, 47.1],
        [163.4, 234.1, 91.9],
        [66.6, 116.4, 280.9],
        [292.8, 201.7, 270.9],
        [253.7, 113.4, 27.7],
    ];
    (Graph::new(12, &pre, &post, None).expect("a graph"), at)
}

#[test]
fn twelve_cells_agree_with_networkx() {
    let (graph, at) = twelve();
    assert_eq!(topology::strong_components(&graph).sizes, [9, 3]);
    assert_eq!(topology::weak_components(&graph).sizes, [12]);
    assert!(close(topology::assortativity(&graph), 0.387_664_920_916_346_4, 1e-12));
    assert_eq!(topology::core_numbers(&graph)[..9], [3, 3, 3, 3, 2, 2, 2, 3, 2]);
    let between = topology::betweenness(&graph, None).expect("not stopped");
    for (ours, theirs) in
        between.iter().zip([0.181_818_181_818_181_82, 0.034_848_484_848_484_85, 0.128_787_878_787_878_78])
    {
        assert!(close(*ours, theirs, 1e-12));
    }
    let class = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2];
    assert!(close(
        topology::modularity(&graph, &class, 1.0).expect("classes"),
        0.354_166_666_666_666_7,
        1e-12
    ));
    let pathway = Pathway::among(&graph, &rows(&graph)).expect("rows").at(&at).expect("places");
    let near = pathway.probability(Some(Within::um(100.0).expect("a distance"))).expect("not stopped");
    assert_eq!((near.connected, near.pairs, near.p), (3, 10, 0.3));
}

/// The synapses of the connections of [`twelve`], and P or I for each cell.
const SYNAPSES: [u32; 24] = [4, 3, 2, 4, 2, 4, 3, 4, 4, 5, 2, 4, 4, 4, 5, 4, 4, 5, 3, 2, 2, 2, 1, 4];
const CLASS: [u32; 12] = [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1];

fn twelve_with_synapses() -> (Graph, Vec<[f64; 3]>) {
    let (graph, at) = twelve();
    // The list of `twelve` is not in the graph's order; its numbers are found by pair.
    let edges = [
        (0, 1),
        (1, 0),
        (0, 2),
        (2, 3),
        (3, 0),
        (1, 2),
        (2, 1),
        (4, 5),
        (5, 6),
        (6, 4),
        (4, 6),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 7),
        (9, 10),
        (10, 11),
        (11, 9),
        (3, 7),
        (0, 7),
        (8, 0),
        (5, 2),
        (10, 0),
        (1, 7),
    ];
    let (pre, post): (Vec<u32>, Vec<u32>) = edges.into_iter().unzip();
    let weighted = Graph::new(12, &pre, &post, Some(&SYNAPSES)).expect("a graph");
    assert!(graph.iter().zip(weighted.iter()).all(|(a, b)| (a.0, a.1) == (b.0, b.1)));
    (weighted, at)
}

/// What numpy says of the four pathways between P and I: synapses, connections, nsyn mean and std, convergence mean
/// and std, divergence mean and std, p, connected and pairs within 150 µm, and the same horizontally.
const PATHWAYS: [(u32, u32, [f64; 13]); 4] = [
    (
        0,
        0,
        [
            51.0,
            16.0,
            3.1875,
            1.073_472_752_332_354_2,
            2.0,
            1.224_744_871_391_589,
            2.0,
            FRAC_1_SQRT_2,
            0.285_714_285_714_285_7,
            3.0,
            6.0,
            6.0,
            22.0,
        ],
    ),
    (
        0,
        1,
        [
            4.0,
            1.0,
            4.0,
            0.0,
            0.25,
            0.433_012_701_892_219_3,
            0.125,
            0.330_718_913_883_073_84,
            0.03125,
            0.0,
            9.0,
            0.0,
            19.0,
        ],
    ),
    (
        1,
        0,
        [
            11.0,
            3.0,
            3.666_666_666_666_666_5,
            1.247_219_128_924_647,
            0.375,
            0.484_122_918_275_927_1,
            0.75,
            0.433_012_701_892_219_3,
            0.09375,
            1.0,
            9.0,
            1.0,
            19.0,
        ],
    ),
    (
        1,
        1,
        [
            15.0,
            4.0,
            3.75,
            1.089_724_735_885_168_5,
            1.0,
            FRAC_1_SQRT_2,
            1.0,
            FRAC_1_SQRT_2,
            0.333_333_333_333_333_3,
            1.0,
            2.0,
            2.0,
            4.0,
        ],
    ),
];

#[test]
fn fact_sheets_agree_with_numpy_one_by_one_and_all_at_once() {
    let (graph, at) = twelve_with_synapses();
    let of = |class: u32| -> Vec<u32> { (0..12).filter(|row| CLASS[*row as usize] == class).collect() };
    let near = Within::um(150.0).expect("a distance");
    let flat = Within::by(150.0, Metric::Horizontal).expect("a distance");
    let all = connectivity::pathways(&graph, &CLASS, 2, Some((&at, near))).expect("classes");
    let all_flat = connectivity::pathways(&graph, &CLASS, 2, Some((&at, flat))).expect("classes");
    for (pre, post, expected) in PATHWAYS {
        let pathway = Pathway::new(&graph, &of(pre), &of(post)).expect("rows").at(&at).expect("places");
        let sheet = pathway.factsheet(Some(near), None).expect("not stopped");
        assert_eq!(sheet, all[pre as usize][post as usize]);
        let flat = pathway.factsheet(Some(flat), None).expect("not stopped");
        assert_eq!(flat, all_flat[pre as usize][post as usize]);
        let (local, flat) = (sheet.local.expect("local"), flat.local.expect("local"));
        let ours = [
            sheet.total_synapse_count as f64,
            sheet.n_connections as f64,
            sheet.mean_number_of_synapse_per_connection,
            sheet.number_of_synapse_per_connection_std,
            sheet.number_of_convergent_neuron_mean,
            sheet.number_of_convergent_neuron_std,
            sheet.number_of_divergent_neuron_mean,
            sheet.number_of_divergent_neuron_std,
            sheet.overall.p,
            local.connected as f64,
            local.pairs as f64,
            flat.connected as f64,
            flat.pairs as f64,
        ];
        for (ours, theirs) in ours.into_iter().zip(expected) {
            assert!(close(ours, theirs, 1e-12), "{pre} {post}: {ours} is not {theirs}");
        }
    }
    let sheet = all[0][0];
    let keys: Vec<&str> = sheet.entries().iter().map(|(key, _, _)| *key).collect();
    assert!(keys.contains(&"connection_probability") && keys.contains(&"connection_probability_within"));
    let percent = sheet.entries().into_iter().find(|(key, _, _)| *key == "connection_probability");
    assert_eq!(percent, Some(("connection_probability", 50.0, "%")));
}

#[test]
fn reciprocity_agrees_with_numpy_for_one_group_two_and_overlapping_ones() {
    let (graph, at) = twelve();
    let of = |class: u32| -> Vec<u32> { (0..12).filter(|row| CLASS[*row as usize] == class).collect() };
    let found = |pre: &[u32], post: &[u32]| {
        Pathway::new(&graph, pre, post)
            .expect("rows")
            .at(&at)
            .expect("places")
            .reciprocity(50.0)
            .expect("bins")
    };
    let own = found(&of(0), &of(0));
    assert_eq!((own.pairs, own.fraction), (2, 0.25));
    assert!(close(own.expected_er, 2.285_714_285_714_285_6, 1e-12));
    assert!(close(own.expected_distance.unwrap_or(f64::NAN), 3.075, 1e-12));
    let other = found(&of(0), &of(1));
    assert_eq!((other.pairs, other.expected_er, other.expected_distance), (0, 0.09375, Some(0.0)));
    let overlapping = found(&[0, 1, 2, 3, 4, 5, 6], &[3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(overlapping.pairs, 1);
    assert!(close(overlapping.fraction, 2.0 / 9.0, 1e-12));
    assert!(close(overlapping.expected_er, 1.096_236_713_588_049_5, 1e-12));
}

#[test]
fn moments_and_quantiles_agree_with_numpy() {
    let values = [3.5, -1.0, 7.0, 2.0, 2.0, 10.25, 4.0];
    for (q, expected) in [(0.0, -1.0), (0.1, 0.8), (0.25, 2.0), (0.5, 3.5), (0.9, 8.3), (1.0, 10.25)] {
        assert!(close(statistics::quantile(&values, q).expect("q"), expected, 1e-14), "{q}");
    }
    assert!(close(statistics::mean(&values), 3.964_285_714_285_714_4, 1e-15));
    assert!(close(statistics::std(&values, 0), 3.408_048_696_595_656, 1e-15));
    assert!(close(statistics::std(&values, 1), 3.681_113_315_030_554_4, 1e-15));
}

#[test]
fn histograms_agree_with_numpy() {
    let values = [0.1, 0.4, 0.4, 1.5, 2.25, 3.0, 9.5, 0.7, 1.1, 2.0];
    let counts = |values: &[f64], bins: Bins| statistics::histogram(values, &bins).expect("bins");
    let automatic = counts(&values, Bins::Auto);
    assert_eq!(automatic.counts, [6, 3, 0, 0, 0, 1]);
    assert!(close(automatic.edges[1], 1.666_666_67, 1e-8) && automatic.edges[6] == 9.5);
    assert_eq!(counts(&values, Bins::Count(3)).counts, [9, 0, 1]);
    let same = counts(&[2.0, 2.0, 2.0], Bins::Count(4));
    assert_eq!((same.counts, same.edges), (vec![0, 0, 3, 0], vec![1.5, 1.75, 2.0, 2.25, 2.5]));
    let nothing = counts(&[], Bins::Count(2));
    assert_eq!((nothing.counts, nothing.edges), (vec![0, 0], vec![0.0, 0.5, 1.0]));
    // As numpy cuts whole numbers.
    assert_eq!(
        counts(&[1.0, 2.0, 2.0, 3.0, 9.0, 4.0, 4.0, 4.0], Bins::Auto).edges,
        [1.0, 3.0, 5.0, 7.0, 9.0]
    );
    assert_eq!(counts(&[5.0, 5.0, 5.0, 5.0, 5.0, 7.0], Bins::Auto).edges, [5.0, 6.0, 7.0]);
}

const SAMPLE_A: [f64; 7] = [0.61, 1.2, 3.3, 2.25, 7.5, 0.9, 1.01];
const SAMPLE_B: [f64; 9] = [2.2, 3.1, 8.0, 9.5, 4.4, 6.1, 5.05, 7.7, 3.9];
const SAMPLE_C: [f64; 40] = [
    -0.802, -1.324, -0.248, 0.42, 1.136, 0.11, -0.553, -0.785, 0.749, 1.635, 0.273, -1.233, -0.958, 1.6,
    0.203, -1.732, -0.084, -1.163, -0.629, -0.488, -0.713, 0.553, -0.063, -0.589, 0.41, 0.83, -1.643, -0.257,
    -0.981, -0.173, -1.289, 0.021, -0.038, -0.304, -1.048, -0.396, -1.091, -1.355, 0.225, -1.109,
];
const SAMPLE_D: [f64; 30] = [
    1.67, 1.217, -1.498, 0.772, -0.602, 0.533, 0.544, -1.488, 0.267, 0.244, 1.462, -0.681, 1.238, -0.599,
    0.169, -0.34, 1.949, 1.068, 2.932, 1.142, 1.345, 1.341, -0.107, 0.43, 1.85, 0.103, 0.689, 0.479, 1.109,
    0.135,
];

#[test]
fn tests_of_samples_agree_with_scipy() {
    let ties = ([1.0, 2.0, 2.0, 3.0], [2.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
    let ks = |a: &[f64], b: &[f64], d: f64, p: f64| {
        let found = statistics::ks2(a, b).expect("samples");
        assert!(close(found.statistic, d, 1e-12) && close(found.p, p, 1e-9), "{found:?} {d} {p}");
    };
    ks(&SAMPLE_A, &SAMPLE_B, 0.634_920_634_920_634_9, 0.055_069_930_069_930_07);
    ks(&ties.0, &ties.1, 0.666_666_666_666_666_6, 0.180_952_380_952_380_95);
    ks(&SAMPLE_C, &SAMPLE_D, 0.466_666_666_666_666_7, 0.000_717_027_833_503_707_2);
    ks(&SAMPLE_A, &SAMPLE_A, 0.0, 1.0);
    // Eight pairs of a published comparison; the exact p is 0.98010878010878.
    let bio = [1.3, 0.9, 1.7, 2.1, 0.4, 1.1, 1.9, 0.8];
    ks(&bio, &[1.1, 1.5, 1.6, 2.6, 0.7, 1.4, 2.2, 1.3], 0.25, 0.980_108_780_108_78);
    let mwu = |a: &[f64], b: &[f64], u: f64, p: f64| {
        let found = statistics::mann_whitney_u(a, b).expect("samples");
        assert!(found.statistic == u && close(found.p, p, 1e-9), "{found:?} {u} {p}");
    };
    mwu(&SAMPLE_A, &SAMPLE_B, 9.0, 0.016_433_566_433_566_436);
    mwu(&ties.0, &ties.1, 4.0, 0.098_987_931_801_026_32);
    mwu(&SAMPLE_C, &SAMPLE_D, 288.0, 0.000_218_312_838_721_572_03);
    let pearson = |x: &[f64], y: &[f64], r: f64, p: f64| {
        let found = statistics::pearson(x, y).expect("pairs");
        assert!(close(found.statistic, r, 1e-12) && close(found.p, p, 1e-9), "{found:?} {r} {p}");
    };
    let counting = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    pearson(
        &counting,
        &[2.1, 3.9, 6.2, 7.8, 10.1, 12.2],
        0.999_104_932_480_817_9,
        1.201_360_256_021_784_7e-6,
    );
    pearson(&counting[..3], &[3.0, 1.0, 2.0], -0.5, 0.666_666_666_666_666_6);
    let welch = |a: [f64; 3], b: [f64; 3], t: f64, p: f64| {
        let summary = |[mean, std, n]: [f64; 3]| Summary { mean, std, n };
        let found = statistics::welch_t(summary(a), summary(b)).expect("samples");
        assert!(close(found.statistic, t, 1e-12) && close(found.p, p, 1e-8), "{found:?} {t} {p}");
    };
    welch([1.0, 0.7, 1000.0], [1.05, 0.9, 2000.0], -1.671_315_676_161_890_6, 0.094_785_271_189_003_39);
    welch([10.0, 0.1, 5.0], [3.0, 0.2, 4.0], 63.900_965_042_269_38, 1.982_929_530_387_385_2e-7);
    welch([1.0, 0.7, 4e5], [1.002, 0.9, 5e5], -1.185_738_333_457_505_3, 0.235_725_964_417_963_2);
}

#[test]
fn drawing_agrees_with_scipy() {
    let law = Hypergeometric::new(1000, 120, 80).expect("possible");
    assert!(close(law.mean(), 9.6, 1e-14) && close(law.variance(), 7.779_939_939_939_94, 1e-12));
    for (k, p) in [
        (0, 2.291_671_412_577_726_6e-5),
        (5, 0.037_736_950_877_217_29),
        (9, 0.142_057_464_287_829_62),
        (30, 4.165_030_062_837_477_8e-10),
        (80, 2.108_655_096_845_09e-88),
        (81, 0.0),
    ] {
        assert!(close(law.pmf(k), p, 1e-9), "{k}: {} is not {p}", law.pmf(k));
    }
    let law = Hypergeometric::new(12, 3, 4).expect("possible");
    let pmf = [
        0.254_545_454_545_454_6,
        0.509_090_909_090_909_1,
        0.218_181_818_181_818_2,
        0.018_181_818_181_818_18,
        0.0,
    ];
    assert_eq!(law.mean(), 1.0);
    assert!((0..5).all(|k| close(law.pmf(k), pmf[k as usize], 1e-12)));
    assert!(Hypergeometric::new(3, 4, 1).is_err() && Hypergeometric::new(3, 1, 4).is_err());
    for (k, n, low, high) in [
        (3, 10, 0.107_791_267_406_301_02, 0.603_221_852_538_854_6),
        (0, 20, 0.0, 0.161_125_158_052_819_35),
        (20, 20, 0.838_874_841_947_180_8, 1.0),
        (54, 1000, 0.041_621_313_723_062_73, 0.069_792_154_846_052_45),
    ] {
        let found = statistics::wilson(k, n);
        assert!(close(found.0, low, 1e-9) && close(found.1, high, 1e-9), "{k}/{n}: {found:?}");
    }
}

/// Three trains of the field's test cases, and two more cells: one silent, one with a single spike.
const TRAINS: [&[f64]; 5] = [
    &[12.5, 40.0, 55.25, 140.0, 141.5, 300.0, 420.75, 600.0, 610.5, 987.5],
    &[13.0, 41.5, 100.0, 139.0, 302.5, 500.0, 601.0, 990.0],
    &[5.0, 250.0, 251.0, 252.5, 255.0, 700.0, 701.5, 705.0],
    &[],
    &[500.0],
];

#[test]
fn trains_agree_with_elephant_and_pyspike() {
    let window = Window::new(0.0, 1000.0).expect("a window");
    let isi = intervals::isi(TRAINS[0]);
    assert_eq!(isi, [27.5, 15.25, 84.75, 1.5, 158.5, 120.75, 179.25, 10.5, 377.0]);
    let near = |ours: Option<f64>, theirs: f64| {
        assert!(close(ours.unwrap_or(f64::NAN), theirs, 1e-9), "{ours:?} {theirs}");
    };
    near(intervals::cv(&isi), 1.050_764_725_747_748);
    near(intervals::cv2(&isi), 1.273_333_785_266_494_8);
    near(intervals::lv(&isi), 1.575_519_653_977_058_8);
    near(intervals::lvr(&isi, 5.0), 1.802_314_512_162_535);
    near(binned::fano_over_trains(&TRAINS, window), 3.081_481_481_481_481_5);
    let bins = TimeBins::new(window, 5.0).expect("bins");
    let binned = BinnedTrains::new(&TRAINS, bins);
    assert_eq!((bins.count(), &binned.rows[0][..4]), (200, &[(2, 1), (8, 1), (11, 1), (28, 2)][..]));
    let lags = synchrony::cross_correlogram(&binned, 0, 1, 6).expect("lags").counts;
    assert_eq!(lags, [1, 0, 0, 1, 1, 2, 4, 1, 0, 0, 0, 0, 1]);
    near(Some(synchrony::correlation(&binned).expect("pairs").get(0, 1)), 0.383_065_438_841_436_84);
    near(synchrony::sttc(TRAINS[0], TRAINS[1], window, 5.0), 0.681_899_426_535_853_4);
    near(synchrony::sttc(TRAINS[0], TRAINS[4], window, 5.0), -0.050_75);
    let three = &TRAINS[..3];
    near(synchrony::spike_contrast(three, window).ok().map(|c| c.synchrony), 0.403_398_926_654_740_6);
    near(Some(distances::victor_purpura(TRAINS[0], TRAINS[2], 100.0)), 16.75);
    near(Some(distances::van_rossum(TRAINS[0], TRAINS[1], 20.0)), 2.518_779_686_361_426_7);
    near(distances::isi_distance_of_pairs(three, window).expect("pairs").mean(), 0.367_770_853_283_604_76);
    near(distances::spike_distance_of_pairs(three, window).expect("pairs").mean(), 0.234_540_534_365_908_6);
    near(distances::spike_sync(&TRAINS[..2], window).ok(), 5.0 / 9.0);
    near(distances::spike_sync(&TRAINS[1..3], window).ok(), 0.125);
    near(distances::spike_sync(three, window).ok(), 7.0 / 26.0);
    let psth = rates::psth(&TRAINS.concat(), window, 50.0, 5).expect("bins");
    assert_eq!(psth.counts, [5, 1, 4, 0, 0, 4, 2, 0, 1, 0, 2, 0, 3, 0, 3, 0, 0, 0, 0, 2]);
    near(psth.rate.first().copied(), 20.0);
    let smooth = rates::gaussian_rate(TRAINS[0], window, 20.0, 5.0, 1).expect("a rate").rate;
    near(smooth.get(10).copied(), 39.637_818_878_127_53);
}

#[test]
fn spectra_agree_with_scipy() {
    // scipy.signal.welch(x, fs=50, nperseg=8) and nperseg=7.
    let signal: Vec<f64> = (0..20).map(|k| f64::from(k * k % 11)).collect();
    for (segment, expected) in [(8, WELCH_8), (7, WELCH_7)] {
        let found = spectrum::welch(&signal, 50.0, segment).expect("a spectrum");
        assert_eq!(found.density.len(), expected.len());
        for (ours, theirs) in found.density.iter().zip(expected) {
            assert!(close(*ours, *theirs, 1e-9), "{segment}: {ours} is not {theirs}");
        }
    }
}

const WELCH_8: &[f64] = &[
    0.120_330_808_016_391_66,
    0.572_977_633_210_765_3,
    0.442_071_067_811_865_45,
    0.097_961_880_954_209_16,
    0.030_620_971_670_050_803,
];

const WELCH_7: &[f64] =
    &[0.199_703_222_918_342_25, 0.558_506_552_196_553_7, 0.327_246_947_966_138_5, 0.091_383_567_120_815_26];
