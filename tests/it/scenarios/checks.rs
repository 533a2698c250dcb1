//! What has to hold after a scenario.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

use super::actions::NAMES;
use super::log::{essence, replay};
use super::scenario::Play;

/// Microseconds after a refusal in which what is on its way may still arrive.
const LEEWAY: i64 = 5_000_000;

/// Everything.
pub async fn all(play: &Play) -> Result<(), String> {
    standing(play).await?;
    truth(play).await
}

/// All is followed, nothing is left over, and no gate was passed.
pub async fn standing(play: &Play) -> Result<(), String> {
    gates(play).await?;
    let pending = play.house.metric("o365_inbox_pending").await;
    if pending > 0.0 {
        return Err(format!("{pending} hints are left over"));
    }
    for name in NAMES {
        let shown = play.house.subscription(name).await;
        if shown["state"] != "active" || shown["pending"] != false {
            return Err(format!("not active again: {shown}"));
        }
    }
    Ok(())
}

/// The log replayed is what there is.
async fn truth(play: &Play) -> Result<(), String> {
    let told = replay(&play.house.events().await)?;
    let state = play.house.fetch(&format!("{}/_control/state", play.house.tenant.url())).await;
    for (name, resource) in NAMES.iter().zip(&play.resources) {
        let truth: BTreeMap<String, Value> = state["resources"][resource]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item.get("root").is_none())
            .map(|item| (item["id"].as_str().unwrap().to_owned(), essence(item)))
            .collect();
        let told: BTreeMap<String, Value> = told
            .iter()
            .filter(|((subscription, _), _)| subscription == name)
            .map(|((_, id), item)| (id.clone(), essence(item)))
            .collect();
        for id in truth.keys().chain(told.keys()) {
            if truth.get(id) != told.get(id) {
                return Err(format!("{name} {id}: truth {:?}, log {:?}", truth.get(id), told.get(id)));
            }
        }
    }
    Ok(())
}

/// While the tenant (or a mailbox) was told to wait, nothing of it was asked for.
pub async fn gates(play: &Play) -> Result<(), String> {
    // By area: until when, and since when, in microseconds.
    let mut closed: BTreeMap<Option<String>, (i64, i64, String)> = BTreeMap::new();
    for request in play.house.requests().await {
        let (at, url) = (request["arrived_micros"].as_i64().unwrap(), request["url"].as_str().unwrap());
        if !url.starts_with("/v1.0") || at < play.started {
            continue;
        }
        let area = counted_in(url);
        for waiting in [None, area.clone()] {
            // What left in the moment in which the refusal came could not know of it; waiting may move the clock.
            if closed.get(&waiting).is_some_and(|(since, until, _)| *since + LEEWAY < at && at < *until) {
                return Err(format!(
                    "{waiting:?} had to wait until {closed:?}, and was asked at {at}: {request}"
                ));
            }
        }
        if let (429 | 503, Some(text)) =
            (request["status"].as_i64().unwrap(), request["retry_after"].as_str())
        {
            let seconds = text.parse::<i64>().map(|seconds| at + seconds * 1_000_000);
            let date = || DateTime::parse_from_rfc2822(text).unwrap().timestamp_micros();
            let until = seconds.unwrap_or_else(|_| date());
            let before = closed.get(&area).cloned().unwrap_or((at, until, String::new()));
            closed.insert(area, (before.0.max(at), before.1.max(until), url.to_owned()));
        }
    }
    Ok(())
}

/// What a request is counted in beside the tenant: calls about subscriptions, or a mailbox. Only who follows mail asks
/// for a user alone.
fn counted_in(url: &str) -> Option<String> {
    if url.starts_with("/v1.0/subscriptions") || url.starts_with("/v1.0/$batch") {
        return Some("subscriptions".to_owned());
    }
    // Links name a user in parentheses, addresses that are made here behind a slash.
    let (user, rest) = if let Some(linked) = url.strip_prefix("/v1.0/users('") {
        linked.split_once("')")?
    } else {
        let rest = url.strip_prefix("/v1.0/users/")?;
        rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
    };
    let what = rest.split('?').next()?.trim_start_matches('/');
    let mail = what.is_empty() || what.starts_with("mailFolders") || what.starts_with("messages");
    mail.then(|| user.to_lowercase())
}
