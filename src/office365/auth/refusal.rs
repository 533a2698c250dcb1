//! What a refused sign-in means. Microsoft's rule: decide by status and `error` alone; numbers and texts may change
//! any day, and serve to tell a person what to do.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::super::{Failure, Verdict};

/// Said before the reason when there was no answer.
pub(super) const UNREACHABLE: &str =
    "The login host does not answer: check network, name resolution, proxy, and login_url if it is set";

/// A sign-in that gave no token.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub(super) struct Refusal {
    /// What it means.
    pub(super) failure: Failure,
    /// Microsoft's `error`; empty where there was no answer.
    error: String,
}

impl Refusal {
    /// The proof is not accepted.
    pub(super) fn is_invalid_client(&self) -> bool {
        self.failure.verdict == Verdict::Unauthorized && self.error == "invalid_client"
    }

    /// What a person was granted before no longer holds.
    pub(super) fn is_invalid_grant(&self) -> bool {
        let ended = ["invalid_grant", "interaction_required", "consent_required"];
        self.failure.verdict == Verdict::Unauthorized && ended.contains(&self.error.as_str())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, error: String::new() }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
}

/// Judges an answer that is not a token.
pub(super) fn judge(status: StatusCode, asked: Option<Duration>, body: &[u8]) -> Refusal {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let number = body.error_codes.first().copied().or_else(|| number_in(&body.error_description));
    let passing = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || body.error == "temporarily_unavailable";
    let (verdict, advice) = match asked {
        Some(wait) if passing => (Verdict::Throttled(wait), "The login host asks to wait"),
        None if passing => (Verdict::Transient, "The login host is out of order at the moment"),
        _ if body.error.is_empty() => {
            (Verdict::Rejected, "The login host does not answer as Microsoft's does; check login_url")
        }
        _ => (Verdict::Unauthorized, number.and_then(by_number).unwrap_or_else(|| by_error(&body.error))),
    };
    let code = match number {
        Some(number) => format!("AADSTS{number}"),
        None if body.error.is_empty() => "unreadable".to_owned(),
        None => body.error.clone(),
    };
    // The lines after the first hold trace ids and a time.
    let said = body.error_description.lines().next().unwrap_or_default();
    let said = if said.is_empty() { &body.error } else { said };
    let message = format!("{advice}. The login host answered {}: {said}", status.as_u16());
    let failure = Failure { verdict, status: Some(status.as_u16()), code, message };
    Refusal { failure, error: body.error }
}

/// What is said instead of asking while the login host has to be left alone.
pub(super) fn waiting(left: Duration) -> Failure {
    let message = format!(
        "The login host asked to wait, or was out of order; it is left alone for another {} s",
        left.as_secs()
    );
    Failure::local(Verdict::Throttled(left), "throttled", message)
}

/// An answer that should be a token and is not.
pub(super) fn unreadable(endpoint: &Url) -> Failure {
    let message = format!(
        "Sign-in at {} gave an answer that is not a token; check login_url, and whether a proxy answers in its place",
        endpoint.origin().ascii_serialization()
    );
    Failure::local(Verdict::Transient, "unreadable", message)
}

fn number_in(description: &str) -> Option<u32> {
    let rest = description.strip_prefix("AADSTS")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The numbers worth a helpful line, from Microsoft's reference.
fn by_number(number: u32) -> Option<&'static str> {
    Some(match number {
        7_000_215 => {
            "The client secret is wrong: perhaps the secret's id was pasted instead of its value, or it belongs to \
             another app registration. Put the value shown once at its creation into client_secret, or make a new one"
        }
        7_000_222 => {
            "The client secret has expired: make a new one in the app registration and put it into client_secret"
        }
        7_000_218 => {
            "Nothing was sent that proves the app: client_secret must not be empty; where a person signs in, set 'Allow \
             public client flows' in the app registration to yes"
        }
        700_027 => {
            "The certificate is not accepted: upload it (without its key) to the app registration's 'Certificates & \
             secrets', and check that it has not ended there and that client_id is that registration's"
        }
        700_024 | 500_133 => {
            "The assertion is outside of its time: set the clock of this machine; a federated token has to be issued \
             anew before it ends"
        }
        50013 | 50027 | 700_021 | 700_023 => {
            "The assertion is not accepted: check client_id and tenant_id, that cloud is the tenant's, and what \
             certificate or federated_token_file name"
        }
        700_211..=700_213 | 70021 => {
            "No federated credential of the app registration fits the token: its issuer, subject and audience must be \
             those of a credential under 'Certificates & secrets', letter by letter"
        }
        700_229 => "A federated token that Entra itself issued must be that of an app or a managed identity",
        70008 | 700_082 | 70043 | 50173 => "The sign-in has ended, was revoked, or a policy wants it anew",
        700_016 | 700_011 => {
            "The application is not known in this tenant: check client_id and tenant_id, and whether an administrator \
             of the tenant has given consent"
        }
        7_000_112 | 70001 => "The application is disabled in this tenant: an administrator must enable it",
        90002 => {
            "There is no such tenant: check tenant_id (a guid or a domain of the organisation) and cloud; a tenant \
             exists in one of Microsoft's clouds only"
        }
        90038 => "The tenant belongs to another of Microsoft's clouds: set cloud accordingly",
        500_011 | 650_057 => {
            "The tenant has no such API, or the application was never given any permission of it: check cloud, and add \
             application permissions of Microsoft Graph with admin consent"
        }
        700_022 | 70011 => "The scope is not accepted: check cloud",
        900_144 => "A form field is missing: check that client_id and client_secret are not empty",
        900_023 | 900_021 => "tenant_id is not a tenant: write its guid or one of its domains",
        53003 => {
            "A Conditional Access policy of the tenant blocks the application: an administrator must except it"
        }
        _ => return None,
    })
}

fn by_error(error: &str) -> &'static str {
    match error {
        "invalid_client" => {
            "The app's proof is not accepted: check client_id and client_secret, certificate or federated_token_file"
        }
        "unauthorized_client" => {
            "The application may not sign in to this tenant: check client_id and tenant_id, and admin consent"
        }
        "invalid_grant" | "interaction_required" | "consent_required" => {
            "An administrator of the tenant must act: consent is missing or a policy forbids the sign-in"
        }
        _ => "Sign-in is not accepted: check tenant_id, client_id and cloud",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, asked: Option<u64>, body: &str) -> Failure {
        judge(StatusCode::from_u16(status).unwrap(), asked.map(Duration::from_secs), body.as_bytes()).failure
    }

    fn entra(error: &str, number: u32, text: &str) -> String {
        let description = format!("AADSTS{number}: {text}\r\nTrace ID: 1\r\nTimestamp: 2026-11-23 09:00:00Z");
        json!({"error": error, "error_description": description, "error_codes": [number],
               "timestamp": "2026-11-23 09:00:00Z"})
        .to_string()
    }

    #[test]
    fn the_decision_is_made_by_status_and_error() {
        let wait = Verdict::Throttled(Duration::from_secs(7));
        for (status, asked, error, verdict) in [
            (401, None, "invalid_client", Verdict::Unauthorized),
            (400, None, "unauthorized_client", Verdict::Unauthorized),
            (400, None, "invalid_request", Verdict::Unauthorized),
            (400, None, "a_new_word", Verdict::Unauthorized),
            (401, Some(7), "invalid_client", Verdict::Unauthorized),
            (400, None, "temporarily_unavailable", Verdict::Transient),
            (400, Some(7), "temporarily_unavailable", wait.clone()),
            (429, Some(7), "invalid_request", wait.clone()),
            (503, None, "server_error", Verdict::Transient),
        ] {
            assert_eq!(refused(status, asked, &entra(error, 1, "text")).verdict, verdict, "{status} {error}");
        }
    }

    #[test]
    fn a_person_is_told_what_it_is_and_what_to_do() {
        for (error, number, words) in [
            ("invalid_client", 7_000_215, "the secret's id was pasted instead of its value"),
            ("invalid_client", 7_000_222, "has expired"),
            ("unauthorized_client", 700_016, "not known in this tenant"),
            ("invalid_request", 90002, "There is no such tenant"),
            ("invalid_request", 90038, "another of Microsoft's clouds"),
            ("invalid_client", 42, "check client_id and client_secret, certificate"),
            ("invalid_scope", 42, "check tenant_id, client_id and cloud"),
        ] {
            let failure = refused(401, None, &entra(error, number, "Microsoft's text."));
            assert_eq!(failure.code, format!("AADSTS{number}"));
            assert!(failure.message.contains(words), "{failure}");
            assert!(
                failure.message.ends_with(&format!("401: AADSTS{number}: Microsoft's text.")),
                "{failure}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_microsofts_is_judged_too() {
        let failure = refused(502, None, "<html>Bad gateway</html>");
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Transient, "unreadable"));
        let failure = refused(404, None, "");
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Rejected, "unreadable"));
        let failure = refused(401, None, r#"{"error":"invalid_client"}"#);
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Unauthorized, "invalid_client"));
        let failure = refused(400, None, r#"{"error":"x","error_description":"AADSTS90002: No."}"#);
        assert_eq!(failure.code, "AADSTS90002");
    }
}
