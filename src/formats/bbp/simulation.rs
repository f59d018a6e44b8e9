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
        let path = if let Some(text) = value(&run, "SpikesPath") {
            // It may be a pattern, which is no file; whoever opens it tells what is missing.
            let path = path_map.apply(Path::new(text));
            if path.is_absolute() { path } else { output.folder()?.join(path) }
        } else {
            let folder = output.folder()?;
            let found = SPIKES.iter().map(|name| folder.join(name)).find(|path| path.exists());
            found.ok_or_else(|| written::nowhere("spikes", folder, &SPIKES))?
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::open::open_simulation as open_any;
    use crate::formats::write::hdf5::{Array, File};

    const CELLS: &str = "Neurons Loaded\nm d 0 0 0 0 0 1 2 3 0 c\nm d 0 0 5 0 0 4 5 6 0 c\nMorphTypes\nL1 INT INH\n\
                         ElectroTypes\ncNAC\n";

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new() -> Self {
            let fixture = Fixture(tempfile::tempdir().unwrap());
            fixture.write("circuit.mvd2", CELLS);
            fixture.write("start.target", "Target Cell All { a1 a2 }\nTarget Compartment Parts { All }\n");
            fixture
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            std::fs::create_dir_all(folder_of(&path)).unwrap();
            std::fs::write(path, text).unwrap();
        }

        /// A report of SONATA: one value of each of two cells.
        fn report(&self, name: &str) {
            std::fs::create_dir_all(self.path("out")).unwrap();
            let mut file = File::create(&self.path(name)).unwrap();
            let root = file.root();
            let all = file.group(root, "report").unwrap();
            let cells = file.group(all, "cells").unwrap();
            file.write(cells, "data", &Array::numbers(&[1.0_f32, 2.0]).shape(&[1, 2])).unwrap();
            let mapping = file.group(cells, "mapping").unwrap();
            file.write(mapping, "node_ids", &Array::numbers(&[0_u64, 1])).unwrap();
            file.write(mapping, "index_pointers", &Array::numbers(&[0_u64, 1, 2])).unwrap();
            file.write(mapping, "element_ids", &Array::numbers(&[0_u32, 0])).unwrap();
            file.write(mapping, "time", &Array::numbers(&[0.0, 0.1, 0.1])).unwrap();
            file.finish().unwrap();
        }

        fn open(&self, run: &str, more: &str) -> Result<Simulation> {
            self.write("BlueConfig", &format!("Run Default\n{{\n CircuitPath .\n{run}\n}}\n{more}"));
            open_any(self.0.path(), &PathMap::default())
        }
    }

    #[test]
    fn a_simulation_tells_its_facts() {
        let fixture = Fixture::new();
        let simulation = fixture.open("Duration 100\nDt 0.025\nCircuitTarget All", "").unwrap();
        assert_eq!((simulation.t_start, simulation.t_end, simulation.dt), (0.0, 100.0, Some(0.025)));
        assert_eq!((simulation.target.as_deref(), simulation.reports.len()), (Some("All"), 0));
        assert_eq!(simulation.config["Run"]["Default"]["Duration"], "100");
        assert_eq!(simulation.circuit.get().unwrap().cells.count(), 2);
        let error = simulation.spikes.get().unwrap_err().to_string();
        assert!(error.contains("no folder of results") && error.contains("`OutputRoot`"), "{error}");
        let error = fixture.open("OutputRoot out", "").unwrap_err().to_string();
        assert!(error.contains("no `Duration`") && error.contains("circuit"), "{error}");
        assert!(fixture.open("Duration long", "").unwrap_err().message().contains("not a number"));
    }

    #[test]
    fn spikes_are_found() {
        let fixture = Fixture::new();
        let open =
            |run: &str| fixture.open(&format!("Duration 100\n{run}"), "").unwrap().spikes.get().cloned();
        let error = open("OutputRoot out").unwrap_err().to_string();
        assert!(error.contains("OutputRoot: ") && error.contains("line 5"), "{error}");
        fixture.write("out/log.txt", "");
        let error = open("OutputRoot out").unwrap_err().to_string();
        assert!(
            error.contains("looked for out.dat, out.h5") && error.contains("the folder has log.txt"),
            "{error}"
        );
        let spikes = crate::model::Spikes::of_populations("", vec![("cells".to_owned(), vec![1.0], vec![2])]);
        spikes::save(&spikes, &fixture.path("out/out.h5"), &SpikeOptions::default()).unwrap();
        // Node ids become gids.
        assert_eq!(open("OutputRoot out").unwrap().ids(), [3]);
        fixture.write("out/out.dat", "/scatter\n1 7\n");
        assert_eq!(open("OutputRoot out").unwrap().ids(), [7]);
        assert_eq!(open(&format!("OutputRoot {}", fixture.path("out").display())).unwrap().ids(), [7]);
        fixture.write("elsewhere/out/out.dat", "1 8");
        assert_eq!(open("OutputRoot out\nCurrentDir elsewhere").unwrap().ids(), [8]);
        assert_eq!(open("OutputRoot out\nCurrentDir gone").unwrap().ids(), [7]);
        fixture.write("out/a-0.gdf", "1 2.5");
        fixture.write("out/a-1.gdf", "2 1.5");
        assert_eq!(open("OutputRoot out\nSpikesPath a-*.gdf").unwrap().ids(), [2, 1]);
        assert!(open("OutputRoot out\nSpikesPath b.dat").is_err());
    }

    #[test]
    fn reports_are_found_and_their_kind_follows_the_target() {
        let fixture = Fixture::new();
        let section = |name: &str, format: &str, kind: &str, target: &str| {
            format!("Report {name}\n{{\n Format {format}\n Type {kind}\n Target {target}\n}}\n")
        };
        let sections = [
            section("soma", "SONATA", "Compartment", "All"),
            section("sum", "hdf5", "summation", "cells:All"),
            section("parts", "SONATA", "compartment", "Parts"),
            section("other", "SONATA", "compartment", "Nobody"),
            section("synapses", "SONATA", "synapse", "All"),
            section("ascii", "ASCII", "compartment", "All"),
            section("point", "SONATA", "PointType", "All"),
            section("gone", "Bin", "compartment", "All"),
        ];
        for name in ["soma", "sum", "parts", "other", "synapses", "point"] {
            fixture.report(&format!("out/{name}.h5"));
        }
        let simulation = fixture.open("Duration 1\nOutputRoot out", &sections.concat()).unwrap();
        let kind = |name: &str| simulation.report(name).unwrap().report.get().unwrap().facts().kind;
        let expected = [
            ("soma", ReportKind::Soma),
            ("sum", ReportKind::Soma),
            ("parts", ReportKind::Compartment),
            ("other", ReportKind::Soma),
            ("synapses", ReportKind::Synapse),
        ];
        for (name, expected) in expected {
            assert_eq!(kind(name), expected, "{name}");
        }
        let soma = simulation.report("soma").unwrap();
        assert_eq!((soma.path.clone(), soma.target.as_deref()), (fixture.path("out/soma.h5"), Some("All")));
        assert_eq!(
            (soma.report.get().unwrap().layout().ids.as_slice(), &soma.config["Type"]),
            (&[1, 2][..], &"Compartment".into())
        );
        for (name, words) in [
            ("ascii", ["the format ASCII", "Bin, HDF5, SONATA", "line"]),
            ("point", ["the type PointType", "compartment, Summation, Synapse", "line"]),
            ("gone", ["report `gone` is not there", "no file `gone.bbp`", "the folder has other.h5"]),
        ] {
            let error = simulation.report(name).unwrap().report.get().err().unwrap().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        // Spikes and reports of a circuit that is gone.
        std::fs::remove_file(fixture.path("circuit.mvd2")).unwrap();
        let simulation = fixture.open("Duration 1\nOutputRoot out", &sections.concat()).unwrap();
        assert!(simulation.circuit.get().is_err());
        let kind = |name: &str| simulation.report(name).unwrap().report.get().unwrap().facts().kind;
        assert_eq!((kind("soma"), kind("synapses")), (ReportKind::Soma, ReportKind::Synapse));
    }
}
