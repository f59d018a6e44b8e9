//! The terminal: its size, whether it has colours, and the progress bar.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::diag::Result;
use crate::script::{Screen, display, to_json_value};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

struct Shown {
    since: Instant,
    what: String,
    bar: Option<ProgressBar>,
}

static SHOWN: Mutex<Option<Shown>> = Mutex::new(None);

/// Told of every step of long work: draws a bar on a terminal.
pub(super) fn progress(what: &str, done: u64, total: u64) {
    let Ok(mut slot) = SHOWN.try_lock() else { return };
    if done >= total {
        if let Some(bar) = slot.take().and_then(|s| s.bar) {
            bar.finish_and_clear();
        }
        return;
    }
    let shown = slot.get_or_insert_with(|| Shown { since: Instant::now(), what: what.to_owned(), bar: None });
    if shown.what != what {
        *shown = Shown { since: Instant::now(), what: what.to_owned(), bar: None };
    }
    if shown.since.elapsed() < PATIENCE || !std::io::stderr().is_terminal() {
        return;
    }
    let bar = shown.bar.get_or_insert_with(|| {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {percent}%, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    });
    bar.set_length(total);
    bar.set_position(done);
}

/// Takes the bar away, before something else is printed.
pub(super) fn end_progress() {
    if let Ok(mut slot) = SHOWN.lock()
        && let Some(bar) = slot.take().and_then(|s| s.bar)
    {
        bar.finish_and_clear();
    }
}

/// Whether colours may be used on something that is a terminal or not.
pub(super) fn colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none() && std::env::var("TERM").is_ok_and(|t| t != "dumb")
}

/// The room that standard output has.
pub(super) fn size() -> Screen {
    let is_terminal = std::io::stdout().is_terminal();
    let (rows, width) = console::Term::stdout().size();
    if is_terminal {
        let rows = usize::from(rows).saturating_sub(8).clamp(10, 60);
        Screen { width: usize::from(width), rows, colour: colour(true) }
    } else {
        Screen::default()
    }
}

/// Prints a value on standard output.
pub(super) fn print(value: &rhai::Dynamic, json: bool) -> Result<()> {
    print_in(value, json, &size())
}

/// Prints a value on standard output, as if it had that room.
pub(super) fn print_in(value: &rhai::Dynamic, json: bool, room: &Screen) -> Result<()> {
    let text = if json {
        Some(serde_json::to_string(&to_json_value(value)?).unwrap_or_default())
    } else {
        display(value, room)?
    };
    end_progress();
    if let Some(text) = text {
        use std::io::Write;
        // A reader that has gone away (`| head`) is not an error of ours.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
    Ok(())
}
