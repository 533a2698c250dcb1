//! Every call of the admin port, in one list: what serves it, and what it promises.
//!
//! The API's description is made from this list, too, so a call cannot be served without being described.

use actix_web::http::Method;
use actix_web::web::to;

use super::consumers::{self, COMMIT};
use super::describe::{Call, open};
use super::pull::Page;
use super::reader::After;
use super::view::View;
use super::{connector, health, listing, plan, pull, quarantine, sinks, status, stream, subscriptions};

/// What a call that Office 365 takes long to answer says.
const GOES_ON: &str = "It takes longer than a minute and goes on; the subscription shows how it ends.";
const AS_IT_IS: &str = "The subscription, as it is now.";
const EXPIRED: &str = "What comes next is no longer kept; `oldest` is where the log begins.";
const UNUSABLE: &str = "Nothing can be sent to it: `unusable_reason` of the sink says why.";
const NOT_DONE: &str = "Office 365 did not take it; `error` says why.";

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    [events(), consumers(), subscriptions(), work(), sinks(), connecting(), operation()]
        .into_iter()
        .flatten()
        .collect()
}

fn get(path: &'static str, route: actix_web::Route, words: (&'static str, &'static str)) -> Call {
    Call::new(Method::GET, path, route, words)
}

fn post(path: &'static str, route: actix_web::Route, words: (&'static str, &'static str)) -> Call {
    Call::new(Method::POST, path, route, words)
}

fn delete(path: &'static str, route: actix_web::Route, words: (&'static str, &'static str)) -> Call {
    Call::new(Method::DELETE, path, route, words)
}

fn events() -> Vec<Call> {
    vec![
        get("/v1/events", to(pull::events), ("Events", "A page of the log, the oldest event first"))
            .tells(
                "Without `after`, it begins with the oldest event that is kept. Go on with `next` as `after`: no \
                 event is skipped.",
            )
            .query::<pull::Query>()
            .gives::<Page>(200, "Events, and where to go on.")
            .problem(410, EXPIRED),
        get("/v1/events/stream", to(stream::events), ("Events", "The log as Server-Sent Events, without an end"))
            .tells(
                "`data:` is an event, `id:` its cursor. Silence is broken by a comment, or by an `id:` alone, every \
                 15 seconds. What is pending is sent together.",
            )
            .query::<stream::Query>()
            .header::<After>("Last-Event-ID", "The last `id:` that was heard; it wins over `after`.")
            .gives_as::<String>(200, "The stream.", "text/event-stream")
            .problem(410, EXPIRED)
            .problem(503, "Too many streams are open, or the store is not available just now."),
    ]
}

fn consumers() -> Vec<Call> {
    let tag = "Consumers";
    vec![
        get("/v1/consumers", to(consumers::list), (tag, "Readers whose place is kept here"))
            .gives::<consumers::Listed<'_>>(200, "All of them."),
        delete("/v1/consumers/{name}", to(consumers::forget), (tag, "Forget a consumer's place"))
            .gives_nothing("It is forgotten."),
        get("/v1/consumers/{name}/events", to(consumers::events), (tag, "What a consumer has not committed"))
            .tells(
                "Reading moves nothing: what was read and not committed is read again. A consumer that has not \
                 committed yet begins with the oldest event that is kept.",
            )
            .query::<consumers::Query>()
            .gives::<Page>(200, "Events, and what to commit.")
            .problem(410, EXPIRED),
        post(COMMIT, to(consumers::commit), (tag, "Say how far a consumer has come"))
            .tells("The first commit makes the consumer. It never goes back: to read events again, remove the consumer first.")
            .takes_any_key()
            .body::<consumers::Committed>()
            .gives::<consumers::View<'_>>(200, "The consumer.")
            .problem(409, "There are too many consumers."),
    ]
}

fn subscriptions() -> Vec<Call> {
    let tag = "Subscriptions";
    vec![
        get("/v1/subscriptions", to(listing::list), (tag, "What is followed, by name"))
            .tells("With `after` or `limit`, a page of it; `next` is missing where all was asked for.")
            .query::<listing::Query>()
            .gives::<listing::Page<'_>>(200, "The subscriptions."),
        post("/v1/subscriptions", to(subscriptions::add), (tag, "Follow a resource"))
            .tells("Answered once Office 365 has accepted it; where it is refused, nothing is left behind.")
            .body::<subscriptions::NewSubscription>()
            .gives::<View<'_>>(201, "It is followed.")
            .gives::<View<'_>>(202, GOES_ON)
            .problem(404, "Office 365 knows no such resource, or it was removed meanwhile.")
            .problem(
                409,
                "The name is taken, or the resource is followed already: `subscription` says by which.",
            )
            .problem(422, "Office 365 refuses; `office365` is what it said.")
            .problem(502, "Office 365 cannot be reached, or answered what cannot be understood.")
            .problem(503, "Office 365 said to wait, or the store is not available just now."),
        get("/v1/subscriptions/{name}", to(subscriptions::show), (tag, "Show a subscription"))
            .gives::<View<'_>>(200, AS_IT_IS),
        delete("/v1/subscriptions/{name}", to(subscriptions::remove), (tag, "No longer follow a resource"))
            .tells("It is removed here and at Office 365. Its events stay until retention.")
            .gives_nothing("It is removed.")
            .gives::<View<'_>>(202, GOES_ON),
    ]
}

/// What is done with a subscription.
fn work() -> Vec<Call> {
    let tag = "Subscriptions";
    let waits = |call: Call| {
        call.gives::<View<'_>>(200, AS_IT_IS).gives::<View<'_>>(202, GOES_ON).problem(502, NOT_DONE)
    };
    vec![
        waits(post(
            "/v1/subscriptions/{name}/renew",
            to(subscriptions::renew),
            (tag, "Renew it at Office 365"),
        ))
        .problem(409, "It is being created, renewed or removed just now."),
        waits(post(
            "/v1/subscriptions/{name}/fetch",
            to(subscriptions::fetch),
            (tag, "Fetch what has changed"),
        ))
        .problem(409, "It is paused."),
        waits(post(
            "/v1/subscriptions/{name}/resync",
            to(subscriptions::resync),
            (tag, "Read everything anew"),
        ))
        .tells("What differs from what is known becomes events.")
        .problem(409, "It is paused."),
        post(
            "/v1/subscriptions/{name}/pause",
            to(subscriptions::pause),
            (tag, "Fetch nothing until resumed"),
        )
        .gives::<View<'_>>(200, AS_IT_IS),
        post("/v1/subscriptions/{name}/resume", to(subscriptions::resume), (tag, "Fetch again"))
            .gives::<View<'_>>(200, AS_IT_IS),
        get("/v1/plan", to(plan::plan), (tag, "What applying the configuration would change"))
            .gives::<plan::Planned>(200, "The plan.")
            .problem(422, "The configuration cannot be read.")
            .problem(503, "Too many plans are being made, or the store is not available just now.")
            .problem(504, "Office 365 takes too long to tell what it holds."),
        post(
            "/v1/apply",
            to(plan::apply),
            (tag, "Make Office 365 and the store agree with the configuration"),
        )
        .gives::<plan::Done>(200, "What was done.")
        .gives::<plan::Going>(202, "It takes longer than a minute and goes on; the plan tells what is left.")
        .problem(409, "Somebody else is applying it just now.")
        .problem(422, "The configuration cannot be read."),
    ]
}

fn sinks() -> Vec<Call> {
    let (tag, the_sink) = ("Sinks", "The sink, as it is now.");
    vec![
        get("/v1/sinks", to(sinks::list), (tag, "Where events are pushed to"))
            .gives::<sinks::Listed<'_>>(200, "All of them."),
        get("/v1/sinks/{name}", to(sinks::show), (tag, "Show a sink"))
            .gives::<sinks::View<'_>>(200, the_sink),
        get("/v1/sinks/{name}/deliveries", to(sinks::deliveries), (tag, "What did not go at once"))
            .query::<sinks::Query>()
            .gives::<sinks::Deliveries<'_>>(200, "Deliveries with their attempts, the latest event first."),
        get("/v1/sinks/{name}/dead-letters", to(sinks::dead_letters), (tag, "What was given up"))
            .query::<sinks::Query>()
            .gives::<sinks::DeadLetters<'_>>(200, "Deliveries with their events, the latest event first."),
        post("/v1/sinks/{name}/test", to(sinks::test), (tag, "Send an event that says it is a test"))
            .tells("With `since`, nothing is sent: the answer is what of the log would have been sent since then.")
            .optional_body::<sinks::Test>()
            .gives::<sinks::TestAnswer<'_>>(200, "What came of it.")
            .problem(409, UNUSABLE)
            .problem(410, EXPIRED),
        post("/v1/sinks/{name}/preview", to(sinks::preview), (tag, "Show what would be sent"))
            .optional_body::<sinks::Preview>()
            .gives::<sinks::Previewed>(200, "The event, and what it becomes.")
            .problem(404, "There is no such sink, or it does not want that event, or the log does not have it.")
            .problem(409, UNUSABLE)
            .problem(410, EXPIRED),
        post("/v1/sinks/{name}/replay", to(sinks::replay), (tag, "Send a part of the log again"))
            .tells(
                "`after` alone sets the sink's position. Otherwise only the part that is meant is sent, beside what \
                 is new. The events keep their ids.",
            )
            .body::<sinks::Replay>()
            .gives::<sinks::ReplayAnswer<'_>>(200, "The sink as it is now, or how many events are sent again.")
            .problem(409, UNUSABLE)
            .problem(410, EXPIRED),
        post("/v1/sinks/{name}/retry", to(sinks::retry), (tag, "Send dead letters"))
            .optional_body::<sinks::Retry>()
            .gives::<sinks::Retried>(200, "How many are sent."),
        post("/v1/sinks/{name}/enable", to(sinks::enable), (tag, "Switch a sink on again"))
            .gives::<sinks::View<'_>>(200, the_sink),
    ]
}

/// The Connect button.
fn connecting() -> Vec<Call> {
    let tag = "Sinks";
    vec![
        post("/v1/connector/invites", to(connector::invite), (tag, "Make a link to the Connect page"))
            .tells("The link connects one group within seven days. It is told once.")
            .optional_body::<connector::Invite>()
            .gives::<connector::Invited>(201, "The link.")
            .problem(409, "The configuration has no Connect button, or too many links are open."),
        delete("/v1/sinks/{name}", to(sinks::remove), (tag, "Disconnect a group"))
            .tells("Only a sink that was made through the Connect button; the address of its group is forgotten.")
            .gives_nothing("It is removed.")
            .problem(409, "It is the configuration's, or it is removed already."),
    ]
}

fn operation() -> Vec<Call> {
    let tag = "Operation";
    let mut calls = vec![
        get("/v1/status", to(status::status), (tag, "How everything stands, in one document"))
            .gives::<status::Status<'_>>(200, "The status."),
        get("/v1/quarantine", to(quarantine::list), (tag, "What could not be used, and why"))
            .query::<quarantine::Query>()
            .gives::<quarantine::Listed<'_>>(200, "The latest first. What they hold is not shown."),
        get("/metrics", to(health::metrics), (tag, "Metrics for Prometheus")).gives_as::<String>(
            200,
            "Prometheus text.",
            "text/plain",
        ),
        get("/openapi.json", to(health::description), (tag, "This document"))
            .gives::<serde_json::Value>(200, "OpenAPI 3.1."),
    ];
    for method in [Method::GET, Method::HEAD] {
        let live = open(method.clone(), "/livez", to(health::live), "The process answers");
        calls.push(live.gives::<health::Health>(200, "It does."));
        let ready = open(method, "/readyz", to(health::ready), "Notifications can be taken");
        calls.push(
            ready.gives::<health::Health>(200, "They can.").problem(503, "They cannot; `detail` says why."),
        );
    }
    calls
}
