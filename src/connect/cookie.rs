//! The cookie that binds a visit to the browser that began it. Its value has only letters that need no quotes.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use url::Url;

const NAME: &str = "connect";

/// The header that sets it for so many seconds; none of them takes it away. `Lax`, since Office 365's answer comes by a
/// link from another site.
pub(super) fn set(public_url: &Url, value: &str, seconds: i64) -> String {
    let path = public_url.path().trim_end_matches('/');
    let secure = if public_url.scheme() == "https" { "; Secure" } else { "" };
    format!("{NAME}={value}; Path={path}/connector; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// What the browser has in it.
pub(super) fn get(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
    let mut pairs =
        headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_browser_has_it_only_for_these_pages_and_no_script_reads_it() {
        let url = Url::parse("https://hooks.contoso.com/o365").unwrap();
        assert_eq!(
            set(&url, "1.a", 600),
            "connect=1.a; Path=/o365/connector; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
        );
        let url = Url::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!(set(&url, "", 0), "connect=; Path=/connector; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn it_is_found_among_others() {
        let request =
            TestRequest::default().insert_header(("cookie", "a=b; connect=1.x-_; c")).to_http_request();
        assert_eq!(get(&request), Some("1.x-_"));
        let request = TestRequest::default().insert_header(("cookie", "connected=1")).to_http_request();
        assert_eq!(get(&request), None);
    }
}
