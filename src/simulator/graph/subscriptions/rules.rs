//! What Office 365 checks before it takes a subscription.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use url::{Host, Url};

use super::Subscription;
use super::target::Target;
use crate::simulator::control::{LifetimeOf, TooLong};
use crate::simulator::error::GraphError;
use crate::simulator::rich::Recipient;
use crate::simulator::wire::Call;
use crate::simulator::world::{IdForm, World};

/// Anything shorter is silently raised to this.
const SHORTEST: TimeDelta = TimeDelta::minutes(45);
const CLIENT_STATE_LIMIT: usize = 128;

/// The subscription that a create call asks for.
pub(super) fn wanted(world: &mut World, call: &Call, body: &Value) -> Result<Subscription, GraphError> {
    let change_type = required(body, "changeType")?;
    let notification_url = required(body, "notificationUrl")?;
    let resource = required(body, "resource")?;
    required(body, "expirationDateTime")?;
    check_url(&notification_url, "notificationUrl")?;
    let lifecycle_url = text(body, "lifecycleNotificationUrl");
    if let Some(url) = &lifecycle_url {
        check_url(url, "lifecycleNotificationUrl")?;
    }
    let client_state = text(body, "clientState");
    if client_state.as_ref().is_some_and(|state| state.chars().count() > CLIENT_STATE_LIMIT) {
        return Err(invalid("clientState must not exceed 128 characters."));
    }
    let target = Target::of(world, &resource)?;
    let recipient = recipient(body, &target, &resource)?;
    check_change_type(&change_type, &target)?;
    permitted(world, &target, "Create")?;
    let expires = expiry(world, body, "Create", lifetime_of(&target, recipient.is_some()))?;
    Ok(Subscription {
        id: world.random.uuid(),
        resource,
        target,
        change_type,
        notification_url,
        lifecycle_url,
        client_state,
        expires: expires.unwrap_or_default(),
        tls: text(body, "latestSupportedTlsVersion").unwrap_or_else(|| "v1_2".to_owned()),
        ids: if call.immutable_ids() { IdForm::Immutable } else { IdForm::Default },
        recipient,
    })
}

/// What an update may change: the expiry, the notification address, and the certificate together with one of them.
pub(super) struct Changes {
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) notification_url: Option<String>,
    pub(super) recipient: Option<Recipient>,
}

/// Reads them.
pub(super) fn changes(
    world: &World,
    subscription: &Subscription,
    body: &Value,
) -> Result<Changes, GraphError> {
    if text(body, "lifecycleNotificationUrl").is_some() {
        return Err(invalid("lifecycleNotificationUrl can only be set when the subscription is created."));
    }
    let notification_url = text(body, "notificationUrl");
    if let Some(url) = &notification_url {
        check_url(url, "notificationUrl")?;
    }
    let of = lifetime_of(&subscription.target, subscription.recipient.is_some());
    let expires = expiry(world, body, "Update", of)?;
    let recipient = Recipient::of(body, &subscription.resource)?;
    if recipient.is_some() && subscription.recipient.is_none() {
        return Err(invalid("includeResourceData can only be set when the subscription is created."));
    }
    if expires.is_none() && notification_url.is_none() {
        return Err(invalid("The request must contain expirationDateTime or notificationUrl."));
    }
    Ok(Changes { expires, notification_url, recipient })
}

/// Whether the app was granted what the resource needs.
pub(super) fn permitted(world: &World, target: &Target, operation: &str) -> Result<(), GraphError> {
    let any_of: &[&str] = match target {
        Target::List(_) => super::super::SITE_READ,
        Target::Drive(_) => super::super::FILE_READ,
        Target::Messages { .. } => super::super::MAIL_READ,
    };
    if world.granted(any_of) {
        return Ok(());
    }
    let message =
        format!("Operation: {operation}; Exception: [Status Code: Forbidden; Reason: Access denied]");
    Err(GraphError::new(403, "ExtensionError", message))
}

/// Whom content is to be encrypted for, where it is asked for.
fn recipient(body: &Value, target: &Target, resource: &str) -> Result<Option<Recipient>, GraphError> {
    let set = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if ["vapidPublicKey", "webPushEncryptionP256dhPublicKey", "webPushEncryptionSecret"].into_iter().any(set)
    {
        return Err(invalid("Web Push properties are not allowed for a webhook."));
    }
    if body.get("includeResourceData").and_then(Value::as_bool) != Some(true) {
        return Ok(None);
    }
    if !matches!(target, Target::Messages { .. }) {
        return Err(invalid("File Services workload is not enabled for rich notifications."));
    }
    let recipient = Recipient::of(body, resource)?;
    recipient.map(Some).ok_or_else(|| invalid("'encryptionCertificate' is required."))
}

fn check_change_type(change_type: &str, target: &Target) -> Result<(), GraphError> {
    let allowed: &[&str] = match target {
        Target::Messages { .. } => &["created", "updated", "deleted"],
        _ => &["updated"],
    };
    match change_type.split(',').map(str::trim).find(|wanted| !allowed.contains(wanted)) {
        Some(wanted) => Err(invalid(&format!("changeType '{wanted}' is not supported for this resource."))),
        None => Ok(()),
    }
}

/// Office 365 wants https; a stand-in also takes plain http where it cannot leave the machine.
fn check_url(url: &str, field: &str) -> Result<(), GraphError> {
    let parsed = Url::parse(url).map_err(|_| invalid(&format!("{field} is not a valid URL.")))?;
    let loopback = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        _ => Err(invalid(&format!("{field} must use https."))),
    }
}

/// The expiry that a body asks for, as far as it is granted.
fn expiry(
    world: &World,
    body: &Value,
    operation: &'static str,
    of: LifetimeOf,
) -> Result<Option<DateTime<Utc>>, GraphError> {
    let Some(given) = text(body, "expirationDateTime") else { return Ok(None) };
    let wanted = DateTime::parse_from_rfc3339(&given)
        .map_err(|_| invalid("expirationDateTime is not a valid date and time."))?
        .to_utc();
    let (now, longest) = (world.clock.now(), world.settings.lifetimes.longest(of));
    if wanted <= now {
        return Err(invalid("Subscription expiration must be in the future."));
    }
    if wanted > now + longest {
        return Err(world.settings.lifetimes.refusal(TooLong { of, operation, longest, wanted }));
    }
    Ok(Some(wanted.max(now + SHORTEST)))
}

/// What the longest life of such a subscription is told for.
fn lifetime_of(target: &Target, with_content: bool) -> LifetimeOf {
    match target {
        Target::Messages { .. } if with_content => LifetimeOf::Content,
        Target::Messages { .. } => LifetimeOf::Message,
        Target::List(_) => LifetimeOf::List,
        Target::Drive(_) => LifetimeOf::Drive,
    }
}

fn required(body: &Value, name: &str) -> Result<String, GraphError> {
    text(body, name).ok_or_else(|| invalid(&format!("'{name}' is required.")))
}

fn text(body: &Value, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(400, "ValidationError", message)
}
