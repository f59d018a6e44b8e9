//! BlueConfig: what was simulated, and where the spikes and the reports are.
//!
//! | what | where |
//! |---|---|
//! | spikes | `SpikesPath`, else `out.dat`, `out.h5` or `spikes.h5` in `OutputRoot` |
//! | a report `Report NAME` | `NAME.bbp` (Format Bin) or `NAME.h5` (Format HDF5, SONATA) in `OutputRoot` |
//!
//! A relative `OutputRoot` counts from `CurrentDir`, else from the configuration's folder. Node ids in files of SONATA
//! become gids.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::config::{BlueConfig, Section};
use super::open::{open_circuit, value};
use crate::diag::{Code, Deferred, Error, Result, nearest};
use crate::formats::paths::{PathMap, folder_of, missing, tidy};
use crate::formats::reports::{self, ReportOptions};
use crate::formats::spikes::{self, SpikeOptions};
use crate::formats::written;
use crate::model::{Circuit, Format, ReportEntry, ReportKind, Simulation, Spikes};

/// The files of spikes that are looked for.
const SPIKES: [&str; 3] = ["out.dat", "out.h5", "spikes.h5"];
/// The formats of reports, with the extensions of their files.
const FORMATS: [(&str, &str); 3] = [("Bin", "bbp"), ("HDF5", "h5"), ("SONATA", "h5")];
/// The types of reports.
const TYPES: [&str; 3] = ["compartment", "Summation", "Synapse"];
/// The types of targets that name compartments, not cells.
const OF_COMPARTMENTS: [&str; 2] = ["Compartment", "Section"];

type Opened = Arc<Deferred<Arc<Circuit>>>;

/// Opens a simulation. The circuit, the spikes and the reports are opened when they are asked for, each by itself.
///
/// # Errors
/// A configuration that is damaged, has no `Run` or no `Duration`, or times that are no numbers.
pub fn open_simulation(path: &Path, path_map: &PathMap) -> Result<Simulation> {
    let config = BlueConfig::read(path)?;
    let run = config.run()?;
    let duration = run.number("Duration")?.ok_or_else(|| {
        let error = run.require("Duration").err();
        let error = error.unwrap_or_else(|| run.error("Duration", "`Run` has no `Duration`"));
        error.help("a simulation lasts for some time; a configuration without it is that of a circuit")
    })?;
    let (of, map) = (path.to_owned(), path_map.clone());
    let circuit: Opened = Arc::new(Deferred::new(move || Ok(Arc::new(open_circuit(&of, &map)?))));
    let output = Output::of(&config, run, path_map);
    let report = |section: &Section| report(section, &output, &circuit);
    Ok(Simulation {
        path: path.to_owned(),
        config: config.to_json(),
        t_start: run.number("StartTime")?.unwrap_or(0.0),
        t_end: duration,
        dt: run.number("Dt")?,
        target: value(run, "CircuitTarget").map(str::to_owned),
        reports: config.of_kind("Report").map(report).collect(),
        spikes: open_spikes(output.clone(), run.clone(), path_map.clone()),
        circuit: Deferred::new(move || circuit.get().cloned()),
    })
}

/// Where a simulation writes.
#[derive(Clone)]
struct Output {
    /// The likeliest folder first.
    folders: Vec<PathBuf>,
    /// What to say where none is there.
    missing: Error,
}

impl Output {
    fn of(config: &BlueConfig, run: &Section, path_map: &PathMap) -> Self {
        let none =
            run.place("OutputRoot", Error::new(Code::Name, "the configuration names no folder of results"));
        let Some(root) = value(run, "OutputRoot") else {
            return Output { folders: Vec::new(), missing: none.help("it is in `OutputRoot`") };
        };
        let beside = folder_of(config.path());
        let current = value(run, "CurrentDir").map(|current| beside.join(path_map.apply(Path::new(current))));
        let root = path_map.apply(Path::new(root));
        // An absolute path replaces what it is joined to.
        let mut folders: Vec<PathBuf> =
            current.into_iter().chain([beside]).map(|folder| tidy(&folder.join(&root))).collect();
        folders.dedup();
        let fault = missing(folders.first().map_or(&root, |folder| folder));
        let fault = Error::new(fault.code(), format!("OutputRoot: {}", fault.message()));
        Output { folders, missing: run.place("OutputRoot", fault) }
    }

    fn folder(&self) -> Result<&Path> {
        let there = self.folders.iter().find(|folder| folder.is_dir());
        there.map(PathBuf::as_path).ok_or_else(|| self.missing.clone())
    }

    /// A file in the folder; where there is no folder, where the file would be.
    fn file(&self, name: &str) -> PathBuf {
        let folder = self.folder().ok().or(self.folders.first().map(PathBuf::as_path));
        folder.unwrap_or(Path::new("")).join(name)
    }
}

fn open_spikes(output: Output, run: Section, path_map: PathMap) -> Deferred<Arc<Spikes>> {
    let options = SpikeOptions { first_id: Format::Bbp.first_id(), population: None };
    Deferred::new(move || {
        let path = match value(&run, "SpikesPath") {
            Some(text) => {
                // It may be a pattern, which is no file; whoever opens it tells what is missing.
                let path = path_map.apply(Path::new(text));
                if path.is_absolute() { path } else { output.folder()?.join(path) }
            }
            None => {
                let folder = output.folder()?;
                let found = SPIKES.iter().map(|name| folder.join(name)).find(|path| path.exists());
                found.ok_or_else(|| written::nowhere("spikes", folder, &SPIKES))?
            }
        };
        spikes::open(&path, &options).map(Arc::new)
    })
}

fn report(section: &Section, output: &Output, circuit: &Opened) -> ReportEntry {
    let name = section.name.clone();
    let extension = extension(section);
    let file = extension.as_ref().map_or_else(|_| name.clone(), |extension| format!("{name}.{extension}"));
    let path = output.file(&file);
    let (of, output, circuit, section_of) = (path.clone(), output.clone(), circuit.clone(), section.clone());
    let report = Deferred::new(move || {
        extension.clone()?;
        let kind = kind(&section_of, &circuit)?;
        output.folder()?;
        if !of.exists() {
            return Err(written::lost(&format!("report `{}`", section_of.name), &of));
        }
        reports::open(&of, &ReportOptions { first_id: Format::Bbp.first_id(), kind, population: None })
    });
    let config = section.entries.iter().map(|e| (e.key.clone(), Value::from(e.value.clone()))).collect();
    let target = value(section, "Target").map(str::to_owned);
    ReportEntry { name, config, path, target, report }
}

/// The extension of the file of a report.
fn extension(section: &Section) -> Result<&'static str> {
    let format = section.require("Format")?;
    let known = FORMATS.iter().find(|(name, _)| name.eq_ignore_ascii_case(format));
    known.map(|(_, extension)| *extension).ok_or_else(|| {
        let message = format!("report `{}` is in the format {format}, which cannot be read", section.name);
        among(section.error("Format", message), format, &FORMATS.map(|(name, _)| name))
    })
}

/// What was recorded: the type says it, and for compartments the target, which names cells (then their somata were
/// recorded) or compartments. Where the target is not known, the file is asked.
fn kind(section: &Section, circuit: &Opened) -> Result<Option<ReportKind>> {
    let written = section.require("Type")?;
    match TYPES.iter().position(|known| known.eq_ignore_ascii_case(written)) {
        Some(2) => Ok(Some(ReportKind::Synapse)),
        Some(_) => Ok(value(section, "Target").and_then(|target| kind_of_target(circuit, target))),
        None => {
            let message = format!("report `{}` is of the type {written}, which cannot be read", section.name);
            Err(among(section.error("Type", message), written, &TYPES))
        }
    }
}

fn kind_of_target(circuit: &Opened, name: &str) -> Option<ReportKind> {
    let targets = circuit.get().ok()?.targets.get().ok()?;
    let without_population = || targets.entry(name.rsplit_once(':')?.1);
    let entry = targets.entry(name).or_else(without_population)?;
    let compartments = OF_COMPARTMENTS.iter().any(|kind| kind.eq_ignore_ascii_case(&entry.kind));
    Some(if compartments { ReportKind::Compartment } else { ReportKind::Soma })
}

/// Says which values there are, and the nearest.
fn among(error: Error, value: &str, known: &[&str]) -> Error {
    let error = error.help(format!("there are: {}", known.join(", ")));
    match nearest(value, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}
