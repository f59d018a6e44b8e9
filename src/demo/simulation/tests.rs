use super::*;
use crate::demo::Options;
use crate::demo::cells::Population;
use crate::demo::recipe::MTYPES;

#[test]
#[ignore]
fn zz_tune() {
    for (n, syn) in [(600, 100), (3000, 100), (3000, 300), (10000, 50)] {
        let o = Options { cells: n, synapses_per_cell: syn, ..Options::default() };
        let t0 = std::time::Instant::now();
        let net = Network::of(&o, 5).unwrap();
        let t1 = std::time::Instant::now();
        let a = net.run(&Settings::default(), &mut |_| Ok(())).unwrap();
        let t2 = std::time::Instant::now();
        let pop = Population::new(n, 1);
        println!(
            "{n}x{syn}: build {:?} run {:?} conns {} fibres {} spikes {}",
            t1 - t0,
            t2 - t1,
            net.connections.len(),
            net.fibres,
            a.spikes.len()
        );
        for layer in 1..=6u8 {
            for exc in [true, false] {
                let ids: Vec<i64> = pop
                    .cells
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| c.layer == layer && MTYPES[c.mtype as usize].is_excitatory() == exc)
                    .map(|(i, _)| i as i64 + 1)
                    .collect();
                if ids.is_empty() {
                    continue;
                }
                let of = |lo: f64, hi: f64| {
                    a.spikes
                        .iter()
                        .filter(|s| s.0 >= lo && s.0 < hi && ids.binary_search(&s.1).is_ok())
                        .count() as f64
                        / (hi - lo)
                        * 1000.0
                        / ids.len() as f64
                };
                let mut per = std::collections::HashMap::<i64, usize>::new();
                for s in &a.spikes {
                    if ids.binary_search(&s.1).is_ok() {
                        *per.entry(s.1).or_default() += 1;
                    }
                }
                let mut lat: Vec<f64> = Vec::new();
                let mut seen = std::collections::HashSet::new();
                for s in &a.spikes {
                    if s.0 >= 700.0 && s.0 <= 730.0 && ids.binary_search(&s.1).is_ok() && seen.insert(s.1) {
                        lat.push(s.0 - 700.0)
                    }
                }
                lat.sort_by(f64::total_cmp);
                println!(
                    " L{layer} exc={exc} n={} rate {:.2} base {:.2} volley(700-720) {:.1} after(730-760) {:.1} silent {:.2} max {} first-spike n {} median {:.1}",
                    ids.len(),
                    of(0., 1000.),
                    of(100., 700.),
                    of(700., 720.),
                    of(730., 760.),
                    1.0 - per.len() as f64 / ids.len() as f64,
                    per.values().max().unwrap_or(&0),
                    lat.len(),
                    lat.get(lat.len() / 2).copied().unwrap_or(f64::NAN)
                );
            }
        }
    }
}
