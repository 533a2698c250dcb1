//! Calls that wait for Office 365: answered when done, with 202 when that takes too long.

use std::future::Future;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::Api;
use super::explain::no_such_subscription;
use super::problem::Problem;
use super::view::View;
use crate::model::{Name, Subscription};

/// How long a caller is kept waiting.
const PATIENCE: Duration = Duration::from_secs(60);

impl Api {
    /// Does `work` to its end, whether or not the caller stays, and waits for it as long as callers are kept
    /// waiting. `None`: it goes on.
    pub(super) async fn patiently<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let work = self.runtime.spawn(work);
        let ended = tokio::select! {
            ended = self.clock.timeout(PATIENCE, work) => ended,
            () = self.stopping.cancelled() => {
                let detail = "the listener is stopping; look at the subscription once it is back";
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
            }
        };
        ended.ok().transpose().map_err(|error| {
            tracing::error!(%error, "the work behind a call of the API died");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work broke off; the log says more")
        })
    }

    /// 202 for what goes on, with what there is to show of it by now. Somebody else may have removed it meanwhile.
    pub(super) async fn accepted(&self, name: &Name) -> Result<HttpResponse, Problem> {
        let found = self.store.subscription(name).await?;
        let subscription = found.ok_or_else(|| no_such_subscription(name))?;
        Ok(self.show(StatusCode::ACCEPTED, &subscription))
    }

    /// Answers with a subscription.
    pub(super) fn show(&self, status: StatusCode, subscription: &Subscription) -> HttpResponse {
        HttpResponse::build(status).json(View::of(subscription, self.clock.now()))
    }
}
