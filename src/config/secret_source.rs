use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::environment::Environment;
use crate::secret::Secret;

const FORMS: &str = "{ env = \"NAME\" }, { file = \"PATH\" } or a text in quotes";

/// Where a secret is to be had.
#[derive(Debug)]
pub(super) enum SecretSource {
    /// It stands there.
    Plain(Secret),
    /// The environment variable of this name holds it.
    Variable(String),
    /// This file holds it.
    File(PathBuf),
}

impl SecretSource {
    /// Gets it, or says what is missing.
    pub fn get(self, environment: &Environment) -> Result<Secret, String> {
        let (secret, whence) = match self {
            Self::Plain(secret) => (secret, "the secret".to_owned()),
            Self::Variable(name) => {
                let value = environment.variable(&name);
                let value = value.ok_or_else(|| {
                    format!("the environment variable {name} is not set: set it to the secret")
                })?;
                (Secret::new(value), format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    format!("the file {} cannot be read ({error}): put the secret there", path.display())
                })?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                let line = line.strip_suffix('\r').unwrap_or(line);
                (Secret::new(line), format!("the file {}", path.display()))
            }
        };
        if secret.expose().is_empty() {
            Err(format!("{whence} is empty: put the secret there"))
        } else {
            Ok(secret)
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

/// One secret, or a list of them: the first is used, all are known.
#[derive(Debug, Default)]
pub(super) struct OneOrMore(pub Vec<SecretSource>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

struct OneOrMoreVisitor;

impl<'de> Visitor<'de> for OneOrMoreVisitor {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMS}, or a list of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMore, E> {
        SourceVisitor.visit_str(text).map(|one| OneOrMore(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore, A::Error> {
        SourceVisitor.visit_map(map).map(|one| OneOrMore(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMore, A::Error> {
        let all = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        if all.is_empty() {
            return Err(A::Error::custom(format!("the list is empty: write {FORMS}, or leave the key out")));
        }
        Ok(OneOrMore(all))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<OneOrMore, E> {
        Err(without_quotes())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<OneOrMore, E> {
        Err(without_quotes())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<OneOrMore, E> {
        Err(without_quotes())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    env: Option<String>,
    file: Option<PathBuf>,
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORMS)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretSource, E> {
        Ok(SecretSource::Plain(Secret::new(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
        match Reference::deserialize(MapAccessDeserializer::new(map))? {
            Reference { env: Some(name), file: None } => Ok(SecretSource::Variable(name)),
            Reference { env: None, file: Some(path) } => Ok(SecretSource::File(path)),
            _ => Err(A::Error::custom(format!("a secret is one of {FORMS}"))),
        }
    }

    // A number or a flag could be a secret whose quotes were forgotten: the usual error would print it.

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(without_quotes())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(without_quotes())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretSource, E> {
        Err(without_quotes())
    }
}

fn without_quotes<E: Error>() -> E {
    E::custom(format!("a number is no secret: write {FORMS}"))
}
