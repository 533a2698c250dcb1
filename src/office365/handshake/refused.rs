//! What Microsoft says when its own handshake failed, explained. The text only chooses the words.

use url::Url;

use super::super::{Failure, Verdict};
use super::Patience;

/// Says what a failed handshake means and how to mend it, if that is why a subscription was refused by whoever is as
/// patient as this.
pub(in crate::office365) fn explained(url: &Url, patience: Patience, failure: Failure) -> Failure {
    if !is_why(&failure) {
        return failure;
    }
    let (met, mend) = met(&failure.message.to_lowercase());
    failure.explained(format_args!(
        "Office 365 {met} when it tried {url}: {mend}. `o365-listener check` tries the same from here. POST \
         /notifications?validationToken=… and POST /lifecycle?validationToken=… must lead from the internet to the \
         notification port of this listener, and the answer back unchanged within {} s",
        patience.limit.as_secs()
    ))
}

/// Whether a handshake that failed is why something was refused.
pub(in crate::office365) fn is_why(failure: &Failure) -> bool {
    let text = failure.message.to_lowercase();
    let about_handshake = ["validation request", "validationtoken", "validate the notification url"];
    failure.verdict == Verdict::Rejected && about_handshake.iter().any(|words| text.contains(words))
}

/// What it met, and what to do, as far as the text tells it.
fn met(text: &str) -> (&'static str, &'static str) {
    let status = |names: &[&str]| names.iter().any(|name| text.contains(&format!("'{name}'")));
    if text.contains("timed out") || status(&["requesttimeout", "gatewaytimeout", "408", "504"]) {
        return (
            "got no answer in time",
            "let a firewall pass calls from the internet, and keep one instance running if it sleeps while nobody calls",
        );
    }
    if status(&["unauthorized", "forbidden", "proxyauthenticationrequired", "401", "403", "407"]) {
        return (
            "was not let in",
            "a sign-in, a firewall or [listen] allow_from stands before it; except the two paths from it",
        );
    }
    if status(&["notfound", "methodnotallowed", "gone", "404", "405", "410"]) {
        return (
            "found something else",
            "public_url leads to another service, or a proxy changes the path or takes no POST",
        );
    }
    if status(&[
        "found",
        "redirect",
        "moved",
        "movedpermanently",
        "ambiguous",
        "redirectmethod",
        "seeother",
        "temporaryredirect",
        "redirectkeepverb",
        "permanentredirect",
        "301",
        "302",
        "303",
        "307",
        "308",
    ]) {
        return ("met a redirect, and follows none", "set public_url to where it leads");
    }
    if status(&["badgateway", "serviceunavailable", "internalservererror", "500", "502", "503"]) {
        return (
            "met a proxy that does not reach the listener",
            "start the listener, and give the proxy the address of [listen] notifications",
        );
    }
    if text.contains("match") {
        return (
            "did not get its token back as it is",
            "another service answers there, or something on the way rewrites the query or the answer",
        );
    }
    (
        "did not get the answer it wants",
        "public_url must be found in the DNS, and answer by https with a certificate that is publicly trusted, with its \
         whole chain, by TLS 1.2 or later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_a_failed_handshake_is_explained_and_nothing_else_is() {
        let url: Url = "https://hooks.contoso.com/notifications".parse().unwrap();
        let status = |name: &str| {
            format!(
                "Subscription validation request failed. HTTP status code is '{name}'. Notification endpoint must respond \
                 with 200 OK to validation request."
            )
        };
        for (message, words) in [
            (status("Forbidden"), "was not let in"),
            (status("Unauthorized"), "was not let in"),
            (status("NotFound"), "found something else"),
            (status("MethodNotAllowed"), "found something else"),
            (status("Found"), "met a redirect"),
            (status("Redirect"), "met a redirect"),
            (status("BadGateway"), "does not reach the listener"),
            (status("GatewayTimeout"), "got no answer in time"),
            (status("Teapot"), "did not get the answer it wants"),
            ("Subscription validation request timed out.".to_owned(), "got no answer in time"),
            (
                "The response must match the validationToken parameter exactly.".to_owned(),
                "did not get its token back as it is",
            ),
            (
                "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation \
                 request."
                    .to_owned(),
                "with its whole chain",
            ),
            ("Failed to validate the notification URL 'https://h'.".to_owned(), "did not get the answer it wants"),
        ] {
            let failure = Failure::local(Verdict::Rejected, "ValidationError", message.clone());
            let said = explained(&url, Patience::default(), failure).message;
            assert!(said.contains("unchanged within 10 s"), "{said}");
            assert!(said.contains(words) && said.ends_with(&message), "{message}: {said}");
        }
        for (verdict, message) in [
            (Verdict::Rejected, "Subscription expiration can only be 10070 minutes in the future."),
            (Verdict::Forbidden, "Subscription validation request failed."),
        ] {
            let failure = Failure::local(verdict, "x", message);
            assert_eq!(explained(&url, Patience::SHAREPOINT, failure).message, message);
        }
    }
}
