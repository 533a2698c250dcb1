//! Azure's own identity services, which give a token to what runs on Azure: of virtual machines, of App Service, and of
//! the agent of Azure Arc.

use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::{LIFETIME, Proven, audience, issue};
use crate::simulator::error::GraphError;
use crate::simulator::random::Random;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::World;

/// How the platform knows the app, and the app the platform.
#[derive(Debug)]
pub(crate) struct Platform {
    /// The id of an identity beside the machine's own.
    client_id: Uuid,
    /// `IDENTITY_HEADER`
    header: String,
    /// What is in the file that Arc wants to be read.
    challenge: String,
    /// Where that file is.
    tokens: Option<TempDir>,
}

impl Platform {
    /// What follows from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "platform");
        Self {
            client_id: random.uuid(),
            header: random.uuid().to_string(),
            challenge: random.uuid().simple().to_string(),
            tokens: None,
        }
    }

    /// What Azure tells an app by environment variables, and what else it takes to reach each service.
    pub(crate) fn describe(&mut self, origin: &str) -> Result<Value, GraphError> {
        let tokens = self.tokens()?;
        Ok(json!({
            "client_id": self.client_id,
            "virtual_machine": {"identity_url": origin},
            "app_service": {"IDENTITY_ENDPOINT": format!("{origin}/msi/token"), "IDENTITY_HEADER": self.header},
            "arc": {
                "IDENTITY_ENDPOINT": format!("{origin}/metadata/identity/oauth2/token"),
                "IMDS_ENDPOINT": origin, "tokens": tokens,
            },
        }))
    }

    fn tokens(&mut self) -> Result<String, GraphError> {
        let failed = |error: std::io::Error| GraphError::new(500, "generalException", error.to_string());
        if self.tokens.is_none() {
            self.tokens = Some(tempfile::tempdir().map_err(failed)?);
        }
        let folder = self.tokens.as_ref().map(|folder| folder.path().display().to_string());
        Ok(folder.unwrap_or_default())
    }

    /// The file to read, written anew.
    fn challenge(&mut self, id: Uuid) -> Result<String, GraphError> {
        let file = format!("{}/{id}.key", self.tokens()?);
        self.challenge = id.simple().to_string();
        let written = std::fs::write(&file, &self.challenge);
        written.map_err(|error| GraphError::new(500, "generalException", error.to_string()))?;
        Ok(file)
    }
}

/// `GET /metadata/identity/oauth2/token`: of a virtual machine and of Arc, told apart by the version.
pub(crate) fn metadata(world: &mut World, call: &Call) -> Outcome {
    if call.header("metadata").is_none_or(|value| !value.eq_ignore_ascii_case("true")) {
        return Ok(refuse(400, "invalid_request", "Required metadata header not specified"));
    }
    match call.query("api-version") {
        Some("2018-02-01") => Ok(give(world, call)),
        Some("2020-06-01" | "2019-11-01") => {
            let proof = format!("Basic {}", world.platform.challenge);
            if world.platform.tokens.is_some() && call.header("authorization") == Some(proof.as_str()) {
                return Ok(give(world, call));
            }
            let id = world.random.uuid();
            let file = world.platform.challenge(id)?;
            let refused = refuse(401, "unauthorized_client", "Missing Basic Authorization header");
            Ok(refused.header("WWW-Authenticate", format!("Basic realm={file}")))
        }
        _ => Ok(refuse(400, "bad_request_102", "The api-version is not supported")),
    }
}

/// `GET /msi/token`: of App Service, Functions and Container Apps.
pub(crate) fn app_service(world: &mut World, call: &Call) -> Answer {
    if call.header("x-identity-header") != Some(world.platform.header.as_str()) {
        return Answer::json(
            401,
            json!({"statusCode": 401, "message": "The X-IDENTITY-HEADER is not this app's."}),
        );
    }
    match call.query("api-version") {
        Some("2019-08-01") => give(world, call),
        _ => Answer::json(400, json!({"statusCode": 400, "message": "Invalid api-version"})),
    }
}

/// A token for a resource, not for a scope.
fn give(world: &mut World, call: &Call) -> Answer {
    let identity = call.query("client_id");
    if identity.is_some_and(|id| !id.eq_ignore_ascii_case(&world.platform.client_id.to_string())) {
        return refuse(400, "invalid_request", "Identity not found");
    }
    let Some(resource) = call.query("resource") else {
        return refuse(400, "invalid_request", "Required query variable 'resource' is missing");
    };
    let Ok(audience) = audience(&format!("{}/.default", resource.trim_end_matches('/'))).map(str::to_owned)
    else {
        let text =
            format!("AADSTS500011: The resource principal named {resource} was not found in the tenant.");
        return refuse(400, "invalid_resource", &text);
    };
    let token = issue(world, &audience, Proven::Assertion, None);
    let now = world.clock.now().timestamp();
    // Numbers come as texts here.
    let mut answer = json!({
        "access_token": token, "token_type": "Bearer", "resource": resource,
        "expires_on": (now + LIFETIME).to_string(), "not_before": now.to_string(),
        "client_id": world.platform.client_id,
    });
    // App Service leaves it out.
    if let (Some(object), None) = (answer.as_object_mut(), call.header("x-identity-header")) {
        object.insert("expires_in".to_owned(), LIFETIME.to_string().into());
    }
    Answer::json(200, answer)
}

fn refuse(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, json!({"error": error, "error_description": description}))
}
