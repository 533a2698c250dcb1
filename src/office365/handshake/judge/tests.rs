use super::*;

const URL: &str = "https://hooks.contoso.com/notifications";

fn url() -> Url {
    URL.parse().unwrap()
}

fn answer(status: u16) -> Answer {
    Answer { status, kind: Some("text/plain".into()), location: None, packed: false, body: Vec::new() }
}

fn echo(token: Token) -> Answer {
    Answer { body: token.text().into(), ..answer(200) }
}

fn said(answer: &Answer) -> String {
    judged(&url(), answer, Token::Usual).unwrap_err().problem
}

fn attempt(token: Token, millis: u64, outcome: Result<Answer, Unreached>) -> Attempt {
    let took = Duration::from_millis(millis);
    Attempt { token, outcome, took, addresses: Vec::new(), shown: Vec::new(), version: None }
}

#[test]
fn a_status_is_told_with_what_it_means() {
    for (status, words) in [
        (202, "where the handshake wants 200"),
        (204, "the query is lost on the way"),
        (400, "loses its query"),
        (401, "a sign-in stands before it"),
        (403, "[listen] allow_from"),
        (404, "a proxy changes the path /notifications"),
        (405, "POST is not accepted"),
        (411, "does not accept the request"),
        (429, "no limit may stand"),
        (500, "its log says what"),
        (502, "does not reach the notification port"),
        (503, "does not reach the notification port"),
    ] {
        let unshaken = judged(&url(), &answer(status), Token::Usual).unwrap_err();
        assert_eq!(unshaken.status, Some(status));
        assert!(unshaken.problem.starts_with(&format!("answers {status}")), "{}", unshaken.problem);
        assert!(unshaken.problem.contains(words), "{status}: {}", unshaken.problem);
    }
    let page = Answer { body: "<html><h1>Sign in</h1>".into(), ..answer(403) };
    assert!(said(&page).contains("with a page to sign in"));
}

#[test]
fn a_redirect_says_where_it_leads_and_what_to_write_instead() {
    for (location, words) in [
        (
            Some("https://www.contoso.com/notifications?validationToken=x"),
            "set public_url to https://www.contoso.com",
        ),
        (Some("/hooks/notifications"), "set public_url to https://hooks.contoso.com/hooks"),
        (
            Some("https://hooks.contoso.com:8443/a/b/notifications"),
            "set public_url to https://hooks.contoso.com:8443/a/b",
        ),
        (Some("/notifications/"), "what leads to the notification port without one"),
        (
            Some("https://login.microsoftonline.com/common/oauth2/authorize?client_id=1"),
            "a sign-in stands before it",
        ),
        (
            Some("/.auth/login/aad?post_login_redirect_uri=x"),
            "authentication with these two as excluded paths",
        ),
        (None, "a redirect to nowhere"),
    ] {
        let said = said(&Answer { location: location.map(str::to_owned), ..answer(302) });
        assert!(said.contains(words), "{location:?}: {said}");
        assert!(!said.contains("client_id") && !said.contains("validationToken"), "{said}");
    }
}

#[test]
fn the_echo_has_to_be_the_bare_token_as_plain_text() {
    let echo = echo(Token::Usual);
    for kind in ["text/plain", "text/plain; charset=utf-8", "Text/Plain;charset=UTF-8"] {
        assert_eq!(judged(&url(), &Answer { kind: Some(kind.into()), ..echo.clone() }, Token::Usual), Ok(()));
    }
    for (kind, words) in [
        (Some("application/json"), "back as application/json where"),
        (Some("text/html; charset=utf-8"), "text/html"),
        (Some("text/plainer"), "text/plainer"),
        (None, "without a Content-Type"),
    ] {
        let said = said(&Answer { kind: kind.map(str::to_owned), ..echo.clone() });
        assert!(said.contains(words), "{said}");
    }
    assert!(said(&Answer { packed: true, ..echo }).contains("compresses its answer"));
    let body = |text: &str| said(&Answer { body: text.into(), ..answer(200) });
    assert!(body("").contains("the answer is empty"));
    assert!(body("\u{feff}").contains("something else comes instead"));
    assert!(body(&format!("\"{}\"", Token::Usual.text())).contains("in quotes"));
    assert!(body("<html><form>Password").contains("a page to sign in comes instead"));
    let twice = Answer { body: "Validation: Request-Id: 0 1/2=3%".into(), ..answer(200) };
    assert!(judged(&url(), &twice, Token::Awkward).unwrap_err().problem.contains("decoded twice"));
}

#[test]
fn how_long_it_takes_is_told_by_what_microsoft_makes_of_it() {
    let patience = Patience::default();
    let now = DateTime::UNIX_EPOCH;
    let both = |first, second| {
        let attempt = |token, millis: u64| {
            let outcome = if millis > 10_000 { Err(Unreached::NoAnswer) } else { Ok(echo(token)) };
            attempt(token, millis, outcome)
        };
        twice(&url(), &attempt(Token::Usual, first), &attempt(Token::Awkward, second), now, patience)
    };
    for (first, second, words) in [
        (12, 8, "answers the handshake, in 12 ms"),
        (3_000, 3_000, "answers the handshake, in 3 s"),
        (4_500, 20, "warning: answers the handshake, in 4.5 s, and the next time in 20 ms: it sleeps while"),
        (20, 4_500, "warning: answers the handshake, in 20 ms, but the next time in 4.5 s"),
        (4_500, 3_001, "look for what is slow"),
    ] {
        let said = both(first, second).unwrap();
        assert!(said.contains(words), "{first} {second}: {said}");
        assert_eq!(said.starts_with("warning: "), first > 3_000 || second > 3_000, "{said}");
    }
    for (first, second, words) in [
        (
            10_001,
            40,
            "did not answer within 10 s, which is as long as Microsoft waits, and then within 40 ms",
        ),
        (10_001, 10_001, "look for what is slow or stands still"),
        (20, 10_001, "did not answer within 10 s"),
    ] {
        let said = both(first, second).unwrap_err().problem;
        assert!(said.contains(words), "{first} {second}: {said}");
    }
    let slow = once(&url(), &attempt(Token::Usual, 3_500, Ok(echo(Token::Usual))), now, patience).unwrap();
    assert!(slow.starts_with("warning: answers the handshake, in 3.5 s"), "{slow}");
}

#[test]
fn what_only_the_awkward_token_meets_is_a_warning_if_refused_and_wrong_if_altered() {
    let first = attempt(Token::Usual, 1, Ok(echo(Token::Usual)));
    let judge = |outcome| {
        let second = attempt(Token::Awkward, 1, outcome);
        twice(&url(), &first, &second, DateTime::UNIX_EPOCH, Patience::default())
    };
    let warned = judge(Ok(answer(403))).unwrap();
    assert!(warned.starts_with("warning: ") && warned.contains("is refused (403)"), "{warned}");
    assert!(judge(Ok(answer(200))).is_err());
    assert!(judge(Err(Unreached::Closed)).is_err());
}

#[test]
fn why_there_is_no_answer_is_told_with_what_to_do() {
    let tls = Unreached::Tls;
    for (why, words) in [
        (Unreached::NoSuchHost("no such name".into()), "hooks.contoso.com is not found: no such name"),
        (Unreached::Refused, "nobody listens on port 443"),
        (Unreached::NoConnection, "let a firewall on the way pass it"),
        (Unreached::NoAnswer, "within 10 s"),
        (Unreached::Closed, "closed without an answer"),
        (Unreached::Other("odd".into()), "cannot be reached (odd)"),
        (tls(Error::AlertReceived(AlertDescription::ProtocolVersion)), "speaks no TLS 1.2 or later"),
        (tls(PeerIncompatible::ServerDoesNotSupportTls12Or13.into()), "speaks no TLS 1.2 or later"),
        (
            tls(Error::AlertReceived(AlertDescription::UnrecognisedName)),
            "does not know the name hooks.contoso.com",
        ),
        (tls(Error::AlertReceived(AlertDescription::CertificateRequired)), "asks for a client certificate"),
        (tls(Error::AlertReceived(AlertDescription::HandshakeFailure)), "no cipher is known to both"),
        (tls(rustls::InvalidMessage::InvalidContentType.into()), "speaks no TLS on port 443"),
        (tls(rustls::CertificateError::Revoked.into()), "would not be called: its certificate was revoked"),
        (tls(Error::General("x".into())), "TLS does not come about"),
    ] {
        let said = unreached(&url(), &why, &[], DateTime::UNIX_EPOCH, Patience::default());
        assert!(said.contains(words), "{why:?}: {said}");
    }
}
