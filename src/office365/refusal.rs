//! What a refusal of Graph or SharePoint means. Decided by status and code; the message is for people, and for the one guid that
//! Graph tells nowhere else. A gateway may answer HTML or nothing at all, so no part of the body is needed.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::{Failure, Verdict};

/// Codes that declare a delta cursor dead, whatever the status; both published spellings of the flavours, which all
/// mean the same for a reader: enumerate anew and reconcile.
const DEAD_CURSOR: [&str; 6] = [
    "syncStateNotFound",
    "resyncRequired",
    "resyncChangesApplyDifferences",
    "resyncApplyDifferences",
    "resyncChangesUploadDifferences",
    "resyncUploadDifferences",
];

/// What a drive says that cannot show its items just now: its cursor lives on, and is asked with again.
const NOT_NOW: &str = "cannotSnapshotTree";

/// As long a text as a person reads.
const LONGEST_TEXT: usize = 1000;

/// Judges a refusal. `wait` is there if it refuses for the number of requests, `restart` if it names a link to
/// begin again.
pub(super) fn judge(
    status: StatusCode,
    wait: Option<Duration>,
    restart: Option<String>,
    body: &[u8],
) -> Failure {
    let error = ErrorObject::read(body);
    let verdict = match (status.as_u16(), wait) {
        (_, Some(wait)) => Verdict::Throttled(wait),
        _ if error.says(NOT_NOW) => Verdict::Transient,
        (410, _) => Verdict::Gone { restart },
        _ if error.declares_cursor_dead() => Verdict::Gone { restart },
        (401, _) => Verdict::Unauthorized,
        (403, _) => Verdict::Forbidden,
        (404, _) => Verdict::NotFound,
        (409, _) => Verdict::Conflict { existing: guid_in(&error.message) },
        (408 | 423 | 500.., _) => Verdict::Transient,
        _ => Verdict::Rejected,
    };
    let status = status.as_u16();
    let code = error.codes.last().cloned().unwrap_or_else(|| status.to_string());
    let mut message = match error.codes.last() {
        Some(code) => format!("Office 365 answered {status} {code}"),
        None => format!("Office 365 answered {status}"),
    };
    if !error.message.is_empty() {
        message = format!("{message}: {}", error.message);
    }
    Failure { verdict, status: Some(status), code, message }
}

/// `{"error":{"code","message","innerError":{…}}}`, read as far as it is one.
#[derive(Debug, Default, PartialEq)]
struct ErrorObject {
    /// From the outermost to the innermost, which is the most specific.
    codes: Vec<String>,
    message: String,
}

impl ErrorObject {
    fn read(body: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let outermost = document.get("error").or_else(|| document.get("odata.error"));
        let mut read = Self::default();
        let mut next = outermost;
        while let Some(error) = next {
            let code = error.get("code").and_then(Value::as_str).filter(|code| !code.is_empty());
            read.codes.extend(code.map(str::to_owned));
            next = ["innerError", "innererror"].iter().find_map(|name| error.get(name));
        }
        let message = outermost.and_then(|error| error.get("message"));
        let text = message.and_then(|message| message.as_str().or_else(|| message.get("value")?.as_str()));
        read.message = text.unwrap_or_default().trim().chars().take(LONGEST_TEXT).collect();
        read
    }

    fn says(&self, wanted: &str) -> bool {
        self.codes.iter().any(|code| code.eq_ignore_ascii_case(wanted))
    }

    fn declares_cursor_dead(&self) -> bool {
        DEAD_CURSOR.iter().any(|dead| self.says(dead))
    }
}

/// The first guid in a text: a 409 names the subscription that exists only there.
fn guid_in(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words.find(|word| word.len() == 36 && Uuid::try_parse(word).is_ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, body: &str) -> Failure {
        judge(StatusCode::from_u16(status).unwrap(), None, None, body.as_bytes())
    }

    fn graph(code: &str, message: &str) -> String {
        let inner = json!({"date": "2026-11-24T10:00:00", "request-id": "1", "client-request-id": "2"});
        json!({"error": {"code": code, "message": message, "innerError": inner}}).to_string()
    }

    #[test]
    fn a_refusal_is_judged_by_status_and_code() {
        let gone = || Verdict::Gone { restart: None };
        for (status, code, verdict) in [
            (400, "InvalidRequest", Verdict::Rejected),
            (400, "syncStateNotFound", gone()),
            (404, "SyncStateNotFound", gone()),
            (410, "SyncStateNotFound", gone()),
            (410, "", gone()),
            (410, "cannotSnapshotTree", Verdict::Transient),
            (400, "cannotSnapshotTree", Verdict::Transient),
            (400, "resyncRequired", gone()),
            (409, "resyncApplyDifferences", gone()),
            (401, "InvalidAuthenticationToken", Verdict::Unauthorized),
            (403, "accessDenied", Verdict::Forbidden),
            (404, "itemNotFound", Verdict::NotFound),
            (302, "", Verdict::Rejected),
            (408, "", Verdict::Transient),
            (423, "resourceLocked", Verdict::Transient),
            (500, "ExtensionError", Verdict::Transient),
            (503, "serviceNotAvailable", Verdict::Transient),
            (504, "", Verdict::Transient),
        ] {
            assert_eq!(refused(status, &graph(code, "text")).verdict, verdict, "{status} {code}");
        }
        let wait = Duration::from_secs(9);
        let throttled = judge(StatusCode::TOO_MANY_REQUESTS, Some(wait), None, b"");
        assert_eq!((throttled.verdict, throttled.code.as_str()), (Verdict::Throttled(wait), "429"));
        let restart = Some("https://graph.microsoft.com/v1.0/x".to_owned());
        let dead = judge(StatusCode::GONE, None, restart.clone(), graph("resyncRequired", "").as_bytes());
        assert_eq!(dead.verdict, Verdict::Gone { restart });
    }

    /// Microsoft's table of what becomes of calls for subscriptions, and whether it is tried again soon.
    #[test]
    fn each_refusal_of_a_subscription_call_is_tried_again_as_its_cause_deserves() {
        let status_inside = |status: &str| format!("Operation: Create; Exception: [Status Code: {status}]");
        for (status, code, message, verdict, soon) in [
            (400, "ValidationError", "validation request failed".to_owned(), Verdict::Rejected, false),
            (400, "InvalidRequest", "resource '/x' is not supported.".to_owned(), Verdict::Rejected, false),
            (400, "ExtensionError", status_inside("BadRequest; Reason: x"), Verdict::Rejected, false),
            (
                400,
                "",
                "File Services workload is not enabled for rich notifications.".to_owned(),
                Verdict::Rejected,
                false,
            ),
            (401, "InvalidAuthenticationToken", String::new(), Verdict::Unauthorized, false),
            (
                403,
                "ExtensionError",
                status_inside("Forbidden; Reason: Access denied"),
                Verdict::Forbidden,
                false,
            ),
            (403, "", "The maximum number of subscriptions is reached".to_owned(), Verdict::Forbidden, false),
            (
                404,
                "ExtensionError",
                status_inside("NotFound; Reason: REST API is not yet supported for this mailbox."),
                Verdict::NotFound,
                false,
            ),
            (404, "ResourceNotFound", String::new(), Verdict::NotFound, false),
            (409, "ObjectIdentifierInUse", String::new(), Verdict::Conflict { existing: None }, false),
            (409, "", String::new(), Verdict::Conflict { existing: None }, false),
            (
                500,
                "ExtensionError",
                "There was an error processing a storage extension.".to_owned(),
                Verdict::Transient,
                true,
            ),
            (502, "", String::new(), Verdict::Transient, true),
            (503, "serviceNotAvailable", String::new(), Verdict::Transient, true),
            (504, "", String::new(), Verdict::Transient, true),
        ] {
            let failure = refused(status, &graph(code, &message));
            assert_eq!(failure.verdict, verdict, "{status} {code}");
            let now = chrono::DateTime::UNIX_EPOCH;
            let trouble = |attempt| failure.trouble(attempt, now, 0.5);
            let wait = |attempt| (trouble(attempt).next_attempt_at.unwrap() - now).num_seconds();
            assert_eq!(trouble(1).transient, soon, "{status} {code}");
            assert_eq!((wait(1), wait(20)), if soon { (1, 150) } else { (45, 1815) }, "{status} {code}");
            assert!(failure.message.starts_with(&format!("Office 365 answered {status}")), "{failure}");
            assert!(failure.message.contains(&message), "Microsoft's own words are kept: {failure}");
        }
    }

    #[test]
    fn the_deepest_code_is_told_whatever_the_spelling_of_the_nesting() {
        for body in [
            json!({"error": {"code": "BadRequest", "message": "m", "innerError": {"code": "NameAlreadyExists"}}}),
            json!({"error": {"code": "A", "message": "m", "innererror":
                {"code": "", "innerError": {"code": "NameAlreadyExists", "message": "not this"}}}}),
            json!({"odata.error": {"code": "NameAlreadyExists", "message": {"lang": "en-US", "value": "m"}}}),
        ] {
            let failure = refused(400, &body.to_string());
            assert_eq!(failure.code, "NameAlreadyExists", "{body}");
            assert_eq!(failure.message, "Office 365 answered 400 NameAlreadyExists: m", "{body}");
        }
    }

    #[test]
    fn no_part_of_the_body_is_needed() {
        for body in
            ["", "<html>502</html>", "null", "[]", r#"{"error":"x"}"#, r#"{"error":{"code":5,"message":[]}}"#]
        {
            let failure = refused(502, body);
            assert_eq!((&failure.verdict, failure.code.as_str()), (&Verdict::Transient, "502"), "{body}");
            assert_eq!(failure.message, "Office 365 answered 502");
        }
    }

    #[test]
    fn a_conflict_tells_the_subscription_that_exists() {
        let guid = "5a8c7a2e-0b1c-4b9b-a7a8-0b2e4c1e5a77";
        let conflict = |text: &str| refused(409, &graph("ObjectIdentifierInUse", text)).verdict;
        let existing = Some(guid.to_owned());
        for text in [
            format!("Subscription Id {guid} already exists for the requested combination"),
            format!("Subscription Id <{guid}> already exists for the requested combination"),
        ] {
            assert_eq!(conflict(&text), Verdict::Conflict { existing: existing.clone() });
        }
        let untold = "Subscription Id <> already exists for the requested combination";
        assert_eq!(conflict(untold), Verdict::Conflict { existing: None });
    }
}
