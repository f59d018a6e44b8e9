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
    kind.or_else(|| head.by_extension()).ok_or_else(|| {
        let message = match head.extension.as_str() {
            _ if head.length == 0 => "the file is empty",
            "h5" | "hdf5" | "sonata" | "mvd3" if !head.hdf5 => "this is not HDF5, whatever its name says",
            _ => "this is no kind of file that can be opened",
        };
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

    /// What a damaged file should be: the reader of that kind can say best what is wrong.
    fn by_extension(&self) -> Option<Kind> {
        match self.extension.as_str() {
            _ if self.length == 0 => None,
            "bbp" | "rep" => Some(Kind::Report),
            "spikes" => Some(Kind::Spikes),
            "parquet" | "arrow" | "feather" => Some(Kind::Table),
            "nwb" if self.hdf5 => Some(Kind::Nwb),
            _ => None,
        }
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
    let rules: [(&[&str], Kind); 15] = [
        (&["cells/positions"], Kind::Mvd3),
        (&["cells/properties"], Kind::Mvd3),
        (&["library/gene_mapping"], Kind::Subcellular),
        (&["nodes"], Kind::SonataNodes),
        (&["edges"], Kind::SonataEdges),
        (&["synapses"], Kind::Syn2),
        (&["spikes"], Kind::Spikes),
        (&["report"], Kind::Report),
        (&["mapping", "data"], Kind::Report),
        (&["ecp/data", "ecp/channel_id"], Kind::Report),
        (&["points", "structure"], Kind::Morphology),
        (&["neuron1"], Kind::Morphology),
        (&["file_create_date"], Kind::Nwb),
        (&["session_start_time"], Kind::Nwb),
        (&["info"], Kind::Nrn),
    ];
    if let Some((_, kind)) = rules.iter().find(|(names, _)| names.iter().all(|n| has(n))) {
        return Ok(Some(*kind));
    }
    let synapses = file.first_extent("/", |name| parse_gid(name).is_some());
    if matches!(synapses, Ok(Some(_))) {
        return Ok(Some(Kind::Nrn));
    }
    // One group a cell: a report of the old kind, or a container of morphologies.
    let groups = file.names("/", Member::Group)?;
    let is_morphology = |g: &String| file.find(&format!("{g}/points")).is_some();
    let is_report = |g: &String| ["data", "mapping"].iter().all(|m| file.find(&format!("{g}/{m}")).is_some());
    Ok(match groups.first() {
        Some(first) if is_morphology(first) => Some(Kind::Morphology),
        Some(first) if is_report(first) => Some(Kind::Report),
        _ if groups.iter().any(|g| parse_gid(g).is_some()) => Some(Kind::Report),
        _ => synapses?.map(|_| Kind::Nrn),
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
        _ if [',', '\t', ';'].iter().any(|&s| is_table(&lines, s)) => Some(Kind::Table),
        _ => None,
    })
}

/// Whether the first lines all hold the same number of separators.
fn is_table(lines: &[&str], separator: char) -> bool {
    let counts: Vec<usize> = lines.iter().take(8).map(|l| l.matches(separator).count()).collect();
    counts.len() > 1 && counts[0] > 0 && counts.iter().all(|&c| c == counts[0])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::files_of_the_field;

    fn of(name: &str, content: &[u8]) -> Result<Kind> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        sniff(&folder.path().join(name))
    }

    #[test]
    fn content_tells() {
        let mesh: Vec<u8> = [1u32, 0, 0].iter().flat_map(|n| n.to_le_bytes()).chain([0; 18]).collect();
        let cases: [(&str, &[u8], Kind); 34] = [
            ("x", b"# c\nRun Default\n{\n CircuitPath .\n}\n", Kind::CircuitConfig),
            ("x", b"Run Default {\n OutputRoot out\n}\n", Kind::CircuitConfig),
            ("x", b"Run Default {\n OutputRoot out\n}\nReport r {\n}", Kind::BlueConfig),
            ("x", b"Run Default\r\n{\r\n Duration 10\r\n}\r\n", Kind::BlueConfig),
            ("x", b"\xEF\xBB\xBF# c\n\nTarget Cell A { }", Kind::Targets),
            ("start.target", b"", Kind::Targets),
            ("x", b"a\nb\nc\n Neurons Loaded \nm d 0", Kind::Mvd2),
            ("x", b"/scatter\n0.1 3\n", Kind::Spikes),
            ("out.dat", b"", Kind::Spikes),
            ("x", b"0.1\t3\n", Kind::Spikes),
            ("x.swc", b"# \n1 1 0 0 0 1 -1\n", Kind::Morphology),
            ("x", b"1 1 0 0 0 1 -1\n", Kind::Morphology),
            ("x", b"; c\n((CellBody)", Kind::Morphology),
            ("x.csv", b"Target Cell", Kind::Table),
            ("x", b"a,b\n1,2\n", Kind::Table),
            ("x.txt", b"a\tb\n1\t2\n", Kind::Table),
            ("x", b"[{\"a\": 1}]", Kind::Table),
            ("x", b"{\"a\": [1, 2], \"b\": [\"x\", \"y\"]}", Kind::Table),
            ("x", b"{\"columns\": [\"a\"], \"units\": {}, \"rows\": []}", Kind::Table),
            ("x", b"{\"a\": {\"layer\": 5}, \"b\": [\"a\"]}", Kind::NodeSets),
            ("x", b"{\"networks\": {\"nodes\": []}}", Kind::SonataCircuit),
            ("x", b"{\"network\": \"circuit_config.json\", \"run\": {}}", Kind::SonataSimulation),
            ("x", b"{\"run\": {\"tstop\": 1}, \"output\": {}}", Kind::SonataSimulation),
            ("x", b"{\"cells\": \"./circuit.mvd3\"}", Kind::CircuitParts),
            ("x", b"PAR1", Kind::Table),
            ("x", b"ARROW1\0\0", Kind::Table),
            ("x", &1.001f64.to_le_bytes(), Kind::Report),
            ("x", &1.001f64.to_be_bytes(), Kind::Report),
            ("x.bbp", &[0; 2000], Kind::Report),
            ("x", b"\x0a\x0f\0\0\x01\0\0\0", Kind::Spikes),
            ("x", b"\0\0\x0f\x0a\0\0\0\x01", Kind::Spikes),
            ("x", &mesh, Kind::Mesh),
            ("x", &[mesh.clone(), vec![0; 4]].concat(), Kind::Mesh),
            ("x.obj", b"v 0 0 0\n", Kind::Mesh),
        ];
        for (name, content, kind) in cases {
            let text = String::from_utf8_lossy(content);
            assert_eq!(
                of(name, content).unwrap_or_else(|e| panic!("{name} {text}: {e}")),
                kind,
                "{name} {text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_opened_is_said_so() {
        let cases: [(&str, &[u8], &str); 6] = [
            ("x", b"", "the file is empty"),
            ("x.bbp", b"", "the file is empty"),
            ("x", b"\0\x01\x02", "no kind of file"),
            ("x.txt", b"Some words, and more.\nOther words.\n", "no kind of file"),
            ("x.h5", b"text", "not HDF5"),
            ("x.json", b"{\"a\": \n}", "not JSON"),
        ];
        for (name, content, message) in cases {
            let error = of(name, content).unwrap_err();
            assert!(error.message().contains(message) && error.place().is_some(), "{name}: {error}");
        }
        assert!(of("x", b"\x89HDF\r\n\x1a\n").is_err());
        let mut block = vec![b' '; 512];
        block.extend(b"\x89HDF\r\n\x1a\n");
        assert!(of("x.txt", &block).is_err());
        assert!(sniff(Path::new("no/such/file")).is_err());
    }

    #[test]
    fn a_folder_is_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let error = sniff(folder.path()).unwrap_err();
        assert!(error.helps()[0].contains("BlueConfig"), "{error}");
        write("BlueConfig.point", "Run Default\n{\n Duration 1\n}\n");
        assert_eq!(sniff(folder.path()).unwrap(), Kind::BlueConfig);
        write("CircuitConfig_nrn", "Run Default\n{\n}\n");
        assert!(
            sniff(folder.path()).unwrap_err().helps()[0].ends_with("BlueConfig.point, CircuitConfig_nrn")
        );
        write("CircuitConfig", "Run Default\n{\n}\n");
        assert_eq!(sniff(folder.path()).unwrap(), Kind::CircuitConfig);
    }

    /// The kind that a file of the oracle must be of, by what its folder and name say.
    fn expected(path: &str) -> Option<Kind> {
        let name = path.rsplit('/').next()?;
        let rules = [
            ("nrn.h5", "", Kind::Nrn),
            ("proj_nrn", ".h5", Kind::Nrn),
            ("circuit", ".mvd3", Kind::Mvd3),
            ("circuit", ".mvd2", Kind::Mvd2),
            ("soma_v1", ".h5", Kind::Report),
            ("legacy_per_cell", ".h5", Kind::Report),
            ("comp_", ".h5", Kind::Report),
            ("AllCompartments", ".h5", Kind::Report),
            ("edges", ".h5", Kind::SonataEdges),
            ("edges", ".sonata", Kind::SonataEdges),
            ("circuit", ".sonata", Kind::SonataNodes),
            ("nodes", ".h5", Kind::SonataNodes),
            ("spikes", ".h5", Kind::Spikes),
            ("subcellular", ".h5", Kind::Subcellular),
            ("circuit_config", ".json", Kind::SonataCircuit),
            ("simulation_config", ".json", Kind::SonataSimulation),
            ("node_sets", ".json", Kind::NodeSets),
            ("tetra", ".bin", Kind::Mesh),
            ("BlueConfig", "", Kind::BlueConfig),
            ("CircuitConfig", "", Kind::CircuitConfig),
            ("", ".target", Kind::Targets),
            ("", ".swc", Kind::Morphology),
        ];
        let fits = |(start, end, _): &&(&str, &str, Kind)| name.starts_with(start) && name.ends_with(end);
        rules.iter().find(fits).map(|r| r.2)
    }

    #[test]
    fn the_files_of_the_field() {
        let mut right = 0;
        for path in files_of_the_field(&["oracle", "real"]) {
            // Damaged files may be anything, as long as nothing panics.
            match (sniff(&path), expected(&path.to_string_lossy())) {
                (Ok(kind), Some(expected)) => {
                    assert_eq!(kind, expected, "{}", path.display());
                    right += 1;
                }
                (Err(error), Some(kind)) => {
                    let name = path.to_string_lossy();
                    let damaged = ["bad", "empty", "invalid"].iter().any(|d| name.contains(d));
                    let empty = std::fs::metadata(&path).unwrap().len() == 0;
                    assert!(damaged || empty, "{}, {}: {error}", path.display(), kind.name());
                }
                _ => {}
            }
        }
        if right == 0 {
            println!("skipped: the files of the field are not here");
        }
    }
}
