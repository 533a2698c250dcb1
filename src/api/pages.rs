//! Web pages in a browser on the same machine, which reach an admin port on loopback like anybody there. Where no API key is
//! asked for, they are kept out: a page is known by its `Origin`, and one whose name was led here by its own DNS by its `Host`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use url::{Host, Url};

use super::problem::Problem;
use crate::connect::comes_from_elsewhere;

/// Refuses what may be the work of somebody else's page.
pub(super) fn keep_out(headers: &HeaderMap) -> Result<(), Problem> {
    let host = text(headers, &HOST);
    if let Some(name) = host.filter(|host| !is_this_machine(host)) {
        let why =
            format!("answers only where it is called by an IP address or localhost, and not as '{name}'");
        return Err(refused(&why));
    }
    let is_foreign = text(headers, &ORIGIN).is_some_and(|origin| !is_own(origin, host.unwrap_or_default()));
    // Images, scripts and links of a page bring no origin.
    if is_foreign || comes_from_elsewhere(headers) {
        Err(refused("does not answer to pages of other sites"))
    } else {
        Ok(())
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn refused(how: &str) -> Problem {
    let detail = format!(
        "without API keys the admin port {how}: where others shall call it, list api_keys in [admin], and send one of them"
    );
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// An address as such cannot be made to mean another machine, which a name can.
fn is_this_machine(host: &str) -> bool {
    match Url::parse(&format!("http://{host}")).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_own(origin: &str, host: &str) -> bool {
    let (_, named) = origin.split_once("://").unwrap_or_default();
    !named.is_empty() && named.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn pages_of_others_are_kept_out_and_everybody_else_is_let_in() {
        for (host, origin, is_let_in) in [
            (None, None, true),
            (Some("127.0.0.1:8081"), None, true),
            (Some("[::1]:8081"), None, true),
            (Some("localhost:8081"), None, true),
            (Some("LOCALHOST"), None, true),
            (Some("localhost.:8081"), None, true),
            (Some("listener.localhost:8081"), None, true),
            (Some("192.0.2.7:8081"), None, true),
            (Some("evil.example:8081"), None, false),
            (Some("localhost.evil.example"), None, false),
            (Some(""), None, false),
            (Some("127.0.0.1:8081"), Some("http://127.0.0.1:8081"), true),
            (Some("localhost:8081"), Some("http://localhost:8081"), true),
            (Some("127.0.0.1:8081"), Some("http://127.0.0.1:3000"), false),
            (Some("127.0.0.1:8081"), Some("https://evil.example"), false),
            (Some("127.0.0.1:8081"), Some("null"), false),
            (Some("127.0.0.1:8081"), Some(""), false),
            (None, Some("http://"), false),
        ] {
            let named = host.map(|host| (HOST, host));
            let all = named.into_iter().chain(origin.map(|origin| (ORIGIN, origin)));
            let headers = all.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap())).collect();
            assert_eq!(keep_out(&headers).is_ok(), is_let_in, "{host:?} {origin:?}");
        }
    }

    #[test]
    fn what_a_page_shows_of_another_site_is_kept_out_too() {
        for (site, is_let_in) in
            [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false), ("", false)]
        {
            let site = HeaderValue::from_str(site).unwrap();
            let headers = [(HeaderName::from_static("sec-fetch-site"), site.clone())].into_iter().collect();
            assert_eq!(keep_out(&headers).is_ok(), is_let_in, "{site:?}");
        }
    }
}
