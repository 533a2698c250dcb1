//! `[connector]`: what Office 365 knows of the Connect button, and where it may lead.

use serde::{Deserialize, Deserializer, de::Error};
use url::Url;
use uuid::Uuid;

use super::encryption::NO_ENCRYPTION_KEY;
use super::path::Fault;
use super::store::Store;
use super::values;

/// The longest name of the service, in letters: it is a heading.
const LONGEST_NAME: usize = 80;
/// Where the button led at Microsoft.
const MICROSOFT: &str = "https://outlook.office.com/connectors/Connect";

/// The Connect button.
#[derive(Debug, Clone)]
pub struct Connector {
    /// What the registration at Office 365 is called there.
    pub app_id: Uuid,
    /// Where the button leads. Default `https://outlook.office.com/connectors/Connect`.
    pub connect_url: Url,
    /// Where a webhook may be. Default `*.office.com` and `*.office365.com`.
    pub allowed_hosts: Vec<AllowedHost>,
    /// What the service calls itself on its pages and cards.
    pub service_name: String,
}

/// A host by its name, or all below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// This one.
    Exactly(String),
    /// Those whose name ends so, with the dot.
    Below(String),
}

impl AllowedHost {
    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => host == name,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        }
    }
}

impl Connector {
    /// Whether a webhook may be there. Cards go over https to the usual port; only to a stand-in on this machine, which has
    /// to be named, they may go otherwise.
    pub fn allows(&self, webhook: &Url) -> bool {
        let Some(host) = webhook.host_str() else { return false };
        let named = self.allowed_hosts.iter().any(|allowed| allowed.allows(host));
        let plain = webhook.username().is_empty() && webhook.password().is_none();
        let safe = webhook.scheme() == "https" && webhook.port().is_none();
        let here = matches!(webhook.scheme(), "http" | "https") && values::is_loopback(webhook);
        named && plain && (safe || here)
    }
}

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(deserialize_with = "id")]
    app_id: Uuid,
    #[serde(default, deserialize_with = "address")]
    connect_url: Option<Url>,
    #[serde(default = "allowed_hosts", deserialize_with = "hosts")]
    allowed_hosts: Vec<AllowedHost>,
    #[serde(deserialize_with = "service_name")]
    service_name: String,
}

impl Written {
    /// The addresses that Office 365 hands over are stored, which takes a key.
    pub fn settle(self, store: &Store) -> Result<Connector, Fault> {
        if store.encryption_keys.is_empty() {
            return Err(Fault::at(["connector", "app_id"], NO_ENCRYPTION_KEY));
        }
        let Self { app_id, connect_url, allowed_hosts, service_name } = self;
        let wrong = |error: url::ParseError| Fault::at(["connector", "connect_url"], error.to_string());
        let connect_url = connect_url.map_or_else(|| Url::parse(MICROSOFT).map_err(wrong), Ok)?;
        Ok(Connector { app_id, connect_url, allowed_hosts, service_name })
    }
}

fn allowed_hosts() -> Vec<AllowedHost> {
    [".office.com", ".office365.com"].map(|suffix| AllowedHost::Below(suffix.to_owned())).to_vec()
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    values::text(deserializer, |text| {
        Uuid::try_parse(text.trim()).map_err(|_| {
            format!(
                "'{text}' is no id: write the one of the registration, which looks like \
                 00000000-0000-0000-0000-000000000000"
            )
        })
    })
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    values::text(deserializer, |text| {
        let url = values::base_url(text)?;
        if url.scheme() == "https" || values::is_loopback(&url) {
            return Ok(Some(url));
        }
        Err(format!("'{text}' cannot be used: write https://HOST/PATH"))
    })
}

fn service_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, |text| {
        let name = text.trim();
        let good =
            !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let wrong =
            || format!("this is no name to show people: write 1 to {LONGEST_NAME} letters on one line");
        good.then(|| name.to_owned()).ok_or_else(wrong)
    })
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AllowedHost>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        return Err(D::Error::custom("the list is empty: leave the key out, or name a host"));
    }
    texts.iter().map(|text| host(text).map_err(D::Error::custom)).collect()
}

/// A whole top-level domain would be anybody's.
fn host(text: &str) -> Result<AllowedHost, String> {
    let lower = text.to_ascii_lowercase();
    let letters = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.[]:".contains(&byte))
    };
    match lower.strip_prefix("*.") {
        Some(domain) if letters(domain) && domain.contains('.') => {
            Ok(AllowedHost::Below(format!(".{domain}")))
        }
        None if letters(&lower) => Ok(AllowedHost::Exactly(lower)),
        _ => Err(format!(
            "'{text}' is no host: write HOST, or *.DOMAIN for all below a domain such as *.office.com"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(hosts: &[&str]) -> Connector {
        Connector {
            app_id: Uuid::nil(),
            connect_url: Url::parse(MICROSOFT).unwrap(),
            allowed_hosts: hosts.iter().map(|text| host(text).unwrap()).collect(),
            service_name: "Changes".to_owned(),
        }
    }

    #[test]
    fn only_hosts_that_are_named_may_be_told_and_only_over_https() {
        let connector = connector(&["*.office.com", "relay.contoso.com"]);
        let allows = |url: &str| connector.allows(&Url::parse(url).unwrap());
        for good in [
            "https://contoso.webhook.office.com/a",
            "https://OUTLOOK.office.com/a",
            "https://relay.contoso.com/",
        ] {
            assert!(allows(good), "{good}");
        }
        for bad in [
            "http://outlook.office.com/a",
            "https://outlook.office.com:8443/a",
            "https://office.com/a",
            "https://evil-office.com/a",
            "https://outlook.office.com.evil.example/a",
            "https://outlook.office.com@evil.example/a",
            "https://user@outlook.office.com/a",
            "https://a.relay.contoso.com/",
            "http://127.0.0.1:9400/a",
            "file:///etc/passwd",
        ] {
            assert!(!allows(bad), "{bad}");
        }
    }

    #[test]
    fn a_stand_in_on_this_machine_has_to_be_named() {
        let webhook = Url::parse("http://127.0.0.1:9400/webhookb2/a").unwrap();
        assert!(connector(&["127.0.0.1"]).allows(&webhook));
        assert!(!connector(&["*.office.com"]).allows(&webhook));
        let elsewhere = Url::parse("http://relay.contoso.com/").unwrap();
        assert!(!connector(&["relay.contoso.com"]).allows(&elsewhere));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in ["", "*", "*.", "*.com", "https://office.com", "a b", "*.*.com", "office.com/a"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }
}
