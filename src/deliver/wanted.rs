//! Which events a sink wants: by subscription and type while the store reads them; by who made a change, and by an
//! expression, once they are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::{self, Filter, Globs, Said};
use crate::model::{Event, Name};
use crate::store::{EventFilter, StoreError};

/// The client id of the app registration that each tenant is reached with.
pub type OwnApps = Arc<BTreeMap<Name, String>>;

#[derive(Debug)]
pub(super) struct Wanted {
    subscriptions: Globs,
    types: Globs,
    filter: Option<Filter>,
    ignored: Vec<String>,
    own: Option<OwnApps>,
}

/// What is left of some events.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Those that are wanted.
    pub events: Vec<Event>,
    /// How many of them only because the expression says nothing of them, and why of the first.
    pub unsure: u64,
    pub why: Option<String>,
}

/// What is decided of an event.
enum Taken {
    /// It is sent.
    Yes,
    /// It is not.
    No,
    /// It is sent, since the expression says nothing of it; why.
    Unsure(String),
}

impl Wanted {
    pub fn of(sink: &config::Sink, own: &OwnApps) -> Self {
        Self {
            subscriptions: sink.subscriptions.clone(),
            types: sink.types.clone(),
            filter: sink.filter.clone(),
            ignored: sink.ignore_actors.clone(),
            own: sink.ignore_own.then(|| Arc::clone(own)),
        }
    }

    /// Of events that the store let through, those that are wanted. Expressions are evaluated where they hold nobody up.
    pub async fn choose(self: &Arc<Self>, events: Vec<Event>) -> Result<Chosen, StoreError> {
        if self.filter.is_none() && self.ignored.is_empty() && self.own.is_none() {
            return Ok(Chosen { events, ..Chosen::default() });
        }
        let wanted = Arc::clone(self);
        let chosen = tokio::task::spawn_blocking(move || wanted.among(events)).await;
        chosen.map_err(|error| StoreError::Unavailable(format!("a filter broke off: {error}")))
    }

    fn among(&self, events: Vec<Event>) -> Chosen {
        let mut chosen = Chosen::default();
        for event in events {
            match self.takes(&event) {
                Taken::No => continue,
                Taken::Yes => {}
                Taken::Unsure(why) => {
                    chosen.unsure += 1;
                    chosen.why.get_or_insert(why);
                }
            }
            chosen.events.push(event);
        }
        chosen
    }

    /// Decides on one of them.
    fn takes(&self, event: &Event) -> Taken {
        if self.ignores(event) {
            return Taken::No;
        }
        match self.filter.as_ref().map(|filter| filter.says_of(event)) {
            None | Some(Said::Wanted) => Taken::Yes,
            Some(Said::Unwanted) => Taken::No,
            Some(Said::Nothing(why)) => Taken::Unsure(why),
        }
    }

    /// Whether somebody made the change of whom the sink wants none. Of a deletion nobody is known.
    fn ignores(&self, event: &Event) -> bool {
        if self.ignored.is_empty() && self.own.is_none() {
            return false;
        }
        // What is stored was written by us; if it cannot be read, nobody is known either.
        let Ok(data) = serde_json::from_str::<Data>(event.data.get()) else { return false };
        let Some(actor) = data.actor else { return false };
        let named = |text: &Option<String>| {
            text.as_ref().is_some_and(|text| self.ignored.iter().any(|one| one.eq_ignore_ascii_case(text)))
        };
        if named(&actor.id) || named(&actor.name) {
            return true;
        }
        let by = if event.event_type.ends_with(".created") {
            data.resource.created_by
        } else {
            data.resource.last_modified_by
        };
        let app = by.application.and_then(|app| app.id);
        let own = self.own.as_ref().and_then(|own| own.get(&event.tenant));
        own.zip(app).is_some_and(|(own, app)| own.eq_ignore_ascii_case(&app))
    }
}

impl EventFilter for Arc<Wanted> {
    fn wants(&self, subscription: &str, event_type: &str) -> bool {
        self.subscriptions.want(subscription) && self.types.want(event_type)
    }
}

/// Of an event's data, who made the change. What is told of the item names the app beside the person it acted for.
#[derive(Deserialize)]
struct Data {
    actor: Option<Identity>,
    #[serde(default)]
    resource: Resource,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    created_by: Identities,
    last_modified_by: Identities,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identities {
    application: Option<Identity>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identity {
    id: Option<String>,
    name: Option<String>,
}
