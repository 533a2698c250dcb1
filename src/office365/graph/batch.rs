//! Renewals together: up to twenty in one request. Each has a fate of its own, told in any order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::connection::Answer;
use super::super::throttle::{Area, asked_wait, is_throttled};
use super::super::{Failure, Verdict, refusal};
use super::subscriptions::{RemoteSubscription, Renew, Renewal};
use super::{Accepted, Call, Graph, HANDSHAKE, read_json};
use crate::secret::Secret;

/// As many as Graph takes in one request.
const LARGEST: usize = 20;

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    id: String,
    method: &'static str,
    url: String,
    headers: ContentType,
    body: Renewal<'a>,
}

#[derive(Serialize)]
struct ContentType {
    #[serde(rename = "Content-Type")]
    content_type: &'static str,
}

/// Each answer is read by itself, so that one that cannot be read costs the others nothing.
#[derive(Deserialize)]
struct Answers {
    responses: Vec<Value>,
}

#[derive(Deserialize)]
struct PartAnswer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

/// What became of a part; none where the answer leaves it out.
type Fate = Option<Result<Accepted, Failure>>;

/// What came back: the fates in the order of the renewals, and the token that they were sent with.
struct Told {
    fates: Vec<Fate>,
    token: Secret,
}

impl Graph {
    /// Moves the ends of several. The results are in the order of `renewals`.
    pub(crate) async fn renew_all(&self, renewals: &[Renew<'_>]) -> Vec<Result<RemoteSubscription, Failure>> {
        let mut results = Vec::new();
        for some in renewals.chunks(LARGEST) {
            match some {
                [one] => results.push(self.renew(*one).await),
                _ => results.extend(self.renew_together(some).await),
            }
        }
        results
    }

    async fn renew_together(&self, renewals: &[Renew<'_>]) -> Vec<Result<RemoteSubscription, Failure>> {
        let fates = self.tell(renewals).await;
        let fates =
            fates.unwrap_or_else(|failure| renewals.iter().map(|_| Some(Err(failure.clone()))).collect());
        let mut results = Vec::new();
        for (renewal, fate) in renewals.iter().zip(fates) {
            results.push(self.renewed(renewal.id, fate.unwrap_or_else(|| Err(left_out()))).await);
        }
        results
    }

    /// One batch, and what was refused for its token a second time with another one.
    async fn tell(&self, renewals: &[Renew<'_>]) -> Result<Vec<Fate>, Failure> {
        let Told { mut fates, token } = self.send_together(renewals).await?;
        let unauthorized =
            |fate: &Fate| matches!(fate, Some(Err(failure)) if failure.verdict == Verdict::Unauthorized);
        let again: Vec<(usize, Renew<'_>)> = renewals.iter().copied().enumerate().collect();
        let again: Vec<_> = again
            .into_iter()
            .zip(&fates)
            .filter(|(_, fate)| unauthorized(fate))
            .map(|(one, _)| one)
            .collect();
        if again.is_empty() {
            return Ok(fates);
        }
        let those: Vec<Renew<'_>> = again.iter().map(|(_, renewal)| *renewal).collect();
        let second = match self.tokens.instead_of(&token, &HeaderMap::new()).await {
            Ok(_) => self.send_together(&those).await.map(|told| told.fates),
            Err(failure) => Err(failure),
        };
        let second =
            second.unwrap_or_else(|failure| those.iter().map(|_| Some(Err(failure.clone()))).collect());
        for ((at, _), fate) in again.into_iter().zip(second) {
            if let Some(place) = fates.get_mut(at) {
                *place = fate;
            }
        }
        Ok(fates)
    }

    /// Sends a batch. It is judged with its parts: one that was refused for the number of requests closes the gate,
    /// though the batch as a whole was accepted.
    async fn send_together(&self, renewals: &[Renew<'_>]) -> Result<Told, Failure> {
        let requests = renewals.iter().enumerate().map(|(at, one)| self.part(at, one)).collect();
        let call = Call {
            method: Method::POST,
            json: serde_json::to_vec(&Batch { requests }).ok(),
            limits: HANDSHAKE,
            ..Call::get("renew subscriptions", self.base.at(["$batch"]), Area::Subscriptions)
        };
        let asked = self.ask(&call).await?;
        if !asked.answer.status.is_success() {
            return Err(self.refused(&call, &asked).await);
        }
        let at = asked.answer.date().unwrap_or_else(|| self.clock.now());
        let answers: Answers = read_json(&asked.answer.body, call.operation)?;
        let parts = in_order(answers, renewals.len());
        let throttled = parts.iter().flatten().filter(|part| is_throttled(part.status, asked_wait(part, at)));
        let wait = if let Some(longest) = throttled.map(|part| asked_wait(part, at)).max() {
            Some(self.gates.refused(&call.area, longest).await)
        } else {
            self.gates.answered(&call.area, &asked.answer).await;
            None
        };
        let fates = parts.into_iter().map(|part| part.map(|part| judged(part, at, wait))).collect();
        Ok(Told { fates, token: asked.token })
    }

    fn part<'a>(&self, at: usize, renewal: &Renew<'a>) -> Part<'a> {
        Part {
            id: at.to_string(),
            method: "PATCH",
            url: self.base.relative(["subscriptions", renewal.id.0.as_str()]),
            headers: ContentType { content_type: "application/json" },
            body: renewal.body(),
        }
    }
}

/// The meaning of a part's answer. `wait` is how long the gate is closed, if any part was refused for the number of
/// requests.
fn judged(part: Answer, at: DateTime<Utc>, wait: Option<Duration>) -> Result<Accepted, Failure> {
    if part.status.is_success() {
        return Ok(Accepted { body: part.body, at });
    }
    let wait = wait.filter(|_| is_throttled(part.status, asked_wait(&part, at)));
    Err(refusal::judge(part.status, wait, None, &part.body))
}

/// The answers by the numbers that their parts were sent with; the first of each counts.
fn in_order(answers: Answers, parts: usize) -> Vec<Option<Answer>> {
    let mut ordered: Vec<Option<Answer>> = (0..parts).map(|_| None).collect();
    for answer in answers.responses {
        let Ok(part) = serde_json::from_value::<PartAnswer>(answer) else { continue };
        let place = part.id.trim().parse::<usize>().ok().and_then(|at| ordered.get_mut(at));
        if let (Some(place @ None), Some(answer)) = (place, part.into_answer()) {
            *place = Some(answer);
        }
    }
    ordered
}

impl PartAnswer {
    fn into_answer(self) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(text)) {
                headers.insert(name, value);
            }
        }
        let body = match self.body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            body => body.to_string().into_bytes(),
        };
        Some(Answer { status: StatusCode::from_u16(self.status).ok()?, headers, body })
    }
}

fn left_out() -> Failure {
    let message =
        "Graph's answer to several renewals leaves this one out; whether it was renewed is not known";
    Failure::local(Verdict::Transient, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(responses: &Value) -> Vec<Option<u16>> {
        let answers = serde_json::from_value(json!({"responses": responses})).unwrap();
        in_order(answers, 3).into_iter().map(|answer| answer.map(|answer| answer.status.as_u16())).collect()
    }

    #[test]
    fn answers_find_their_parts_in_any_order_and_what_cannot_be_read_is_left_out() {
        for (responses, expected) in [
            (
                json!([{"id": "2", "status": 404}, {"id": "0", "status": 200}, {"id": "1", "status": 429}]),
                [Some(200), Some(429), Some(404)],
            ),
            (json!([{"id": "1", "status": 204, "headers": {}}]), [None, Some(204), None]),
            (json!([{"id": "0", "status": 200}, {"id": "0", "status": 404}]), [Some(200), None, None]),
            (json!([{"id": "3", "status": 200}, {"id": "x", "status": 200}, 7, null]), [None, None, None]),
            (json!([{"id": "0", "status": "200"}, {"id": "1", "status": 5}]), [None, None, None]),
        ] {
            assert_eq!(told(&responses), expected, "{responses}");
        }
    }

    #[test]
    fn a_part_has_headers_and_a_body_of_its_own() {
        let part = json!({
            "id": "0", "status": 429, "headers": {"Retry-After": 30, "bad name": "x"}, "body": {"error": {"code": "x"}},
        });
        let answer = serde_json::from_value::<PartAnswer>(part).unwrap().into_answer().unwrap();
        assert_eq!(answer.body, br#"{"error":{"code":"x"}}"#);
        let (at, wait) = (DateTime::UNIX_EPOCH, Duration::from_secs(30));
        assert_eq!(asked_wait(&answer, at), Some(wait));
        let refused = |answer| judged(answer, at, Some(wait)).err().unwrap().verdict;
        assert_eq!(refused(answer), Verdict::Throttled(wait));
        let bare = serde_json::from_value::<PartAnswer>(json!({"id": "0", "status": 503})).unwrap();
        assert_eq!(refused(bare.into_answer().unwrap()), Verdict::Transient, "it passes by itself");
    }
}
