//! How a figure looks: themes, their inks, the palettes and the colour maps.

use crate::diag::{Error, Result};

/// An opaque or translucent sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour {
    pub r: u8,
    pub g: u8,
    pub b: u8,
    /// 0 (invisible) to 1 (opaque).
    pub a: f32,
}

impl Colour {
    /// `0xRRGGBB`, opaque.
    pub const fn hex(rgb: u32) -> Self {
        Colour { r: (rgb >> 16) as u8, g: (rgb >> 8) as u8, b: rgb as u8, a: 1.0 }
    }

    pub fn alpha(self, a: f32) -> Self {
        Colour { a, ..self }
    }

    /// The colour at `t` (0 to 1) on the way to `other`.
    pub fn mix(self, other: Colour, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Colour {
            r: channel(self.r, other.r),
            g: channel(self.g, other.g),
            b: channel(self.b, other.b),
            a: (f64::from(self.a) + f64::from(other.a - self.a) * t) as f32,
        }
    }
}

/// The look of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// White paper, for the screen and for talks.
    #[default]
    Light,
    /// A dark background.
    Dark,
    /// For a journal: 150 mm wide at 300 dots per inch, black lines, told apart in grey too.
    Print,
}

impl Theme {
    /// The names that [`Theme::named`] knows.
    pub const NAMES: [&'static str; 3] = ["light", "dark", "print"];

    /// The theme of that name.
    ///
    /// # Errors
    /// When there is no theme of that name; the nearest is offered.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "light" => Ok(Theme::Light),
            "dark" => Ok(Theme::Dark),
            "print" => Ok(Theme::Print),
            _ => Err(Error::unknown("theme", name, Theme::NAMES)),
        }
    }

    /// The colour of the lines and points of the `n`th series, as `#0072b2`.
    pub fn series(self, n: usize) -> String {
        let Colour { r, g, b, .. } = self.ink().line(n);
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    pub(super) fn ink(self) -> &'static Ink {
        match self {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
            Theme::Print => &PRINT,
        }
    }
}

/// The colours and measures of a theme.
pub(super) struct Ink {
    pub background: Colour,
    pub text: Colour,
    /// Notes and other text of second rank.
    pub faint: Colour,
    pub axis: Colour,
    pub grid: Colour,
    /// Cells of a heat map without a value.
    pub empty: Colour,
    /// Lines, points and edges of the series, in order.
    pub series: &'static [Colour],
    /// Surfaces of the series, in order.
    pub fills: &'static [Colour],
    /// Surfaces get an outline, lines a dash pattern and points a shape of their own.
    pub grey_safe: bool,
    /// Pixels of a figure whose size nobody has chosen.
    pub size: (u32, u32),
    /// Pixels of one em of the tick labels at that size.
    pub em: f64,
    /// The width of a data line in em of the tick labels.
    pub stroke: f64,
    /// Dots per inch, written into PNG files.
    pub dpi: f64,
}

/// Okabe and Ito's colours, told apart with every kind of colour vision, the strong ones first.
const OKABE_ITO: [Colour; 8] = [
    Colour::hex(0x0072b2),
    Colour::hex(0xd55e00),
    Colour::hex(0x009e73),
    Colour::hex(0xcc79a7),
    Colour::hex(0xe69f00),
    Colour::hex(0x56b4e9),
    Colour::hex(0x404040),
    Colour::hex(0xd9c81a),
];

/// The same families of colour, lifted for a dark background.
const OKABE_ITO_DARK: [Colour; 8] = [
    Colour::hex(0x56b4e9),
    Colour::hex(0xf27d3d),
    Colour::hex(0x2fc497),
    Colour::hex(0xe095bf),
    Colour::hex(0xf0b437),
    Colour::hex(0x8fa8ff),
    Colour::hex(0xd8d8d8),
    Colour::hex(0xf0e442),
];

/// Ink on paper, with steps of lightness that survive a photocopy.
const PRINT_LINES: [Colour; 6] = [
    Colour::hex(0x000000),
    Colour::hex(0xc85300),
    Colour::hex(0x004a7c),
    Colour::hex(0x4fb0e6),
    Colour::hex(0x007256),
    Colour::hex(0xeeb93a),
];

const PRINT_FILLS: [Colour; 6] = [
    Colour::hex(0x6f93b5),
    Colour::hex(0xf6d592),
    Colour::hex(0x1c3d5e),
    Colour::hex(0xe9eff4),
    Colour::hex(0xb85c38),
    Colour::hex(0xa8b8a0),
];

static LIGHT: Ink = Ink {
    background: Colour::hex(0xffffff),
    text: Colour::hex(0x222222),
    faint: Colour::hex(0x6b6b6b),
    axis: Colour::hex(0x555555),
    grid: Colour::hex(0xe8e8e8),
    empty: Colour::hex(0xffffff),
    series: &OKABE_ITO,
    fills: &OKABE_ITO,
    grey_safe: false,
    size: (1200, 800),
    em: 20.0,
    stroke: 0.11,
    dpi: 144.0,
};

static DARK: Ink = Ink {
    background: Colour::hex(0x171a1f),
    text: Colour::hex(0xe6e6e6),
    faint: Colour::hex(0x9da3ab),
    axis: Colour::hex(0x9da3ab),
    grid: Colour::hex(0x2d323a),
    empty: Colour::hex(0x2a2e35),
    series: &OKABE_ITO_DARK,
    fills: &OKABE_ITO_DARK,
    ..LIGHT
};

static PRINT: Ink = Ink {
    background: Colour::hex(0xffffff),
    text: Colour::hex(0x000000),
    faint: Colour::hex(0x404040),
    axis: Colour::hex(0x000000),
    grid: Colour::hex(0xdddddd),
    empty: Colour::hex(0xffffff),
    series: &PRINT_LINES,
    fills: &PRINT_FILLS,
    grey_safe: true,
    size: (1772, 1181),
    em: 35.0,
    stroke: 0.10,
    dpi: 300.0,
};

/// The dash patterns of the `print` theme in units of the line's width; the first is a whole line.
const DASHES: [&[f32]; 4] = [&[], &[5.0, 2.5], &[1.5, 2.0], &[7.0, 2.0, 1.5, 2.0]];

impl Ink {
    /// The colour of the lines and points of the `n`th series. After the palette's end it starts again, darker and
    /// then lighter.
    pub fn line(&self, n: usize) -> Colour {
        self.cycle(self.series, n)
    }

    /// The colour of the surfaces of the `n`th series.
    pub fn fill(&self, n: usize) -> Colour {
        self.cycle(self.fills, n)
    }

    fn cycle(&self, palette: &[Colour], n: usize) -> Colour {
        let colour = palette[n % palette.len()];
        match (n / palette.len()) % 3 {
            0 => colour,
            1 => colour.mix(self.text, 0.45),
            _ => colour.mix(self.background, 0.5),
        }
    }

    /// The dash pattern of the `n`th series, in units of the line's width.
    pub fn dash(&self, n: usize) -> &'static [f32] {
        let turn = if self.grey_safe { n } else { n / self.series.len() };
        DASHES[turn % DASHES.len()]
    }
}

/// A way from a number between 0 and 1 to a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColourMap {
    /// Dark to bright in steps that look equal (viridis).
    Sequential,
    /// Blue, white in the middle, orange.
    Diverging,
}

const VIRIDIS: [Colour; 17] = [
    Colour::hex(0x440154),
    Colour::hex(0x48186a),
    Colour::hex(0x472d7b),
    Colour::hex(0x424086),
    Colour::hex(0x3b528b),
    Colour::hex(0x33638d),
    Colour::hex(0x2c728e),
    Colour::hex(0x26828e),
    Colour::hex(0x21918c),
    Colour::hex(0x1fa088),
    Colour::hex(0x28ae80),
    Colour::hex(0x3fbc73),
    Colour::hex(0x5ec962),
    Colour::hex(0x84d44b),
    Colour::hex(0xaddc30),
    Colour::hex(0xd8e219),
    Colour::hex(0xfde725),
];

const BLUE_ORANGE: [Colour; 9] = [
    Colour::hex(0x0b2f66),
    Colour::hex(0x215f9e),
    Colour::hex(0x5a97c7),
    Colour::hex(0xa6cbe3),
    Colour::hex(0xf4f3ef),
    Colour::hex(0xf3c093),
    Colour::hex(0xdb8745),
    Colour::hex(0xb05616),
    Colour::hex(0x6b2c04),
];

impl ColourMap {
    /// The colour at `t`, which is held between 0 and 1.
    pub fn at(self, t: f64) -> Colour {
        let anchors: &[Colour] = match self {
            ColourMap::Sequential => &VIRIDIS,
            ColourMap::Diverging => &BLUE_ORANGE,
        };
        let place = t.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let below = (place as usize).min(anchors.len() - 2);
        anchors[below].mix(anchors[below + 1], place - below as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE lightness, 0 to 100: what remains of a colour in a photocopy.
    fn lightness(colour: Colour) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let y = 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b);
        if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
    }

    #[test]
    fn print_survives_a_photocopy() {
        for palette in [&PRINT_FILLS[..], &PRINT_LINES[..]] {
            for (i, a) in palette.iter().enumerate() {
                for b in &palette[i + 1..] {
                    let step = (lightness(*a) - lightness(*b)).abs();
                    assert!(step >= 6.0, "{a:?} and {b:?} differ by {step:.1}");
                }
            }
        }
    }

    #[test]
    fn sequential_map_grows_lighter_evenly() {
        let steps: Vec<f64> =
            (0..=32).map(|i| lightness(ColourMap::Sequential.at(f64::from(i) / 32.0))).collect();
        for pair in steps.windows(2) {
            assert!((1.0..5.0).contains(&(pair[1] - pair[0])), "{steps:?}");
        }
        assert_eq!(ColourMap::Sequential.at(f64::NAN.max(0.0)), VIRIDIS[0]);
    }

    #[test]
    fn diverging_map_is_lightest_in_the_middle() {
        let middle = lightness(ColourMap::Diverging.at(0.5));
        assert!(middle > 90.0);
        for i in 0..=8 {
            let (left, right) = (f64::from(i) / 20.0, 1.0 - f64::from(i) / 20.0);
            let (l, r) =
                (lightness(ColourMap::Diverging.at(left)), lightness(ColourMap::Diverging.at(right)));
            assert!((l - r).abs() < 12.0, "{left}: {l} against {r}");
            assert!(l < middle && r < middle);
        }
    }

    #[test]
    fn an_unknown_theme_offers_the_nearest() {
        let error = Theme::named("drak").unwrap_err().to_string();
        assert!(error.contains("there is no theme `drak`") && error.contains("dark"), "{error}");
        for name in Theme::NAMES {
            Theme::named(name).unwrap();
        }
    }
}
