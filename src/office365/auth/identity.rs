//! Managed identity: Azure gives a token to what runs on its machines, and the app proves nothing at all.
//!
//! There are three flavours of it, which differ in address and headers. The service is on this machine or next to it,
//! and keeps its tokens for up to a day by itself; like the login host, it is asked once, and whoever needs the token tries
//! again.

mod arc;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, Request, StatusCode};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::login::{Granted, LIMITS};
use crate::clock::Clock;
use crate::config::{IdentityService, ManagedIdentity};
use crate::office365::connection::{Answer, Connection};
use crate::office365::throttle::asked_wait;
use crate::office365::{Failure, Verdict};

const METADATA: HeaderName = HeaderName::from_static("metadata");
const IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");

/// Asks for a token for `resource`.
pub(super) async fn ask(
    identity: &ManagedIdentity,
    resource: &str,
    connection: &Connection,
    clock: &Clock,
) -> Result<Granted, Failure> {
    let request = || request(identity, resource);
    let mut answer = exchange(connection, request()?).await?;
    if let (StatusCode::UNAUTHORIZED, IdentityService::Arc { tokens, .. }) =
        (answer.status, &identity.service)
    {
        let proof = arc::proof(&answer.headers, tokens).map_err(|reason| {
            let message = format!("The agent of Azure Arc gives no token: {reason}");
            Failure::local(Verdict::Unauthorized, "managedIdentity", message)
        })?;
        let mut proven = request()?;
        proven.headers_mut().insert(AUTHORIZATION, proof);
        answer = exchange(connection, proven).await?;
    }
    if !answer.status.is_success() {
        return Err(judge(&answer, asked_wait(&answer, clock.now())));
    }
    let given: Given = serde_json::from_slice(&answer.body).map_err(|_| {
        let message = "Azure's identity service gave an answer that is not a token";
        Failure::local(Verdict::Transient, "unreadable", message)
    })?;
    let lifetime = given.lifetime(clock.now());
    Ok(Granted::new(given.access_token, lifetime))
}

async fn exchange(connection: &Connection, request: Request) -> Result<Answer, Failure> {
    let answer = connection.exchange("identity", request, LIMITS).await;
    answer.map_err(|failure| {
        failure.explained(
            "Azure's identity service does not answer: managed_identity works only on Azure's machines and services, \
             and on those that Azure Arc knows",
        )
    })
}

/// The one GET that each flavour is.
fn request(identity: &ManagedIdentity, resource: &str) -> Result<Request, Failure> {
    let (url, version, header) = match &identity.service {
        IdentityService::VirtualMachine(base) => {
            let mut url = base.clone();
            url.set_path(&format!("{}/metadata/identity/oauth2/token", base.path().trim_end_matches('/')));
            (url, "2018-02-01", (METADATA, HeaderValue::from_static("true")))
        }
        IdentityService::AppService { endpoint, header } => {
            let mut value = HeaderValue::from_str(header.expose()).map_err(|_| {
                let message =
                    "The environment variable IDENTITY_HEADER, which Azure sets, fits into no header";
                Failure::local(Verdict::Unauthorized, "managedIdentity", message)
            })?;
            value.set_sensitive(true);
            (endpoint.clone(), "2019-08-01", (IDENTITY_HEADER, value))
        }
        IdentityService::Arc { endpoint, .. } => {
            (endpoint.clone(), "2020-06-01", (METADATA, HeaderValue::from_static("true")))
        }
    };
    let mut request = Request::new(Method::GET, with_query(url, version, resource, identity));
    request.headers_mut().insert(header.0, header.1);
    Ok(request)
}

fn with_query(mut url: Url, version: &str, resource: &str, identity: &ManagedIdentity) -> Url {
    let mut query = url.query_pairs_mut();
    query.append_pair("api-version", version).append_pair("resource", resource);
    if let Some(client_id) = &identity.client_id {
        query.append_pair("client_id", client_id);
    }
    drop(query);
    url
}

/// Which refusals pass by themselves is documented by status; the text is for people.
fn judge(answer: &Answer, asked: Option<Duration>) -> Failure {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        error: String,
        error_description: String,
        // App Service says it so.
        message: String,
    }
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = answer.status;
    // 404 and 410: the service is just being updated.
    let passing = status.is_server_error() || matches!(status.as_u16(), 404 | 410 | 429);
    let (verdict, advice) = match asked {
        Some(wait) if passing => (Verdict::Throttled(wait), "Azure's identity service asks to wait"),
        None if passing => (Verdict::Transient, "Azure's identity service is out of order at the moment"),
        _ => (
            Verdict::Unauthorized,
            "Azure's identity service gives no token: check that an identity is assigned to this machine or app, and \
             that client_id in managed_identity is one of those, or is left out for the machine's own",
        ),
    };
    let said =
        [&body.error_description, &body.message, &body.error].into_iter().find(|text| !text.is_empty());
    let said = said.and_then(|text| text.lines().next()).unwrap_or("nothing more");
    let message = format!("{advice}. It answered {}: {said}", status.as_u16());
    let code = if body.error.is_empty() { "managedIdentity".to_owned() } else { body.error };
    Failure { verdict, status: Some(status.as_u16()), code, message }
}

/// A token as the service gives it. Numbers come as texts, and App Service leaves out how long it lives.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default, deserialize_with = "number")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    expires_on: Option<i64>,
}

impl Given {
    fn lifetime(&self, now: DateTime<Utc>) -> Option<Duration> {
        let left = self.expires_in.or_else(|| Some(self.expires_on?.saturating_sub(now.timestamp())));
        left.map(|left| Duration::from_secs(u64::try_from(left).unwrap_or(0)))
    }
}

/// What is no number is as good as nothing.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn sent(service: IdentityService, client_id: Option<&str>) -> Request {
        let identity = ManagedIdentity { client_id: client_id.map(str::to_owned), service };
        request(&identity, "https://graph.microsoft.com").unwrap()
    }

    #[test]
    fn each_flavour_is_asked_as_it_is_documented() {
        let url = |text: &str| Url::parse(text).unwrap();
        let machine = sent(IdentityService::VirtualMachine(url("http://169.254.169.254")), None);
        assert_eq!(
            machine.url().as_str(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.microsoft.com"
        );
        assert_eq!(machine.headers()["metadata"], "true");
        let endpoint = url("http://localhost:8081/msi/token");
        let service =
            IdentityService::AppService { endpoint: endpoint.clone(), header: Secret::new("853b9a84") };
        let service = sent(service, Some("17"));
        assert_eq!(
            service.url().as_str(),
            "http://localhost:8081/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.com&client_id=17"
        );
        assert_eq!(service.headers()["x-identity-header"], "853b9a84");
        assert!(!format!("{service:?}").contains("853b9a84"), "the header is shown");
        assert!(!service.headers().contains_key("metadata"));
        let arc = sent(IdentityService::Arc { endpoint, tokens: "/".into() }, None);
        assert!(arc.url().query().unwrap().starts_with("api-version=2020-06-01&"));
        assert_eq!(arc.headers()["metadata"], "true");
    }

    #[test]
    fn a_tokens_life_is_read_from_texts_and_numbers() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        for (given, seconds) in [
            (r#"{"access_token":"a","expires_in":"3599","expires_on":"1"}"#, Some(3599)),
            (r#"{"access_token":"a","expires_in":3599}"#, Some(3599)),
            (r#"{"access_token":"a","expires_on":"1767225700"}"#, Some(100)),
            (r#"{"access_token":"a","expires_on":"1767225500"}"#, Some(0)),
            (r#"{"access_token":"a","expires_on":"soon","expires_in":null}"#, None),
            (r#"{"access_token":"a"}"#, None),
        ] {
            let given_token: Given = serde_json::from_str(given).unwrap();
            assert_eq!(given_token.lifetime(now), seconds.map(Duration::from_secs), "{given}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_somebody_has_to_mend() {
        let answered = |status: u16, asked: Option<u64>, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: reqwest::header::HeaderMap::new(), body: body.into() };
            judge(&answer, asked.map(Duration::from_secs))
        };
        for status in [404, 410, 429, 500, 503] {
            assert_eq!(answered(status, None, "").verdict, Verdict::Transient, "{status}");
        }
        assert_eq!(answered(429, Some(7), "").verdict, Verdict::Throttled(Duration::from_secs(7)));
        let refused = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        let failure = answered(400, None, refused);
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Unauthorized, "invalid_request"));
        assert!(failure.message.ends_with("400: Identity not found"), "{}", failure.message);
    }
}
