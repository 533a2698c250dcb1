//! API keys: who may call, and what.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use super::problem::Problem;
use super::{Api, body, consumers, pages};
use crate::config::{ApiKey, Role};

/// The keys that are accepted, kept as hashes; none: everybody on this machine may call, but for other sites' pages.
pub struct Keys(Vec<(Digest, Role)>);

impl Keys {
    /// Takes the configured keys.
    pub fn new(keys: &[ApiKey]) -> Self {
        Self(keys.iter().map(|key| (hashed(key.key.expose()), key.role)).collect())
    }

    /// The role of whoever shows this key. Looks at all of them, each in constant time, so that the time it
    /// takes tells nothing.
    fn role(&self, shown: &str) -> Option<Role> {
        let shown = hashed(shown);
        let same = |key: &Digest| verify_slices_are_equal(key.as_ref(), shown.as_ref()).is_ok();
        self.0.iter().filter(|(key, _)| same(key)).map(|(_, role)| *role).max()
    }

    fn check(&self, headers: &HeaderMap, needed: Role) -> Result<(), Problem> {
        if self.0.is_empty() {
            return pages::keep_out(headers);
        }
        let Some(shown) = bearer(headers) else {
            return Err(unauthorised("Bearer", "this call wants an API key: Authorization: Bearer KEY"));
        };
        match self.role(shown) {
            Some(role) if role >= needed => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "this API key may only read; the call wants one with the role write",
            )),
            None => Err(unauthorised(r#"Bearer error="invalid_token""#, "this API key is not known")),
        }
    }
}

fn hashed(key: &str) -> Digest {
    digest(&SHA256, key.as_bytes())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn unauthorised(challenge: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// Lets calls through that may be made: reading, and saying how far one has read, takes any key, the rest one with the
/// role `write`.
pub(super) async fn admit(
    api: web::Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let reads = *request.method() == Method::GET || consumers::is_commit(request.path());
    let needed = if reads { Role::Read } else { Role::Write };
    match api.keys.check(request.headers(), needed) {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(problem) => Ok(body::refuse(request, &problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use actix_web::ResponseError as _;

    fn keys() -> Keys {
        let key =
            |name: &str, key: &str, role| ApiKey { name: name.parse().unwrap(), key: Secret::new(key), role };
        Keys::new(&[key("ops", "writer", Role::Write), key("bi", "reader", Role::Read)])
    }

    fn status(keys: &Keys, authorization: Option<&str>, needed: Role) -> u16 {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        keys.check(&headers, needed).map_or_else(|problem| problem.status_code().as_u16(), |()| 200)
    }

    #[test]
    fn a_key_opens_what_its_role_allows() {
        for (authorization, needed, expected) in [
            (None, Role::Read, 401),
            (Some("Bearer nonsense"), Role::Read, 401),
            (Some("Basic cmVhZGVyOg=="), Role::Read, 401),
            (Some("reader"), Role::Read, 401),
            (Some("Bearer "), Role::Read, 401),
            (Some("Bearer reader"), Role::Read, 200),
            (Some("bearer reader"), Role::Read, 200),
            (Some("Bearer reader"), Role::Write, 403),
            (Some("Bearer writer"), Role::Read, 200),
            (Some("Bearer writer"), Role::Write, 200),
        ] {
            assert_eq!(status(&keys(), authorization, needed), expected, "{authorization:?}");
        }
    }

    #[test]
    fn without_keys_everybody_on_this_machine_may_call() {
        assert_eq!(status(&Keys::new(&[]), None, Role::Write), 200);
    }
}
