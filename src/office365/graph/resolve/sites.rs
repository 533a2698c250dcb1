//! The web address of a list. Graph looks nothing up by a whole address: the site is found by shortening the path
//! until it names one, the list by comparing the addresses of the site's lists.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use super::super::super::address::{decoded_path, no_list, site_paths};
use super::super::super::{Failure, Verdict};
use super::super::{Area, Call, Graph, Identified, PAGE};
use super::FoundList;

#[derive(Deserialize)]
struct WireList {
    id: String,
    #[serde(rename = "webUrl", default)]
    web_url: String,
}

#[derive(Deserialize)]
struct WireLists {
    value: Vec<WireList>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Graph {
    /// Finds the list whose web address this is, or below whose web address it lies (a view, a form, a file).
    pub(super) async fn list_at(&self, address: &Url) -> Result<FoundList, Failure> {
        let path = decoded_path(address);
        let (site, pieces) = self.site_of(address, &path).await?;
        let (lists, at) = self.lists(&site).await?;
        let list = longest_prefix(&lists, &path).ok_or_else(|| {
            Failure::local(Verdict::NotFound, "itemNotFound", no_list(address, &path, pieces))
        })?;
        Ok(FoundList { site, list, at })
    }

    /// Its id, and how many pieces of the path are its own.
    async fn site_of(&self, address: &Url, path: &[String]) -> Result<(String, usize), Failure> {
        let host = address.host_str().unwrap_or_default();
        for site in site_paths(path) {
            let call = Call::get("find site", self.site_url(host, site), Area::Tenant);
            match self.read::<Identified>(&call).await {
                Ok((found, _)) => return Ok((found.id, site.len())),
                Err(failure) if failure.verdict == Verdict::NotFound => {}
                // What Graph says of a host that belongs to somebody else.
                Err(failure) if failure.verdict == Verdict::Rejected && failure.status == Some(400) => {
                    let failure = Failure { verdict: Verdict::NotFound, ..failure };
                    return Err(failure.naming(format_args!("SharePoint at {host} in this tenant")));
                }
                Err(failure) => return Err(failure),
            }
        }
        let message = format!("There is no site at {address}, nor above it");
        Err(Failure::local(Verdict::NotFound, "itemNotFound", message))
    }

    /// `/sites/HOST` or `/sites/HOST:/PATH`.
    fn site_url(&self, host: &str, path: &[String]) -> Url {
        if path.is_empty() {
            return self.base.at(["sites", host]);
        }
        let host = format!("{host}:");
        self.base.at(["sites", host.as_str()].into_iter().chain(path.iter().map(String::as_str)))
    }

    async fn lists(&self, site: &str) -> Result<(Vec<WireList>, DateTime<Utc>), Failure> {
        let mut url = self.base.at(["sites", site, "lists"]);
        url.query_pairs_mut().append_pair("$select", "id,webUrl");
        let mut lists = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let call = Call { limits: PAGE, ..Call::get("lists of the site", url.clone(), Area::Tenant) };
            let (page, at) = self.read::<WireLists>(&call).await?;
            lists.extend(page.value);
            match page.next {
                Some(next) if seen.insert(next.clone()) => url = self.base.follow(&next)?,
                _ => return Ok((lists, at)),
            }
        }
    }
}

/// The list whose address is the longest beginning of the path, piece by piece, in any letter case.
fn longest_prefix(lists: &[WireList], path: &[String]) -> Option<String> {
    let lower = |pieces: &[String]| pieces.iter().map(|piece| piece.to_lowercase()).collect::<Vec<_>>();
    let path = lower(path);
    let matching = lists.iter().filter_map(|list| {
        let own = lower(&decoded_path(&Url::parse(&list.web_url).ok()?));
        (!own.is_empty() && path.starts_with(&own)).then_some((own.len(), list))
    });
    matching.max_by_key(|(length, _)| *length).map(|(_, list)| list.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(address: &str) -> Vec<String> {
        decoded_path(&address.parse().unwrap())
    }

    #[test]
    fn the_longest_list_address_wins_whatever_its_case_and_encoding() {
        let list = |id: &str, web_url: &str| WireList { id: id.to_owned(), web_url: web_url.to_owned() };
        let lists = [
            list("documents", "https://h/sites/hr/Shared%20Documents"),
            list("site pages", "https://h/sites/hr/SitePages"),
            list("candidates", "https://h/sites/hr/Lists/Candidates"),
            list("candidates 2026", "https://h/sites/hr/Lists/Candidates%202026"),
            list("broken", ""),
        ];
        for (address, expected) in [
            ("https://h/sites/HR/lists/candidates", Some("candidates")),
            ("https://h/sites/hr/Lists/Candidates/AllItems.aspx", Some("candidates")),
            ("https://h/sites/hr/Lists/Candidates 2026", Some("candidates 2026")),
            ("https://h/sites/hr/Shared Documents/Forms/AllItems.aspx", Some("documents")),
            ("https://h/sites/hr/Shared%20Documents/a/b.docx", Some("documents")),
            ("https://h/sites/hr/Lists/Cand", None),
            ("https://h/sites/hr", None),
        ] {
            assert_eq!(longest_prefix(&lists, &path(address)).as_deref(), expected, "{address}");
        }
    }
}
