//! What the specification says of the attributes: which a type of population must have, as what they are stored, and
//! which numbers can be.

use super::super::Severity;
use super::super::columns::Bounds;
use crate::formats::hdf5::{Dataset, Kind};

/// The types of nodes and of edges that somebody uses.
pub(super) const NODE_TYPES: [&str; 8] = [
    "biophysical",
    "virtual",
    "single_compartment",
    "point_neuron",
    "point_process",
    "astrocyte",
    "vasculature",
    "brian2_point",
];
pub(super) const EDGE_TYPES: [&str; 11] = [
    "chemical",
    "electrical",
    "synapse_astrocyte",
    "endfoot",
    "neuromodulatory",
    "glialglial",
    "chemical_virtual",
    "TM_synapse",
    "point_process",
    "Exp2Syn_synapse",
    "brian2_synapse",
];

/// The components of a circuit or a population.
pub(super) const COMPONENTS: [&str; 14] = [
    "morphologies_dir",
    "alternate_morphologies",
    "biophysical_neuron_models_dir",
    "point_neuron_models_dir",
    "mechanisms_dir",
    "synaptic_models_dir",
    "templates_dir",
    "vasculature_file",
    "vasculature_mesh",
    "endfeet_meshes_file",
    "microdomains_file",
    "spine_morphologies_dir",
    "spatial_segment_index_dir",
    "spatial_synapse_index_dir",
];

/// The attributes that nodes of a type must have.
pub(super) fn of_nodes(kind: &str) -> Vec<&'static str> {
    const PLACE: [&str; 3] = ["x", "y", "z"];
    const ORIENTATION: [&str; 4] = ["orientation_w", "orientation_x", "orientation_y", "orientation_z"];
    const MODEL: [&str; 2] = ["model_type", "model_template"];
    const CELL: [&str; 4] = ["morphology", "mtype", "etype", "synapse_class"];
    match kind {
        "biophysical" => {
            let of_model: &[&str] =
                &["morph_class", "@dynamics:threshold_current", "@dynamics:holding_current"];
            [&PLACE, &ORIENTATION[..], &MODEL, &CELL, of_model].concat()
        }
        "point_process" => [&PLACE, &ORIENTATION[..], &MODEL, &CELL].concat(),
        "astrocyte" => [&PLACE, &MODEL[..], &["radius", "mtype", "morphology"]].concat(),
        "brian2_point" => [&MODEL[..], &["synapse_class"]].concat(),
        "virtual" => vec!["model_type"],
        "vasculature" => vec![
            "start_x",
            "start_y",
            "start_z",
            "end_x",
            "end_y",
            "end_z",
            "start_diameter",
            "end_diameter",
            "start_node",
            "end_node",
            "type",
            "section_id",
            "segment_id",
            "model_type",
        ],
        _ => Vec::new(),
    }
}

/// The attributes that edges of a type must have. Those from virtual cells need no surface.
pub(super) fn of_edges(kind: &str, from_virtual: bool) -> Vec<&'static str> {
    const CENTER: [&str; 3] = ["afferent_center_x", "afferent_center_y", "afferent_center_z"];
    const SURFACE: [&str; 4] =
        ["afferent_surface_x", "afferent_surface_y", "afferent_surface_z", "spine_length"];
    const SEGMENT: [&str; 5] = [
        "afferent_section_id",
        "afferent_section_pos",
        "afferent_section_type",
        "afferent_segment_id",
        "afferent_segment_offset",
    ];
    const EFFERENT: [&str; 11] = [
        "efferent_center_x",
        "efferent_center_y",
        "efferent_center_z",
        "efferent_surface_x",
        "efferent_surface_y",
        "efferent_surface_z",
        "efferent_section_id",
        "efferent_section_pos",
        "efferent_section_type",
        "efferent_segment_id",
        "efferent_segment_offset",
    ];
    const RELEASE: [&str; 8] = [
        "conductance",
        "decay_time",
        "depression_time",
        "facilitation_time",
        "u_syn",
        "n_rrp_vesicles",
        "syn_type_id",
        "delay",
    ];
    match kind {
        "chemical" | "chemical_virtual" => {
            let surface: &[&str] = if from_virtual || kind == "chemical_virtual" { &[] } else { &SURFACE };
            [&CENTER[..], surface, &SEGMENT, &RELEASE].concat()
        }
        "electrical" => [&CENTER[..], &SURFACE, &SEGMENT, &["afferent_junction_id", "conductance"]].concat(),
        "glialglial" => [&CENTER[..], &SURFACE, &SEGMENT, &EFFERENT].concat(),
        "synapse_astrocyte" => vec![
            "astrocyte_section_id",
            "astrocyte_segment_id",
            "astrocyte_segment_offset",
            "astrocyte_section_pos",
            "astrocyte_center_x",
            "astrocyte_center_y",
            "astrocyte_center_z",
            "synapse_id",
            "synapse_population",
        ],
        "endfoot" => vec![
            "endfoot_id",
            "endfoot_surface_x",
            "endfoot_surface_y",
            "endfoot_surface_z",
            "vasculature_section_id",
            "vasculature_segment_id",
            "astrocyte_section_id",
            "endfoot_compartment_length",
            "endfoot_compartment_diameter",
            "endfoot_compartment_perimeter",
        ],
        "neuromodulatory" => vec![
            "afferent_section_id",
            "afferent_section_pos",
            "afferent_segment_id",
            "delay",
            "neuromod_dtc",
            "neuromod_strength",
        ],
        "Exp2Syn_synapse" => vec![
            "afferent_section_id",
            "afferent_section_pos",
            "conductance",
            "delay",
            "tau1",
            "tau2",
            "erev",
        ],
        "point_process" => vec!["afferent_section_id", "afferent_section_pos", "conductance", "delay"],
        "brian2_synapse" => vec!["model_template"],
        _ => Vec::new(),
    }
}

/// As what an attribute is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Float32,
    Unsigned,
    Signed,
    Text,
}

impl Stored {
    pub(super) fn name(self) -> &'static str {
        match self {
            Stored::Float32 => "float32",
            Stored::Unsigned => "unsigned whole numbers",
            Stored::Signed => "signed whole numbers",
            Stored::Text => "text",
        }
    }

    /// Whether a dataset (or the library of its values) is stored so.
    pub(super) fn is(self, dataset: &Dataset) -> bool {
        let unsigned = dataset.element().is_some_and(|e| e.is_unsigned());
        match self {
            Stored::Float32 => dataset.kind() == Kind::Float32,
            Stored::Unsigned => dataset.kind() == Kind::Int && unsigned,
            Stored::Signed => dataset.kind() == Kind::Int && !unsigned,
            Stored::Text => matches!(dataset.kind(), Kind::Text | Kind::Enumeration),
        }
    }

    /// Whether it cannot even be used as such: text where numbers are expected, or the other way round.
    pub(super) fn is_other_than(self, dataset: &Dataset) -> bool {
        let is_text = matches!(dataset.kind(), Kind::Text | Kind::Enumeration);
        dataset.kind() == Kind::Other || is_text != (self == Stored::Text)
    }
}

/// How the values of a dataset are stored, in a word.
pub(super) fn stored(dataset: &Dataset) -> String {
    match (dataset.kind(), dataset.element()) {
        (Kind::Text, _) => "text".to_owned(),
        (Kind::Bool, _) => "true or false".to_owned(),
        (Kind::Enumeration, _) => "an enumeration".to_owned(),
        (_, Some(element)) => element.name(),
        _ => "something else".to_owned(),
    }
}

/// As what the specification has an attribute of nodes stored.
pub(super) fn node_storage(name: &str) -> Option<Stored> {
    Some(match name {
        "x"
        | "y"
        | "z"
        | "orientation_w"
        | "orientation_x"
        | "orientation_y"
        | "orientation_z"
        | "rotation_angle_xaxis"
        | "rotation_angle_yaxis"
        | "rotation_angle_zaxis"
        | "exc-mini_frequency"
        | "inh-mini_frequency"
        | "radius"
        | "start_x"
        | "start_y"
        | "start_z"
        | "end_x"
        | "end_y"
        | "end_z"
        | "start_diameter"
        | "end_diameter"
        | "@dynamics:AIS_scaler"
        | "@dynamics:holding_current"
        | "@dynamics:input_resistance"
        | "@dynamics:threshold_current" => Stored::Float32,
        "etype" | "hemisphere" | "layer" | "me_combo" | "model_template" | "model_type" | "morphology"
        | "morph_class" | "mtype" | "region" | "synapse_class" => Stored::Text,
        "section_id" | "segment_id" | "start_node" | "end_node" => Stored::Unsigned,
        "type" => Stored::Signed,
        _ => return None,
    })
}

/// As what the specification has an attribute of edges stored.
pub(super) fn edge_storage(name: &str) -> Option<Stored> {
    const FLOATS: [&str; 16] = [
        "conductance",
        "decay_time",
        "depression_time",
        "facilitation_time",
        "u_syn",
        "spine_length",
        "conductance_scale_factor",
        "u_hill_coefficient",
        "delay",
        "neuromod_dtc",
        "neuromod_strength",
        "tau1",
        "tau2",
        "erev",
        "endfoot_compartment_length",
        "endfoot_compartment_diameter",
    ];
    const WHOLE: [&str; 6] = [
        "n_rrp_vesicles",
        "syn_type_id",
        "afferent_junction_id",
        "efferent_junction_id",
        "endfoot_id",
        "synapse_id",
    ];
    if name == "spine_morphology" {
        return Some(Stored::Text);
    }
    if name == "spine_psd_id" || name == "spine_sharing_id" {
        return Some(Stored::Signed);
    }
    let (owner, rest) = name.split_once('_')?;
    let has = |ends: &[&str]| ends.contains(&rest);
    let is_end = matches!(owner, "afferent" | "efferent" | "astrocyte" | "vasculature" | "endfoot");
    if FLOATS.contains(&name) || name == "endfoot_compartment_perimeter" {
        Some(Stored::Float32)
    } else if WHOLE.contains(&name) {
        Some(Stored::Unsigned)
    } else if is_end && has(&["section_id", "segment_id", "section_type", "segment_type"]) {
        Some(Stored::Unsigned)
    } else if is_end
        && (has(&PLACES) || has(&["section_pos", "segment_pos", "section_offset", "segment_offset"]))
    {
        Some(Stored::Float32)
    } else {
        None
    }
}

const PLACES: [&str; 6] = ["center_x", "center_y", "center_z", "surface_x", "surface_y", "surface_z"];

/// Which numbers an attribute of nodes can be.
pub(super) fn node_bounds(name: &str) -> Bounds {
    match name {
        "x" | "y" | "z" => Bounds::default().nan(Severity::Fatal),
        _ if name.starts_with("orientation_") || name.starts_with("positions") => {
            Bounds::default().nan(Severity::Fatal)
        }
        "radius" | "start_diameter" | "end_diameter" => Bounds::from(0.0, Severity::Fatal),
        "exc-mini_frequency"
        | "inh-mini_frequency"
        | "exc_mini_frequency"
        | "inh_mini_frequency"
        | "@dynamics:input_resistance" => Bounds::from(0.0, Severity::Warning),
        _ if node_storage(name).is_some() => Bounds::default().nan(Severity::Warning),
        _ => Bounds::default(),
    }
}

/// A fraction that was rounded may be so far outside of 0 to 1.
const ROUNDED: f64 = 1e-4;

/// Which numbers an attribute of edges can be.
pub(super) fn edge_bounds(name: &str, glia: bool) -> Bounds {
    let fatal = |bounds: Bounds| bounds.nan(Severity::Fatal);
    match name {
        // Dendrodendritic synapses have none.
        "delay" => Bounds::from(0.0, Severity::Fatal),
        "conductance" | "decay_time" | "depression_time" | "facilitation_time" | "n_rrp_vesicles"
        | "syn_type_id" | "tau1" | "tau2" | "nsyns" => fatal(Bounds::from(0.0, Severity::Fatal)),
        "u_syn" => fatal(Bounds::within(0.0, 1.0, Severity::Warning)),
        "spine_length" => Bounds::from(0.0, Severity::Warning),
        "sec_x" => fatal(Bounds::within(-ROUNDED, 1.0 + ROUNDED, Severity::Fatal)),
        _ => match name.split_once('_') {
            Some((_, "section_id" | "segment_id" | "junction_id")) => {
                fatal(Bounds::from(0.0, Severity::Fatal))
            }
            // Glia: soma, perivascular and other processes; neurons: soma (twice), axon, basal, apical.
            Some((_, "section_type")) => Bounds::within(0.0, if glia { 3.0 } else { 4.0 }, Severity::Fatal),
            Some((_, "section_pos" | "segment_pos")) => {
                fatal(Bounds::within(-ROUNDED, 1.0 + ROUNDED, Severity::Warning))
            }
            Some((_, "segment_offset" | "section_offset")) => fatal(Bounds::from(0.0, Severity::Warning)),
            Some((_, place)) if PLACES.contains(&place) => Bounds::default().nan(Severity::Warning),
            _ => Bounds::default(),
        },
    }
}
