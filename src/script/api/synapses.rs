//! `Synapses`: a lazy table with one row a synapse.

use rhai::{Dynamic, NativeCallContext};

use super::cells::Cells;
use super::circuit::{Circuit, Origin};
use super::pathway::{Pathway, Pathways};
use super::space::Region;
use super::table::Rows;
use crate::diag::{Error, Result};
use crate::model::{IdSet, Side};
use crate::query::{self, Group, Table};
use crate::script::args::group;
use crate::script::registry::{Answer, Api};
use crate::script::value::from_json;

/// Where a synapse is: on the axis of the postsynaptic neurite, or on its surface.
const PLACES: [[&str; 3]; 2] = [
    ["afferent_center_x", "afferent_center_y", "afferent_center_z"],
    ["afferent_surface_x", "afferent_surface_y", "afferent_surface_z"],
];

/// Synapses, and where they come from.
#[derive(Clone)]
pub struct Synapses {
    /// The rows.
    pub table: Table,
    origin: Origin,
    pre: Option<IdSet>,
    post: Option<IdSet>,
}

impl Rows for Synapses {
    fn table(&self) -> &Table {
        &self.table
    }

    fn with_rows(&self, table: Table) -> Self {
        Synapses { table, ..self.clone() }
    }
}

impl Synapses {
    /// All synapses of a connectome.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub fn all(origin: &Origin) -> Result<Self> {
        Self::between(origin, &Group::All, &Group::All)
    }

    /// The synapses from a group to a group, ordered by post cell and row.
    ///
    /// # Errors
    /// When a group cannot be resolved, or the file cannot be opened.
    pub fn between(origin: &Origin, pre: &Group, post: &Group) -> Result<Self> {
        let (pre, post) = (pre.resolve(&origin.pre.0)?, post.resolve(&origin.post.0)?);
        let table = query::scan(&origin.connectome, pre.clone(), post.clone(), Side::Incoming);
        Ok(Synapses { table, origin: origin.clone(), pre, post })
    }

    /// Those of the rows that lie in a region.
    ///
    /// # Errors
    /// When the files do not say where synapses are.
    pub(super) fn inside(&self, region: &Region) -> Result<Self> {
        let schema = self.table.schema();
        let there = |columns: &&[&str; 3]| columns.iter().all(|name| schema.find(name).is_some());
        let columns = PLACES.iter().find(there).ok_or_else(|| {
            Error::argument("the files of these synapses do not say where in space they are").help(
                "a place is `afferent_center_x` (y, z) or `afferent_surface_x` (y, z); in the legacy format they are in \
                 nrn_positions.h5, beside nrn.h5",
            )
        })?;
        Ok(self.with_rows(self.table.filter(region.holds(*columns))?))
    }

    /// The same rows, ordered by the cells of one side.
    pub(super) fn order_by(mut self, side: Side) -> Self {
        self.table = query::scan(&self.origin.connectome, self.pre.clone(), self.post.clone(), side);
        self
    }
}

/// The connected pairs from a group to a group.
pub(super) fn connections_between(origin: &Origin, pre: &Group, post: &Group) -> Result<Table> {
    let (pre, post) = (pre.resolve(&origin.pre.0)?, post.resolve(&origin.post.0)?);
    Ok(query::connections(&origin.connectome, pre, post))
}

pub(super) fn register(api: &mut Api) {
    api.on::<Synapses>("Synapses");
    api.call(
        "from(group) -> Synapses",
        "Those that the cells of a group make. Also called `efferent_edges`.",
        "circuit.synapses().from(\"L4_PC\").count()",
        |ctx: NativeCallContext, s: &mut Synapses, pre: Dynamic| -> Answer<Synapses> {
            Ok(side(&ctx, s, "pre", &s.origin.pre, &pre)?)
        },
    );
    api.call(
        "onto(group) -> Synapses",
        "Those onto the cells of a group. Also called `afferent_edges`.",
        "circuit.synapses().onto(\"L4_PC\").count()",
        |ctx: NativeCallContext, s: &mut Synapses, post: Dynamic| -> Answer<Synapses> {
            Ok(side(&ctx, s, "post", &s.origin.post, &post)?)
        },
    );
    // The words of SNAP.
    for name in ["onto", "afferent_edges"] {
        api.also(name, |ctx: NativeCallContext, s: &mut Synapses, post: Dynamic| -> Answer<Synapses> {
            Ok(side(&ctx, s, "post", &s.origin.post, &post)?)
        });
    }
    for name in ["from", "efferent_edges"] {
        api.also(name, |ctx: NativeCallContext, s: &mut Synapses, pre: Dynamic| -> Answer<Synapses> {
            Ok(side(&ctx, s, "pre", &s.origin.pre, &pre)?)
        });
    }
    api.call(
        "pathway(pre, post) -> Pathway",
        "The pathway from a group of their source cells to a group of their target cells. Any filter of the rows is \
         left out.",
        "circuit.synapses().pathway(\"L4_PC\", \"L5_TTPC1\").n_synapses().mean(\"n_synapses\")",
        |ctx: NativeCallContext, s: &mut Synapses, pre: Dynamic, post: Dynamic| -> Answer<Pathway> {
            Ok(Pathway::between(&ctx, &s.origin, &pre, &post)?)
        },
    );
    api.call(
        "pathways(property) -> Pathways",
        "All pairs of values of a property of their cells, as a set of pathways. Any filter of the rows is left out.",
        "circuit.synapses().pathways(\"synapse_class\").anatomy()",
        |s: &mut Synapses, property: &str| -> Answer<Pathways> { Ok(Pathways::new(&s.origin, property)?) },
    );
    api.property(
        "metadata -> map",
        "Facts of their file: path, population, columns, indices.",
        "circuit.synapses().metadata",
        |s: &mut Synapses| -> Answer<Dynamic> { Ok(from_json(&s.origin.connectome.facts()?)) },
    );
    api.call(
        "sources() -> Cells",
        "The cells that make them.",
        "circuit.cell(7).incoming().sources().count()",
        |s: &mut Synapses| -> Answer<Cells> {
            Ok(Cells::of_ids(&s.origin.pre, s.table.distinct_ids("pre")?))
        },
    );
    api.call(
        "targets_of() -> Cells",
        "The cells that they end on.",
        "circuit.cell(7).outgoing().targets_of().count()",
        |s: &mut Synapses| -> Answer<Cells> {
            Ok(Cells::of_ids(&s.origin.post, s.table.distinct_ids("post")?))
        },
    );
    api.call(
        "connections() -> Table",
        "The synapses counted for each connected pair: `pre`, `post`, `n_synapses`.",
        "circuit.synapses().filter(|s| s.conductance > 1.0).connections().head(3)",
        |s: &mut Synapses| -> Answer<Table> { Ok(s.table.connections()?) },
    );
    super::table::register::<Synapses>(api.as_for("Synapses"));
}

fn side(
    ctx: &NativeCallContext,
    s: &Synapses,
    column: &str,
    circuit: &Circuit,
    cells: &Dynamic,
) -> Result<Synapses> {
    Ok(match group(ctx, cells)?.resolve(&circuit.0)? {
        None => s.clone(),
        Some(ids) => s.with_rows(s.table.filter(query::member(column, ids))?),
    })
}

#[cfg(test)]
mod tests {
    use crate::formats::write::hdf5::{Array, File};
    use crate::script::eval_json;

    #[test]
    fn synapses_without_a_place_are_in_no_region() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, kind: &str, columns: &[&str], places: &[&str]| {
            let mut file = File::create(path(name).as_ref()).unwrap();
            let root = file.root();
            let all = file.group(root, kind).unwrap();
            let population = file.group(all, "default").unwrap();
            let group = file.group(population, "0").unwrap();
            for column in columns {
                file.write(population, column, &Array::numbers(&[0i64, 1])).unwrap();
            }
            for place in places {
                file.write(group, place, &Array::numbers(&[1f32, 2.])).unwrap();
            }
            file.finish().unwrap();
        };
        let ends = ["source_node_id", "target_node_id"];
        write("nodes.h5", "nodes", &["node_type_id"], &[]);
        write("nowhere.h5", "edges", &ends, &["afferent_center_x", "afferent_center_y"]);
        let surface = ["afferent_surface_x", "afferent_surface_y", "afferent_surface_z"];
        write("surface.h5", "edges", &ends, &surface);
        let count = |edges: &str| {
            let source =
                "open_circuit(#{cells: cells, synapses: synapses}).synapses(sphere([0, 0, 0], 2)).count()";
            let constants = [("cells", path("nodes.h5")), ("synapses", path(edges))];
            eval_json(source, "test", &constants)
        };
        let refused = count("nowhere.h5").unwrap_err();
        assert!(refused.to_string().contains("where in space"), "{refused}");
        // The first is at a distance of 1.7 µm, the second of 3.5.
        assert_eq!(count("surface.h5").unwrap(), 1);
    }
}
