//! Incoming webhooks as Office 365 connectors had them: success is 200 with the one character `1`. What the channel
//! behind it refuses is told by a 200, too, with the status in its text.

use std::time::Duration;

use serde_json::Value;

use super::service::{LARGEST, Meaning, Service};
use crate::sinks::Rate;

pub(in crate::sinks) const CONNECTOR: Service = Service {
    name: "connector",
    template: include_str!("connector.jinja"),
    largest: LARGEST,
    // As published for each connector.
    rates: &[
        Rate { most: 4, within: Duration::from_secs(1) },
        Rate { most: 60, within: Duration::from_secs(30) },
        Rate { most: 100, within: Duration::from_secs(3_600) },
        Rate { most: 150, within: Duration::from_secs(7_200) },
        Rate { most: 1_800, within: Duration::from_secs(86_400) },
    ],
    judge,
    complete,
    caution: Some(
        "Microsoft has shut down the incoming webhooks of Office 365 connectors: this works with relays and successors \
         that still take a MessageCard; for Teams use type = \"teams\"",
    ),
};

fn judge(status: u16, text: &str) -> Meaning {
    match status {
        200 if text.trim() == "1" => Meaning::Taken,
        200 if text.contains("HTTP error 429") => Meaning::Throttled,
        200 if text.contains("HTTP error 413") => Meaning::TooLarge,
        200..=299 => Meaning::Refused("the channel did not take the card"),
        400 => Meaning::Refused("the webhook does not take this card"),
        403 | 404 | 410 => Meaning::Gone("the webhook was removed, or never was: make a new one"),
        413 => Meaning::TooLarge,
        429 => Meaning::Throttled,
        500.. => Meaning::Unwell,
        _ => Meaning::Refused("this is not the answer of an incoming webhook: look at the address"),
    }
}

fn complete(card: &Value) -> Result<(), &'static str> {
    let text = |key: &str| card.get(key).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if card.get("@type").is_none_or(|given| given != "MessageCard") {
        return Err("the result is no card: it wants \"@type\": \"MessageCard\"");
    }
    if !text("@context") {
        return Err("the card wants \"@context\": \"https://schema.org/extensions\"");
    }
    if !text("summary") && !text("text") {
        return Err("the card wants a `summary` or a `text`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_one_has_taken_the_card() {
        let said = |status: u16| {
            format!(
                "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with"
            )
        };
        assert_eq!(judge(200, "1"), Meaning::Taken);
        assert_eq!(judge(200, " 1\n"), Meaning::Taken);
        assert_eq!(judge(200, &said(429)), Meaning::Throttled);
        assert_eq!(judge(200, &said(413)), Meaning::TooLarge);
        assert!(matches!(judge(200, &said(403)), Meaning::Refused(_)));
        assert!(
            matches!(judge(200, ""), Meaning::Refused(_)) && matches!(judge(202, "1"), Meaning::Refused(_))
        );
        assert!(matches!(judge(400, "Summary or Text is required."), Meaning::Refused(_)));
        assert!([403, 404, 410].iter().all(|status| matches!(judge(*status, ""), Meaning::Gone(_))));
        assert_eq!(judge(503, ""), Meaning::Unwell);
    }
}
