//! Signing in as a person, elsewhere: we show a code, and ask until it was typed in (RFC 8628).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, DeviceAuthorizationUrl, DeviceCodeErrorResponse,
    DeviceCodeErrorResponseType, HttpRequest, HttpResponse, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};
use reqwest::StatusCode;
use serde_json::json;

use super::delegated::RefreshToken;
use super::login::{Login, OFFLINE};
use super::refusal::{self, Refusal};
use crate::office365::{Failure, Verdict};

/// A code to type in.
#[derive(Debug)]
pub struct DeviceCode {
    details: StandardDeviceAuthorizationResponse,
}

impl DeviceCode {
    /// What has to be typed in.
    pub fn user_code(&self) -> &str {
        self.details.user_code().secret()
    }

    /// Where.
    pub fn page(&self) -> &str {
        self.details.verification_uri()
    }

    /// How long it can be.
    pub fn lifetime(&self) -> Duration {
        self.details.expires_in()
    }
}

impl Login {
    /// Asks for a code.
    pub(super) async fn device_code(&self) -> Result<DeviceCode, Failure> {
        let credentials = &self.credentials;
        let client = BasicClient::new(ClientId::new(credentials.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(
                credentials.device_endpoint.clone(),
            ));
        let request = client.exchange_device_code().add_scopes(self.lasting());
        let answer = request.request_async(self).await;
        let details = answer.map_err(|error: RequestTokenError<Refusal, _>| match error {
            RequestTokenError::Request(refusal) => refusal.failure,
            _ => refusal::unreadable(&credentials.endpoint),
        })?;
        Ok(DeviceCode { details })
    }

    /// Waits until somebody has signed in with a code, and keeps what came of it.
    pub(super) async fn await_person(
        &self,
        code: &DeviceCode,
        refresh: &RefreshToken,
    ) -> Result<(), Failure> {
        let clock = self.clock.clone();
        let client = BasicClient::new(ClientId::new(self.credentials.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(self.credentials.endpoint.clone()));
        let time = move || clock.now();
        let request = client.exchange_device_access_token(&code.details).set_time_fn(time);
        let asking = Asking(self);
        let answer = request.request_async(&asking, |wait| self.clock.sleep(wait), None).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(answer) => explained(&answer),
            RequestTokenError::Request(refusal) => refusal.failure,
            _ => refusal::unreadable(&self.credentials.endpoint),
        })?;
        let token = answer.refresh_token().ok_or_else(|| {
            let message =
                "The login host gave nothing to stay signed in with: allow the app the scope offline_access";
            Failure::local(Verdict::Unauthorized, "notSignedIn", message)
        })?;
        refresh.keep(token.secret(), &self.clock).await
    }

    /// What we sign in for, and that it shall last.
    pub(super) fn lasting(&self) -> [Scope; 2] {
        [Scope::new(self.credentials.scope.clone()), Scope::new(OFFLINE.to_owned())]
    }
}

fn explained(answer: &DeviceCodeErrorResponse) -> Failure {
    let end = |message: &str| Failure::local(Verdict::Unauthorized, "notSignedIn", message);
    let word = match answer.error() {
        DeviceCodeErrorResponseType::AccessDenied => return end("The sign-in was declined"),
        DeviceCodeErrorResponseType::ExpiredToken => {
            return end("Nobody has typed in the code before it ended: begin again");
        }
        DeviceCodeErrorResponseType::Basic(BasicErrorResponseType::Extension(word)) => match word.as_str() {
            "authorization_declined" => return end("The sign-in was declined"),
            word => word,
        },
        other => other.as_ref(),
    };
    let description = answer.error_description().cloned().unwrap_or_default();
    let body = json!({"error": word, "error_description": description}).to_string();
    refusal::judge(StatusCode::BAD_REQUEST, None, body.as_bytes()).failure
}

/// As [`Login`], but what says "not yet" goes to the library, which knows what to do about it.
struct Asking<'l>(&'l Login);

impl<'c> AsyncHttpClient<'c> for Asking<'_> {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Refusal>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.send(request).await?;
            if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
                return Err(refusal::judge(answer.status, None, &answer.body));
            }
            Ok(Login::response(answer))
        })
    }
}
