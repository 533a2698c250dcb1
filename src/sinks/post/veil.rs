//! What an answer says of the address that it was asked at, and of the headers that a user gave. They may be credentials,
//! and the beginning of an answer is kept and shown.

use url::Url;

/// The shortest part of an address that is taken for a secret, in bytes.
const SHORTEST: usize = 5;
/// From here on a part is one whatever it looks like, and wherever it stands. A shorter one may be a word that an answer
/// needs: those of a path are shown, and others are hidden only where they stand by themselves.
const LONG: usize = 16;

/// The parts of an address and of headers that nobody may see.
pub(super) struct Veil(Vec<String>);

impl Veil {
    pub fn of<'v>(url: &'v Url, headers: impl Iterator<Item = &'v str>) -> Self {
        let segments = url.path_segments().into_iter().flatten().filter(|segment| !is_word(segment));
        let written = url.query().into_iter().flat_map(|query| query.split('&')).flat_map(secrets);
        // Of `Bearer token` the token is one by itself.
        let values = headers.flat_map(|value| [value, value.rsplit(' ').next().unwrap_or(value)]);
        let mut parts: Vec<String> = segments.chain(written).chain(values).flat_map(spellings).collect();
        parts.retain(|part| part.len() >= SHORTEST);
        // A part of another part goes last, or the rest of that would be left.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self(parts)
    }

    /// The text without them.
    pub fn over(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, part| without(&text, part))
    }
}

/// Of `name=value` the value, and the name if it is long or there is no value beside it.
fn secrets(pair: &str) -> Vec<&str> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    if value.trim_matches('=').is_empty() {
        return vec![pair, name];
    }
    [value].into_iter().chain((name.len() >= LONG).then_some(name)).collect()
}

/// As it is written, and as whoever reads it may say it.
fn spellings(part: &str) -> [String; 3] {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    [part.to_owned(), decoded(part), decoded(&part.replace('+', " "))]
}

/// Whether it is a word as they stand in paths: `workflows`, `hook`.
fn is_word(segment: &str) -> bool {
    segment.len() < LONG && segment.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn without(text: &str, part: &str) -> String {
    if part.len() >= LONG {
        return text.replace(part, "…");
    }
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(part) {
        let (before, after) = (text.get(..at), text.get(at + part.len()..));
        let stands_alone = !before.is_some_and(|before| before.ends_with(char::is_alphanumeric))
            && !after.is_some_and(|after| after.starts_with(char::is_alphanumeric));
        if stands_alone {
            kept.extend([text.get(from..at).unwrap_or_default(), "…"]);
            from = at + part.len();
        }
    }
    kept + text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn an_answer_that_repeats_its_address_is_kept_without_what_opens_it() {
        let url = "https://a.logic.azure.com/workflows/0123456789abcdef0123/run?api-version=2016&sig=AbCdEfGh%2FIjKlMnOp";
        let veil = Veil::of(&Url::parse(url).unwrap(), iter::empty());
        assert_eq!(
            veil.over(&format!("no flow at {url}: sig AbCdEfGh/IjKlMnOp is wrong")),
            "no flow at https://a.logic.azure.com/workflows/…/run?api-version=2016&sig=…: sig … is wrong"
        );
        assert_eq!(veil.over("run is disabled: see workflows"), "run is disabled: see workflows");
    }

    #[test]
    fn a_short_one_is_one_too_unless_it_is_a_word() {
        for (url, said) in [
            (
                "http://relay.example/hook/SECRET6/a1b2c?sig=hunter&v=1",
                "http://relay.example/hook/…/…?sig=…&v=1",
            ),
            ("http://relay.example/?dG9rZW4tc2VjcmV0==", "http://relay.example/?…"),
            ("http://relay.example/?TOKEN=&a=%2Fb%2Fc%2Fd", "http://relay.example/?…&a=…"),
            ("http://relay.example/?a-name-that-is-a-token=yes", "http://relay.example/?…=yes"),
        ] {
            let veil = Veil::of(&Url::parse(url).unwrap(), iter::empty());
            assert_eq!(veil.over(url), said);
            assert_eq!(
                veil.over("reorders hunters: xSECRET6, /b/c/de"),
                "reorders hunters: xSECRET6, /b/c/de"
            );
        }
    }

    #[test]
    fn what_a_user_put_into_headers_is_one() {
        let url = Url::parse("http://relay.example/hook").unwrap();
        let veil = Veil::of(&url, ["Bearer abc.DEF", "k-17x", "yes"].into_iter());
        let said = r#"{"authorization": "Bearer abc.DEF", "token": "abc.DEF", "x-key": "k-17x", "x": "yes"}"#;
        let shown = r#"{"authorization": "…", "token": "…", "x-key": "…", "x": "yes"}"#;
        assert_eq!(veil.over(said), shown);
    }

    #[test]
    fn every_part_of_an_incoming_webhook_is_one() {
        let url = "https://c.webhook.office.com/webhookb2/6f1c0a7e-1111@9b2d/IncomingWebhook/0123456789abcdef0123456789abcdef/8a7b6c5d-2222-3333";
        let said = Veil::of(&Url::parse(url).unwrap(), iter::empty()).over(url);
        assert_eq!(said, "https://c.webhook.office.com/…/…/…/…/…");
    }
}
