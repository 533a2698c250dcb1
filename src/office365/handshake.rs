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

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unshaken {
    /// The status that was answered, where the handshake wants 200.
    pub status: Option<u16>,
    /// What is wrong, and how to mend it.
    pub problem: String,
}

impl From<String> for Unshaken {
    fn from(problem: String) -> Self {
        Self { status: None, problem }
    }
}

/// Sends a handshake to `url` as Office 365 would: POST, empty, without a user agent, no redirects followed.
///
/// # Errors
/// What a subscription would fail with, and how to mend it.
pub async fn shake_hands(url: &Url, clock: &Clock) -> Result<(), Unshaken> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Unshaken::from(format!("cannot make an HTTP client: {error}")))?;
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
            let problem = format!(
                "{url} cannot be reached ({cause}): point it at the notification port, by a proxy if need be"
            );
            return Err(problem.into());
        }
        Err(_) => {
            let problem = format!("{url} did not answer within 10 s, which is as long as Microsoft waits");
            return Err(problem.into());
        }
    };
    if status.is_redirection() {
        let problem = format!(
            "{url} answers with a redirect ({status}): Office 365 follows none; set public_url to where it leads"
        );
        return Err(problem.into());
    }
    if status.as_u16() != 200 {
        let problem = format!(
            "{url} answers {status} where the handshake wants 200: does a proxy or a sign-in stand before it?"
        );
        return Err(Unshaken { status: Some(status.as_u16()), problem });
    }
    if !plain || body.as_ref() != TOKEN.as_bytes() {
        let problem = format!(
            "{url} does not echo the validation token as text/plain: is it another service that answers there?"
        );
        return Err(problem.into());
    }
    Ok(())
}
