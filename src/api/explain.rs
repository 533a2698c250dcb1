//! What the rooms behind the API refuse, as answers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

use super::Api;
use super::problem::Problem;
use crate::model::{Name, Trouble, Wish};
use crate::renew::{AddError, Failure, Verdict};

/// There is no subscription of this name.
pub(super) fn no_such_subscription(name: &Name) -> Problem {
    let detail = format!(
        "there is no subscription '{name}', or it was removed: `subscriptions list` shows what is followed"
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// Nothing is fetched of a subscription that is paused.
pub(super) fn paused(name: &Name) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("'{name}' is paused: resume it, and it is fetched"))
}

/// A subscription was not made, or nobody knows yet whether it was.
pub(super) fn not_added(api: &Api, error: AddError, wished: &Wish) -> Result<HttpResponse, Problem> {
    Err(match error {
        AddError::Unsettled(subscription) => return Ok(api.show(StatusCode::ACCEPTED, &subscription)),
        AddError::UnknownTenant(tenant) => unknown_tenant(&tenant, &api.tenants),
        AddError::NoContent(why) | AddError::NotThisWay(why) => Problem::new(StatusCode::BAD_REQUEST, why),
        AddError::NameTaken => taken(&wished.name, "there is a subscription of this name already"),
        AddError::FollowedBy(first) => taken(&first, "the same resource is followed already"),
        AddError::Refused(failure) => refused(&failure, wished),
        AddError::Store(error) => error.into(),
    })
}

fn unknown_tenant(asked: &Name, known: &[Name]) -> Problem {
    let known: Vec<&str> = known.iter().map(Name::as_str).collect();
    let detail = format!("the configuration has no tenant '{asked}'; it has: {}", known.join(", "));
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn taken(first: &Name, why: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("{why}: '{first}'")).with("subscription", first.as_str())
}

fn refused(failure: &Failure, wished: &Wish) -> Problem {
    let status = match failure.verdict {
        Verdict::NotFound => StatusCode::NOT_FOUND,
        Verdict::Throttled(_) => StatusCode::SERVICE_UNAVAILABLE,
        Verdict::Transient => StatusCode::BAD_GATEWAY,
        Verdict::Unauthorized
        | Verdict::Forbidden
        | Verdict::Conflict { .. }
        | Verdict::Gone { .. }
        | Verdict::TooLong { .. }
        | Verdict::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let problem = Problem::new(status, format!("'{}' is not followed: {}", wished.resource, failure.message))
        .with("office365", json!({ "status": failure.status, "code": failure.code }));
    match failure.retry_after() {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

/// Something asked of Office 365 for a subscription did not work; `error` is what the subscription shows, too.
pub(super) fn not_done(what: &str, name: &Name, trouble: &Trouble) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, format!("'{name}' was not {what}: {}", trouble.message))
        .with("error", json!(trouble))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use actix_web::body::to_bytes;
    use serde_json::Value;
    use std::time::Duration;

    async fn document(problem: Problem) -> Value {
        let body = to_bytes(problem.error_response().into_body()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn wished() -> Wish {
        use crate::model::{Origin, Start, Via};
        Wish {
            name: "mine".parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: "onedrive:nobody@contoso.example".parse().unwrap(),
            via: Via::Graph,
            start: Start::Now,
            lifetime: None,
            select: Vec::new(),
            include_resource_data: false,
            origin: Origin::Api,
        }
    }

    #[actix_web::test]
    async fn what_office_365_refused_is_told_with_its_code() {
        for (verdict, status) in [
            (Verdict::NotFound, 404),
            (Verdict::Unauthorized, 422),
            (Verdict::Forbidden, 422),
            (Verdict::Rejected, 422),
            (Verdict::Conflict { existing: None }, 422),
            (Verdict::Throttled(Duration::from_millis(1500)), 503),
            (Verdict::Transient, 502),
        ] {
            let failure =
                Failure { verdict, status: Some(400), code: "theirs".into(), message: "words".into() };
            let problem = refused(&failure, &wished());
            assert_eq!(problem.status_code().as_u16(), status, "{failure:?}");
            let retry = problem.error_response().headers().get("retry-after").cloned();
            assert_eq!(retry.is_some_and(|wait| wait == "2"), status == 503);
            let document = document(problem).await;
            assert_eq!(document["detail"], "'onedrive:nobody@contoso.example' is not followed: words");
            assert_eq!(document["office365"], json!({"status": 400, "code": "theirs"}));
        }
    }

    #[actix_web::test]
    async fn a_conflict_names_who_was_first() {
        let problem = taken(&"first".parse().unwrap(), "the same resource is followed already");
        insta::assert_json_snapshot!(document(problem).await, @r#"
        {
          "detail": "the same resource is followed already: 'first'",
          "status": 409,
          "subscription": "first",
          "title": "Conflict",
          "type": "about:blank"
        }
        "#);
    }

    #[actix_web::test]
    async fn a_failed_attempt_says_when_the_next_one_is() {
        let trouble = Trouble {
            code: "unreachable".into(),
            message: "no connection".into(),
            transient: true,
            next_attempt_at: Some(chrono::DateTime::UNIX_EPOCH),
        };
        insta::assert_json_snapshot!(document(not_done("renewed", &"mine".parse().unwrap(), &trouble)).await, @r#"
        {
          "detail": "'mine' was not renewed: no connection",
          "error": {
            "code": "unreachable",
            "message": "no connection",
            "next_attempt_at": "1970-01-01T00:00:00Z",
            "transient": true
          },
          "status": 502,
          "title": "Bad Gateway",
          "type": "about:blank"
        }
        "#);
    }

    #[test]
    fn an_unknown_tenant_is_told_which_there_are() {
        let problem = unknown_tenant(&"x".parse().unwrap(), &["contoso".parse().unwrap()]);
        assert_eq!(problem.to_string(), "the configuration has no tenant 'x'; it has: contoso");
    }
}
