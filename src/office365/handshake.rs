//! Plays Office 365's part of the handshake towards our own public URL, so that `check` finds out what a
//! subscription would meet.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use url::Url;

use crate::clock::Clock;

/// Microsoft waits ten seconds.
const LIMIT: Duration = Duration::from_secs(10);

/// A token of the form Microsoft sends: a sentence, with what must survive form-decoding.
const TOKEN: &str = "Validation: Testing client application reachability for subscription Request-Id: 0+1%2";

/// Sends a handshake to `url` as Office 365 would: POST, empty, without a user agent, no redirects followed.
///
/// # Errors
/// What a subscription would fail with, and how to mend it.
pub async fn shake_hands(url: &Url, clock: &Clock) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| format!("cannot make an HTTP client: {error}"))?;
    let request = client
        .post(url.clone())
        .query(&[("validationToken", TOKEN)])
        .header(CONTENT_TYPE, "text/plain; charset=utf-8");
    let exchange = async {
        let answer = request.send().await?;
        let plain =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
        Ok::<_, reqwest::Error>((answer.status(), plain, answer.bytes().await?))
    };
    let (status, plain, body) = match clock.timeout(LIMIT, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let cause = error.without_url();
            return Err(format!(
                "{url} cannot be reached ({cause}): point it at the notification port, by a proxy if need be"
            ));
        }
        Err(_) => {
            return Err(format!("{url} did not answer within 10 s, which is as long as Microsoft waits"));
        }
    };
    if status.is_redirection() {
        return Err(format!(
            "{url} answers with a redirect ({status}): Office 365 follows none; set public_url to where it leads"
        ));
    }
    if status.as_u16() != 200 {
        return Err(format!(
            "{url} answers {status} where the handshake wants 200: does a proxy or a sign-in stand before it?"
        ));
    }
    if !plain || body.as_ref() != TOKEN.as_bytes() {
        return Err(format!(
            "{url} does not echo the validation token as text/plain: is it another service that answers there?"
        ));
    }
    Ok(())
}
