//! What the simulation of the demonstration circuit writes: its configuration, spikes and reports.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::{Activity, FRAME_MS, Network, Settings};
use crate::demo::cells::Population;
use crate::demo::{Options, files, thalamus};
use crate::diag::{Error, Result};
use crate::formats::reports::{Contents, ReportWriter};
use crate::formats::spikes::{self, SpikeOptions};
use crate::formats::write::write_file;
use crate::model::{Clock, Format, Spikes, units};

/// The folder of the results.
const OUTPUT: &str = "simulation";
/// The target of the cells whose compartments are recorded.
pub(in crate::demo) const RECORDED: &str = "RecordedCells";
/// The population of the cells, in SONATA.
const POPULATION: &str = "default";
/// The id of the first cell: node 0 in SONATA.
const FIRST: i64 = 1;

/// Simulates a circuit and writes the results beside it. Gives the number of spikes.
pub(in crate::demo) fn write(
    folder: &Path,
    network: &Network,
    cells: &Population,
    first_fibre: u32,
    options: &Options,
    settings: &Settings,
) -> Result<u64> {
    let output = folder.join(OUTPUT);
    std::fs::create_dir(&output).map_err(|e| Error::io("create", &output, &e))?;
    let activity = record(&output, network, options.format, settings)?;
    let (of, fibres) = (split(activity.spikes), split(activity.fibres));
    let count = of.0.len() as u64;
    let save = |(times, ids): (Vec<f64>, Vec<i64>), name: &str, first_id: i64, population: &str| {
        let options = SpikeOptions { first_id, population: Some(population.to_owned()) };
        spikes::save(&Spikes::new("", times, ids), &output.join(name), &options)
    };
    match options.format {
        Format::Bbp => {
            save(of.clone(), "out.dat", FIRST, POPULATION)?;
            save(of, "spikes.h5", FIRST, POPULATION)?;
            save(fibres, "thalamic_input.dat", FIRST, thalamus::NAME)?;
            blue_config(folder, cells, options, settings)?;
        }
        Format::Sonata => {
            save(of, "spikes.h5", FIRST, POPULATION)?;
            save(fibres, "thalamic_input.h5", first_fibre.into(), thalamus::NAME)?;
            simulation_config(folder, options, settings)?;
        }
    }
    Ok(count)
}

fn split(spikes: Vec<(f64, i64)>) -> (Vec<f64>, Vec<i64>) {
    spikes.into_iter().unzip()
}

/// Runs the network and writes its reports as it goes.
fn record(output: &Path, network: &Network, format: Format, settings: &Settings) -> Result<Activity> {
    let somata = (1..=network.cells() as i64).map(|gid| (gid, vec![0])).collect();
    let compartments = network
        .compartments()
        .into_iter()
        .map(|cell| (cell.gid, cell.sections.into_iter().map(i64::from).collect()))
        .collect();
    let names: &[&str] = match format {
        Format::Bbp => &["soma.bbp", "soma_sonata.h5"],
        Format::Sonata => &["soma.h5"],
    };
    let (somata, compartments) = (contents(somata, settings), contents(compartments, settings));
    let create = |name: &&str| ReportWriter::create(&output.join(name), &somata);
    let mut of_somata = names.iter().map(create).collect::<Result<Vec<_>>>()?;
    let mut of_compartments = ReportWriter::create(&output.join("compartments.h5"), &compartments)?;
    let activity = network.run(settings, &mut |frame| {
        of_somata.iter_mut().try_for_each(|report| report.frames(frame.soma))?;
        of_compartments.frames(frame.compartments)
    })?;
    of_somata.into_iter().try_for_each(ReportWriter::finish)?;
    of_compartments.finish()?;
    Ok(activity)
}

fn contents(cells: Vec<(i64, Vec<i64>)>, settings: &Settings) -> Contents {
    let frames = (settings.duration / FRAME_MS).ceil() as usize;
    Contents {
        cells,
        clock: Clock { start: 0.0, dt: FRAME_MS, frames },
        unit: units::MV.to_owned(),
        variable: Some("v".to_owned()),
        population: POPULATION.to_owned(),
        first_id: FIRST,
    }
}

/// Writes BlueConfig.
fn blue_config(folder: &Path, cells: &Population, options: &Options, settings: &Settings) -> Result<()> {
    let end = settings.duration;
    let run = format!(
        "    OutputRoot {OUTPUT}\n    CircuitTarget All\n    Duration {end}\n    Dt {dt}\n    BaseSeed {seed}\n",
        dt = super::DT,
        seed = options.seed,
    );
    let report = |name: &str, target: &str, format: &str| {
        format!(
            "\nReport {name}\n{{\n    Target {target}\n    Type compartment\n    ReportOn v\n    Unit mV\n    \
             Format {format}\n    Dt {FRAME_MS}\n    StartTime 0\n    EndTime {end}\n}}\n"
        )
    };
    let text = format!(
        "# {title}: see {readme}\n\
         # Point neurons, not morphologies: a demonstration. The volley of the thalamus comes at {volley} ms.\n\
         {circuit}\n\
         Stimulus ThalamicInput\n{{\n    Mode Current\n    Pattern SynapseReplay\n    Delay 0\n    Duration {end}\n    \
             SpikeFile {OUTPUT}/thalamic_input.dat\n}}\n\n\
         StimulusInject ThalamicInputIntoAll\n{{\n    Stimulus ThalamicInput\n    Target All\n}}\n\
         {soma}{soma_sonata}{compartments}",
        title = files::TITLE,
        readme = files::README,
        volley = settings.volley.unwrap_or(f64::NAN),
        circuit = files::sections(cells, &run),
        soma = report("soma", "All", "Bin"),
        soma_sonata = report("soma_sonata", "All", "SONATA"),
        compartments = report("compartments", RECORDED, "SONATA"),
    );
    write_file(&folder.join("BlueConfig"), |out| out.write_all(text.as_bytes()))
}

/// Writes simulation_config.json.
fn simulation_config(folder: &Path, options: &Options, settings: &Settings) -> Result<()> {
    let end = settings.duration;
    let report = |target: &str, sections: &str, compartments: &str| {
        json!({
            "cells": target, "sections": sections, "compartments": compartments, "type": "compartment",
            "variable_name": "v", "unit": "mV", "dt": FRAME_MS, "start_time": 0.0, "end_time": end,
        })
    };
    let config = json!({
        "version": 2.4,
        "manifest": {"$OUTPUT_DIR": format!("./{OUTPUT}")},
        "network": "circuit_config.json",
        "node_set": "All",
        "run": {"tstop": end, "dt": (f64::from(super::DT) * 1e6).round() / 1e6, "random_seed": options.seed},
        "output": {"output_dir": "$OUTPUT_DIR", "spikes_file": "spikes.h5", "spikes_sort_order": "by_time"},
        "inputs": {"thalamic_input": {
            "module": "synapse_replay", "input_type": "spikes", "delay": 0.0, "duration": end, "node_set": "All",
            "spike_file": "$OUTPUT_DIR/thalamic_input.h5",
        }},
        "reports": {
            "soma": report("All", "soma", "center"),
            "compartments": report(RECORDED, "all", "all"),
        },
    });
    let text = format!("{config:#}\n");
    write_file(&folder.join("simulation_config.json"), |out| out.write_all(text.as_bytes()))
}
