//! A set of synapses, addressed from the postsynaptic and from the presynaptic side.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use rayon::prelude::*;

use super::{ColumnSpec, Frame, IdSet, Schema, Source, units};
use crate::diag::Result;

/// From which side synapses are addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Synapses onto the given cells (afferent).
    Incoming,
    /// Synapses that the given cells make (efferent).
    Outgoing,
}

/// The synapses of a circuit or of a projection. What a file lacks is computed from the others: a connectome
/// always answers from both sides.
pub trait Connectome: Send + Sync {
    /// The columns of a synapse: always `pre` and `post`, then what the files hold.
    fn schema(&self) -> Arc<Schema>;

    /// All synapses, ordered by post cell and row.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn synapses(&self) -> Result<Arc<dyn Source>>;

    /// The synapses of these cells, ordered by those cells' ids. Ids that have no synapses add nothing.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>>;

    /// The synapses that these cells make, in the order of [`synapses`](Self::synapses); nothing where they would have
    /// to be sorted for that.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn made_in_order(&self, _: &IdSet) -> Result<Option<Arc<dyn Source>>> {
        Ok(None)
    }

    /// How many synapses these cells have on a side. It reads no synapse.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn count(&self, side: Side, cells: &IdSet) -> Result<u64>;

    /// Connected pairs: `pre`, `post`, `n_synapses`, ordered by post, then pre. `cells` restricts a side.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>>;

    /// Facts of the files, for `.metadata`: `version`, `files`, `synapses` …
    ///
    /// # Errors
    /// When a file is missing or damaged.
    fn facts(&self) -> Result<serde_json::Value>;
}

/// Connections that are being listed: `pre`, `post`, `n_synapses`.
#[derive(Default)]
pub struct Pairs {
    pre: Vec<i64>,
    post: Vec<i64>,
    n: Vec<i64>,
}

impl Pairs {
    /// None yet, with room for so many.
    pub fn with_room(pairs: usize) -> Self {
        let room = || Vec::with_capacity(pairs);
        Pairs { pre: room(), post: room(), n: room() }
    }

    /// Those of a list of `(post, pre, n)`, ordered by post, then pre; a pair that is there twice is one connection.
    pub fn sorted(mut list: Vec<(i64, i64, i64)>) -> Self {
        list.par_sort_unstable();
        let mut pairs = Self::with_room(list.len());
        for same in list.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            pairs.push(same[0].1, same[0].0, same.iter().map(|pair| pair.2).sum());
        }
        pairs
    }

    /// Adds a connection.
    pub fn push(&mut self, pre: i64, post: i64, synapses: i64) {
        self.pre.push(pre);
        self.post.push(post);
        self.n.push(synapses);
    }

    /// As a table; `schema` is one of [`connection_columns`].
    ///
    /// # Errors
    /// When it is not.
    pub fn frame(self, schema: &Arc<Schema>) -> Result<Frame> {
        let rows = self.pre.len();
        let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        Frame::with_schema(schema.clone(), vec![column(self.pre), column(self.post), column(self.n)], rows)
    }
}

/// The columns of a table of connections.
pub fn connection_columns() -> Vec<ColumnSpec> {
    vec![
        ColumnSpec::new("pre", DataType::Int64).meaning("id of the presynaptic cell").aliases(&["pre_gid"]),
        ColumnSpec::new("post", DataType::Int64)
            .meaning("id of the postsynaptic cell")
            .aliases(&["post_gid"]),
        ColumnSpec::new("n_synapses", DataType::Int64)
            .meaning("synapses of the connection")
            .aliases(&["nsyn", "n"]),
    ]
}

/// Every synapse column that the language knows, in the order of the contract, with SONATA's names first and
/// the legacy format's as aliases. A format takes those that it has; types may be narrowed.
pub fn synapse_columns() -> Vec<ColumnSpec> {
    let int = |name: &str| ColumnSpec::new(name, DataType::Int64);
    let float = |name: &str| ColumnSpec::new(name, DataType::Float32);
    let mut columns = vec![
        int("pre").meaning("id of the presynaptic cell").aliases(&["pre_gid"]),
        int("post").meaning("id of the postsynaptic cell").aliases(&["post_gid"]),
        int("row")
            .meaning("row of the synapse in the post cell's dataset, from 0")
            .aliases(&["synapse_index"]),
        float("delay").unit(units::MS).meaning("axonal delay").aliases(&["axonal_delay"]),
        int("afferent_section_id")
            .meaning("postsynaptic section; 0 is the soma")
            .aliases(&["post_section_id"]),
        int("afferent_segment_id")
            .meaning("postsynaptic segment in its section")
            .aliases(&["post_segment_id"]),
        float("afferent_segment_offset")
            .unit(units::UM)
            .meaning("distance from the start of the postsynaptic segment")
            .aliases(&["post_segment_offset"]),
        int("efferent_section_id").meaning("presynaptic section; 0 is the soma").aliases(&["pre_section_id"]),
        int("efferent_segment_id").meaning("presynaptic segment in its section").aliases(&["pre_segment_id"]),
        float("efferent_segment_offset")
            .unit(units::UM)
            .meaning("distance from the start of the presynaptic segment")
            .aliases(&["pre_segment_offset"]),
        float("conductance")
            .unit(units::NS)
            .meaning("peak conductance of the synapse")
            .aliases(&["g_syn", "g_synx"]),
        float("u_syn").meaning("utilization of synaptic efficacy, U").aliases(&["u"]),
        float("depression_time").unit(units::MS).meaning("recovery from depression, D").aliases(&["d_syn"]),
        float("facilitation_time")
            .unit(units::MS)
            .meaning("recovery from facilitation, F")
            .aliases(&["f_syn"]),
        float("decay_time").unit(units::MS).meaning("decay time constant").aliases(&["dtc", "DTC"]),
        int("syn_type_id").meaning("type; below 100 inhibitory, from 100 excitatory").aliases(&["type"]),
        int("pre_mtype_id").meaning("index of the presynaptic m-type").aliases(&["morpho_type_id_pre"]),
        int("afferent_branch_order")
            .meaning("branch order of the postsynaptic section")
            .aliases(&["post_branch_order"]),
        int("efferent_branch_order")
            .meaning("branch order of the presynaptic section")
            .aliases(&["pre_branch_order"]),
        float("ase").unit(units::MV).meaning("absolute synaptic efficacy (file versions below 5)"),
        int("n_rrp_vesicles")
            .meaning("vesicles in the readily releasable pool (file versions from 5)")
            .aliases(&["nrrp"]),
        ColumnSpec::new(
            "afferent_section_type",
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        )
        .meaning("type of the postsynaptic section: soma, axon, basal or apical")
        .aliases(&["post_branch_type"]),
    ];
    for (side, legacy) in [("afferent", "post"), ("efferent", "pre")] {
        for (place, old) in [("center", "center"), ("surface", "contour")] {
            for axis in ["x", "y", "z"] {
                let alias = format!("{legacy}_{axis}_{old}");
                columns.push(
                    float(&format!("{side}_{place}_{axis}"))
                        .unit(units::UM)
                        .meaning(format!(
                            "{axis} of the synapse on the {legacy} side, at the {place} of the neurite"
                        ))
                        .aliases(&[&alias]),
                );
            }
        }
    }
    columns
}
