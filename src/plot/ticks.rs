//! Where an axis has its ticks, and how numbers are written beside them.

/// The ticks of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticks {
    /// Positions with their labels.
    pub major: Vec<(f64, String)>,
    /// Positions between them that have no label.
    pub minor: Vec<f64>,
}

/// How a linear axis wants its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Manner {
    /// The values are counts: no ticks between whole numbers.
    pub whole: bool,
    /// There is no unit, so that millions may be written as `2 M`.
    pub bare: bool,
}

/// Ticks at round numbers (1, 2 or 5 times a power of ten) between `lo` and `hi`, about `count` of them at most.
pub(super) fn linear(lo: f64, hi: f64, count: usize, manner: Manner) -> Ticks {
    let (mut mantissa, mut exponent) = step((hi - lo) / count.max(1) as f64);
    if manner.whole && exponent < 0 {
        (mantissa, exponent) = (1, 0);
    }
    let size = power(f64::from(mantissa), exponent);
    let first = (lo / size - 1e-9).ceil();
    let last = (hi / size + 1e-9).floor();
    // Beyond 2^53 a double holds no tick between its neighbours.
    if !(size > 0.0 && first.abs() < 9e15 && last.abs() < 9e15) || last - first > 1000.0 {
        return Ticks::default();
    }
    let values: Vec<f64> = (0..=(last - first).max(-1.0) as i64)
        .map(|i| power((first + i as f64) * f64::from(mantissa), exponent))
        .filter(|_| last >= first)
        .collect();
    let labels = write(&values, exponent, manner.bare);
    Ticks { major: values.into_iter().zip(labels).collect(), minor: Vec::new() }
}

/// `mantissa × 10^exponent`, exact where a double can be.
fn power(mantissa: f64, exponent: i32) -> f64 {
    if exponent < 0 { mantissa / 10f64.powi(-exponent) } else { mantissa * 10f64.powi(exponent) }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `rough`.
fn step(rough: f64) -> (i32, i32) {
    let exponent = rough.log10().floor();
    if !exponent.is_finite() {
        return (1, 0);
    }
    let exponent = exponent as i32;
    let mantissa = rough / 10f64.powi(exponent);
    match mantissa {
        m if m <= 1.0 + 1e-9 => (1, exponent),
        m if m <= 2.0 + 1e-9 => (2, exponent),
        m if m <= 5.0 + 1e-9 => (5, exponent),
        _ => (1, exponent + 1),
    }
}

/// The labels of ticks whose step is a multiple of `10^exponent`.
fn write(values: &[f64], exponent: i32, bare: bool) -> Vec<String> {
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let magnitude = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
    // How many digits of the mantissa the step needs: an offset far from zero is written out instead.
    let digits = magnitude - exponent;
    if bare && (6..=14).contains(&magnitude) && digits <= 5 {
        let (down, sign) = [(6, " M"), (9, " G"), (12, " T")][((magnitude / 3 - 2) as usize).min(2)];
        return values.iter().map(|v| unit(*v, down, exponent, sign)).collect();
    }
    if (magnitude >= 7 || magnitude <= -4) && digits <= 6 {
        let sign = format!("×10{}", superscript(magnitude));
        return values.iter().map(|v| unit(*v, magnitude, exponent, &sign)).collect();
    }
    values.iter().map(|v| number(*v, (-exponent).max(0) as usize)).collect()
}

/// `v` as a multiple of `10^down`, followed by the sign of that unit; zero has none.
fn unit(v: f64, down: i32, exponent: i32, sign: &str) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    format!("{}{sign}", number(power(v, -down), (down - exponent).max(0) as usize))
}

/// A number with separators between thousands and a real minus sign: `−12,345.6`.
pub(super) fn number(v: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals.min(17), v.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if v < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A whole number with separators: `1,234`.
pub(crate) fn count(n: usize) -> String {
    number(n as f64, 0)
}

/// A number for a text: up to four significant digits, without zeros at its end.
pub(crate) fn short(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return if v == 0.0 { "0".to_owned() } else { v.to_string() };
    }
    let magnitude = v.abs().log10().floor() as i32;
    let trimmed = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    if (-4..7).contains(&magnitude) {
        return trimmed(number(v, (3 - magnitude).max(0) as usize));
    }
    format!("{}×10{}", trimmed(number(power(v, -magnitude), 3)), superscript(magnitude))
}

fn superscript(n: i32) -> String {
    n.to_string()
        .chars()
        .map(|c| if c == '-' { '⁻' } else { SUPERSCRIPTS[c.to_digit(10).unwrap_or(0) as usize] })
        .collect()
}

const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// Ticks of a logarithmic axis between the positive numbers `lo` and `hi`: at powers of ten, and at their multiples
/// where there are few powers.
pub(super) fn logarithmic(lo: f64, hi: f64, count: usize) -> Ticks {
    let (first, last) = ((lo.log10() - 1e-9).ceil() as i32, (hi.log10() + 1e-9).floor() as i32);
    let inside = |v: &f64| *v >= lo * (1.0 - 1e-9) && *v <= hi * (1.0 + 1e-9);
    let multiples = |of: &[f64]| -> Vec<f64> {
        (first - 1..=last).flat_map(|e| of.iter().map(move |m| power(*m, e))).filter(inside).collect()
    };
    let rest = [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    if last - first >= 1 {
        let every = ((last - first + 1) as usize).div_ceil(count.max(2)) as i32;
        let values: Vec<f64> =
            (first..=last).filter(|e| e.rem_euclid(every) == 0).map(|e| power(1.0, e)).collect();
        let minor = match every {
            1 => multiples(&rest),
            2..=5 => (first..=last).map(|e| power(1.0, e)).collect(),
            _ => Vec::new(),
        };
        return Ticks { major: decades(values, lo, hi), minor };
    }
    let values = multiples(&[1.0, 2.0, 5.0]);
    if values.len() >= 2 {
        return Ticks { major: decades(values, lo, hi), minor: multiples(&rest) };
    }
    linear(lo, hi, count, Manner::default())
}

/// Labels of powers of ten and their multiples: written out as long as all of them are short.
fn decades(values: Vec<f64>, lo: f64, hi: f64) -> Vec<(f64, String)> {
    let plain = lo >= 0.9e-3 && hi <= 1.1e6;
    let label = |v: f64| {
        let exponent = (v.log10() + 1e-9).floor() as i32;
        if plain {
            return number(v, (-exponent).max(0) as usize);
        }
        match power(v, -exponent).round() as i32 {
            1 => format!("10{}", superscript(exponent)),
            m => format!("{m}×10{}", superscript(exponent)),
        }
    };
    values.into_iter().map(|v| (v, label(v))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.major.iter().map(|(_, label)| label.as_str()).collect()
    }

    fn plain(lo: f64, hi: f64, count: usize) -> Ticks {
        linear(lo, hi, count, Manner::default())
    }

    #[test]
    fn round_numbers() {
        assert_eq!(labels(&plain(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&plain(-80.0, 40.0, 6)), ["−80", "−60", "−40", "−20", "0", "20", "40"]);
        assert_eq!(labels(&plain(0.0, 12_345.0, 4)), ["0", "5,000", "10,000"]);
        assert_eq!(plain(0.0, 0.7, 8).major[3].0, 0.3, "no 0.30000000000000004");
        assert_eq!(labels(&plain(0.0, 3e-5, 3)), ["0", "1×10⁻⁵", "2×10⁻⁵", "3×10⁻⁵"]);
        assert_eq!(labels(&plain(0.0, 3e7, 3)), ["0", "1×10⁷", "2×10⁷", "3×10⁷"]);
    }

    #[test]
    fn counts_are_whole_and_short() {
        let counts = |hi, n| linear(0.0, hi, n, Manner { whole: true, bare: true });
        assert_eq!(labels(&counts(2.0, 8)), ["0", "1", "2"]);
        assert_eq!(labels(&counts(3e6, 6)), ["0", "0.5 M", "1.0 M", "1.5 M", "2.0 M", "2.5 M", "3.0 M"]);
        assert_eq!(labels(&counts(4e9, 2)), ["0", "2 G", "4 G"]);
        assert_eq!(labels(&counts(5e13, 1)), ["0", "50 T"]);
        assert_eq!(labels(&counts(300_000.0, 3)), ["0", "100,000", "200,000", "300,000"]);
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(labels(&logarithmic(1.0, 1000.0, 6)), ["1", "10", "100", "1,000"]);
        assert_eq!(labels(&logarithmic(0.5, 30.0, 6)), ["1", "10"]);
        assert_eq!(
            labels(&logarithmic(1e-6, 1.0, 8)),
            ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]
        );
        assert_eq!(labels(&logarithmic(2.0, 9.0, 6)), ["2", "5"]);
        assert_eq!(labels(&logarithmic(1e-6, 1e6, 4)), ["10⁻⁴", "10⁰", "10⁴"]);
        assert_eq!(logarithmic(1.0, 100.0, 6).minor.len(), 16);
        assert!(labels(&logarithmic(2.1, 2.4, 4)).len() >= 2);
    }

    #[test]
    fn words_for_numbers() {
        assert_eq!(number(-0.000_1, 2), "0.00");
        assert_eq!(number(-1234.5, 1), "−1,234.5");
        assert_eq!(count(10_000_000), "10,000,000");
        assert_eq!(
            [0.0, 1.0, 0.12345, 1234.56, 1.5e9, -2.5e-7].map(short),
            ["0", "1", "0.1235", "1,235", "1.5×10⁹", "−2.5×10⁻⁷"]
        );
    }

    proptest! {
        #[test]
        fn ticks_lie_inside_rise_and_differ(a in -1e6f64..1e6, width in 1e-6f64..1e9, count in 1usize..12) {
            let (lo, hi) = (a, a + width);
            let ticks = plain(lo, hi, count);
            prop_assert!(ticks.major.len() <= count + 1, "{:?}", ticks);
            for (v, _) in &ticks.major {
                prop_assert!(*v >= lo - width * 1e-6 && *v <= hi + width * 1e-6);
            }
            for pair in ticks.major.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0);
                prop_assert!(pair[0].1 != pair[1].1, "{:?}", ticks);
            }
        }

        #[test]
        fn any_numbers_at_all(lo in any::<f64>(), hi in any::<f64>(), count in 0usize..20) {
            let _ = plain(lo, hi, count);
            if lo > 0.0 && hi > lo && hi < 1e300 && lo > 1e-300 {
                prop_assert!(logarithmic(lo, hi, count).major.len() < 2000);
            }
        }
    }
}
