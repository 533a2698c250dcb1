//! What an answer says of the address that it was asked at. The address may be a credential, and the beginning of an
//! answer is kept and shown.

use url::Url;

/// The shortest part of an address that is taken for a secret, in bytes.
const SHORTEST: usize = 5;
/// The shortest one that is none although it looks like a word: such a part of a path is shown, so that an answer can be
/// understood that has it in it.
const NO_WORD: usize = 16;

/// The parts of an address that nobody may see.
pub(super) struct Veil(Vec<String>);

impl Veil {
    pub fn of(url: &Url) -> Self {
        let segments = url.path_segments().into_iter().flatten().filter(|segment| !is_word(segment));
        let segments = segments.map(str::to_owned);
        let decoded = segments
            .clone()
            .map(|segment| percent_encoding::percent_decode_str(&segment).decode_utf8_lossy().into_owned());
        let values = url.query_pairs().map(|(_, value)| value.into_owned());
        let written = url.query().into_iter().flat_map(|query| query.split('&'));
        let written = written.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value).to_owned());
        let mut parts: Vec<String> = segments.chain(decoded).chain(values).chain(written).collect();
        parts.retain(|part| part.len() >= SHORTEST);
        // A part of another part goes last, or the rest of that would be left.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self(parts)
    }

    /// The text without them.
    pub fn over(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, part| text.replace(part, "…"))
    }
}

/// Whether it is a word as they stand in paths: `workflows`, `hook`.
fn is_word(segment: &str) -> bool {
    segment.len() < NO_WORD && segment.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_repeats_its_address_is_kept_without_what_opens_it() {
        let url = "https://a.logic.azure.com/workflows/0123456789abcdef0123/run?api-version=2016&sig=AbCdEfGh%2FIjKlMnOp";
        let veil = Veil::of(&Url::parse(url).unwrap());
        assert_eq!(
            veil.over(&format!("no flow at {url}: sig AbCdEfGh/IjKlMnOp is wrong")),
            "no flow at https://a.logic.azure.com/workflows/…/run?api-version=2016&sig=…: sig … is wrong"
        );
        assert_eq!(veil.over("run is disabled: see workflows"), "run is disabled: see workflows");
    }

    #[test]
    fn a_short_one_is_one_too_unless_it_is_a_word() {
        let url = "http://relay.example/hook/SECRET6/a1b2c?sig=hunter&v=1";
        let said = Veil::of(&Url::parse(url).unwrap()).over(url);
        assert_eq!(said, "http://relay.example/hook/…/…?sig=…&v=1");
    }

    #[test]
    fn every_part_of_an_incoming_webhook_is_one() {
        let url = "https://c.webhook.office.com/webhookb2/6f1c0a7e-1111@9b2d/IncomingWebhook/0123456789abcdef0123456789abcdef/8a7b6c5d-2222-3333";
        let said = Veil::of(&Url::parse(url).unwrap()).over(url);
        assert_eq!(said, "https://c.webhook.office.com/…/…/…/…/…");
    }
}
