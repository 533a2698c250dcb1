//! Addresses below `_api`: names with at most one argument each, such as `lists(guid'…')` and `GetList('/sites/hr/…')`.

use percent_encoding::percent_decode_str;

use crate::simulator::wire::Call;

/// One part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// In lower case: SharePoint compares names without case.
    pub(super) name: String,
    /// Without its quotes.
    pub(super) argument: Option<String>,
}

/// The parts of an address. A slash in quotes is part of the text.
pub(super) fn steps(path: &str, call: &Call) -> Vec<Step> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut quoted = false;
    let parts = path.split(|letter| {
        quoted ^= letter == '\'';
        letter == '/' && !quoted
    });
    parts.filter(|part| !part.is_empty()).map(|part| step(part, call)).collect()
}

fn step(part: &str, call: &Call) -> Step {
    match part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        Some((name, inner)) => {
            // The one argument that is written with its name.
            let named = inner.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("decodedurl"));
            let inner = named.map_or(inner, |(_, value)| value);
            // `@name` stands for an option of the query.
            let inner = if inner.starts_with('@') { call.query(inner).unwrap_or_default() } else { inner };
            let inner = inner.strip_prefix("guid").unwrap_or(inner);
            let argument = (!inner.is_empty()).then(|| unquote(inner));
            Step { name: name.to_ascii_lowercase(), argument }
        }
        None => Step { name: part.to_ascii_lowercase(), argument: None },
    }
}

fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'"))
}
