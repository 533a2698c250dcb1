//! The pages as they are sent: HTML from here alone, without a script, and with a policy that allows nothing else.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Connect;
use super::landing::MOST_OFFERS;
use super::outcome::{Outcome, Words};
use super::picks::{CHANGES, Offer};

const STYLE: &str = include_str!("pages/page.css");

#[derive(Template)]
#[template(path = "landing.html", config = "src/connect/pages/askama.toml")]
struct Landing<'a> {
    service: &'a str,
    style: &'static str,
    action: &'a str,
    invite: &'a str,
    offers: &'a [Offer],
    most: usize,
    changes: &'static [(&'static str, &'static str)],
    notice: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "outcome.html", config = "src/connect/pages/askama.toml")]
struct Ended<'a> {
    service: &'a str,
    style: &'static str,
    good: bool,
    words: &'a Words,
}

/// The kinds of change, as a form names them.
const KINDS: [(&str, &str); 3] = {
    let [created, updated, deleted] = CHANGES;
    [(created.0.as_str(), created.1), (updated.0.as_str(), updated.1), (deleted.0.as_str(), deleted.1)]
};

/// Makes pages in the service's name.
#[derive(Clone)]
pub(super) struct Pages {
    service: String,
    /// Where the form goes.
    action: String,
    policy: String,
}

impl Pages {
    pub fn new(connect: &Connect) -> Self {
        let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let base = connect.public_url.path().trim_end_matches('/');
        // The form's answer leads to Office 365, and browsers ask the policy about that as well.
        let office365 = connect.settings.connect_url.origin().ascii_serialization();
        Self {
            service: connect.settings.service_name.clone(),
            action: format!("{base}/connector"),
            policy: format!(
                "default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self' {office365}; \
                 frame-ancestors 'none'; base-uri 'none'"
            ),
        }
    }

    /// The page with the button.
    pub fn landing(&self, invite: &str, offers: &[Offer], notice: Option<&str>) -> HttpResponse {
        let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let (service, action) = (&self.service, &self.action);
        let (style, most, changes) = (STYLE, MOST_OFFERS, &KINDS);
        let page = Landing { service, style, action, invite, offers, most, changes, notice };
        self.send(status, page.render())
    }

    /// The page that says how it ended.
    pub fn refusal(&self, outcome: Outcome) -> HttpResponse {
        let words = outcome.words();
        let good = outcome == Outcome::Done;
        self.send(words.status, Ended { service: &self.service, style: STYLE, good, words: &words }.render())
    }

    fn send(&self, status: StatusCode, page: askama::Result<String>) -> HttpResponse {
        let mut answer = HttpResponse::build(status);
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            answer.insert_header(("Retry-After", "60"));
        }
        answer
            .content_type("text/html; charset=utf-8")
            .insert_header(("Content-Security-Policy", self.policy.as_str()))
            // Writing to memory does not fail; a page that did would be empty.
            .body(page.unwrap_or_default())
    }
}
