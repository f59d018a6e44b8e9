//! Long work: stopping it, and telling how far it is.
//!
//! Whoever computes for long calls [`check`] every few milliseconds and [`Progress::advance`] after each piece;
//! whoever talks to a person (the command line, the prompt, an embedding program) sets the flag on Ctrl-C and
//! installs an observer.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Error, Result};

static STOP: AtomicBool = AtomicBool::new(false);

/// Asks all running work to stop.
pub fn stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Forgets an earlier [`stop`], before new work begins.
pub fn reset() {
    STOP.store(false, Ordering::Relaxed);
}

/// Whether work was asked to stop.
pub fn stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// An error if work was asked to stop.
///
/// # Errors
/// [`Error::cancelled`].
pub fn check() -> Result<()> {
    if stopped() { Err(Error::cancelled()) } else { Ok(()) }
}

type Observer = Box<dyn Fn(&str, u64, u64) + Send + Sync>;
static OBSERVER: RwLock<Option<Observer>> = RwLock::new(None);

/// Installs who is told of progress: what is done, how much of it, of how much.
pub fn observe(observer: impl Fn(&str, u64, u64) + Send + Sync + 'static) {
    if let Ok(mut slot) = OBSERVER.write() {
        *slot = Some(Box::new(observer));
    }
}

/// How far one piece of work is. Safe to share among threads.
pub struct Progress {
    what: &'static str,
    done: AtomicU64,
    total: u64,
}

impl Progress {
    /// Work of `total` steps.
    pub fn new(what: &'static str, total: u64) -> Self {
        Progress { what, done: AtomicU64::new(0), total }
    }

    /// Some steps are done; an error if the work should stop.
    ///
    /// # Errors
    /// [`Error::cancelled`].
    pub fn advance(&self, steps: u64) -> Result<()> {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        if let Ok(slot) = OBSERVER.read()
            && let Some(observer) = slot.as_ref()
        {
            observer(self.what, done, self.total);
        }
        check()
    }
}
