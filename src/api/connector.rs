//! `/v1/connector`: links to the Connect page.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::given::Given;
use super::problem::Problem;
use crate::config::Globs;
use crate::connect::{self, Invitation};

/// The body of `POST /v1/connector/invites`, which may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    /// A glob: which subscriptions the page offers; all, if it is left out.
    subscriptions: Option<String>,
}

/// A link to the Connect page.
#[derive(Serialize, JsonSchema)]
pub(super) struct Invited {
    /// The link, which is a credential.
    url: String,
    /// Which subscriptions it offers.
    subscriptions: String,
    /// How many of them there are now.
    offers: usize,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// Makes a link. It is told once: what is kept cannot tell it again.
pub(super) async fn invite(
    api: web::Data<Api>,
    Given(Invite { subscriptions }): Given<Invite>,
) -> Result<HttpResponse, Problem> {
    let glob = subscriptions.unwrap_or_else(|| "*".to_owned());
    let globs = Globs::one(&glob).map_err(|message| Problem::new(StatusCode::BAD_REQUEST, message))?;
    let public_url = api.connector.as_ref().ok_or_else(|| {
        let detail = "there is no Connect page: the configuration needs a section [connector]";
        Problem::new(StatusCode::CONFLICT, detail)
    })?;
    match connect::invite(&*api.store, public_url, &glob, api.clock.now()).await? {
        Ok(Invitation { url, ends_at }) => {
            let offers = connect::offered(&*api.store, &globs).await?;
            Ok(HttpResponse::Created().json(Invited {
                url,
                subscriptions: glob,
                offers,
                expires_at: ends_at,
            }))
        }
        Err(most) => {
            let detail = format!(
                "there are {most} connected groups and open invitations already: remove a group, or wait until an invitation has ended"
            );
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
    }
}
