//! "Did you mean": the nearest valid names to a misspelt one.

/// The valid name nearest to `name`, if one is near enough to be what was meant.
pub fn nearest<'a, S: AsRef<str>>(name: &str, known: &'a [S]) -> Option<&'a str> {
    nearest_all(name, known).first().copied()
}

/// A help line such as "did you mean `L5_TTPC1` or `L5_TTPC2`?".
pub fn did_you_mean<S: AsRef<str>>(name: &str, known: &[S]) -> Option<String> {
    match nearest_all(name, known).as_slice() {
        [] => None,
        [one] => Some(format!("did you mean `{one}`?")),
        [one, two, ..] => Some(format!("did you mean `{one}` or `{two}`?")),
    }
}

/// Names that are near enough, nearest first. Case counts little: `l5_ttpc1` means `L5_TTPC1`.
fn nearest_all<'a, S: AsRef<str>>(name: &str, known: &'a [S]) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    // A third of the name may be wrong, but a single letter stands for nothing.
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<(usize, usize, &str)> = known
        .iter()
        .enumerate()
        .filter_map(|(order, candidate)| {
            let candidate = candidate.as_ref();
            let lower = candidate.to_lowercase();
            let mut distance = strsim::osa_distance(&wanted, &lower);
            // The last part of a path is often forgotten or given alone: `mtype` for `pre.mtype`.
            if let Some((_, tail)) = lower.rsplit_once('.') {
                distance = distance.min(strsim::osa_distance(&wanted, tail));
            }
            if wanted.len() >= 3 && lower.starts_with(&wanted) {
                distance = distance.min(1);
            }
            (distance <= allowed && distance < wanted.chars().count()).then_some((distance, order, candidate))
        })
        .collect();
    near.sort_unstable();
    let best = near.first().map_or(0, |n| n.0);
    near.into_iter().filter(|n| n.0 <= best + 1).map(|n| n.2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_what_was_meant_and_nothing_else() {
        let known = ["pre.mtype", "delay", "conductance", "L5_TTPC1", "L5_TTPC2"];
        assert_eq!(nearest("mtyp", &known), Some("pre.mtype"));
        assert_eq!(nearest("conductence", &known), Some("conductance"));
        assert_eq!(did_you_mean("L5_TTPC3", &known), Some("did you mean `L5_TTPC1` or `L5_TTPC2`?".into()));
        assert_eq!(nearest("x", &known), None);
        assert_eq!(nearest("thalamus", &known), None);
    }
}
