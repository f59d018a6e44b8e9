//! Our colours, lines and letters as plotters' backends ask for them.

use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontFamily, FontStyle,
};

use super::font;
use super::scene::{Anchor, Point, Text};
use super::theme::Colour;
use crate::diag::Error;

/// A colour and the width of a line, in units of the backend.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    colour: BackendColor,
    width: u32,
}

impl Ink {
    /// For surfaces, and lines of one unit.
    pub fn new(colour: Colour) -> Self {
        // Three digits are enough, and short in a file.
        let alpha = (f64::from(colour.a.clamp(0.0, 1.0)) * 1000.0).round() / 1000.0;
        Ink { colour: BackendColor { alpha, rgb: (colour.r, colour.g, colour.b) }, width: 1 }
    }

    pub fn wide(colour: Colour, width: f64) -> Self {
        Ink { width: (width.round() as u32).max(1), ..Ink::new(colour) }
    }
}

impl BackendStyle for Ink {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// A line of text. A backend that has letters of its own (SVG) takes the family, size and anchor; one that has none
/// (pixels) asks for the pixels that the letters cover. plotters' own text styles put letters on whole pixels without
/// their side bearings and turn them by right angles only; these use the measures that the layout uses.
pub(super) struct Letters<'a> {
    pub text: &'a Text,
    /// Units of the backend for each pixel of the figure.
    pub scale: f64,
    /// The place in the figure of the backend's first unit.
    pub origin: Point,
    /// The rows of the backend that are seen.
    pub rows: (i32, i32),
}

impl Letters<'_> {
    /// How far below the place given to an SVG backend the baseline lies, in em: it has no anchor on the baseline.
    pub const DROP: f64 = 0.76;
    /// The backend takes a line's height for the size of its font.
    const HEIGHT: f64 = 1.24;
}

impl BackendTextStyle for Letters<'_> {
    type FontError = Error;

    fn color(&self) -> BackendColor {
        Ink::new(self.text.colour).colour
    }

    fn size(&self) -> f64 {
        self.text.size * self.scale * Self::HEIGHT
    }

    fn style(&self) -> FontStyle {
        if self.text.bold { FontStyle::Bold } else { FontStyle::Normal }
    }

    fn anchor(&self) -> Pos {
        let h_pos = match self.text.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        Pos::new(h_pos, VPos::Top)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(font::FAMILIES)
    }

    /// Nothing: letters know their places on the paper, and are not to be moved by their size.
    fn layout_box(&self, _: &str) -> Result<(BackendCoord, BackendCoord), Error> {
        Ok(((0, 0), (0, 0)))
    }

    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        _: &str,
        (x, y): BackendCoord,
        mut draw: F,
    ) -> Result<Result<(), E>, Error> {
        let colour = self.color();
        let mut done = Ok(());
        font::cover(self.text, self.scale, self.origin, self.rows, |column, row, share| {
            if done.is_ok() {
                done = draw(x + column, y + row, colour.mix(f64::from(share)));
            }
        });
        Ok(done)
    }
}

/// What a backend complains about.
#[allow(clippy::needless_pass_by_value)] // it is handed to map_err
pub(super) fn failed<E: std::error::Error + Send + Sync>(error: DrawingErrorKind<E>) -> Error {
    Error::argument(format!("the figure cannot be drawn: {error}"))
}
