//! `/v1/plan` and `/v1/apply`: making Office 365 and the store agree with the configuration.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::problem::Problem;
use crate::model::Wish;
use crate::renew::{Applied, Measure, NotListed, Plan};

/// When to ask again where too many ask.
const RETRY: Duration = Duration::from_secs(5);

/// The answer to `GET /v1/plan`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub(super) struct Planned {
    changes: Vec<Measure>,
    #[serde(flatten)]
    rest: Rest,
}

/// The answer to `POST /v1/apply`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Applied")]
pub(super) struct Done {
    changes: Vec<Applied>,
    #[serde(flatten)]
    rest: Rest,
}

/// The answer to a `POST /v1/apply` that takes longer: `GET /v1/plan` tells what is left.
#[derive(Serialize, JsonSchema)]
pub(super) struct Going {
    done: bool,
}

/// What is not changed.
#[derive(Serialize, JsonSchema)]
struct Rest {
    left_alone: Vec<Measure>,
    unchanged: usize,
    not_listed: Vec<NotListed>,
}

impl Rest {
    fn of(plan: Plan) -> (Vec<Measure>, Self) {
        let Plan { changes, left_alone, unchanged, not_listed } = plan;
        (changes, Self { left_alone, unchanged, not_listed })
    }
}

pub(super) async fn plan(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let (renewer, configured) = (Arc::clone(&api.renewer), api.wanted()?);
    let planned = api.patiently(async move { renewer.plan(&configured).await }).await?.transpose()?;
    let plan = planned.ok_or_else(|| {
        let detail = "Office 365 takes longer than a minute to tell what it holds; ask again later";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
    })?;
    let plan = plan.ok_or_else(|| {
        let detail = "several plans are being made already; ask again when one of them is done";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY)
    })?;
    let (changes, rest) = Rest::of(plan);
    Ok(HttpResponse::Ok().json(Planned { changes, rest }))
}

pub(super) async fn apply(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let (renewer, configured) = (Arc::clone(&api.renewer), api.wanted()?);
    match api.patiently(async move { renewer.apply(&configured).await }).await?.transpose()? {
        Some(Some((plan, changes))) => Ok(HttpResponse::Ok().json(Done { changes, rest: Rest::of(plan).1 })),
        Some(None) => {
            let detail = "somebody else is applying the configuration just now; ask again when that is done";
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
        None => Ok(HttpResponse::Accepted().json(Going { done: false })),
    }
}

impl Api {
    /// What the configuration wants followed by now.
    fn wanted(&self) -> Result<Vec<Wish>, Problem> {
        (self.configured)().map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    }
}
