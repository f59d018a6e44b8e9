//! What the simulation of a small circuit is like.

use std::collections::HashMap;

use super::*;
use crate::demo::Options;
use crate::demo::cells::Population;
use crate::demo::recipe::MTYPES;
use crate::diag::{Error, Result};

const OPTIONS: Options = Options {
    cells: 600,
    synapses_per_cell: 100,
    seed: 1,
    format: crate::model::Format::Bbp,
    overwrite: false,
};

fn network() -> Network {
    Network::of(&OPTIONS, 3).expect("a network")
}

fn run(network: &Network, settings: &Settings) -> Activity {
    network.run(settings, &mut |_| Ok(())).expect("a simulation")
}

fn brief() -> Settings {
    Settings { duration: 150.0, volley: Some(50.0), seed: 1 }
}

#[test]
fn the_same_seed_gives_the_same_spikes_on_any_number_of_threads() {
    let network = network();
    let first = run(&network, &brief());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let again = pool.install(|| run(&self::network(), &brief()));
    assert!(!first.spikes.is_empty() && !first.fibres.is_empty());
    assert_eq!(first, again);
    assert_ne!(first, run(&network, &Settings { seed: 2, ..brief() }));
}

#[test]
fn cells_fire_as_fast_as_is_plausible_and_some_are_silent() {
    let activity = run(&network(), &Settings::default());
    assert!(activity.spikes.is_sorted() && activity.spikes.iter().all(|s| s.0 >= 0.0 && s.0 < 1000.0));
    assert!(activity.spikes.iter().all(|s| (1..=600).contains(&s.1)));
    assert!(activity.fibres.iter().all(|s| s.1 > 1_000_000));
    let cells = Population::new(OPTIONS.cells, OPTIONS.seed).cells;
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for &(t, gid) in &activity.spikes {
        *counts.entry(gid).or_default() += usize::from(t < 700.0);
    }
    // Before the volley.
    let rates = |excitatory: bool| -> Vec<f64> {
        let of_class = (1..)
            .zip(&cells)
            .filter(|(_, cell)| MTYPES[usize::from(cell.mtype)].is_excitatory() == excitatory);
        of_class.map(|(gid, _)| counts.get(&gid).copied().unwrap_or(0) as f64 / 0.7).collect()
    };
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
    let (excitatory, inhibitory) = (rates(true), rates(false));
    assert!((0.8..6.0).contains(&mean(&excitatory)), "{}", mean(&excitatory));
    assert!((5.0..18.0).contains(&mean(&inhibitory)), "{}", mean(&inhibitory));
    let silent = excitatory.iter().filter(|r| **r == 0.0).count() as f64 / excitatory.len() as f64;
    assert!((0.05..0.6).contains(&silent), "{silent}");
    assert!(excitatory.iter().chain(&inhibitory).all(|rate| *rate < 150.0));
}

#[test]
fn the_volley_is_answered_by_layer_four_first() {
    let activity = run(&network(), &Settings::default());
    let between = |from: f64, to: f64| activity.spikes.iter().filter(move |s| s.0 >= from && s.0 < to);
    let (before, during) =
        (between(600.0, 700.0).count() as f64 / 100.0, between(700.0, 720.0).count() as f64 / 20.0);
    assert!(during > 3.0 * before, "{before} {during}");
    let cells = Population::new(OPTIONS.cells, OPTIONS.seed).cells;
    let answer = |layers: [u8; 2]| -> f64 {
        let in_layers = |gid: i64| layers.contains(&cells[gid as usize - 1].layer);
        let mut first: HashMap<i64, f64> = HashMap::new();
        for &(t, gid) in between(702.0, 720.0).filter(|s| in_layers(s.1)) {
            first.entry(gid).or_insert(t - 700.0);
        }
        first.values().sum::<f64>() / first.len() as f64
    };
    assert!(answer([4, 4]) < answer([2, 3]), "{} {}", answer([4, 4]), answer([2, 3]));
    let quiet = run(&network(), &Settings { volley: None, ..Settings::default() });
    let then = |s: &&(f64, i64)| s.0 < 700.0;
    assert!(quiet.spikes.iter().filter(then).eq(activity.spikes.iter().filter(then)));
    assert!(quiet.spikes.len() < activity.spikes.len());
}

#[test]
fn frames_show_voltages_and_spikes() {
    let network = network();
    let layout = network.compartments();
    let width: usize = layout.iter().map(|cell| cell.sections.len()).sum();
    assert!(layout.len() == 3 && layout.is_sorted_by_key(|cell| cell.gid));
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    let mut record = |frame: &Frame| -> Result<()> {
        assert!(frame.soma.len() == network.cells() && frame.compartments.len() == width);
        let outside = |v: &&f32| !(-95.0..=20.0).contains(*v);
        let wrong = frame.soma.iter().chain(frame.compartments).find(outside);
        assert!(wrong.is_none(), "{} ms: {wrong:?} mV", frame.time);
        assert_eq!(frame.compartments[0], frame.soma[layout[0].gid as usize - 1]);
        let fired =
            (1..).zip(frame.soma).filter(|(_, v)| **v == 20.0).map(|(gid, _): (i64, _)| (frame.time, gid));
        peaks.extend(fired);
        times.push(frame.time);
        Ok(())
    };
    let activity = network.run(&brief(), &mut record).expect("a simulation");
    assert_eq!((times.len(), times[1], times[299]), (300, FRAME_MS, 149.5));
    // Each spike is a peak of the next frame; those after the last frame are not shown.
    let next = |t: f64| ((t / FRAME_MS + 1e-9).floor() + 1.0) * FRAME_MS;
    let mut shown: Vec<(f64, i64)> = activity.spikes.iter().map(|&(t, gid)| (next(t), gid)).collect();
    shown.retain(|spike| spike.0 < 150.0);
    shown.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    assert_eq!(peaks, shown);
}

#[test]
fn a_failing_recorder_and_impossible_settings_stop_it() {
    let network = Network::of(&Options { cells: 3, synapses_per_cell: 0, ..OPTIONS }, 10).expect("a network");
    assert_eq!(network.compartments().len(), 3);
    let failing = network.run(&brief(), &mut |_| Err(Error::argument("no space left")));
    assert!(failing.is_err_and(|e| e.message() == "no space left"));
    for settings in [
        Settings { duration: 0.0, ..brief() },
        Settings { duration: f64::NAN, ..brief() },
        Settings { duration: 1e9, ..brief() },
        Settings { volley: Some(150.0), ..brief() },
        Settings { volley: Some(f64::NAN), ..brief() },
    ] {
        assert!(network.run(&settings, &mut |_| Ok(())).is_err(), "{settings:?}");
    }
    assert!(Network::of(&Options { cells: 0, ..OPTIONS }, 1).is_err());
}
