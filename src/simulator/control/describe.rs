//! What can be done under `/_control`.

use serde_json::{Value, json};

/// One call: method, address, what it takes, what it does.
const CALLS: [(&str, &str, &str, &str); 48] = [
    ("GET", "/", "", "A page for people that shows the state; with ?refresh=off it stands still."),
    ("GET", "/_control", "", "This description."),
    (
        "GET",
        "/_control/state",
        "",
        "Everything in the tenant by resource address, as a delta would tell it (a drive with its root; list items with their columns; messages with immutable ids), the subscriptions of Graph, the webhooks of SharePoint, and how many notifications wait.",
    ),
    (
        "GET",
        "/_control/requests",
        "?last=N",
        "The last requests of clients, oldest first, without credentials.",
    ),
    ("DELETE", "/_control/requests", "", "Forgets them."),
    (
        "GET",
        "/_control/sent",
        "?last=N",
        "The last POSTs with notifications, oldest first: where to, how many in it, which attempt, how it ended and after how long; and what became of all.",
    ),
    (
        "POST",
        "/_control/connect",
        r#"{"app_id", "callback_url"}"#,
        "Registers a connector: its Connect button's page takes this callback_url for this app_id (by default the seeded one).",
    ),
    (
        "GET",
        "/_control/cards",
        "?last=N",
        "The channels that cards may be posted to (incoming webhooks of connectors, flows of Teams), and the last cards: what was answered, and whether the channel shows it. /_control/cards/page draws them.",
    ),
    ("DELETE", "/_control/cards", "", "Forgets the cards."),
    (
        "POST",
        "/_control/cards/connectors",
        r#"{"name"}"#,
        "Makes an incoming webhook for a group of this name; its address.",
    ),
    ("POST", "/_control/cards/flows", r#"{"name"}"#, "Makes a flow that posts to a channel; its address."),
    (
        "POST",
        "/_control/cards/switch",
        r#"{"url", "open"}"#,
        "Removes a connector or turns a flow off (open false), or has it back.",
    ),
    (
        "GET",
        "/_control/pending",
        "",
        "How many requests are being answered, and how many notifications are due or on their way.",
    ),
    (
        "POST",
        "/_control/changes",
        r#"{"count", "seed"?, "resource"?}"#,
        "Makes random changes (create, update, rename, move, delete) by users of the tenant, and tells which.",
    ),
    (
        "POST",
        "/_control/replay",
        r#"{"resource"?}"#,
        "Makes every item appear in the next delta, unchanged, and announces it.",
    ),
    (
        "POST",
        "/_control/tokens/expire",
        r#"{"resource"?, "flavour"?}"#,
        "Makes every delta link given so far answer 410, in this flavour where it is a drive's or a list's (applyDifferences, uploadDifferences, innerCode, noLocation; the first if none is named), and every change token of SharePoint so far be refused (-2130575172).",
    ),
    (
        "POST",
        "/_control/carry",
        r#"{"resource", "id", "to", "folder"?, "how"}"#,
        "Copies a file or folder, or moves it into another library; \"how\" is \"copy\" or \"move\", \"id\" and \"folder\" are numbers in the lists.",
    ),
    (
        "POST",
        "/_control/share",
        r#"{"resource", "id"}"#,
        "Gives somebody a right to an item of a list or library, by its number there: a row of the change log (11), and nothing else.",
    ),
    (
        "POST",
        "/_control/folder-rows",
        r#"{"each"?}"#,
        "Whether SharePoint's change log gets a row for each item of a folder that is deleted, restored, copied or moved into another library. What is left out is no: only the folder has one.",
    ),
    (
        "POST",
        "/_control/change-tokens",
        r#"{"refuse_old"?}"#,
        "Whether a change token older than the log (60 days) is refused (-2130575172). What is left out is no: SharePoint answers with nothing.",
    ),
    (
        "POST",
        "/_control/notifications",
        r#"{"duplicate"?, "reorder"?, "lose"?, "delay_seconds"?}"#,
        "How notifications travel from now on: probabilities from 0 to 1 (reorder: held back two seconds), and the longest delay. What is left out is 0.",
    ),
    (
        "POST",
        "/_control/content",
        r#"{"token_version"?, "fault"?}"#,
        "How encrypted content is sent from now on: with tokens of version 1 or 2, and with what wrong (noToken, unsigned, badSignature, unknownKid, wrongAudience, foreignTenant, wrongIssuer, wrongPublisher, expiredToken, unknownCertificate, wrongKey, brokenMac, notJson). What is left out is 1 and nothing.",
    ),
    (
        "POST",
        "/_control/subscriptions/{id}/remove",
        r#"{"lifecycle"?}"#,
        "Removes a subscription or a webhook; with lifecycle true a subscription's lifecycle address is told.",
    ),
    ("POST", "/_control/subscriptions/{id}/expire", "", "Ends its life now, without a word."),
    (
        "POST",
        "/_control/lifecycle",
        r#"{"event", "subscription"?, "count"?}"#,
        "Sends missed, subscriptionRemoved or reauthorizationRequired to the lifecycle address, so many times.",
    ),
    (
        "POST",
        "/_control/lifetimes",
        r#"{"of", "minutes", "text"?}"#,
        "The longest life of subscriptions to list, drive, message or content (messages with their content) from now on, and how a longer one is refused: minutes (the usual text), timeSpan (that of the workload behind), or unnamed (no number is told).",
    ),
    ("DELETE", "/_control/lifetimes", "", "They live as long as usual again."),
    (
        "POST",
        "/_control/conflicts",
        r#"{"unnamed"?, "none"?}"#,
        "Whether a conflict leaves out the id of the subscription that exists; whether there are none, as between several apps.",
    ),
    (
        "POST",
        "/_control/renewals",
        r#"{"revalidate"?}"#,
        "Whether a renewal of Graph's shakes hands anew, as was seen. What is left out is no.",
    ),
    (
        "POST",
        "/_control/access-tokens/expire",
        "",
        "Makes every access token given so far as good as expired.",
    ),
    (
        "POST",
        "/_control/roles",
        r#"{"roles"?, "sharepoint"?}"#,
        "The permissions granted to the app, for Graph and for SharePoint itself, which know nothing of each other. Takes effect at once; tokens show it when they are next given.",
    ),
    (
        "POST",
        "/_control/certificates",
        r#"PEM, or {"certificate", "algorithms"?}"#,
        "Registers a certificate (RSA) for sign-in; algorithms may leave out PS256 or RS256. Answers by which names (x5t, x5t#S256) assertions may call it.",
    ),
    ("DELETE", "/_control/certificates", "", "Forgets them."),
    (
        "POST",
        "/_control/federated",
        r#"{"issuer", "subject", "audience"?, "jwks"}"#,
        "Registers an issuer whose tokens (of this subject, for this audience: by default api://AzureADTokenExchange) prove the app; jwks holds its RSA keys.",
    ),
    (
        "POST",
        "/_control/device",
        r#"{"user_code", "user"?, "decline"?}"#,
        "Types in a device code, as alice or whoever else: the person signs in, or declines.",
    ),
    (
        "POST",
        "/_control/refresh-tokens",
        r#"{"single_use"?, "revoke"?}"#,
        "Whether the first use of a refresh token ends it (Entra lets it live on for a while); revoke ends all that were given.",
    ),
    (
        "GET",
        "/_control/identity",
        "",
        "Where Azure's identity services answer here, and what it takes: of a virtual machine, of App Service, of Azure Arc.",
    ),
    (
        "POST",
        "/_control/claims",
        r#"{"claims"?}"#,
        "What tokens must have been asked for with from now on: Graph challenges those that were not. What is left out is nothing.",
    ),
    (
        "POST",
        "/_control/faults",
        r#"{"status" or "break" or "delay_seconds", "count"?, "method"?, "path_prefix"?, "retry_after"?, "retry_after_date"?, "code"?, "inner_code"?, "message"?, "location"?}"#,
        "Answers the next requests below the path with this error (Retry-After in seconds, or as a date; a location that begins with / is one of this service), or breaks the connection: before the request is looked at, after it has had its effect, or with the answer truncated. Inside of a batch, where a part may be struck as well, that is a 504, an answer that is left out, or one without its body. A delay, which may also stand beside one of the two, is in real time. Faults queue up.",
    ),
    ("DELETE", "/_control/faults", "", "Forgets queued faults."),
    (
        "POST",
        "/_control/chaos",
        r#"{"seed", "rate"?, "kinds"?, "count"?, "slow_seconds"?, "late_seconds"?}"#,
        "Draws faults from this seed from now on, so that a run repeats. rate says how often something is struck that can be (0.1), count after how many there is peace. kinds are all of these, if left out: throttle, unavailable, slow, broken, gone, tokens (of requests to Graph and SharePoint); late, lose, duplicate, reorder, lifecycle, removed (of notifications); revalidate (of renewals).",
    ),
    ("GET", "/_control/chaos", "", "What is set, and what was struck by what."),
    ("DELETE", "/_control/chaos", "", "Ends it."),
    (
        "POST",
        "/_control/odd",
        r#"{"kind", "count"?, "path_prefix"?, "elements"?}"#,
        "Makes the next pages of changes odd: elements (these texts stand before the items), empty (nothing, and a next link), itself and around (a next link that is the page's own, or comes back to it), latest (a delta link that says so), bare (items of a list without their columns), html.",
    ),
    ("DELETE", "/_control/odd", "", "Forgets them."),
    (
        "POST",
        "/_control/pages",
        r#"{"page_size"?, "partial_messages"?}"#,
        "Items on a page; whether a message of which only isRead or flag changed comes with that property alone.",
    ),
    (
        "POST",
        "/_control/time",
        r#"{"advance_seconds" or "set"}"#,
        "Moves the stand-in's time forward, by so much or to there. A `simulate` that was started with --time stands still otherwise; any other runs on from there.",
    ),
    (
        "*",
        "any other",
        "",
        "As Microsoft describes it: Graph under /v1.0 and /beta, SharePoint under /_api of each site's path.",
    ),
];

pub(super) fn all() -> Value {
    let calls: Vec<Value> = CALLS
        .iter()
        .map(|(method, path, takes, does)| json!({"method": method, "path": path, "takes": takes, "does": does}))
        .collect();
    json!({
        "about": "Controls of a simulated Microsoft 365 tenant. Bodies and answers are JSON; a `?` marks what may be left \
                  out; a resource is an address such as list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates, \
                  onedrive:alice@contoso.com or mail:alice@contoso.com/inbox, and none means everything.",
        "calls": calls,
    })
}
