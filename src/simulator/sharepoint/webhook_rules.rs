//! What SharePoint checks before it takes a webhook.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;
use url::{Host, Url};

use super::error::bad_argument;
use crate::simulator::error::GraphError;
use crate::simulator::world::{List, World};

/// As far ahead as an expiry may lie, and where it lies if none is given.
const LONGEST: TimeDelta = TimeDelta::days(180);

/// What a body says, as far as it does.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) notification_url: Option<String>,
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) client_state: Option<String>,
}

/// Reads a body; client libraries wrap it into `parameters`.
pub(super) fn given(world: &World, body: &Value) -> Result<Given, GraphError> {
    let body = body.get("parameters").unwrap_or(body);
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let notification_url = text("notificationUrl").map(str::to_owned);
    if let Some(url) = &notification_url {
        check_url(url)?;
    }
    let expires = text("expirationDateTime").map(|text| expiry(world, text)).transpose()?;
    Ok(Given { notification_url, expires, client_state: text("clientState").map(str::to_owned) })
}

/// The expiry where none is given.
pub(super) fn usual_expiry(world: &World) -> DateTime<Utc> {
    world.clock.now() + LONGEST
}

/// The list is named by its address or by its id alone, if at all.
pub(super) fn check_resource(list: &List, body: &Value) -> Result<(), GraphError> {
    let body = body.get("parameters").unwrap_or(body);
    let Some(resource) = body.get("resource").and_then(Value::as_str) else { return Ok(()) };
    let named = resource.to_lowercase().replace("%20", " ");
    let known =
        [list.id.to_string(), list.title.to_lowercase(), list.web_url.to_lowercase().replace("%20", " ")];
    if known.iter().any(|name| named.contains(name.as_str())) {
        return Ok(());
    }
    Err(bad_argument(format!("The resource '{resource}' is not this list.")))
}

fn expiry(world: &World, text: &str) -> Result<DateTime<Utc>, GraphError> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let wanted = zoned.or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()));
    let wanted = wanted.map_err(|_| bad_argument("expirationDateTime is not a valid date and time."))?;
    let now = world.clock.now();
    if wanted <= now || wanted > now + LONGEST {
        // Microsoft's own text is not known: callers go by the status.
        return Err(bad_argument("expirationDateTime must lie in the future, by 180 days at most."));
    }
    Ok(wanted)
}

/// SharePoint wants https on its usual port; a stand-in also takes plain http where it cannot leave the machine.
fn check_url(url: &str) -> Result<(), GraphError> {
    let invalid = || bad_argument(format!("The notification URL '{url}' is not valid."));
    let parsed = Url::parse(url).map_err(|_| invalid())?;
    let loopback = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match parsed.scheme() {
        "https" if loopback || parsed.port().is_none() => Ok(()),
        "http" if loopback => Ok(()),
        _ => Err(invalid()),
    }
}
