use std::sync::Arc;

use crate::config::{self, Globs};
use crate::store::EventFilter;

/// Which events a sink wants.
#[derive(Debug)]
pub(super) struct Wanted {
    subscriptions: Globs,
    types: Globs,
}

impl Wanted {
    pub fn of(sink: &config::Sink) -> Self {
        Self { subscriptions: sink.subscriptions.clone(), types: sink.types.clone() }
    }
}

impl EventFilter for Arc<Wanted> {
    fn wants(&self, subscription: &str, event_type: &str) -> bool {
        self.subscriptions.want(subscription) && self.types.want(event_type)
    }
}
