//! What is written as one word or one number: names, cursors, choices, and what queries are made of.

use std::borrow::Cow;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use crate::api::limit::Limit;
use crate::api::pull::Wait;
use crate::api::reader::After;
use crate::api::subscriptions::Lifetime;
use crate::config::Glob;
use crate::model::{Cursor, ItemId, Name, RemoteId, Resource, Start, State, Via};

macro_rules! written_as {
    ($($type:ident: $schema:tt),+ $(,)?) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+ };
}

fn all<T: Copy>(choices: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    choices.iter().copied().map(word).collect()
}

written_as! {
    Name: {
        "description": "Of a tenant, a subscription, a sink or a consumer.",
        "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
    },
    Cursor: {
        "description": "A place in the log: the `sequence` of the event before it; text order is log order.",
        "type": "string", "pattern": "^0[0-9]{19}$", "examples": ["00000000000000000042"],
    },
    After: {
        "description": "Where to begin: after this cursor, or `latest` for what comes from now on.",
        "type": "string", "pattern": "^(0[0-9]{19}|latest)$",
    },
    Glob: {
        "description": "A glob; `*` stands for any characters, `{a,b}` for either.",
        "type": "string", "maxLength": Glob::LONGEST, "examples": ["hr-*"],
    },
    Limit: {
        "description": "How many come in one answer at most.",
        "type": "integer", "minimum": 1, "maximum": Limit::MOST, "default": Limit::default().0,
    },
    Wait: {
        "description": "Seconds to hold the call open until there is something.",
        "type": "integer", "minimum": 0, "maximum": Wait::MOST, "default": 0,
    },
    Lifetime: {
        "description": "`max`, or a duration such as `6h` or `2d`; never over what the resource allows.",
        "type": "string", "default": "max",
    },
    Resource: {
        "description": "What is followed: `list:`, `onedrive:`, `drive:` or `mail:`, and where that is.",
        "type": "string", "examples": ["list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates"],
    },
    RemoteId: { "description": "What Office 365 calls a subscription.", "type": "string" },
    ItemId: { "description": "An item's id at Office 365.", "type": "string" },
    Via: { "description": "Which of Microsoft's ways is used.", "enum": all(Via::ALL, Via::as_str) },
    Start: { "description": "What is told of what was there before.", "enum": all(Start::ALL, Start::as_str) },
    State: { "description": "How a subscription stands.", "enum": all(State::ALL, State::as_str) },
}
