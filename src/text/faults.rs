//! What is wrong with a file of TOML or JSON, in words that say nothing about how it is read.

use anyhow::{anyhow, Result};
use serde::de::DeserializeOwned;

/// Reads TOML.
///
/// # Errors
/// When it is not TOML, or of another form; one line that names the place.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let reason = plain(error.message());
        match error.span().filter(|span| span.start > 0 || span.end < text.len()) {
            Some(span) => {
                let before = text.get(..span.start.min(text.len())).unwrap_or_default();
                let number = 1 + before.matches('\n').count();
                let line = text.lines().nth(number - 1).unwrap_or_default().trim();
                anyhow!("line {number} (`{}`): {reason}", shortened(line))
            }
            None => anyhow!("{reason}"),
        }
    })
}

fn shortened(line: &str) -> String {
    const LONGEST: usize = 60;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line.to_string(),
    }
}

/// A message of the library that reads files, without its names of types.
pub fn plain(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let named = |prefix: &str| message.strip_prefix(prefix);
    let text = if let Some(rest) = named("missing field ") {
        format!("the key {rest} is missing")
    } else if let Some(rest) = named("unknown field ") {
        format!(
            "unknown key {}",
            rest.replace(", expected one of ", "; the keys are ").replace(", expected ", "; the keys are ")
        )
    } else if let Some(rest) = named("duplicate field ") {
        format!("the key {rest} is there twice")
    } else if let Some(rest) = named("unknown variant ") {
        format!("{} is unknown{}", rest.split(", ").next().unwrap_or_default(), after(rest))
    } else if let Some(rest) = named("invalid type: ").or_else(|| named("invalid value: ")) {
        format!("found {rest}")
    } else if let Some(rest) = named("EOF while parsing ") {
        format!("the text ends within {rest}")
    } else if let Some(rest) = named("trailing characters") {
        format!("something follows its end{rest}")
    } else {
        message.to_string()
    };
    let Some((before, expected)) = text.rsplit_once("expected ") else { return text };
    let (kind, rest) = expected
        .split_once(" at line ")
        .map_or((expected, String::new()), |(kind, place)| (kind, format!(" at line {place}")));
    let kind = match kind {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" | "floating point number" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "value" => "a value",
        "ident" => "true, false or null",
        kind if kind.starts_with("struct ") => "a table",
        kind => kind,
    };
    format!("{before}expected {kind}{rest}")
}

/// From the first comma on.
fn after(text: &str) -> &str {
    text.find(", ").map_or("", |at| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Form {
        count: u64,
        name: String,
        on: bool,
        list: Vec<f64>,
        kind: Kind,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn messages_name_the_place_and_no_types_of_a_program() {
        const GOOD: &str = "count = 1\nname = \"a\"\non = true\nlist = [1.5]\nkind = \"one\"\n";
        assert!(parse_toml::<Form>(GOOD).is_ok());
        for (from, to, expected) in [
            (
                "count = 1",
                "count = -1",
                "line 1 (`count = -1`): found integer `-1`, expected a whole number of 0 or more",
            ),
            ("count = 1", "count = \"1\"", "found string \"1\", expected a whole number of 0 or more"),
            ("\"a\"", "3", "line 2 (`name = 3`): found integer `3`, expected a string"),
            ("true", "yes", "line 3 (`on = yes`): "),
            ("true", "1", "expected true or false"),
            ("[1.5]", "3", "expected a list"),
            ("one", "three", "`three` is unknown, expected `one` or `two`"),
            ("on = true\n", "", "the key `on` is missing"),
            ("on =", "of =", "unknown key `of`; the keys are `count`, `name`"),
        ] {
            let message = parse_toml::<Form>(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains('\n'), "no {expected:?} in {message:?}");
            for word in ["u64", "field", "variant", "sequence", "boolean", "invalid type"] {
                assert!(!message.contains(word), "{message}");
            }
        }
    }

    #[test]
    fn json_that_cannot_be_read_is_described_in_words() {
        for (text, expected) in [
            ("", "the text ends within a value at line 1 column 0"),
            ("{\"a\": [1, 2", "the text ends within a list at line 1 column 11"),
            ("{\"a\": }", "expected a value at line 1 column 7"),
            ("{\"a\": trve}", "expected true, false or null at line 1 column 9"),
            ("{} {}", "something follows its end at line 1 column 4"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(plain(&error.to_string()), expected);
        }
    }
}
