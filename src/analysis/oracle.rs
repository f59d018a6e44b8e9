//! The quantities against what the field's packages answered: the shared cases, and numbers of networkx 3.6,
//! scipy 1.17 and numpy 2.4 noted here, which stand alone.

use serde_json::Value;

use super::common_neighbours::Control;
use super::connectivity::{degrees, density};
use super::distance::{Metric, Within};
use super::statistics::{self, Hypergeometric, Summary};
use super::{Graph, Pathway, Shared, TsodyksMarkram, bouton_density, cell_density, tm_train, topology};

/// The shared cases; none where they are not there.
fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle/science/cases.json");
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).expect("the cases are JSON"),
        Err(_) => {
            println!("skipped: no shared cases");
            Vec::new()
        }
    }
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
        _ => return None,
    };
    json(answer).ok()
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
        cases.is_empty() || answered >= 27,
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
