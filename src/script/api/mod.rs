//! The words of the language: one file a type, which is one page of the reference.

pub mod cells;
pub mod circuit;
pub mod figure;
pub mod grouped;
mod matrix;
mod numbers;
pub mod opening;
pub mod pathway;
pub mod populations;
pub mod report;
pub mod simulation;
pub mod space;
pub mod spikes;
mod statistics;
pub mod synapses;
pub mod table;

use rhai::{Dynamic, Engine, Variant};
use serde_json::Value as Json;

use super::registry::{Answer, Api};
use super::{saving, value};
use crate::query::Table;

/// Registers everything.
pub(super) fn register(engine: &mut Engine) {
    let mut api = Api::new(engine);
    opening::register(&mut api);
    circuit::register(&mut api);
    table::register::<Table>(api.on::<Table>("Table"));
    grouped::register(&mut api);
    cells::register(&mut api);
    synapses::register(&mut api);
    pathway::register(&mut api);
    matrix::register(&mut api);
    populations::register(&mut api);
    simulation::register(&mut api);
    spikes::register(&mut api);
    report::register(&mut api);
    table::register_iterators(&mut api);
    space::register(&mut api);
    figure::register(&mut api);
    numbers::register(&mut api);
    statistics::register(&mut api);
    shown::<circuit::Circuit>(&mut api);
    shown::<circuit::Projection>(&mut api);
    shown::<cells::Cells>(&mut api);
    shown::<synapses::Synapses>(&mut api);
    shown::<simulation::Simulation>(&mut api);
    shown::<spikes::Spikes>(&mut api);
    shown::<spikes::SpikeGroups>(&mut api);
    shown::<report::Report>(&mut api);
    shown::<report::ReportGroups>(&mut api);
    shown::<Table>(&mut api);
    shown::<grouped::Grouped>(&mut api);
    shown::<pathway::Pathway>(&mut api);
    shown::<pathway::Pathways>(&mut api);
    shown::<crate::plot::Figure>(&mut api);
    shown::<crate::analysis::figures::Animation>(&mut api);
    shown::<crate::model::SparseMatrix>(&mut api);
}

/// Makes `print(x)` and `${x}` show what the prompt shows.
fn shown<T: Variant + Clone>(api: &mut Api) {
    // `print` fails where its value cannot be shown. A text that holds one cannot fail: it holds the reason.
    for name in ["print", "debug"] {
        api.also(name, |x: &mut T| -> Answer<String> {
            Ok(value::display(&Dynamic::from(x.clone()), &saving::screen())?.unwrap_or_default())
        });
    }
    for name in ["to_string", "to_debug"] {
        api.also(name, |x: &mut T| -> String {
            let text = value::display(&Dynamic::from(x.clone()), &saving::screen());
            text.map_or_else(|error| format!("<{error}>"), Option::unwrap_or_default)
        });
    }
}

/// The JSON form of the remaining types.
pub(super) fn card_of_other(value: &Dynamic) -> Option<Json> {
    if let Some(region) = value.read_lock::<space::Region>() {
        return Some(format!("{region:?}").into());
    }
    if let Some(targets) = value.read_lock::<circuit::Targets>() {
        let names: Vec<String> = targets.0.entries().into_iter().map(|t| t.name).collect();
        return Some(names.into());
    }
    if let Some(sets) = value.read_lock::<populations::NodeSets>() {
        return Some(populations::card(&sets));
    }
    None
}

/// Whether a value is one of the things that a script looks at and cannot change.
pub(super) fn never_changes(value: &Dynamic) -> bool {
    value.is::<circuit::Circuit>()
        || value.is::<cells::Cells>()
        || value.is::<synapses::Synapses>()
        || value.is::<Table>()
        || value.is::<simulation::Simulation>()
        || value.is::<spikes::Spikes>()
        || value.is::<spikes::SpikeGroups>()
        || value.is::<report::Report>()
        || value.is::<report::ReportGroups>()
        || value.is::<grouped::Grouped>()
        || value.is::<pathway::Pathway>()
        || value.is::<pathway::Pathways>()
        || value.is::<circuit::Projection>()
        || value.is::<circuit::Targets>()
        || value.is::<space::Region>()
        || value.is::<crate::model::SparseMatrix>()
        || value.is::<crate::plot::Figure>()
        || value.is::<crate::analysis::figures::Animation>()
}
