//! What has to hold after a scenario.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::actions::NAMES;
use super::log::{Items, essence, replay};
use super::scenario::Play;
use crate::house::House;
use crate::schema;

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
    let events = play.house.events().await;
    schema::all_are_as_described(&events)?;
    let told = replay(&play.before, &events)?;
    let truth = there(&play.house, &play.resources).await;
    for key in truth.keys().chain(told.items.keys()) {
        let (is, said) = (truth.get(key).map(essence), told.items.get(key).map(essence));
        // What was never seen and went while the cursor was dead is nothing that could be known.
        let unknowable = is.is_none() && told.unseen.contains(key) && play.died.contains(&key.0);
        if is != said && !unknowable {
            return Err(format!("{key:?}: truth {is:?}, log {said:?}"));
        }
    }
    Ok(())
}

/// Everything that is there now.
pub async fn there(house: &House, resources: &[String; 3]) -> Items {
    let state = house.fetch(&format!("{}/_control/state", house.tenant.url())).await;
    let mut items = Items::new();
    for (name, resource) in NAMES.iter().zip(resources) {
        for item in state["resources"][resource].as_array().unwrap() {
            if item.get("root").is_none() {
                let id = item["id"].as_str().unwrap().to_owned();
                items.insert(((*name).to_owned(), id), item.clone());
            }
        }
    }
    items
}

/// Until when an area has to wait, and since when, in microseconds; no area is the tenant.
pub type Closed = BTreeMap<Option<String>, (i64, i64)>;

/// While the tenant (or a part of it) was told to wait, nothing of it was asked for; answers with what has to wait now.
pub async fn gates(play: &Play) -> Result<Closed, String> {
    let mut closed = play.closed.clone();
    for request in play.house.requests().await {
        let (at, url) = (request["arrived_micros"].as_i64().unwrap(), request["url"].as_str().unwrap());
        let is_login = url.contains("/oauth2/");
        if !is_login && !url.starts_with("/v1.0") {
            continue;
        }
        let area = if is_login { Some("sign-in".to_owned()) } else { counted_in(url) };
        // A tenant that waits may sign in nevertheless.
        let waiting = [area.clone(), if is_login { area.clone() } else { None }];
        for waiting in waiting {
            // What left in the moment in which the refusal came could not know of it; waiting may move the clock.
            if closed.get(&waiting).is_some_and(|(since, until)| *since + LEEWAY < at && at < *until) {
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
            let before = closed.get(&area).copied().unwrap_or((at, until));
            closed.insert(area, (before.0.max(at), before.1.max(until)));
        }
    }
    Ok(closed)
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
