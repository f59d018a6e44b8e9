//! A page for the browser on which cells light up when they fire. It needs no network: the data are in it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::activity::check_window;
use super::{Groups, plural, same};
use crate::diag::{Error, Result, work};
use crate::plot::{Axis, Theme, count, short};

/// The page without its data.
const PAGE: &str = include_str!("animation.html");
/// A page is at most about so large (bytes), so that a browser opens it in a moment.
const LARGEST: usize = 50_000_000;
/// More frames than this are no film.
const FRAMES: f64 = 1e6;

/// Where cells are and when they fire.
#[derive(Clone, Debug)]
pub struct Firing<'a> {
    /// Written above.
    pub title: String,
    /// The horizontal axis, as `x (µm)`.
    pub x_axis: Axis,
    /// The vertical axis.
    pub y_axis: Axis,
    /// Where each cell is on the horizontal axis.
    pub x: &'a [f64],
    /// Where each cell is on the vertical axis.
    pub y: &'a [f64],
    /// By what cells are coloured.
    pub groups: Option<Groups<'a>>,
    /// When a cell fired (ms).
    pub times: &'a [f64],
    /// Which one it was: its position in `x` and `y`, for each time.
    pub rows: &'a [u32],
    /// What is shown (ms).
    pub window: (f64, f64),
    /// How long a frame is (ms).
    pub step: f64,
}

/// A page that is ready to be saved.
#[derive(Clone, PartialEq)]
pub struct Animation {
    html: String,
    words: String,
}

impl Animation {
    /// The whole page.
    pub fn to_html(&self) -> String {
        self.html.clone()
    }

    /// What it is, in one line: `animation of 31,346 cells, 200 frames of 1 ms, 12,345 spikes`.
    pub fn describe(&self) -> &str {
        &self.words
    }

    /// The bytes of the file `path`.
    ///
    /// # Errors
    /// When its name does not end with `.html`.
    pub fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        if extension == "html" || extension == "htm" {
            return Ok(self.html.clone().into_bytes());
        }
        Err(Error::argument(format!("an animation is a page for the browser, not {}", path.display()))
            .help("end its name with .html"))
    }
}

impl std::fmt::Debug for Animation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Animation({})", self.words)
    }
}

/// Which cells fire in which frame.
struct Frames {
    /// Where the cells of each frame begin; one more than frames.
    starts: Vec<u32>,
    /// The cells that fire, frame after frame, each once in a frame.
    fired: Vec<u32>,
    /// How many spikes these are.
    spikes: usize,
}

/// A page on which cells stand at their positions, coloured by group, and light up in each frame of `step` ms in which
/// they fire.
///
/// # Errors
/// When there are no spikes in the window, lengths do not agree, or the page would be larger than about 50 MB.
pub fn firing_animation(firing: &Firing<'_>) -> Result<Animation> {
    check(firing)?;
    let frames = frames(firing)?;
    let cells = firing.x.len();
    let wide = cells > 1 << 16;
    let many = firing.groups.is_some_and(|groups| groups.names.len() > 1 << 8);
    let bytes = frames.fired.len() * if wide { 4 } else { 2 }
        + frames.starts.len() * 4
        + cells * (8 + if many { 2 } else { 1 });
    let size = bytes / 3 * 4 + PAGE.len();
    if size > LARGEST {
        return Err(Error::argument(format!(
            "the animation of {} would be a page of {} MB, which no browser likes",
            plural(frames.spikes, "spike"),
            count(size / 1_000_000)
        ))
        .help("choose a shorter window, longer frames, or fewer cells: about 50 MB are possible"));
    }
    let lost = firing.x.iter().zip(firing.y).filter(|(x, y)| !(x.is_finite() && y.is_finite())).count();
    let words = format!(
        "animation of {}, {} of {} ms, {}",
        plural(cells, "cell"),
        plural(frames.starts.len() - 1, "frame"),
        short(firing.step),
        plural(frames.spikes, "spike")
    );
    let mut notes = vec![format!("{words}; a cell fades over eight frames")];
    if lost > 0 {
        notes.push(format!("{} without a position: not shown", plural(lost, "cell")));
    }
    let of = firing.groups.map_or_else(|| vec![0; cells], |groups| groups.of.to_vec());
    let names = firing.groups.map_or(&[][..], |groups| groups.names);
    let colours = |theme: Theme| (0..names.len().max(1)).map(|n| theme.series(n)).collect::<Vec<_>>();
    // Without groups, a cell that fires is not of the colour that it has at rest.
    let alone = |theme: Theme| vec![theme.series(1)];
    let colours = |theme| if names.is_empty() { alone(theme) } else { colours(theme) };
    let data = json!({
        "title": firing.title,
        "xlabel": firing.x_axis.text(),
        "ylabel": firing.y_axis.text(),
        "equal": firing.x_axis.unit == firing.y_axis.unit && !firing.x_axis.unit.is_empty(),
        "x": packed(firing.x, |v| (v as f32).to_le_bytes()),
        "y": packed(firing.y, |v| (v as f32).to_le_bytes()),
        "label": firing.groups.map_or("", |groups| groups.label),
        "groups": names,
        "light": colours(Theme::Light),
        "dark": colours(Theme::Dark),
        "group_bytes": if many { 2 } else { 1 },
        "group": if many { packed(&of, |g| (g as u16).to_le_bytes()) } else { packed(&of, |g| [g as u8]) },
        "start": firing.window.0,
        "step": firing.step,
        "decimals": decimals(firing.window.0).max(decimals(firing.step)),
        "starts": packed(&frames.starts, u32::to_le_bytes),
        "row_bytes": if wide { 4 } else { 2 },
        "fired": if wide {
            packed(&frames.fired, u32::to_le_bytes)
        } else {
            packed(&frames.fired, |row| (row as u16).to_le_bytes())
        },
        "notes": notes.join("; "),
    });
    // Inside a page, nothing in the data may look like its end.
    let data = data.to_string().replace('<', "\\u003c");
    let title = if firing.title.is_empty() { "Firing of cells" } else { &firing.title };
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    // The title is what people wrote: it must not be searched for places of other things.
    let (head, rest) = PAGE.split_once("{{title}}").unwrap_or((PAGE, ""));
    let (middle, tail) = rest.split_once("{{data}}").unwrap_or((rest, ""));
    Ok(Animation { html: [head, &title, middle, &data, tail].concat(), words })
}

fn check(firing: &Firing<'_>) -> Result<()> {
    same("x positions", firing.x.len(), "y positions", firing.y.len())?;
    same("times", firing.times.len(), "cells that fired", firing.rows.len())?;
    check_window(firing.window)?;
    if let Some(groups) = firing.groups {
        groups.check(firing.x.len())?;
        if groups.names.len() > 1 << 16 {
            return Err(Error::argument(format!(
                "{} groups have no colours of their own",
                count(groups.names.len())
            )));
        }
    }
    if let Some(row) = firing.rows.iter().find(|row| **row as usize >= firing.x.len()) {
        return Err(Error::argument(format!(
            "a spike belongs to cell {row}, but there are positions of {} only",
            plural(firing.x.len(), "cell")
        )));
    }
    let (start, end) = firing.window;
    let frames = (end - start) / firing.step;
    if !(firing.step > 0.0 && frames <= FRAMES) {
        return Err(Error::argument(format!(
            "frames of {} ms do not make a film of {} ms",
            firing.step,
            short(end - start)
        ))
        .help("frames of 1 ms, say, and at most a million of them"));
    }
    Ok(())
}

fn frames(firing: &Firing<'_>) -> Result<Frames> {
    let (start, end) = firing.window;
    let n = ((end - start) / firing.step - 1e-9).ceil().max(1.0) as usize;
    let mut spikes: Vec<(u32, u32)> = firing
        .times
        .iter()
        .zip(firing.rows)
        .filter(|(t, _)| **t >= start && **t <= end)
        .map(|(t, row)| ((((t - start) / firing.step) as usize).min(n - 1) as u32, *row))
        .collect();
    if spikes.is_empty() {
        let (from, to) = (short(start), short(end));
        return Err(Error::argument(format!("there are no spikes to draw between {from} and {to} ms")));
    }
    let all = spikes.len();
    work::check()?;
    spikes.sort_unstable();
    spikes.dedup();
    let mut starts = vec![0_u32; n + 1];
    for (frame, _) in &spikes {
        starts[*frame as usize + 1] += 1;
    }
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    Ok(Frames { starts, fired: spikes.into_iter().map(|(_, row)| row).collect(), spikes: all })
}

/// How many decimals tell a time (ms) and its neighbours apart; three at most.
fn decimals(v: f64) -> usize {
    (0..3).find(|d| (v * 10_f64.powi(*d)).fract().abs() < 1e-6).unwrap_or(3) as usize
}

/// Numbers as bytes as text.
fn packed<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> String {
    STANDARD.encode(values.iter().flat_map(|v| bytes(*v)).collect::<Vec<u8>>())
}
