//! Addresses of sites and lists. Requests carry our token, so they go to the host that the token is for, or to the address
//! that the configuration names instead, and nowhere else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::super::address::decoded_path;
use super::super::base::Base;
use super::super::{Failure, Verdict};
use super::SharePoint;
use crate::model::Target;

/// A site.
#[derive(Debug, Clone)]
pub(super) struct Site {
    host: String,
    /// `https://HOST`, for which tokens are.
    origin: Base,
    /// Where requests go.
    base: Base,
    /// The same as SharePoint names it, wherever requests go.
    named: Base,
}

/// A list that is followed over SharePoint.
#[derive(Debug, Clone, Copy)]
pub(in crate::office365) struct ListAt<'a> {
    /// The address of its site.
    web: &'a str,
    /// `host,siteCollectionGuid,webGuid`, as Graph names the site.
    site: &'a str,
    /// Its guid.
    list: &'a str,
}

impl<'a> ListAt<'a> {
    /// Its guid.
    pub(super) const fn id(self) -> &'a str {
        self.list
    }

    /// How it is named towards SharePoint, wherever requests go.
    pub(super) fn resource(self) -> String {
        format!("{}/_api/web/lists('{}')", self.web.trim_end_matches('/'), self.list)
    }

    /// `host,siteCollectionGuid,webGuid`, as Graph names the site.
    pub(super) const fn site(self) -> &'a str {
        self.site
    }

    /// The list that a target is, if it is followed over SharePoint.
    pub(in crate::office365) fn of(target: &'a Target) -> Option<Self> {
        match target {
            Target::List { site, list, web: Some(web) } => Some(Self { web, site, list }),
            _ => None,
        }
    }
}

impl Site {
    /// The host that tokens are for.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The web address of a site of this host, wherever requests go.
    pub(super) fn address(&self, path: &[String]) -> String {
        self.origin.at(path.iter().map(String::as_str)).into()
    }

    /// The address of these path pieces below the site, each percent-encoded.
    pub(super) fn at<'a>(&self, pieces: impl IntoIterator<Item = &'a str>) -> Url {
        self.base.at(pieces)
    }

    /// The address of these path pieces below one of its lists.
    pub(super) fn list(&self, list: ListAt<'_>, pieces: &[&str]) -> Url {
        in_list(&self.base, list, pieces)
    }

    /// As [`at`](Self::at), as SharePoint names the place: so it is named within a request.
    pub(super) fn named<'a>(&self, pieces: impl IntoIterator<Item = &'a str>) -> Url {
        self.named.at(pieces)
    }

    /// As [`list`](Self::list), as SharePoint names the place.
    pub(super) fn named_list(&self, list: ListAt<'_>, pieces: &[&str]) -> Url {
        in_list(&self.named, list, pieces)
    }

    /// `https://HOST`.
    pub(super) fn origin(&self) -> String {
        format!("https://{}", self.host)
    }

    /// What of a link that SharePoint gave says where in the site it leads to. What stands there is opaque.
    pub(super) fn position(&self, link: &str) -> Result<String, Failure> {
        let url = self.base.follow(link).or_else(|foreign| self.origin.follow(link).map_err(|_| foreign))?;
        let place = url.path().split_once("/_api/").map(|(_, below)| match url.query() {
            Some(query) => format!("{API}{below}?{query}"),
            None => format!("{API}{below}"),
        });
        place.ok_or_else(|| {
            let message = "SharePoint gave a link that does not lead into its service";
            Failure::local(Verdict::Transient, "noLink", message)
        })
    }

    /// The address of such a place.
    pub(super) fn there(&self, position: &str) -> Url {
        let mut url = self.base.at([]);
        let (path, query) =
            position.split_once('?').map_or((position, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }
}

impl SharePoint {
    /// The site of a list.
    pub(super) fn site_of(&self, list: ListAt<'_>) -> Result<Site, Failure> {
        let web = Url::parse(list.web).ok().ok_or_else(|| no_host(list.web))?;
        let pieces: Vec<String> = decoded_path(&web);
        self.site(&web, &pieces)
    }

    /// The site at a path of the host of an address.
    pub(super) fn site(&self, address: &Url, path: &[String]) -> Result<Site, Failure> {
        let host = address.host_str().ok_or_else(|| no_host(address.as_str()))?.to_ascii_lowercase();
        let origin = Url::parse(&format!("https://{host}")).map_err(|_| no_host(address.as_str()))?;
        let root = Base::new(self.instead.clone().unwrap_or_else(|| origin.clone()));
        let base = Base::new(root.at(path.iter().map(String::as_str)));
        let origin = Base::new(origin);
        let named = Base::new(origin.at(path.iter().map(String::as_str)));
        Ok(Site { host, origin, base, named })
    }
}

/// Where the service of a site begins.
pub(super) const API: &str = "/_api/";

fn in_list(base: &Base, list: ListAt<'_>, pieces: &[&str]) -> Url {
    let list = format!("lists('{}')", list.list);
    base.at(["_api", "web", list.as_str()].into_iter().chain(pieces.iter().copied()))
}

/// An address with options. Everything is encoded that could be taken for another thing, a space as `%20`, since the `+` of
/// forms is not read as one everywhere.
pub(super) fn with_options(mut url: Url, options: &[(&str, &str)]) -> Url {
    let encoded = |text| utf8_percent_encode(text, OPTION).to_string();
    let options: Vec<String> =
        options.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    url.set_query(Some(&options.join("&")));
    url
}

/// What an option's value is encoded but for.
const OPTION: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b'*')
    .remove(b'/');

fn no_host(address: &str) -> Failure {
    let message =
        format!("{address} is no web address with a host: write the address of a list as a browser shows it");
    Failure::local(Verdict::Rejected, "invalidAddress", message)
}
