//! Numbers as people type them: `1000000`, `1_000_000`, `1,000,000`, `1e6`, `1M`, `1.5k`.

/// Letters for powers of ten, in either case.
const POWERS: [(char, i32); 4] = [('k', 3), ('m', 6), ('g', 9), ('b', 9)];

/// The whole number that `text` stands for; `None` if it is no number, not a whole one, or beyond 10^30.
pub fn whole(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let last = text.chars().last()?.to_ascii_lowercase();
    let (mut power, text) = match POWERS.iter().find(|(letter, _)| *letter == last) {
        Some((_, power)) => (*power, text[..text.len() - 1].trim_end()),
        None => (0, text),
    };
    let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    power += exponent.parse::<i32>().ok().filter(|power| power.abs() <= 100)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = grouped(whole)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.push_str(fraction);
    power -= i32::try_from(fraction.len()).ok()?;
    // What stands behind the point must be zeros.
    while power < 0 && digits.ends_with('0') {
        digits.pop();
        power += 1;
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return (!whole.is_empty() || !fraction.is_empty()).then_some(0);
    }
    if power < 0 || digits.len() as i32 + power > 31 {
        return None;
    }
    let number = digits.parse::<i128>().ok()?.checked_mul(10i128.pow(power as u32))?;
    Some(if negative { -number } else { number })
}

/// The digits without the marks between groups; `None` where a mark does not stand between digits, or, if it is a comma or a
/// blank, not between thousands.
fn grouped(text: &str) -> Option<String> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(mark) = text.chars().find(|letter| !letter.is_ascii_digit()) else { return Some(text.to_string()) };
    let parts: Vec<&str> = text.split(mark).collect();
    let thousands =
        parts.iter().skip(1).all(|part| part.len() == 3) && parts.first().is_some_and(|part| part.len() <= 3);
    let right = match mark {
        '_' => true,
        ',' | ' ' | '\'' => thousands,
        _ => false,
    };
    (right && parts.iter().all(|part| is_digits(part))).then(|| parts.concat())
}

/// The number that `text` stands for, in any of the forms above or as programs write one: `2.5e-4`, `inf`.
pub fn number(text: &str) -> Option<f64> {
    let plain = text.trim();
    let float = plain.replace('_', "").parse::<f64>().ok();
    float.or_else(|| whole(plain).map(|whole| whole as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_in_every_form_that_people_type() {
        for (text, expected) in [
            ("1000000", 1_000_000),
            ("1e6", 1_000_000),
            ("1E+6", 1_000_000),
            ("1M", 1_000_000),
            ("1m", 1_000_000),
            ("1_000_000", 1_000_000),
            ("1,000,000", 1_000_000),
            ("1 000 000", 1_000_000),
            ("1k", 1000),
            ("1.5k", 1500),
            ("2.50e2", 250),
            (" 10 ", 10),
            ("2G", 2_000_000_000),
            ("2B", 2_000_000_000),
            ("5.0", 5),
            ("0", 0),
            ("0.0", 0),
            ("-5", -5),
            ("-1e3", -1000),
            ("+7", 7),
            ("007", 7),
            ("18446744073709551615", i128::from(u64::MAX)),
        ] {
            assert_eq!(whole(text), Some(expected), "{text}");
        }
        for text in [
            "", "-", "k", "e6", "many", "1.5", "1e-3", "1x", "0x10", "1__000", "_1", "1_", "1,00", "1,0000", ",5",
            "1e400", "1e31", "nan", "inf", "--5", "1.2.3", "1k5", "5%", "½", "١",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_may_have_fractions() {
        for (text, expected) in
            [("2.5e-4", 2.5e-4), (".5", 0.5), ("1_000.5", 1000.5), ("1k", 1000.0), ("inf", f64::INFINITY)]
        {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        assert!(number("nan").unwrap().is_nan());
        assert_eq!((number("x"), number("")), (None, None));
    }
}
