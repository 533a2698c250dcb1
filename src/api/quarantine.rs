//! `GET /v1/quarantine`: encrypted contents and items of pages that could not be used, and why.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use crate::model::{ItemId, Name};
use crate::store::Quarantined;

/// The query of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    subscription: Option<Name>,
    #[serde(default)]
    limit: Limit,
}

/// The answer: the latest first. What they hold is not shown.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quarantine")]
pub(super) struct Listed<'a> {
    quarantined: Vec<View<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quarantined")]
struct View<'a> {
    id: Uuid,
    tenant: &'a Name,
    subscription: &'a Name,
    reason: &'a str,
    explanation: &'a str,
    item: Option<&'a ItemId>,
    cursor: Option<&'a str>,
    received_at: DateTime<Utc>,
    quarantined_at: DateTime<Utc>,
}

impl<'a> View<'a> {
    fn of(one: &'a Quarantined) -> Self {
        Self {
            id: one.id,
            tenant: &one.tenant,
            subscription: &one.subscription,
            reason: &one.reason,
            explanation: &one.explanation,
            item: one.item.as_ref(),
            cursor: one.cursor.as_deref(),
            received_at: one.received_at,
            quarantined_at: one.quarantined_at,
        }
    }
}

pub(super) async fn list(api: web::Data<Api>, query: web::Query<Query>) -> Result<HttpResponse, Problem> {
    let Query { subscription, limit } = query.into_inner();
    let found = api.store.quarantined(subscription.as_ref(), limit.0).await?;
    Ok(HttpResponse::Ok().json(Listed { quarantined: found.iter().map(View::of).collect() }))
}
