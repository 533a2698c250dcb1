//! Workflows webhooks of Teams. They answer 202 once the flow has begun; whether the card appears, only the flow's run
//! history tells.

use std::time::Duration;

use serde_json::Value;

use super::service::{LARGEST, Meaning, Service};
use crate::sinks::Rate;

pub(in crate::sinks) const TEAMS: Service = Service {
    name: "teams",
    template: include_str!("teams.jinja"),
    largest: LARGEST,
    rates: &[Rate { most: 4, within: Duration::from_secs(1) }],
    judge,
    complete,
    caution: None,
};

fn judge(status: u16, text: &str) -> Meaning {
    let is_off = ["WorkflowNotFound", "disabled", "NotEnabled"].iter().any(|word| text.contains(word));
    match status {
        200..=299 => Meaning::Taken,
        400 => Meaning::Refused("the flow does not take this card"),
        401 | 403 => Meaning::Refused(
            "the address is not complete, or the flow's trigger may not be called by Anyone: copy the address anew, \
             and look at the trigger",
        ),
        404 if is_off => Meaning::Gone("the flow was deleted or turned off: turn it on, then `sinks enable`"),
        410 => Meaning::Gone("the flow is gone"),
        413 => Meaning::TooLarge,
        429 => Meaning::Throttled,
        500.. => Meaning::Unwell,
        _ => Meaning::Refused("this is not the answer of a flow: look at the address"),
    }
}

fn complete(card: &Value) -> Result<(), &'static str> {
    let attachments = card.get("attachments").and_then(Value::as_array).filter(|list| !list.is_empty());
    let attachments = attachments.ok_or("the result has no `attachments` with a card in it")?;
    let has = |path: &str, wanted: &str| {
        attachments.iter().all(|one| one.pointer(path).is_some_and(|given| given == wanted))
    };
    if card.get("type").is_none_or(|given| given != "message") {
        return Err("the result is no message: it wants \"type\": \"message\"");
    }
    if !has("/contentType", "application/vnd.microsoft.card.adaptive")
        || !has("/content/type", "AdaptiveCard")
    {
        return Err("an attachment is no card: it wants \"type\": \"AdaptiveCard\" in its content");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_flow_that_has_begun_has_taken_the_card() {
        let refused = |status, text| matches!(judge(status, text), Meaning::Refused(_));
        let gone = |status, text| matches!(judge(status, text), Meaning::Gone(_));
        assert_eq!(judge(202, ""), Meaning::Taken);
        assert_eq!(judge(429, ""), Meaning::Throttled);
        assert_eq!(judge(502, ""), Meaning::Unwell);
        assert_eq!(judge(413, ""), Meaning::TooLarge);
        assert!(refused(400, "") && refused(401, "") && refused(404, "<html>") && refused(302, ""));
        assert!(gone(404, r#"{"error":{"code":"WorkflowNotFound"}}"#) && gone(410, ""));
    }
}
