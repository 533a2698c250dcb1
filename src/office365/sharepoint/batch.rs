//! Many reads of one site in as few requests as may be.

use std::borrow::Cow;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use url::Url;

use super::super::connection::Answer;
use super::super::{Failure, Verdict};
use super::element::{body_text, is_uncertain};
use super::multipart::{self, Part};
use super::site::Site;
use super::{Body, Call, PAGE, SharePoint};

/// Batches under way at once. Each part counts as a request of its own, so that more would gain nothing but refusals.
const AT_ONCE: usize = 3;

impl SharePoint {
    /// What is at these addresses, in their order. A part that is refused for the number of requests fails them all, since
    /// the whole tenant waits then.
    pub(super) async fn read_all(
        &self,
        site: &Site,
        urls: &[Url],
        accept: &'static str,
    ) -> Result<Vec<Result<String, Failure>>, Failure> {
        let batches = urls.chunks(multipart::MOST).map(|urls| self.read_some(site, urls, accept).boxed());
        let batches: Vec<BoxFuture<'_, _>> = batches.collect();
        let answered: Vec<Vec<_>> = stream::iter(batches).buffered(AT_ONCE).try_collect().await?;
        Ok(answered.into_iter().flatten().collect())
    }

    async fn read_some(
        &self,
        site: &Site,
        urls: &[Url],
        accept: &'static str,
    ) -> Result<Vec<Result<String, Failure>>, Failure> {
        let boundary = format!("batch_{}", uuid::Uuid::new_v4());
        let (content_type, bytes) = multipart::compose(&boundary, urls, accept);
        let call = Call {
            method: Method::POST,
            body: Some(Body { content_type, bytes }),
            limits: PAGE,
            ..Call::get("batch", site, site.at(["_api", "$batch"]))
        };
        let answer = self.send(&call).await?;
        let text = body_text(&answer.body);
        let damaged = matches!(text, Cow::Owned(_));
        let parts = multipart::read(&answer.content_type, &text);
        let parts = parts.filter(|parts| parts.len() == urls.len()).ok_or_else(unreadable)?;
        let mut answered = Vec::with_capacity(parts.len());
        for part in parts {
            answered.push(match self.part(site, part).await {
                Err(failure) if failure.is_transient() => return Err(failure),
                Ok(part) if is_uncertain(&part, damaged) => Err(uncertain()),
                judged => judged,
            });
        }
        Ok(answered)
    }

    async fn part(&self, site: &Site, Part { status, headers, body }: Part) -> Result<String, Failure> {
        if status.is_success() {
            return Ok(body);
        }
        let answer = Answer { status, headers, body: body.into_bytes() };
        Err(super::explained(site, self.judge(&answer).await))
    }
}

fn uncertain() -> Failure {
    let message = "The answer holds bytes that are no UTF-8, so that its text is not certain";
    Failure::local(Verdict::Rejected, "unreadable", message)
}

fn unreadable() -> Failure {
    let message = "SharePoint's answer (batch) does not hold an answer to each of the questions";
    Failure::local(Verdict::Transient, "unreadable", message)
}
