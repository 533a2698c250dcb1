//! From words to a card that fits.
//!
//! A template is somebody's file: it is bounded in size and in steps, reaches no other file, and what it makes has to be
//! JSON of the right kind. How large a card is, is measured on what would be sent; one that is too large tells less.

use std::path::Path;

use anyhow::{Context as _, bail};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use super::markdown;
use super::samples;
use super::service::Service;
use super::words::{Room, Words};
use crate::model::Event;

/// The largest template that is read.
const LARGEST_TEMPLATE: u64 = 256 * 1024;
/// Steps of one rendering; the built-in templates take some thousand.
const STEPS: u64 = 200_000;
/// Longest text that the filter `markdown` lets through, in characters.
const LONGEST_TEXT: usize = 300;
/// How much is told, the most first.
const ROOMS: [Room; 6] = [
    Room { events: 5, changes: 12, chars: 300 },
    Room { events: 5, changes: 6, chars: 120 },
    Room { events: 3, changes: 4, chars: 80 },
    Room { events: 2, changes: 3, chars: 60 },
    Room { events: 1, changes: 2, chars: 40 },
    Room { events: 1, changes: 0, chars: 20 },
];

/// What makes cards.
pub(super) struct Template {
    /// How it is called in errors.
    name: String,
    source: String,
    environment: Environment<'static>,
    service: &'static Service,
}

impl Template {
    /// The one in this file, or the built-in one. It is tried with an event of each kind, and with many.
    pub fn new(file: Option<&Path>, service: &'static Service) -> anyhow::Result<Self> {
        let (name, source) = match file {
            Some(file) => (file.display().to_string(), read(file)?),
            None => (format!("the built-in template of {}", service.name), service.template.to_owned()),
        };
        let template = Self { name, source, environment: environment(), service };
        for (what, events) in samples::all()? {
            template.card(&events, service.largest).with_context(|| format!("card: tried with {what}"))?;
        }
        Ok(template)
    }

    /// How it is called in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The card for these events, not larger than so many bytes.
    pub fn card(&self, events: &[Event], largest: usize) -> anyhow::Result<Vec<u8>> {
        let mut smallest = 0;
        for room in ROOMS {
            let card = self.render(&Words::of(events, room))?;
            if card.len() <= largest {
                return Ok(card);
            }
            smallest = card.len();
        }
        bail!(
            "{}: the card has {smallest} bytes however little is told, and {largest} are allowed: shorten it",
            self.name
        )
    }

    fn render(&self, words: &Words) -> anyhow::Result<Vec<u8>> {
        let template = self.environment.template_from_named_str(&self.name, &self.source);
        let rendered = template.and_then(|template| template.render(Serde(words)));
        let text = rendered.map_err(|error| anyhow::anyhow!(self.told(&error)))?;
        let card: Value = serde_json::from_str(&text).map_err(|error| {
            anyhow::anyhow!("{}: this makes no JSON: {}", self.name, place(&error, &text))
        })?;
        (self.service.complete)(&card).map_err(|missing| anyhow::anyhow!("{}: {missing}", self.name))?;
        Ok(serde_json::to_vec(&card)?)
    }

    /// What is wrong in the template, and where.
    fn told(&self, error: &minijinja::Error) -> String {
        let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let hint = match error.kind() {
            ErrorKind::UndefinedError => "; docs/cards.md tells what there is",
            ErrorKind::OutOfFuel => "; a card takes fewer steps than this",
            _ => "",
        };
        format!("{}{line}: {}{detail}{hint}", self.name, error.kind())
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Json);
    environment.set_fuel(Some(STEPS));
    environment.add_filter("markdown", |text: &str| markdown::escape(&markdown::cut(text, LONGEST_TEXT)));
    environment.add_filter("plain", |text: &str| markdown::plain(text));
    environment
}

fn read(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let size = std::fs::metadata(file).with_context(|| format!("card: cannot read {shown}"))?.len();
    if size > LARGEST_TEMPLATE {
        bail!("card: {shown} has {size} bytes, and a template {LARGEST_TEMPLATE} at most");
    }
    std::fs::read_to_string(file).with_context(|| format!("card: cannot read {shown}"))
}

/// What is no JSON, with the line that it stands in: that of what was made, since loops have no place in the template.
fn place(error: &serde_json::Error, text: &str) -> String {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    format!("{error} of the result, which is `{}`", markdown::cut(line, 80))
}

#[cfg(test)]
mod tests;
