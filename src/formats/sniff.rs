//! What a file is, decided by its content; the extension is asked only where content cannot tell.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bbp::config::BlueConfig;
use super::bbp::target::parse_gid;
use super::hdf5::{File, Member};
use super::paths::{existing, names_in};
use crate::diag::{Code, Error, Result};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CircuitConfig: sections of keys that describe a circuit.
    CircuitConfig,
    /// BlueConfig: the same with a simulation.
    BlueConfig,
    /// A circuit as JSON in BluePy's way (`cells`, `connectome`, `targets` …).
    CircuitParts,
    /// SONATA's `circuit_config.json`.
    SonataCircuit,
    /// SONATA's `simulation_config.json`.
    SonataSimulation,
    /// SONATA's node sets.
    NodeSets,
    /// Cells as text.
    Mvd2,
    /// Cells as HDF5.
    Mvd3,
    /// Nodes of SONATA.
    SonataNodes,
    /// Synapses of the nrn.h5 family.
    Nrn,
    /// Synapses of the format between nrn.h5 and SONATA.
    Syn2,
    /// Edges of SONATA.
    SonataEdges,
    /// Named groups of cells.
    Targets,
    /// Spikes, of any format.
    Spikes,
    /// A report of a simulation, of any format.
    Report,
    /// The shape of a neuron, of any format.
    Morphology,
    /// A surface.
    Mesh,
    /// Gene expression and proteins of the cells of a circuit.
    Subcellular,
    /// Neurodata Without Borders.
    Nwb,
    /// csv, tsv, JSON, parquet or arrow.
    Table,
}

impl Kind {
    /// With its article, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CircuitConfig => "a CircuitConfig",
            Kind::BlueConfig => "a BlueConfig",
            Kind::CircuitParts => "a circuit in JSON",
            Kind::SonataCircuit => "a SONATA circuit configuration",
            Kind::SonataSimulation => "a SONATA simulation configuration",
            Kind::NodeSets => "a file of SONATA node sets",
            Kind::Mvd2 => "a file of cells (mvd2)",
            Kind::Mvd3 => "a file of cells (mvd3)",
            Kind::SonataNodes => "a file of SONATA nodes",
            Kind::Nrn => "a file of synapses (nrn)",
            Kind::Syn2 => "a file of synapses (syn2)",
            Kind::SonataEdges => "a file of SONATA edges",
            Kind::Targets => "a target file",
            Kind::Spikes => "a file of spikes",
            Kind::Report => "a report",
            Kind::Morphology => "a morphology",
            Kind::Mesh => "a mesh",
            Kind::Subcellular => "a file of subcellular data",
            Kind::Nwb => "an NWB file",
            Kind::Table => "a table",
        }
    }
}

/// The names of configurations and cell files that stand for their folder, where a circuit is wanted.
pub const CIRCUITS: [&str; 6] = [
    "CircuitConfig",
    "circuit_config.json",
    "BlueConfig",
    "simulation_config.json",
    "circuit.mvd3",
    "circuit.mvd2",
];
/// The same where anything, or a simulation, is wanted.
pub const SIMULATIONS: [&str; 6] = [
    "BlueConfig",
    "simulation_config.json",
    "CircuitConfig",
    "circuit_config.json",
    "circuit.mvd3",
    "circuit.mvd2",
];

/// The file that stands for a folder: the first of these names that is in it, else the only file whose name
/// starts with `BlueConfig` or `CircuitConfig`.
///
/// # Errors
/// When there is none, or none of the right name and several that may be meant.
pub fn find_config(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    if let Some(name) = names.iter().find(|name| folder.join(name).is_file()) {
        return Ok(folder.join(name));
    }
    let starts = |name: &String| name.starts_with("BlueConfig") || name.starts_with("CircuitConfig");
    let others: Vec<String> = names_in(folder).into_iter().filter(starts).collect();
    let error = Error::new(Code::Io, format!("there is no configuration in {}", folder.display()));
    match others.as_slice() {
        [one] => Ok(folder.join(one)),
        [] => Err(error.help(format!("looked for {}", names.join(", ")))),
        many => Err(error.help(format!("give one of these: {}", many.join(", ")))),
    }
}

/// What a file is; for a folder, what the configuration in it is.
///
/// # Errors
/// A path that does not exist (with the nearest names), a file that is of no known kind, a damaged JSON or HDF5 file.
pub fn sniff(path: &Path) -> Result<Kind> {
    if existing(path)?.is_dir() {
        return sniff(&find_config(path, &SIMULATIONS)?);
    }
    let head = Head::read(path)?;
    let kind = match head.binary() {
        Some(Container::Hdf5) => hdf5(path)?,
        Some(Container::Known(kind)) => Some(kind),
        None if head.bytes.contains(&0) => None,
        None => text(path, &head)?,
    };
    kind.ok_or_else(|| {
        let message =
            if head.length == 0 { "the file is empty" } else { "this is no kind of file that can be opened" };
        Error::format(message).in_file(path)
    })
}

/// The beginning of a file.
struct Head {
    bytes: Vec<u8>,
    length: u64,
    hdf5: bool,
    extension: String,
}

/// What the first bytes of a binary file tell.
enum Container {
    Hdf5,
    Known(Kind),
}

impl Head {
    fn read(path: &Path) -> Result<Self> {
        const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
        let fail = |e: std::io::Error| Error::io("read", path, &e);
        let mut file = std::fs::File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let mut bytes = Vec::new();
        file.by_ref().take(16 * 1024).read_to_end(&mut bytes).map_err(fail)?;
        let mut hdf5 = bytes.starts_with(SIGNATURE);
        // A user block of 512, 1024, 2048 … bytes may stand before the signature.
        let mut at = 512;
        while !hdf5 && at + 8 <= length && at <= 1 << 20 {
            let mut found = [0; 8];
            file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut found)).map_err(fail)?;
            hdf5 = found == SIGNATURE;
            at *= 2;
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        Ok(Head { bytes, length, hdf5, extension })
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?))
    }

    fn binary(&self) -> Option<Container> {
        const REPORT_MARK: f64 = 1.001;
        let first: Option<[u8; 8]> = self.bytes.first_chunk().copied();
        let is_report =
            |b: [u8; 8]| f64::from_le_bytes(b) == REPORT_MARK || f64::from_be_bytes(b) == REPORT_MARK;
        if self.hdf5 {
            return Some(Container::Hdf5);
        }
        let known = if first.is_some_and(is_report) {
            Kind::Report
        } else if self.word(0).is_some_and(|w| w == 0x0f0a || w.swap_bytes() == 0x0f0a) {
            Kind::Spikes
        } else if self.bytes.starts_with(b"PAR1")
            || self.bytes.starts_with(b"ARROW1")
            || self.is_arrow_stream()
        {
            Kind::Table
        } else if self.is_mesh() {
            Kind::Mesh
        } else {
            return None;
        };
        Some(Container::Known(known))
    }

    fn is_arrow_stream(&self) -> bool {
        self.word(0) == Some(u32::MAX)
            && matches!(self.extension.as_str(), "arrow" | "arrows" | "feather" | "ipc")
    }

    /// A mesh has no mark; the three counts at its start tell its size, with or without a version.
    fn is_mesh(&self) -> bool {
        let [Some(vertices), Some(triangles), Some(strip)] = [0, 4, 8].map(|at| self.word(at)) else {
            return false;
        };
        let size = 12 + u64::from(vertices) * 18 + u64::from(triangles) * 12 + u64::from(strip) * 4;
        vertices > 0 && (self.length == size || self.length == size + 4)
    }
}

fn hdf5(path: &Path) -> Result<Option<Kind>> {
    let file = File::open(path)?;
    let has = |name: &str| file.find(name).is_some();
    let rules: [(&[&str], Kind); 14] = [
        (&["cells/positions"], Kind::Mvd3),
        (&["cells/properties"], Kind::Mvd3),
        (&["library/gene_mapping"], Kind::Subcellular),
        (&["nodes"], Kind::SonataNodes),
        (&["edges"], Kind::SonataEdges),
        (&["synapses"], Kind::Syn2),
        (&["spikes"], Kind::Spikes),
        (&["report"], Kind::Report),
        (&["mapping", "data"], Kind::Report),
        (&["points", "structure"], Kind::Morphology),
        (&["neuron1"], Kind::Morphology),
        (&["file_create_date"], Kind::Nwb),
        (&["session_start_time"], Kind::Nwb),
        (&["info"], Kind::Nrn),
    ];
    if let Some((_, kind)) = rules.iter().find(|(names, _)| names.iter().all(|n| has(n))) {
        return Ok(Some(*kind));
    }
    if file.first_extent("/", |name| parse_gid(name).is_some())?.is_some() {
        return Ok(Some(Kind::Nrn));
    }
    // One group a cell: a report of the old kind, or a container of morphologies.
    let groups = file.names("/", Member::Group)?;
    let is_morphology = |g: &String| file.find(&format!("{g}/points")).is_some();
    Ok(match groups.first() {
        Some(first) if is_morphology(first) => Some(Kind::Morphology),
        _ if groups.iter().any(|g| parse_gid(g).is_some()) => Some(Kind::Report),
        _ => None,
    })
}

fn text(path: &Path, head: &Head) -> Result<Option<Kind>> {
    let text = String::from_utf8_lossy(&head.bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let by_extension = match head.extension.as_str() {
        "csv" | "tsv" | "jsonl" | "ndjson" => return Ok(Some(Kind::Table)),
        "swc" | "asc" => Some(Kind::Morphology),
        "dat" | "gdf" => Some(Kind::Spikes),
        "obj" | "off" | "ply" | "stl" => Some(Kind::Mesh),
        "target" => Some(Kind::Targets),
        "mvd2" => Some(Kind::Mvd2),
        _ => None,
    };
    if text.starts_with(['{', '[']) && by_extension.is_none() {
        return json(path).map(Some);
    }
    let code = text.lines().map(|l| l.split('#').next().unwrap_or_default().trim()).filter(|l| !l.is_empty());
    let lines: Vec<&str> = code.take(64).collect();
    let first = lines.first().copied().unwrap_or_default();
    if first == "/scatter" {
        return Ok(Some(Kind::Spikes));
    }
    if lines.iter().take(8).any(|l| *l == "Neurons Loaded") {
        return Ok(Some(Kind::Mvd2));
    }
    if by_extension.is_some() {
        return Ok(by_extension);
    }
    if first.split_whitespace().next() == Some("Target") {
        return Ok(Some(Kind::Targets));
    }
    if first.starts_with('(') || first.starts_with(';') {
        return Ok(Some(Kind::Morphology));
    }
    let is_open = |line: &&str| line.starts_with('{');
    if first.ends_with('{') || is_open(&first) || lines.get(1).is_some_and(is_open) {
        return configuration(path).map(Some);
    }
    let words: Vec<&str> = first.split_whitespace().collect();
    let numbers = words.iter().filter(|w| w.parse::<f64>().is_ok()).count();
    Ok(match (words.len(), numbers) {
        (7, 7) => Some(Kind::Morphology),
        (2, 2) => Some(Kind::Spikes),
        _ if first.contains(['\t', ',']) => Some(Kind::Table),
        _ => None,
    })
}

/// A configuration is that of a simulation if it says how long to simulate, or what to put in and to report.
fn configuration(path: &Path) -> Result<Kind> {
    let config = BlueConfig::read(path)?;
    let run = config.of_kind("Run").next();
    let lasts = run.is_some_and(|r| r.get("Duration").is_some());
    let writes = run.is_some_and(|r| r.get("OutputRoot").is_some());
    let acts =
        config.sections().iter().any(|s| matches!(s.kind.as_str(), "Report" | "Stimulus" | "StimulusInject"));
    Ok(if lasts || writes && acts { Kind::BlueConfig } else { Kind::CircuitConfig })
}

fn json(path: &Path) -> Result<Kind> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| Error::format(format!("this is not JSON: {e}")).at_line(path, e.line(), e.column()))?;
    let Some(object) = value.as_object() else { return Ok(Kind::Table) };
    let has = |key: &str| object.contains_key(key);
    let is_set =
        |value: &Value| value.is_object() || value.as_array().is_some_and(|a| a.iter().all(Value::is_string));
    Ok(if has("columns") && has("rows") {
        Kind::Table
    } else if has("network") || has("run") && (has("output") || has("inputs") || has("reports")) {
        Kind::SonataSimulation
    } else if has("networks") || has("manifest") || has("components") {
        Kind::SonataCircuit
    } else if object.get("cells").is_some_and(Value::is_string) {
        Kind::CircuitParts
    } else if object.values().any(Value::is_object) && object.values().all(is_set) {
        Kind::NodeSets
    } else {
        Kind::Table
    })
}
