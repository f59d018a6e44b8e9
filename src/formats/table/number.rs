//! How numbers look to people: few digits, the same number of decimals down a column.

/// How many significant digits a column shows of its numbers.
const DIGITS: i32 = 5;

/// How many significant digits a number on its own shows: what a 32-bit float holds.
const DIGITS_ALONE: usize = 7;

/// Numbers of this power of ten or more are written with an exponent in a column.
const HUGE: i32 = 9;

/// A column whose largest number is below this power of ten is written with exponents.
const TINY: i32 = -3;

/// The decimal exponent of a finite number other than 0, and how many of its digits count, after rounding to
/// `digits` significant digits.
fn magnitude(value: f64, digits: usize) -> (i32, i32) {
    let text = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let significant = mantissa.trim_end_matches('0').bytes().filter(u8::is_ascii_digit).count();
    (exponent.parse().unwrap_or(0), significant as i32)
}

/// How the floats of one column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColumnStyle {
    /// Digits after the point.
    decimals: usize,
    /// The same in numbers with an exponent.
    mantissa_decimals: usize,
    /// Whether every number has an exponent.
    scientific: bool,
}

impl ColumnStyle {
    /// The style in which these numbers can be compared at a glance: five digits of the largest, two more
    /// decimals if small ones need them, and no decimal that is 0 everywhere.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let sizes = values.filter(|v| v.is_finite() && *v != 0.0).map(|v| magnitude(v, DIGITS as usize));
        let largest = sizes.clone().map(|s| s.0).filter(|&e| e < HUGE).max();
        let scientific = largest.is_none_or(|e| e < TINY) && sizes.clone().next().is_some();
        let fixed = sizes.clone().filter(|s| !scientific && s.0 < HUGE);
        let of_largest = DIGITS - 1 - largest.unwrap_or(0);
        let of_small = fixed.clone().map(|s| 1 - s.0).filter(|&d| d <= of_largest + 2).max();
        let allowed = of_largest.max(of_small.unwrap_or(0));
        let needed = fixed.filter(|s| s.0 >= -allowed).map(|(exponent, digits)| digits - 1 - exponent).max();
        let decimals = needed.unwrap_or(1).min(allowed).max(1) as usize;
        let style = ColumnStyle { decimals, mantissa_decimals: 0, scientific };
        let mantissa = sizes.filter(|s| style.has_exponent(s.0)).map(|s| s.1 - 1).max().unwrap_or(0);
        ColumnStyle { mantissa_decimals: mantissa.max(0) as usize, ..style }
    }

    /// Whether a number of this decimal exponent is written with it: it would fill the column, or show no digit.
    fn has_exponent(self, exponent: i32) -> bool {
        self.scientific || exponent >= HUGE || exponent < -(self.decimals as i32)
    }

    /// A number in this style.
    pub(super) fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return special(value);
        }
        if value == 0.0 {
            return if self.scientific { "0".to_owned() } else { format!("{:.*}", self.decimals, 0.0) };
        }
        if self.has_exponent(magnitude(value, DIGITS as usize).0) {
            return format!("{value:.*e}", self.mantissa_decimals);
        }
        format!("{value:.*}", self.decimals)
    }
}

/// A number for reading, on its own: seven significant digits, no trailing zeros, an exponent where it is very
/// large or very small. For passing a number on without loss use `{:?}` or JSON.
pub fn format_number(value: f64) -> String {
    if !value.is_finite() {
        return special(value);
    }
    if value == 0.0 {
        return "0.0".to_owned();
    }
    let (exponent, significant) = magnitude(value, DIGITS_ALONE);
    if !(-4..15).contains(&exponent) {
        return format!("{value:.*e}", (significant - 1).max(0) as usize);
    }
    let decimals = (DIGITS_ALONE as i32 - 1 - exponent).max(1) as usize;
    let text = format!("{value:.decimals$}");
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

/// The same with its unit: `0.5312 ms`.
pub fn format_quantity(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some(unit) if !unit.is_empty() => format!("{} {unit}", format_number(value)),
        _ => format_number(value),
    }
}

/// A count with separators, for sentences: `1,234`.
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn special(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[f64]) -> Vec<String> {
        let style = ColumnStyle::of(values.iter().copied());
        values.iter().map(|&v| style.text(v)).collect()
    }

    #[test]
    fn a_column_has_one_number_of_decimals() {
        assert_eq!(column(&[1.0, 2.5, -3.25]), ["1.00", "2.50", "-3.25"]);
        assert_eq!(column(&[3.0, 12.0]), ["3.0", "12.0"]);
        assert_eq!(column(&[1_022.123_456, 12.5]), ["1022.1", "12.5"]);
        assert_eq!(column(&[123_456.789, 1.0]), ["123456.8", "1.0"]);
        assert_eq!(column(&[f64::from(0.3f32), f64::from(0.1f32)]), ["0.3", "0.1"]);
        assert_eq!(column(&[0.0, -0.0]), ["0.0", "0.0"]);
        assert_eq!(column(&[f64::NAN, f64::INFINITY, 0.5]), ["NaN", "inf", "0.5"]);
        assert_eq!(column(&[]), Vec::<String>::new());
    }

    #[test]
    fn small_and_large_numbers_keep_their_digits() {
        assert_eq!(column(&[0.97, 0.000_12, 1e-9]), ["0.97000", "0.00012", "1e-9"]);
        assert_eq!(column(&[1.5e-7, 2.25e-9, 0.0]), ["1.50e-7", "2.25e-9", "0"]);
        assert_eq!(column(&[1e12, 3.5]), ["1e12", "3.5"]);
        assert_eq!(column(&[6.022e23]), ["6.022e23"]);
        assert_eq!(column(&[1022.125, 0.031]), ["1022.125", "0.031"]);
    }

    #[test]
    fn a_number_alone_is_short() {
        assert_eq!(format_number(f64::from(0.3f32)), "0.3");
        assert_eq!(format_number(3.0), "3.0");
        assert_eq!(format_number(1.0 / 3.0), "0.3333333");
        assert_eq!(format_number(-12_345_678.9), "-12345678.9");
        assert_eq!(format_number(1e-7), "1e-7");
        assert_eq!(format_number(2.5e20), "2.5e20");
        assert_eq!(format_number(0.0), "0.0");
        assert_eq!(format_number(f64::NEG_INFINITY), "-inf");
        assert_eq!(format_quantity(0.5, Some("ms")), "0.5 ms");
        assert_eq!(format_count(1_234_567), "1,234,567");
        assert_eq!(format_count(999), "999");
    }

    proptest! {
        #[test]
        fn the_largest_number_is_shown_to_four_digits(values in prop::collection::vec(any::<f64>(), 1..20)) {
            let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
            let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for (value, text) in values.iter().zip(column(&values)) {
                let shown: f64 = text.parse().map_err(|_| TestCaseError::fail(text.clone()))?;
                prop_assert!((shown - value).abs() <= largest * 1e-4, "{value} as {text}");
                prop_assert!(*value == 0.0 || shown != 0.0 || largest == 0.0, "{value} vanished");
            }
        }

        #[test]
        fn a_number_alone_keeps_seven_digits(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            let shown: f64 = format_number(value).parse().map_err(|_| TestCaseError::fail("not a number"))?;
            prop_assert!((shown - value).abs() <= value.abs() * 1e-6);
        }
    }
}
