//! The handshake: SharePoint asks an address to repeat a token before it sends anything there.

use std::sync::Arc;
use std::time::Duration;

use super::error::numbered;
use crate::simulator::error::GraphError;
use crate::simulator::server::Shared;

/// How long an endpoint may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks, with an empty body. The client state comes along where there is one.
pub(super) async fn validate(shared: &Arc<Shared>, url: &str, state: Option<&str>) -> Result<(), GraphError> {
    let token = shared.world().random.uuid().to_string();
    let separator = if url.contains('?') { '&' } else { '?' };
    let ask = shared.handshakes.post(format!("{url}{separator}validationtoken={token}"));
    let mut ask = ask.header("Content-Length", "0").body("");
    if let Some(state) = state {
        ask = ask.header("ClientState", state);
    }
    let ask = async {
        let response = ask.send().await?;
        let media = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let plain = media.is_some_and(|media| media.to_ascii_lowercase().starts_with("text/plain"));
        let right = response.status().as_u16() == 200 && plain;
        Ok::<_, reqwest::Error>(right && response.text().await? == token)
    };
    if matches!(shared.clock.timeout(LIMIT, ask).await, Ok(Ok(true))) {
        return Ok(());
    }
    let message = format!("Failed to validate the notification URL '{url}'.");
    Err(numbered(400, -1, "System.InvalidOperationException", message))
}
