//! A simulation of a circuit: what it was told, and what it wrote.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::{Circuit, Report, Spikes};
use crate::diag::{Deferred, Error, Result};

/// A report that a simulation was told to write.
pub struct ReportEntry {
    /// Its name in the configuration.
    pub name: String,
    /// Everything that the configuration says about it.
    pub config: Value,
    /// The file, where it can be told without opening it.
    pub path: PathBuf,
    /// The target (or node set) that was recorded.
    pub target: Option<String>,
    /// The values.
    pub report: Deferred<Arc<dyn Report>>,
}

/// A simulation. Opening it reads the configuration; everything else is read when it is asked for.
pub struct Simulation {
    /// The configuration file.
    pub path: PathBuf,
    /// Every key of the configuration.
    pub config: Value,
    /// The circuit that was simulated.
    pub circuit: Deferred<Arc<Circuit>>,
    /// When it begins (ms).
    pub t_start: f64,
    /// When it ends (ms); 0 where the configuration is only about what was recorded.
    pub t_end: f64,
    /// The time step (ms), where the configuration gives it.
    pub dt: Option<f64>,
    /// The target (or node set) of the cells that were simulated; `None` stands for all.
    pub target: Option<String>,
    /// The spikes.
    pub spikes: Deferred<Arc<Spikes>>,
    /// The reports, in the order of the configuration.
    pub reports: Vec<ReportEntry>,
}

impl Simulation {
    /// A report by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn report(&self, name: &str) -> Result<&ReportEntry> {
        self.reports.iter().find(|r| r.name == name).ok_or_else(|| {
            let error = Error::unknown("report", name, self.reports.iter().map(|r| r.name.as_str()));
            if self.reports.is_empty() { error.help("this simulation wrote no reports") } else { error }
        })
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulation({})", self.path.display())
    }
}
