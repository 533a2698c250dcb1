use url::Url;

use super::{Failure, Verdict};

/// The address below which all requests of an API go. They carry our token, so no link leads anywhere else.
#[derive(Debug, Clone)]
pub(super) struct Base {
    root: Url,
}

impl Base {
    /// An API at `root`, which must be an http or https address.
    pub(super) fn new(root: Url) -> Self {
        Self { root }
    }

    /// The address of these path pieces, each percent-encoded.
    pub(super) fn at<'a>(&self, pieces: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.root.clone();
        // Only addresses such as `mailto:` have no path, and those are not configured.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(pieces);
        }
        url
    }

    /// The same address as a subscription names it: without host and version.
    pub(super) fn relative<'a>(&self, pieces: impl IntoIterator<Item = &'a str>) -> String {
        let url = self.at(pieces);
        let prefix = self.root.path().trim_end_matches('/');
        url.path().strip_prefix(prefix).unwrap_or(url.path()).to_owned()
    }

    /// Whether a link leads to this API.
    pub(super) fn owns(&self, link: &str) -> bool {
        self.own(link).is_some()
    }

    /// Reads a link that Office 365 gave. It is opaque, and used as it is.
    pub(super) fn follow(&self, link: &str) -> Result<Url, Failure> {
        self.own(link).ok_or_else(|| {
            let own = self.root.origin().ascii_serialization();
            let message = format!(
                "Office 365 gave a link that does not lead to {own}; it is not followed, since it would carry our \
                 token there. If {own} stands behind another address, configure that one as graph_url or sharepoint_url"
            );
            Failure::local(Verdict::Rejected, "foreignLink", message)
        })
    }

    /// Reads a link that was stored. It led here once: what has changed is the address that the configuration names, and behind
    /// another one is the same API. Whether the place is still there, that one says.
    pub(super) fn resume(&self, link: &str) -> Result<Url, Failure> {
        let moved = |link: Url| {
            let mut url = self.root.clone();
            url.set_path(link.path());
            url.set_query(link.query());
            url
        };
        let is_address = |link: &Url| ["http", "https"].contains(&link.scheme());
        let elsewhere = || Url::parse(link).ok().filter(is_address).map(moved);
        self.follow(link).or_else(|failure| elsewhere().ok_or(failure))
    }

    fn own(&self, link: &str) -> Option<Url> {
        Url::parse(link).ok().filter(|url| {
            url.origin() == self.root.origin() && url.username().is_empty() && url.password().is_none()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(root: &str) -> Base {
        Base::new(root.parse().unwrap())
    }

    #[test]
    fn links_are_followed_only_to_the_own_origin_and_unchanged() {
        let graph = base("https://graph.microsoft.com/v1.0");
        for own in [
            "https://graph.microsoft.com/v1.0/drives/b!x/root/delta(token='a%20b')",
            "https://graph.microsoft.com:443/v1.0/x?$skiptoken=%2b%2F",
            "HTTPS://GRAPH.microsoft.com/beta/x",
        ] {
            assert!(graph.owns(own), "{own}");
        }
        let link = "https://graph.microsoft.com/v1.0/x?$select=a%2cb&token=%2b/+";
        assert_eq!(graph.follow(link).unwrap().as_str(), link);
        for foreign in [
            "",
            "/v1.0/x",
            "http://graph.microsoft.com/v1.0/x",
            "https://graph.microsoft.com:8443/v1.0/x",
            "https://graph.microsoft.com.evil.example/v1.0/x",
            "https://graph.microsoft.com@evil.example/v1.0/x",
            "https://us:er@graph.microsoft.com/v1.0/x",
            "https://evil.example\\@graph.microsoft.com/",
            "file:///etc/passwd",
        ] {
            assert_eq!(graph.follow(foreign).unwrap_err().code, "foreignLink", "{foreign}");
        }
    }

    #[test]
    fn a_place_is_gone_on_from_at_the_own_address_whatever_it_was_before() {
        let graph = base("http://127.0.0.1:9400/v1.0");
        for (stored, there) in [
            ("http://127.0.0.1:9400/v1.0/x?token=%2b/+", "http://127.0.0.1:9400/v1.0/x?token=%2b/+"),
            (
                "https://us:er@graph.microsoft.com/v1.0/delta(token='a%20b')?$top=5&x=%2cb",
                "http://127.0.0.1:9400/v1.0/delta(token='a%20b')?$top=5&x=%2cb",
            ),
        ] {
            assert_eq!(graph.resume(stored).unwrap().as_str(), there);
        }
        for no_address in ["/v1.0/x", "sharepoint:changes:1;3;x", "file:///v1.0/x"] {
            assert_eq!(graph.resume(no_address).unwrap_err().code, "foreignLink", "{no_address}");
        }
    }

    #[test]
    fn path_pieces_are_encoded_one_by_one() {
        let graph = base("http://127.0.0.1:9400/v1.0");
        let site = graph.at(["sites", "contoso.sharepoint.com:", "sites", "Grüße & 50%/x?#"]);
        assert_eq!(
            site.as_str(),
            "http://127.0.0.1:9400/v1.0/sites/contoso.sharepoint.com:/sites/Gr%C3%BC%C3%9Fe%20&%2050%25%2Fx%3F%23"
        );
        assert_eq!(graph.relative(["drives", "b!a", "root"]), "/drives/b!a/root");
        assert_eq!(base("http://stand-in/graph/v1.0").relative(["users", "a#b"]), "/users/a%23b");
    }
}
