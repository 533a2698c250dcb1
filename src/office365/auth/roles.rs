use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

#[derive(Deserialize, Default)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    scp: String,
}

/// The `roles` claim of an access token, or its `scp` where the app acts for a person; none where it cannot be read. The token is Microsoft's and opaque to us:
/// what stands here explains a refusal to a person, and nothing is decided by it.
pub(super) fn of(token: &str) -> Vec<String> {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Claims> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let Claims { mut roles, scp } = claims.unwrap_or_default();
    roles.extend(scp.split_whitespace().map(str::to_owned));
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_where_the_token_shows_them() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let granted = token(r#"{"aud":"x","roles":["Sites.Read.All","Mail.Read"]}"#);
        assert_eq!(of(&granted), ["Sites.Read.All", "Mail.Read"]);
        assert_eq!(of(&token(r#"{"scp":"Files.Read Mail.Read"}"#)), ["Files.Read", "Mail.Read"]);
        for opaque in ["", "opaque", "a.b.c", &token("{}"), &token("[]"), &token(r#"{"roles":"x"}"#)] {
            assert!(of(opaque).is_empty(), "{opaque}");
        }
    }
}
