//! `inputs`: what is put into the cells.

use serde_json::{Map, Value};

use super::schema::{Absent, Is, Key, check, lacking, said, text};
use crate::diag::{Error, Result, nearest};

use Absent::{Count, Nothing, Number, Same, Truth, Wrong};

/// A module: its name, the types of input that it may have, and its keys.
type Module = (&'static str, &'static [&'static str], &'static [Key]);

const CURRENT: &[&str] = &["current_clamp"];
const EITHER: &[&str] = &["current_clamp", "conductance"];
const SPIKES: &[&str] = &["spikes"];
const TYPES: [&str; 5] =
    ["spikes", "extracellular_stimulation", "current_clamp", "voltage_clamp", "conductance"];

const MODULES: [Module; 17] = [
    ("linear", CURRENT, &[("amp_start", Is::Number, Wrong), ("amp_end", Is::Number, Same("amp_start"))]),
    (
        "relative_linear",
        CURRENT,
        &[("percent_start", Is::Number, Wrong), ("percent_end", Is::Number, Same("percent_start"))],
    ),
    (
        "pulse",
        CURRENT,
        &[("amp_start", Is::Number, Wrong), ("width", Is::Number, Wrong), ("frequency", Is::Number, Wrong)],
    ),
    (
        "sinusoidal",
        CURRENT,
        &[
            ("amp_start", Is::Number, Wrong),
            ("frequency", Is::Number, Wrong),
            ("dt", Is::Positive, Number(0.025)),
        ],
    ),
    ("subthreshold", CURRENT, &[("percent_less", Is::Number, Wrong)]),
    ("hyperpolarizing", CURRENT, &[]),
    (
        "noise",
        CURRENT,
        &[
            ("mean", Is::Number, Nothing),
            ("mean_percent", Is::Number, Nothing),
            ("variance", Is::Number, Nothing),
        ],
    ),
    (
        "shot_noise",
        EITHER,
        &[
            ("rise_time", Is::Number, Wrong),
            ("decay_time", Is::Number, Wrong),
            ("rate", Is::Number, Wrong),
            ("amp_mean", Is::Number, Wrong),
            ("amp_var", Is::Number, Wrong),
        ],
    ),
    (
        "relative_shot_noise",
        EITHER,
        &[
            ("rise_time", Is::Number, Wrong),
            ("decay_time", Is::Number, Wrong),
            ("mean_percent", Is::Number, Wrong),
            ("sd_percent", Is::Number, Wrong),
            ("relative_skew", Is::Number, Number(0.5)),
        ],
    ),
    (
        "absolute_shot_noise",
        EITHER,
        &[
            ("rise_time", Is::Number, Wrong),
            ("decay_time", Is::Number, Wrong),
            ("mean", Is::Number, Wrong),
            ("sigma", Is::Number, Wrong),
            ("relative_skew", Is::Number, Number(0.5)),
        ],
    ),
    (
        "ornstein_uhlenbeck",
        EITHER,
        &[("tau", Is::Number, Wrong), ("mean", Is::Number, Wrong), ("sigma", Is::Number, Wrong)],
    ),
    (
        "relative_ornstein_uhlenbeck",
        EITHER,
        &[("tau", Is::Number, Wrong), ("mean_percent", Is::Number, Wrong), ("sd_percent", Is::Number, Wrong)],
    ),
    (
        "seclamp",
        &["voltage_clamp"],
        &[
            ("voltage", Is::Number, Wrong),
            ("series_resistance", Is::Number, Number(0.01)),
            ("duration_levels", Is::Numbers, Nothing),
            ("voltage_levels", Is::Numbers, Nothing),
        ],
    ),
    ("synapse_replay", SPIKES, &[("spike_file", Is::Text, Wrong)]),
    ("poisson", SPIKES, &[("rate", Is::Number, Wrong), ("weight", Is::Number, Wrong)]),
    (
        "spatially_uniform_e_field",
        &["extracellular_stimulation"],
        &[
            ("fields", Is::Else, Wrong),
            ("ramp_up_time", Is::NotNegative, Number(0.0)),
            ("ramp_down_time", Is::NotNegative, Number(0.0)),
        ],
    ),
    ("replay", CURRENT, &[("path", Is::Text, Wrong), ("interpolate", Is::Truth, Nothing)]),
];

/// What the modules of noise have in common.
const OF_NOISE: &[Key] = &[
    ("reversal", Is::Number, Number(0.0)),
    ("dt", Is::Positive, Number(0.25)),
    ("random_seed", Is::Count, Nothing),
];
/// What the modules of currents have in common.
const OF_CURRENTS: &[Key] = &[("represents_physical_electrode", Is::Truth, Truth(false))];
const OF_ALL: &[Key] = &[("delay", Is::Number, Wrong), ("duration", Is::NotNegative, Wrong)];
const FIELD: &[Key] = &[
    ("Ex", Is::Number, Wrong),
    ("Ey", Is::Number, Wrong),
    ("Ez", Is::Number, Wrong),
    ("frequency", Is::NotNegative, Count(0)),
    ("phase", Is::Number, Count(0)),
];

/// Modules that only files of the Allen Institute have. What they may hold is up to its tools.
pub(super) const OF_ALLEN: [&str; 12] = [
    "nwb",
    "sonata",
    "csv",
    "h5",
    "IClamp",
    "SEClamp",
    "xstim",
    "comsol",
    "ecephys_probe",
    "file_current_clamp",
    "allen",
    "inhomogeneous_poisson",
];

/// Checks an input and fills in what it does not say. `dt` is the time step of the simulation.
///
/// # Errors
/// A module or type that is not known, or that do not go together; keys that are missing, wrong, or exclude each other.
pub(super) fn check_input(name: &str, input: &mut Map<String, Value>, dt: f64) -> Result<()> {
    let place = &format!("input `{name}`");
    let module = text(input, "module").ok_or_else(|| lacking(input, "module", place))?.to_owned();
    if OF_ALLEN.contains(&module.as_str()) {
        return Ok(());
    }
    let known = MODULES.iter().find(|known| known.0 == module);
    let (_, types, keys) = known.ok_or_else(|| unknown("module", place, &module, &MODULES.map(|m| m.0)))?;
    let kind = text(input, "input_type").ok_or_else(|| lacking(input, "input_type", place))?;
    if !TYPES.contains(&kind) {
        return Err(unknown("input_type", place, kind, &TYPES));
    }
    if !types.contains(&kind) {
        let message =
            format!("{place} has the module `{module}` and the input_type `{kind}`, which do not match");
        return Err(Error::format(message).help(format!("this module is of the type {}", types.join(" or "))));
    }
    check(input, OF_ALL, place)?;
    check(input, keys, place)?;
    if types.contains(&"conductance") {
        check(input, OF_NOISE, place)?;
    }
    if types.contains(&"current_clamp") {
        check(input, OF_CURRENTS, place)?;
    }
    one_of(input, "node_set", "compartment_set", place)?;
    match module.as_str() {
        "noise" => one_of(input, "mean", "mean_percent", place),
        "synapse_replay" => check_replay(input, place),
        "seclamp" => check_levels(input, place),
        "spatially_uniform_e_field" => check_fields(input, place, dt),
        _ => Ok(()),
    }
}

fn unknown(key: &str, place: &str, value: &str, known: &[&str]) -> Error {
    let error = Error::format(format!("`{key}` of {place} cannot be \"{value}\""))
        .help(format!("it may be {}", known.join(", ")));
    match nearest(value, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// An error unless exactly one of two keys says something.
fn one_of(section: &Map<String, Value>, a: &str, b: &str, place: &str) -> Result<()> {
    match (said(section, a), said(section, b)) {
        (None, None) => {
            Err(Error::format(format!("{place} has neither `{a}` nor `{b}`")).help("it needs one of them"))
        }
        (Some(_), Some(_)) => {
            Err(Error::format(format!("{place} has both `{a}` and `{b}`"))
                .help("it may have one of them only"))
        }
        _ => Ok(()),
    }
}

fn check_replay(input: &Map<String, Value>, place: &str) -> Result<()> {
    let file = text(input, "spike_file").unwrap_or_default();
    if std::path::Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("h5")) {
        return Ok(());
    }
    Err(Error::format(format!("`spike_file` of {place} must be a file of SONATA, `.h5`, not {file}")))
}

fn check_levels(input: &Map<String, Value>, place: &str) -> Result<()> {
    let numbers = |key: &str| -> Vec<f64> {
        let list = said(input, key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let number = |key: &str| said(input, key).and_then(Value::as_f64).unwrap_or(0.0);
    let (lengths, voltages) = (numbers("duration_levels"), numbers("voltage_levels"));
    if lengths.len() != voltages.len() {
        let (a, b) = (lengths.len(), voltages.len());
        return Err(Error::format(format!(
            "`duration_levels` and `voltage_levels` of {place} must be as many, not {a} and {b}"
        )));
    }
    if lengths.iter().sum::<f64>() > number("duration") {
        return Err(Error::format(format!(
            "the `duration_levels` of {place} last longer than its `duration`"
        )));
    }
    if number("delay") != 0.0 {
        return Err(Error::format(format!("`delay` of {place} must be 0 for the module `seclamp`")));
    }
    Ok(())
}

fn check_fields(input: &mut Map<String, Value>, place: &str, dt: f64) -> Result<()> {
    let place = &format!("a field of {place}");
    let Some(Value::Array(fields)) = input.get_mut("fields") else {
        return Err(Error::format(format!("`fields` of which {place} is one must be a list")));
    };
    for field in fields {
        let Value::Object(field) = field else {
            return Err(super::json::expected(place, "a map", field));
        };
        check(field, FIELD, place)?;
        let frequency = said(field, "frequency").and_then(Value::as_f64).unwrap_or(0.0);
        // Faster than half the steps, a wave is no wave. The step is in ms, the frequency in Hz.
        let highest = 1000.0 / (2.0 * dt);
        if frequency >= highest {
            let message = format!("`frequency` of {place} must be below {highest} Hz, not {frequency}");
            return Err(Error::format(message).help(format!("the time step of the simulation is {dt} ms")));
        }
    }
    Ok(())
}
