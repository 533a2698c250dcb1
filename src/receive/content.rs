//! What a notification brings beside the hint: encrypted content, taken as it is, to be looked at after the answer.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::model::{ArrivedContent, SealedContent};
use crate::seal::{Place, Sealer};

/// Tokens that are kept with each content, together, in bytes. Microsoft sends one, of some two kilobytes, for each
/// app and tenant in the request.
const TOKENS_LIMIT: usize = 64 * 1024;
/// Contents of one request, each with the tokens of the whole request, as a multiple of the largest body.
const TOTAL: usize = 4;

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(borrow, rename = "validationTokens")]
    tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, rename = "encryptedContent")]
    content: Option<&'a RawValue>,
}

/// The contents of a body, one place for each of its elements.
///
/// What would take up more than four bodies is left out: its notification is a hint like any other.
pub(super) fn of(body: &[u8], body_limit: usize) -> Vec<Option<ArrivedContent>> {
    // Most notifications bring none, and are not read a second time.
    if memchr::memmem::find(body, MARK).is_none() {
        return Vec::new();
    }
    let Ok(collection) = serde_json::from_slice::<Collection<'_>>(body) else { return Vec::new() };
    let tokens = tokens(collection.tokens);
    let size_of_tokens: usize = tokens.iter().map(String::len).sum();
    let mut left = body_limit.saturating_mul(TOTAL);
    let mut take = |element: &RawValue| {
        let content = serde_json::from_str::<Element<'_>>(element.get()).ok()?.content;
        content?;
        left = left.checked_sub(element.get().len() + size_of_tokens)?;
        Some(ArrivedContent { element: element.to_owned(), tokens: tokens.clone() })
    };
    collection.value.into_iter().map(&mut take).collect()
}

const MARK: &[u8] = b"\"encryptedContent\"";

/// The tokens, unless they are no list of texts, or too many: a content without is not used later.
fn tokens(given: Option<&RawValue>) -> Vec<String> {
    let tokens = given.filter(|given| given.get().len() <= TOKENS_LIMIT);
    tokens.and_then(|tokens| serde_json::from_str(tokens.get()).ok()).unwrap_or_default()
}

/// Seals a content; none where it cannot be sealed, and so not stored.
pub(super) fn seal(seals: &Sealer, content: &ArrivedContent) -> Option<SealedContent> {
    let id = Uuid::now_v7();
    let bytes = serde_json::to_vec(content).ok()?;
    let sealed = seals.seal(Place::content(&id.to_string()), bytes).ok()?;
    Some(SealedContent { id, sealed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(body: &Value, limit: usize) -> Vec<Option<(Value, Vec<String>)>> {
        let found = of(body.to_string().as_bytes(), limit);
        let read = |one: ArrivedContent| (serde_json::from_str(one.element.get()).unwrap(), one.tokens);
        found.into_iter().map(|one| one.map(read)).collect()
    }

    #[test]
    fn each_element_with_content_is_taken_with_all_tokens() {
        let rich = json!({"subscriptionId": "a", "encryptedContent": {"data": "x"}});
        let plain = json!({"subscriptionId": "b"});
        let empty = json!({"subscriptionId": "c", "encryptedContent": null});
        let body = json!({"value": [plain, rich, 1, empty], "validationTokens": ["t1", "t2"]});
        let tokens = vec!["t1".to_owned(), "t2".to_owned()];
        assert_eq!(found(&body, 1 << 20), [None, Some((rich.clone(), tokens)), None, None]);
        for tokens in [json!(null), json!("t"), json!([1]), json!(["t".repeat(TOKENS_LIMIT)])] {
            let body = json!({"value": [rich], "validationTokens": tokens});
            assert_eq!(found(&body, 1 << 20), [Some((rich.clone(), vec![]))], "{tokens}");
        }
        assert_eq!(found(&json!({"value": [rich]}), 1 << 20), [Some((rich, vec![]))]);
        assert_eq!(found(&json!({"value": [plain]}), 1 << 20), []);
    }

    #[test]
    fn what_is_kept_of_one_request_is_bounded() {
        let rich = json!({"encryptedContent": {"data": "x"}});
        let body = json!({"value": vec![rich; 100], "validationTokens": ["t".repeat(1000)]});
        let taken = found(&body, 16 * 1024);
        assert_eq!((taken.len(), taken.iter().flatten().count()), (100, 63));
    }
}
