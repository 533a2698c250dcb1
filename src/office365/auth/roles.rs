use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, Default)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    scp: String,
    aud: Option<Value>,
}

/// What a token says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Its `roles`, or its `scp` where the app acts for a person.
    pub(super) roles: Vec<String>,
    /// Whom it is for.
    pub(super) audience: Option<String>,
}

/// Reads what an access token says of itself; nothing where it cannot be read. The token is Microsoft's and opaque to us:
/// what stands here explains a refusal to a person, and nothing is decided by it.
pub(super) fn of(token: &str) -> Told {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Claims> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let Claims { mut roles, scp, aud } = claims.unwrap_or_default();
    roles.extend(scp.split_whitespace().map(str::to_owned));
    Told { roles, audience: aud.and_then(|aud| Some(aud.as_str()?.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_audience_are_read_where_the_token_shows_them() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let told =
            of(&token(r#"{"aud":"https://graph.microsoft.com","roles":["Sites.Read.All","Mail.Read"]}"#));
        assert_eq!(told.roles, ["Sites.Read.All", "Mail.Read"]);
        assert_eq!(told.audience.as_deref(), Some("https://graph.microsoft.com"));
        let person = of(&token(r#"{"scp":"Files.Read Mail.Read","aud":["a"]}"#));
        assert_eq!(
            (person.roles, person.audience),
            (vec!["Files.Read".to_owned(), "Mail.Read".to_owned()], None)
        );
        for opaque in ["", "opaque", "a.b.c", &token("{}"), &token("[]"), &token(r#"{"roles":"x"}"#)] {
            assert_eq!(of(opaque), Told::default(), "{opaque}");
        }
    }
}
