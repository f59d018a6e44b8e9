//! Files of SONATA in a circuit of the legacy format: the gid of a cell is its node id + 1.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use serde_json::Value;

use super::spellings::{self, SectionTypes};
use crate::diag::{Deferred, Error, Result};
use crate::formats::sonata::edges::{self, EdgesFile};
use crate::formats::sonata::nodes::{self, NodesFile};
use crate::model::{
    Block, CellTable, ColumnSpec, Connectome, IdSet, Morsel, Schema, Side, Source, cell_column,
    connection_columns,
};

/// A gid minus its node id.
const FIRST: i64 = 1;

/// The name of a population, where a file holds several and none is named.
const DEFAULT: &str = "default";

/// The cells of a nodes file by gid.
///
/// # Errors
/// When the file is damaged, or does not say which population is meant.
pub fn read_cells(path: &Path, population: Option<&str>) -> Result<Arc<CellTable>> {
    let population = population_of_nodes(path, population)?;
    let cells =
        nodes::read_cells(&NodesFile { path, population: &population, types: None, dynamics_dir: None })?;
    let gids: Vec<i64> = cells.ids().listed().iter().map(|id| id + FIRST).collect();
    let listed = gids.clone();
    let ids = Deferred::new(move || Ok(Arc::new(Int64Array::from(listed.clone())) as ArrayRef));
    let mut columns = vec![(cell_column("id", DataType::Int64), ids)];
    for (at, spec) in cells.schema().columns().iter().enumerate().skip(1) {
        let cells = cells.clone();
        columns.push((spec.clone(), Deferred::new(move || cells.column(at).cloned())));
    }
    CellTable::with_ids(gids, columns, cells.origin())
}

/// The synapses of an edges file by gid. `cells` are those of the circuit; those that make the synapses of a `projection`
/// are not among them.
///
/// # Errors
/// When the file is damaged, or does not say which population is meant.
pub fn open(
    path: &Path,
    population: Option<&str>,
    cells: &Arc<CellTable>,
    projection: bool,
) -> Result<Arc<dyn Connectome>> {
    let population = population_of_edges(path, population)?;
    let target = by_node(cells)?;
    let source = if projection {
        nodes_of(&edges::node_ids(path, &population)?.0, &path.display().to_string())?
    } else {
        target.clone()
    };
    let connectome = edges::open(&EdgesFile {
        path,
        population: &population,
        // Without a kind the types of sections stay numbers: which they are is known here.
        kind: "",
        types: None,
        dynamics_dir: None,
        source,
        target,
    })?;
    let columns = |specs: Vec<ColumnSpec>, told: Vec<Told>| {
        let schema = Schema::new(specs).linked("pre", cells).linked("post", cells);
        Arc::new(Columns { schema: Arc::new(schema), told })
    };
    let (specs, told) = spellings::later_names(&connectome.schema())
        .into_iter()
        .enumerate()
        .map(|(at, spec)| Told::of_synapses(&connectome, at, spec))
        .unzip();
    let pairs = connection_columns();
    let told_of_pairs = pairs.iter().map(Told::of_ids).collect();
    Ok(Arc::new(ByGid { synapses: columns(specs, told), pairs: columns(pairs, told_of_pairs), connectome }))
}

/// The cells of a circuit by their node ids, without properties.
///
/// # Errors
/// When an id is there twice.
pub(in crate::formats) fn by_node(cells: &CellTable) -> Result<Arc<CellTable>> {
    nodes_of(&cells.ids().listed().iter().map(|gid| gid - FIRST).collect(), cells.origin())
}

/// Nodes of which nothing is known but their ids.
fn nodes_of(ids: &IdSet, origin: &str) -> Result<Arc<CellTable>> {
    let ids = ids.sorted().to_vec();
    let listed = ids.clone();
    let column = Deferred::new(move || Ok(Arc::new(Int64Array::from(listed.clone())) as ArrayRef));
    CellTable::with_ids(ids, vec![(cell_column("id", DataType::Int64), column)], origin)
}

/// The population of a nodes file that is meant.
///
/// # Errors
/// When the file is damaged, or does not say which one.
pub(in crate::formats) fn population_of_nodes(path: &Path, named: Option<&str>) -> Result<String> {
    chosen(path, named, nodes::population_names(path)?, "nodes")
}

/// The population of an edges file that is meant.
///
/// # Errors
/// As for [`population_of_nodes`].
pub(in crate::formats) fn population_of_edges(path: &Path, named: Option<&str>) -> Result<String> {
    chosen(path, named, edges::population_names(path)?, "edges")
}

fn chosen(path: &Path, named: Option<&str>, mut known: Vec<String>, what: &str) -> Result<String> {
    match named {
        Some(name) => Ok(name.to_owned()),
        None if known.len() == 1 => Ok(known.remove(0)),
        None if known.iter().any(|name| name == DEFAULT) => Ok(DEFAULT.to_owned()),
        None => Err(Error::format(format!("the file has {} populations of {what}", known.len()))
            .in_file(path)
            .help(format!("name one after a colon: {}:{}", path.display(), known.join(", ")))),
    }
}

/// What becomes of a column of the file.
enum Told {
    AsIs,
    /// Node ids become gids.
    Gid,
    /// Numbers become names.
    SectionType(SectionTypes),
}

impl Told {
    fn of_ids(spec: &ColumnSpec) -> Self {
        if spec.name == "pre" || spec.name == "post" { Told::Gid } else { Told::AsIs }
    }

    fn of_synapses(connectome: &Arc<dyn Connectome>, at: usize, spec: ColumnSpec) -> (ColumnSpec, Self) {
        if SectionTypes::are_in(&spec) {
            let types = SectionTypes::new(&spec.name, connectome.clone(), at);
            return (SectionTypes::named(spec), Told::SectionType(types));
        }
        let told = Told::of_ids(&spec);
        (spec, told)
    }
}

/// The columns of a table, and what becomes of those of the file.
struct Columns {
    schema: Arc<Schema>,
    told: Vec<Told>,
}

/// Synapses whose ids are told as gids.
struct ByGid {
    connectome: Arc<dyn Connectome>,
    synapses: Arc<Columns>,
    pairs: Arc<Columns>,
}

impl ByGid {
    fn nodes(cells: &IdSet) -> IdSet {
        cells.listed().iter().map(|gid| gid - FIRST).collect()
    }

    fn rows(&self, source: Arc<dyn Source>) -> Arc<dyn Source> {
        Arc::new(Rows { source, columns: self.synapses.clone() })
    }
}

impl Connectome for ByGid {
    fn schema(&self) -> Arc<Schema> {
        self.synapses.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        Ok(self.rows(self.connectome.synapses()?))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        Ok(self.rows(self.connectome.of(side, &Self::nodes(cells))?))
    }

    fn made_in_order(&self, cells: &IdSet) -> Result<Option<Arc<dyn Source>>> {
        Ok(self.connectome.made_in_order(&Self::nodes(cells))?.map(|source| self.rows(source)))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        self.connectome.count(side, &Self::nodes(cells))
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let nodes = cells.map(|(side, cells)| (side, Self::nodes(cells)));
        let source = self.connectome.connections(nodes.as_ref().map(|(side, nodes)| (*side, nodes)))?;
        Ok(Arc::new(Rows { source, columns: self.pairs.clone() }))
    }

    fn facts(&self) -> Result<Value> {
        self.connectome.facts()
    }
}

/// Rows of the file, told as the legacy format tells them.
struct Rows {
    source: Arc<dyn Source>,
    columns: Arc<Columns>,
}

impl Source for Rows {
    fn schema(&self) -> &Arc<Schema> {
        &self.columns.schema
    }

    fn row_count(&self) -> Option<u64> {
        self.source.row_count()
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.source.morsels()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        Ok(Box::new(RowsBlock { block: self.source.open(morsel)?, columns: &self.columns }))
    }

    fn describe(&self) -> Vec<String> {
        self.source.describe()
    }
}

struct RowsBlock<'a> {
    block: Box<dyn Block + 'a>,
    columns: &'a Columns,
}

impl Block for RowsBlock<'_> {
    fn rows(&self) -> usize {
        self.block.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let values = self.block.column(index)?;
        match (self.columns.told.get(index), values.as_primitive_opt::<Int64Type>()) {
            (Some(Told::Gid), Some(ids)) => {
                Ok(Arc::new(ids.unary::<_, Int64Type>(|id| id.wrapping_add(FIRST))))
            }
            (Some(Told::SectionType(types)), Some(numbers)) => types.read(numbers),
            _ => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use arrow_cast::cast;
    use tempfile::TempDir;

    use super::*;
    use crate::formats::bbp::open::{Parts, circuit_of_parts};
    use crate::formats::write::hdf5::{Array, File as Writer, Group, Number};
    use crate::model::Circuit;

    /// Files of three cells, and of the edges of some populations.
    struct Made {
        folder: TempDir,
    }

    impl Made {
        /// Edges 2 → 0, 0 → 1, 0 → 1, 2 → 1 in each population; `fill` adds what its group has.
        fn new(populations: &[&str], fill: impl Fn(&mut Writer, Group)) -> Self {
            let made = Made { folder: tempfile::tempdir().unwrap() };
            let mut file = Writer::create(&made.path("nodes.h5")).unwrap();
            let population = population(&mut file, "nodes", "default");
            write(&mut file, population, "node_type_id", &[-1i64; 3]);
            let group = file.group(population, "0").unwrap();
            write(&mut file, group, "x", &[1f64, 2., 3.]);
            file.finish().unwrap();
            made.edges("edges.h5", populations, [2, 0, 0, 2], fill);
            made
        }

        fn edges(&self, name: &str, populations: &[&str], from: [u64; 4], fill: impl Fn(&mut Writer, Group)) {
            let mut file = Writer::create(&self.path(name)).unwrap();
            let root = file.root();
            let edges = file.group(root, "edges").unwrap();
            for name in populations {
                let population = file.group(edges, name).unwrap();
                write(&mut file, population, "source_node_id", &from);
                write(&mut file, population, "target_node_id", &[0u64, 1, 1, 1]);
                let group = file.group(population, "0").unwrap();
                fill(&mut file, group);
            }
            file.finish().unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn open(&self, edges: &str) -> Circuit {
            let parts = Parts {
                cells: self.path("nodes.h5"),
                synapses: Some(self.path(edges)),
                projections: [("fibres".to_owned(), self.path("fibres.h5"))].into(),
                ..Parts::default()
            };
            circuit_of_parts(&parts).unwrap()
        }

        fn synapses(&self, edges: &str) -> Arc<dyn Source> {
            self.open(edges).connectome.get().unwrap().synapses().unwrap()
        }
    }

    fn population(file: &mut Writer, kind: &str, name: &str) -> Group {
        let root = file.root();
        let all = file.group(root, kind).unwrap();
        file.group(all, name).unwrap()
    }

    fn write<T: Number>(file: &mut Writer, group: Group, name: &str, values: &[T]) {
        file.write(group, name, &Array::numbers(values)).unwrap();
    }

    fn read(source: &dyn Source, name: &str) -> Result<Vec<String>> {
        let at = source.schema().position(name)?;
        let mut all = Vec::new();
        for morsel in source.morsels() {
            let column = cast(&source.open(&morsel)?.column(at)?, &DataType::Utf8).unwrap();
            all.extend(column.as_string::<i32>().iter().map(|text| text.unwrap_or("none").to_owned()));
        }
        Ok(all)
    }

    #[test]
    fn ids_are_gids_on_both_sides() {
        let made = Made::new(&["default"], |file, group| write(file, group, "delay", &[0f32, 1., 2., 3.]));
        let circuit = made.open("edges.h5");
        assert_eq!(circuit.cells.ids().listed(), [1, 2, 3]);
        let net = circuit.connectome.get().unwrap();
        let onto = net.of(Side::Incoming, &IdSet::new(vec![2])).unwrap();
        assert_eq!(read(onto.as_ref(), "pre").unwrap(), ["1", "1", "3"]);
        assert_eq!(read(onto.as_ref(), "row").unwrap(), ["1", "2", "3"]);
        let made_by = net.of(Side::Outgoing, &IdSet::new(vec![3, 99])).unwrap();
        assert_eq!(read(made_by.as_ref(), "post").unwrap(), ["1", "2"]);
        assert_eq!(net.count(Side::Incoming, &IdSet::new(vec![2])).unwrap(), 3);
        let pairs = net.connections(None).unwrap();
        assert_eq!(read(pairs.as_ref(), "pre").unwrap(), ["3", "1", "3"]);
        assert_eq!(read(pairs.as_ref(), "n_synapses").unwrap(), ["1", "2", "1"]);
    }

    #[test]
    fn the_population_follows_a_colon() {
        let made = Made::new(&["a", "b"], |file, group| write(file, group, "delay", &[0f32, 1., 2., 3.]));
        let refused = |edges: &str| made.open(edges).connectome.get().map(|_| ()).unwrap_err().to_string();
        assert_eq!(read(made.synapses("edges.h5:b").as_ref(), "delay").unwrap().len(), 4);
        assert!(refused("edges.h5").contains("2 populations"), "{}", refused("edges.h5"));
        assert!(refused("edges.h5:c").contains("`c`"), "{}", refused("edges.h5:c"));
        // One that is called so is meant where none is named.
        made.edges("edges.h5", &["a", "default"], [0; 4], |file, group| write(file, group, "w", &[1u8; 4]));
        assert_eq!(read(made.synapses("edges.h5").as_ref(), "w").unwrap(), ["1"; 4]);
    }

    #[test]
    fn older_names_are_aliases_of_the_later_ones() {
        let made = Made::new(&["default"], |file, group| {
            write(file, group, "morpho_section_id_post", &[29i64, 1, 1, 1]);
            write(file, group, "morpho_section_id_pre", &[5i64, 2, 2, 2]);
            write(file, group, "efferent_section_id", &[6i64, 2, 2, 2]);
            write(file, group, "morpho_section_type_post", &[0u8, 2, 1, 3]);
        });
        let synapses = made.synapses("edges.h5");
        for name in ["afferent_section_id", "post_section_id", "morpho_section_id_post"] {
            assert_eq!(read(synapses.as_ref(), name).unwrap(), ["29", "1", "1", "1"], "{name}");
        }
        assert_eq!(read(synapses.as_ref(), "post_branch_type").unwrap(), ["soma", "basal", "axon", "apical"]);
        // Both spellings are there: neither is hidden.
        assert_eq!(read(synapses.as_ref(), "pre_section_id").unwrap()[0], "6");
        assert_eq!(read(synapses.as_ref(), "morpho_section_id_pre").unwrap()[0], "5");
        assert!(
            read(synapses.as_ref(), "morpho_segment_id_post")
                .unwrap_err()
                .to_string()
                .contains("morpho_segment")
        );
    }

    #[test]
    fn types_of_sections_count_from_zero_or_from_one() {
        let types = |numbers: [u8; 4]| {
            let made =
                Made::new(&["default"], |file, group| write(file, group, "afferent_section_type", &numbers));
            read(made.synapses("edges.h5").as_ref(), "afferent_section_type")
        };
        assert_eq!(types([0, 2, 1, 3]).unwrap(), ["soma", "basal", "axon", "apical"]);
        assert_eq!(types([1, 3, 2, 4]).unwrap(), ["soma", "basal", "axon", "apical"]);
        assert_eq!(types([0, 3, 2, 4]).unwrap(), ["soma", "basal", "axon", "apical"]);
        // Neither 0 nor 4: the specification.
        assert_eq!(types([1, 3, 3, 3]).unwrap(), ["soma", "basal", "basal", "basal"]);
        let error = types([0, 7, 1, 2]).unwrap_err().to_string();
        assert!(error.contains("afferent_section_type") && error.contains('7'), "{error}");
    }

    #[test]
    fn fibres_of_a_projection_are_found_without_an_index() {
        let made = Made::new(&["default"], |_, _| ());
        made.edges("fibres.h5", &["tc"], [1000, 1002, 1000, 1001], |_, _| ());
        let circuit = made.open("edges.h5");
        let fibres = circuit.projection("fibres").unwrap().connectome.get().unwrap();
        let made_by = fibres.of(Side::Outgoing, &IdSet::new(vec![1001])).unwrap();
        assert_eq!(read(made_by.as_ref(), "post").unwrap(), ["1", "2"]);
        let onto = fibres.of(Side::Incoming, &IdSet::new(vec![2])).unwrap();
        assert_eq!(read(onto.as_ref(), "pre").unwrap(), ["1003", "1001", "1002"]);
    }
}
