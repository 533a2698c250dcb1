//! Events that a template is tried with, before one comes that it cannot tell.

use anyhow::Context as _;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Cursor, Event};

/// Events of a burst.
const MANY: usize = 500;

#[derive(Deserialize)]
struct Sample {
    r#type: String,
    subject: String,
    data: Box<RawValue>,
}

/// One of each kind.
pub(in crate::sinks) fn each() -> anyhow::Result<Vec<Event>> {
    let samples: Vec<Sample> =
        serde_json::from_str(include_str!("samples.json")).context("the sample events cannot be read")?;
    samples.into_iter().map(event).collect()
}

/// One of each kind, and many together; with what each is.
pub(super) fn all() -> anyhow::Result<Vec<(String, Vec<Event>)>> {
    let events = each()?;
    let many = events.iter().cycle().take(MANY).cloned().collect();
    let each = events.into_iter().map(|event| (event.event_type.clone(), vec![event]));
    Ok(each.chain([(format!("{MANY} events"), many)]).collect())
}

fn event(sample: Sample) -> anyhow::Result<Event> {
    Ok(Event {
        cursor: Cursor::at(1),
        id: "sample".to_owned(),
        tenant: "contoso".parse()?,
        subscription: "sample".parse()?,
        event_type: sample.r#type,
        subject: sample.subject,
        time: DateTime::UNIX_EPOCH,
        data: sample.data,
    })
}
