//! One entry as it is written: every key of every kind, so that an error names the key's own line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::webhook::WrittenMode;
use super::{
    CardSink, FileSink, Filter, Globs, Mode, Rotation, SigningSecret, Sink, SinkKind, SinkStart, Webhook,
    WebhookUrl,
};
use crate::config::environment::Environment;
use crate::config::secret_source::{OneOrMore, SecretSource};
use crate::config::{Tls, values};
use crate::model::Name;

/// How long a request may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Events in a batch unless it is said.
const BATCH: usize = 100;

/// The kinds there are.
const TYPES: &str = "webhook, file, stdout, teams or connector";

/// A key of the entry and what is wrong with its value.
type Wrong = (&'static str, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "entries, each written with double brackets")]
pub(in crate::config) struct Written {
    name: Name,
    r#type: String,
    #[serde(default)]
    subscriptions: Globs,
    #[serde(default)]
    types: Globs,
    filter: Option<Filter>,
    #[serde(default)]
    ignore_actors: Vec<String>,
    #[serde(default)]
    ignore_own: bool,
    #[serde(default, deserialize_with = "start")]
    start: SinkStart,
    // Of webhooks; the first and the two about requests of cards, too.
    url: Option<SecretSource>,
    secret: Option<OneOrMore>,
    mode: Option<WrittenMode>,
    #[serde(default, deserialize_with = "batch")]
    batch: Option<usize>,
    headers: Option<BTreeMap<String, SecretSource>>,
    #[serde(default, deserialize_with = "timeout")]
    timeout: Option<Duration>,
    allow_private: Option<bool>,
    client_certificate: Option<Tls>,
    // Of files.
    #[serde(default, deserialize_with = "path")]
    path: Option<PathBuf>,
    rotate: Option<Rotation>,
    // Of cards.
    card: Option<WrittenCard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ file = \"PATH\" }")]
struct WrittenCard {
    #[serde(deserialize_with = "card")]
    file: PathBuf,
}

impl Written {
    pub(super) fn settle(self, environment: &Environment) -> Result<Sink, Wrong> {
        self.refuse_what_is_no_type()?;
        self.refuse_what_belongs_to_others()?;
        let (subscriptions, types, start) = (self.subscriptions.clone(), self.types.clone(), self.start);
        let (filter, ignore_own) = (self.filter.clone(), self.ignore_own);
        let ignore_actors = self.ignore_actors.clone();
        let name = self.name.clone();
        let kind = match self.r#type.as_str() {
            "stdout" => SinkKind::Stdout,
            "file" => {
                let path = self.path.ok_or_else(|| missing("path", "path = \"events.jsonl\""))?;
                SinkKind::File(FileSink { path, rotate: self.rotate.unwrap_or_default() })
            }
            "teams" => SinkKind::Teams(self.settle_card(environment)?),
            "connector" => SinkKind::Connector(self.settle_card(environment)?),
            _ => SinkKind::Webhook(Box::new(self.settle_webhook(environment)?)),
        };
        Ok(Sink { name, kind, subscriptions, types, filter, ignore_actors, ignore_own, start })
    }

    fn settle_card(self, environment: &Environment) -> Result<CardSink, Wrong> {
        let (url, allow_private) = address(self.url, self.allow_private, environment)?;
        if url.expose().scheme() != "https" && !allow_private {
            let message =
                "whoever reads this address may post to the channel: use https, or set allow_private = true";
            return Err(("url", message.to_owned()));
        }
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        Ok(CardSink { url, card: self.card.map(|card| card.file), timeout, allow_private })
    }

    fn settle_webhook(self, environment: &Environment) -> Result<Webhook, Wrong> {
        let mode = match (self.mode.unwrap_or_default(), self.batch) {
            (WrittenMode::Batched, batch) => Mode::Batched(batch.unwrap_or(BATCH)),
            (_, Some(_)) => {
                let message = "only mode = \"batched\" has batches: set it, or leave this key out";
                return Err(("batch", message.to_owned()));
            }
            (WrittenMode::Structured, None) => Mode::Structured,
            (WrittenMode::Binary, None) => Mode::Binary,
        };
        let (url, allow_private) = address(self.url, self.allow_private, environment)?;
        Ok(Webhook {
            url,
            secrets: secrets(self.secret.unwrap_or_default(), environment)?,
            mode,
            headers: headers(self.headers.unwrap_or_default(), environment)?,
            timeout: self.timeout.unwrap_or(TIMEOUT),
            allow_private,
            client_certificate: self.client_certificate,
        })
    }

    fn refuse_what_is_no_type(&self) -> Result<(), Wrong> {
        match self.r#type.as_str() {
            "webhook" | "file" | "stdout" | "teams" | "connector" => Ok(()),
            later @ ("nats" | "kafka" | "redis" | "amqp") => {
                Err(("type", format!("this version has no {later} sinks: use {TYPES}")))
            }
            other => Err(("type", format!("'{other}' is not a type: use {TYPES}"))),
        }
    }

    fn refuse_what_belongs_to_others(&self) -> Result<(), Wrong> {
        const POSTED: &[&str] = &["webhook", "teams", "connector"];
        let keys: [(_, &[&str], _); 11] = [
            ("url", POSTED, self.url.is_some()),
            ("secret", &["webhook"], self.secret.is_some()),
            ("mode", &["webhook"], self.mode.is_some()),
            ("batch", &["webhook"], self.batch.is_some()),
            ("headers", &["webhook"], self.headers.is_some()),
            ("timeout", POSTED, self.timeout.is_some()),
            ("allow_private", POSTED, self.allow_private.is_some()),
            ("client_certificate", &["webhook"], self.client_certificate.is_some()),
            ("path", &["file"], self.path.is_some()),
            ("rotate", &["file"], self.rotate.is_some()),
            ("card", &["teams", "connector"], self.card.is_some()),
        ];
        let others = keys.into_iter().find(|(_, kinds, given)| *given && !kinds.contains(&&*self.r#type));
        others.map_or(Ok(()), |(key, kinds, _)| {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
            Err((key, format!("only sinks with type = {} have it: leave it out", kinds.join(" or "))))
        })
    }
}

fn missing(key: &'static str, example: &str) -> Wrong {
    ("type", format!("missing key `{key}`: add {example}"))
}

/// The address, and whether it may be inside.
fn address(
    url: Option<SecretSource>,
    allow_private: Option<bool>,
    environment: &Environment,
) -> Result<(WebhookUrl, bool), Wrong> {
    let url = url.ok_or_else(|| missing("url", "url = \"https://HOST/PATH\""))?;
    let inside = allow_private.unwrap_or_default();
    let url = url.get(environment).and_then(|text| WebhookUrl::read(&text, inside));
    Ok((url.map_err(|message| ("url", message))?, inside))
}

fn secrets(sources: OneOrMore, environment: &Environment) -> Result<Vec<SigningSecret>, Wrong> {
    let read = |source: SecretSource| source.get(environment).and_then(|secret| SigningSecret::read(&secret));
    sources.0.into_iter().map(read).collect::<Result<_, _>>().map_err(|message| ("secret", message))
}

fn headers(
    written: BTreeMap<String, SecretSource>,
    environment: &Environment,
) -> Result<Vec<(String, crate::secret::Secret)>, Wrong> {
    let settled = written.into_iter().map(|(name, source)| {
        let name = name.to_ascii_lowercase();
        refuse_header(&name)?;
        let value = source.get(environment)?;
        if !value.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(format!("the value of '{name}' cannot stand in a header: use printable ASCII"));
        }
        Ok((name, value))
    });
    settled.collect::<Result<_, String>>().map_err(|message| ("headers", message))
}

/// Names that are none, or whose value is ours.
fn refuse_header(name: &str) -> Result<(), String> {
    const OURS: [&str; 5] = ["host", "content-type", "content-length", "transfer-encoding", "connection"];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("'{name}' cannot be the name of a header"));
    }
    if OURS.contains(&name) || name.starts_with("webhook-") || name.starts_with("ce-") {
        return Err(format!("'{name}' is set by the listener itself: leave it out"));
    }
    Ok(())
}

fn start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SinkStart, D::Error> {
    values::text(deserializer, |text| SinkStart::try_from(text.to_owned()))
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    values::text(deserializer, values::file).map(Some)
}

fn card<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    values::text(deserializer, values::file)
}

fn batch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let allowed = usize::try_from(number).ok().filter(|number| (1..=1000).contains(number));
    let wrong = || D::Error::custom(format!("{number} is out of range: write a number from 1 to 1000"));
    allowed.map(Some).ok_or_else(wrong)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let timeout = values::duration(deserializer)?;
    if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&timeout) {
        return Err(D::Error::custom("a request takes between one second and a minute: write \"15s\""));
    }
    Ok(Some(timeout))
}
