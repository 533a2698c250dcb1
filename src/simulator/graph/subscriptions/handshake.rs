//! The handshake: Office 365 asks an address to repeat a token before it sends anything there.

use std::sync::Arc;
use std::time::Duration;

use crate::simulator::error::GraphError;
use crate::simulator::server::Shared;

/// How long an endpoint may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
const FAILED: &str = "Subscription validation request failed.";

/// Asks, and says as Graph would what was wrong with the answer.
pub(super) async fn validate(shared: &Arc<Shared>, url: &str) -> Result<(), GraphError> {
    let request_id = shared.world().random.uuid();
    let token = format!(
        "Validation: Testing client application reachability for subscription Request-Id: {request_id}"
    );
    let separator = if url.contains('?') { '&' } else { '?' };
    let address = format!("{url}{separator}validationToken={}", form_encode(&token));
    let ask = async {
        let asked =
            shared.handshakes.post(&address).header("Content-Type", "text/plain; charset=utf-8").body("");
        let response = asked.send().await?;
        let status = response.status();
        let media = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let plain = media.is_some_and(|media| media.to_ascii_lowercase().starts_with("text/plain"));
        Ok::<_, reqwest::Error>((status, plain, response.text().await?))
    };
    match shared.clock.timeout(LIMIT, ask).await {
        Err(_) => Err(refused("Subscription validation request timed out.".to_owned())),
        Ok(Err(_)) => Err(refused(format!(
            "{FAILED} Notification endpoint must respond with 200 OK to validation request."
        ))),
        Ok(Ok((status, _, _))) if status.as_u16() != 200 => Err(refused(format!(
            "{FAILED} HTTP status code is '{}'. Notification endpoint must respond with 200 OK to validation request.",
            status.canonical_reason().unwrap_or("Unknown").replace(' ', "")
        ))),
        Ok(Ok((_, plain, answer))) if !plain || answer != token => Err(refused(format!(
            "{FAILED} The response must be text/plain and match the validationToken query parameter exactly."
        ))),
        Ok(Ok(_)) => Ok(()),
    }
}

fn refused(message: String) -> GraphError {
    GraphError::new(400, "ValidationError", message)
}

/// Form encoding with lower-case hex digits, as .NET writes it.
fn form_encode(text: &str) -> String {
    let upper: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut escaped = 0;
    upper
        .chars()
        .map(|letter| {
            let inside = escaped > 0;
            escaped = if letter == '%' { 2 } else { i32::max(escaped - 1, 0) };
            if inside { letter.to_ascii_lowercase() } else { letter }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_encoded_as_a_form_with_lower_case_digits() {
        assert_eq!(form_encode("Validation: A B"), "Validation%3a+A+B");
    }
}
