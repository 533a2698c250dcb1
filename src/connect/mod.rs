//! The Connect button: a group is told of changes because somebody of it pressed a button, and not because somebody
//! wrote its address into a configuration.
//!
//! The way of it: whoever runs the listener sends a link ([`invite`]); the page behind it offers subscriptions and kinds
//! of change; the button leads to Office 365, where a group is chosen; Office 365 sends the browser back with an address
//! that cards are posted to, and from then on the group has a sink.
//!
//! What this room guarantees:
//! * Nobody without an invitation learns which subscriptions there are, and nobody makes a connection without one.
//! * An answer of Office 365 is taken once, from the browser that was sent there, within ten minutes.
//! * The address that comes with it is a secret: it is stored sealed, shown and logged nowhere, and gone from the
//!   browser's address bar with the answer to the request that brought it.
//! * Notifications on the same port do not wait for these pages: only so many are made at a time, and so many a minute.
//!
//! Races, and the decision on each:
//! * *Two people use one invitation at the same time.* The first whose answer is stored has it; the other is told.
//! * *The answer comes twice.* The visit is ended with the first, in the same transaction that makes the connection.
//! * *The window at Office 365 is closed.* Nothing comes back; the visit ends by its time, and the invitation holds.
//! * *The process dies after the connection is stored.* It is there at the next start; its first card may come twice.

mod address;
mod answer;
mod begin;
mod cookie;
mod greeting;
mod invite;
mod joined;
mod landing;
mod outcome;
mod page;
mod picks;
mod rush;
mod token;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{Error, HttpResponse, guard, web};
use url::Url;

use crate::clock::Clock;
use crate::config;
use crate::seal::{Bindings, Sealer};
use crate::store::{Store, StoreError};
use crate::tasks::Signal;
pub use address::reseal;
pub use begin::comes_from_elsewhere;
pub use invite::{Invitation, invite, offered};
pub use joined::Joined;
use outcome::Outcome;
use page::Pages;
pub use rush::Rush;

/// Where Office 365 sends the browser back to.
const CALLBACK: &str = "/callback";
/// A page has to be answered before the port closes the connection, which is after 5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// What the pages work with.
pub struct Connect {
    /// `[connector]`
    pub settings: config::Connector,
    /// What the outside calls us.
    pub public_url: Url,
    /// The time, and limits on waiting.
    pub clock: Clock,
    /// Invitations, visits and connections.
    pub store: Arc<dyn Store>,
    /// Seals the addresses.
    pub sealer: Arc<Sealer>,
    /// Binds a visit to its browser.
    pub bindings: Bindings,
    /// Raised when a connection was made.
    pub joined: Signal,
    /// Keeps the pages from taking everything.
    pub rush: Rush,
    /// The same for answers of Office 365: whoever comes back with one is not kept out by a crowd at the landing page.
    pub answers: Rush,
}

/// Everything that the Connect button adds to the notification port.
pub fn routes(cfg: &mut web::ServiceConfig, connect: &Arc<Connect>) {
    let pages = Pages::new(connect);
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    cfg.service(
        web::scope("/connector")
            .app_data(web::Data::from(Arc::clone(connect)))
            .app_data(web::Data::new(pages))
            .service(web::resource("").route(read().to(landing::show)).route(web::post().to(begin::begin)))
            .service(web::resource(CALLBACK).route(web::get().to(answer::take)))
            .service(web::resource("/done").route(read().to(landing::done)))
            .wrap(from_fn(bounded))
            .wrap(
                DefaultHeaders::new()
                    .add(("Cache-Control", "no-store"))
                    .add(("Referrer-Policy", "no-referrer"))
                    .add(("X-Content-Type-Options", "nosniff")),
            ),
    );
}

/// Lets a request through if there is room for it, and gives it up when it takes too long. An answer of Office 365 is
/// redirected away from then, too: its address has the secret in it.
async fn bounded(
    connect: web::Data<Connect>,
    pages: web::Data<Pages>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let is_answer = request.path().ends_with(CALLBACK);
    let rush = if is_answer { &connect.answers } else { &connect.rush };
    let refusal = |outcome| if is_answer { connect.ended(outcome, None) } else { pages.refusal(outcome) };
    let known = [Method::GET, Method::HEAD, Method::POST].contains(request.method());
    let Some(_place) = rush.enter(connect.clock.now()).filter(|_| known) else {
        let refused = refusal(Outcome::Rushed);
        return Ok(request.into_response(refused));
    };
    match connect.clock.timeout(ANSWER_WITHIN, next.call(request)).await {
        Ok(answer) => Ok(answer?.map_into_boxed_body()),
        Err(_) => Err(InternalError::from_response("too slow", refusal(Outcome::Unavailable)).into()),
    }
}

/// What went wrong with the store is logged here; the page says that it is not the visitor's fault.
fn unavailable(error: &StoreError) -> Outcome {
    tracing::error!(%error, "The Connect page cannot be answered: the store does not take part");
    Outcome::Unavailable
}

impl Connect {
    /// The address of one of these pages.
    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Sends a browser to the page that says how it ended.
    fn ended(&self, outcome: Outcome, cookie: Option<&str>) -> HttpResponse {
        let how = if outcome == Outcome::Done {
            String::new()
        } else {
            format!("?outcome={}", outcome.words().slug)
        };
        Self::see_other(&self.page(&format!("/connector/done{how}")), cookie)
    }

    /// Sends a browser elsewhere, by GET, with a cookie.
    fn see_other(to: &str, cookie: Option<&str>) -> HttpResponse {
        let mut answer = HttpResponse::SeeOther();
        answer.insert_header((LOCATION, to));
        if let Some(cookie) = cookie {
            answer.insert_header((SET_COOKIE, cookie));
        }
        answer.finish()
    }
}
