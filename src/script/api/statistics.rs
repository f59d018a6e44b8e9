//! Statistics of samples: plain functions on arrays of numbers.

use rhai::{Array, Dynamic, Map};

use super::pathway::float;
use crate::analysis::statistics::{self, Summary};
use crate::analysis::{self, TsodyksMarkram, tm_train};
use crate::diag::Result;
use crate::script::args::number;
use crate::script::registry::{Answer, Api};

fn numbers(of: &Array) -> Result<Vec<f64>> {
    of.iter().map(number).collect()
}

fn test_map(name: &str, test: statistics::Test) -> Map {
    Map::from([(name.into(), float(test.statistic)), ("p".into(), float(test.p))])
}

pub(super) fn register(api: &mut Api) {
    api.functions();
    api.call(
        "pearson(x, y) -> map",
        "Pearson's correlation `r` and its two-sided `p`.",
        "pearson([1, 2, 3, 4], [2, 4, 5, 9]).r",
        |x: Array, y: Array| -> Answer<Map> {
            Ok(test_map("r", statistics::pearson(&numbers(&x)?, &numbers(&y)?)?))
        },
    );
    api.call(
        "ks_test(a, b) -> map",
        "The two-sample Kolmogorov–Smirnov test: `D` and `p`.",
        "ks_test([1, 2, 3], [2, 3, 4]).D",
        |a: Array, b: Array| -> Answer<Map> {
            Ok(test_map("D", statistics::ks2(&numbers(&a)?, &numbers(&b)?)?))
        },
    );
    api.call(
        "mann_whitney(a, b) -> map",
        "The Mann–Whitney test: `U` and `p`, two-sided.",
        "mann_whitney([1, 2, 3], [2, 3, 4]).U",
        |a: Array, b: Array| -> Answer<Map> {
            Ok(test_map("U", statistics::mann_whitney_u(&numbers(&a)?, &numbers(&b)?)?))
        },
    );
    api.call(
        "welch_t(a, b) -> map",
        "Welch's t-test from summaries `#{mean, std, n}` (std of the sample): `t` and `p`.",
        "welch_t(#{mean: 1.3, std: 1.1, n: 20}, #{mean: 1.2, std: 0.5, n: 50}).t",
        |a: Map, b: Map| -> Answer<Map> {
            let summary = |map: &Map| -> Result<Summary> {
                let get = |key: &str| number(map.get(key).unwrap_or(&Dynamic::UNIT));
                Ok(Summary { mean: get("mean")?, std: get("std")?, n: get("n")? })
            };
            Ok(test_map("t", statistics::welch_t(summary(&a)?, summary(&b)?)?))
        },
    );
    api.call(
        "zscore(value, mean, std) -> float",
        "How many standard deviations a value lies from a mean.",
        "zscore(1.29, 1.3, 1.1)",
        |v: Dynamic, mean: Dynamic, std: Dynamic| -> Answer<Dynamic> {
            Ok(float(statistics::zscore(number(&v)?, number(&mean)?, number(&std)?)))
        },
    );
    api.call(
        "cell_density(count, volume) -> float",
        "Cells per mm³, from a number of cells and a volume in µm³.",
        "cell_density(31346, 290000000.0)",
        |n: i64, volume: Dynamic| -> Answer<f64> {
            Ok(analysis::cell_density(
                crate::script::args::count(n, "a number of cells")? as u64,
                number(&volume)?,
            ))
        },
    );
    api.call(
        "bouton_density(synapses, axon_length, synapses_per_bouton) -> float",
        "Boutons per µm of axon.",
        "bouton_density(1200, 6000.0, 1.2)",
        |n: i64, length: Dynamic, per: Dynamic| -> Answer<f64> {
            let n = crate::script::args::count(n, "a number of synapses")? as u64;
            Ok(analysis::bouton_density(n, number(&length)?, number(&per)?))
        },
    );
    api.call(
        "tm_train(#{u, d, f}, spikes) -> array",
        "The amplitudes of a Tsodyks–Markram synapse at each spike (ms), relative to full release: `u` utilization, \
         `d` recovery from depression (ms), `f` from facilitation (ms).",
        "tm_train(#{u: 0.5, d: 671, f: 17}, [0, 50, 100])",
        |synapse: Map, spikes: Array| -> Answer<Array> {
            let get = |key: &str| number(synapse.get(key).unwrap_or(&Dynamic::UNIT));
            let synapse = TsodyksMarkram { u: get("u")?, d: get("d")?, f: get("f")? };
            Ok(tm_train(synapse, &numbers(&spikes)?)?.into_iter().map(Dynamic::from).collect())
        },
    );
}
