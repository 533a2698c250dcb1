//! What serde says, in the words of somebody who writes a configuration file.

/// How serde begins, and how it is said here.
const OPENINGS: [(&str, &str); 4] = [
    ("unknown field ", "unknown key "),
    ("unknown variant ", "unknown value "),
    ("missing field ", "missing key "),
    ("invalid type: ", "wrong kind of value: "),
];

/// The kinds that serde names, and their names here.
const KINDS: [(&str, &str); 10] = [
    ("string", "a text"),
    ("integer", "a whole number"),
    ("floating point", "a number"),
    ("boolean", "true or false"),
    ("map", "a section or table"),
    ("sequence", "a list"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("struct", "a table"),
    ("path", "a text"),
];

/// How `toml` begins what it says of a value that should be one of some words.
const NO_WORD: [&str; 2] = ["wanted string or table", "wanted exactly 1 element"];

/// Says it plainly. What the value is, is not repeated: it may be a secret.
pub(super) fn of(message: &str) -> String {
    if NO_WORD.iter().any(|no_word| message.starts_with(no_word)) {
        return "wrong kind of value: expected a text".to_owned();
    }
    let opening = OPENINGS.iter().find_map(|(serde, plain)| Some((*plain, message.strip_prefix(serde)?)));
    let Some((opening, rest)) = opening else { return message.to_owned() };
    match (opening, rest.rsplit_once(", expected ")) {
        ("wrong kind of value: ", Some((given, expected))) => {
            format!("{opening}{}, expected {}", kind(given), kind(expected))
        }
        (_, Some((given, allowed))) => format!("{opening}{given}: use {allowed}"),
        ("missing key ", None) => format!("{opening}{rest}: add {} = …", rest.trim_matches('`')),
        (_, None) => format!("{opening}{rest}"),
    }
}

fn kind(serde: &str) -> &str {
    let named = KINDS.iter().find(|(kind, _)| serde.trim_start_matches("a ").starts_with(kind));
    named.map_or(serde, |(_, plain)| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_says_is_said_plainly_and_without_the_value() {
        for (serde, plain) in [
            ("unknown field `a`, expected `b` or `c`", "unknown key `a`: use `b` or `c`"),
            ("unknown field `a`, expected one of `b`, `c`, `d`", "unknown key `a`: use one of `b`, `c`, `d`"),
            ("missing field `a`", "missing key `a`: add a = …"),
            (
                "invalid type: string \"hunter2\", expected i64",
                "wrong kind of value: a text, expected a whole number",
            ),
            (
                "invalid type: integer `5`, expected a string",
                "wrong kind of value: a whole number, expected a text",
            ),
            (
                "invalid type: string \"x, expected y\", expected f64",
                "wrong kind of value: a text, expected a number",
            ),
            (
                "invalid type: integer `5`, expected struct Rotation",
                "wrong kind of value: a whole number, expected a table",
            ),
            ("wanted exactly 1 element, found 0 elements", "wrong kind of value: expected a text"),
            ("anything else", "anything else"),
        ] {
            assert_eq!(of(serde), plain);
        }
    }
}
