//! From an address to ids. The site is found by shortening the path until it names one, the list by asking for the
//! folder that it is; both tell the ids by which Graph knows them too.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use super::super::address::{decoded_path, no_list, site_paths};
use super::super::graph::Resolved;
use super::super::{Failure, Verdict};
use super::site::{Site, with_options};
use super::{Call, SharePoint};
use crate::model::Target;

#[derive(Deserialize)]
struct Web {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "ServerRelativeUrl")]
    path: String,
}

/// Anything that has an id; the rest of it is not needed.
#[derive(Deserialize)]
struct Identified {
    #[serde(rename = "Id")]
    id: String,
}

/// A site that was found.
struct Found {
    site: Site,
    web: Web,
    /// Its path, piece by piece.
    path: Vec<String>,
}

impl SharePoint {
    /// Finds the list whose web address this is, or below whose web address it lies (a view, a form, a file).
    pub(crate) async fn list_at(&self, address: &Url) -> Result<Resolved, Failure> {
        let path = decoded_path(address);
        let found = self.web_of(address, &path).await?;
        for folder in folders(&path, found.path.len()) {
            let folder = format!("'/{}'", folder.join("/").replace('\'', "''"));
            let url = found.site.at(["_api", "web", "GetList(@folder)"]);
            let url = with_options(url, &[("@folder", &folder), ("$select", "Id")]);
            match self.read::<Identified>(&Call::get("find list", &found.site, url)).await {
                Ok((list, at)) => return self.resolved(found, list, at).await,
                // What is no list is refused with the one or the other.
                Err(failure) if matches!(failure.verdict, Verdict::NotFound | Verdict::Rejected) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::local(Verdict::NotFound, "itemNotFound", no_list(address, &path, found.path.len())))
    }

    /// Finds a list by its guid or its title, in the site at this address.
    pub(crate) async fn list_in(&self, address: &Url, list: &str) -> Result<Resolved, Failure> {
        let path = decoded_path(address);
        let site = self.site(address, &path)?;
        let (web, _) = self.web(&site).await?;
        let looked_for = format!("list {list} in the site {address}");
        let by_title = format!("GetByTitle('{}')", list.replace('\'', "''"));
        let by_id = format!("lists('{list}')");
        let is_guid = uuid::Uuid::try_parse(list).is_ok();
        let pieces = if is_guid { vec![by_id.as_str()] } else { vec!["lists", by_title.as_str()] };
        let url = site.at(["_api", "web"].into_iter().chain(pieces));
        let call = Call::get("find list", &site, with_options(url, &[("$select", "Id")]));
        let answer = self.read::<Identified>(&call).await;
        let (list, at) = answer.map_err(|failure| failure.naming(looked_for))?;
        self.resolved(Found { site, web, path }, list, at).await
    }

    async fn resolved(
        &self,
        Found { site, web, path }: Found,
        list: Identified,
        at: DateTime<Utc>,
    ) -> Result<Resolved, Failure> {
        let url = with_options(site.at(["_api", "site"]), &[("$select", "Id")]);
        let (collection, _) = self.read::<Identified>(&Call::get("find site", &site, url)).await?;
        let id = |id: &str| id.trim_matches(['{', '}']).to_ascii_lowercase();
        let target = Target::List {
            site: format!("{},{},{}", site.host(), id(&collection.id), id(&web.id)),
            list: id(&list.id),
            web: Some(site.address(&path)),
        };
        Ok(Resolved { target, at })
    }

    async fn web_of(&self, address: &Url, path: &[String]) -> Result<Found, Failure> {
        for path in site_paths(path) {
            let site = self.site(address, path)?;
            match self.web(&site).await {
                Ok((web, _)) => {
                    // An address below a site may be answered as if it were the site's.
                    let path: Vec<String> = pieces(&web.path);
                    return Ok(Found { site: self.site(address, &path)?, web, path });
                }
                Err(failure) if failure.verdict == Verdict::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        let message = format!("There is no site at {address}, nor above it");
        Err(Failure::local(Verdict::NotFound, "itemNotFound", message))
    }

    async fn web(&self, site: &Site) -> Result<(Web, DateTime<Utc>), Failure> {
        let url = with_options(site.at(["_api", "web"]), &[("$select", "Id,ServerRelativeUrl")]);
        self.read(&Call::get("find site", site, url)).await
    }
}

/// A path as SharePoint tells it, piece by piece.
fn pieces(path: &str) -> Vec<String> {
    path.split('/').filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// The folders that may be the list, in a site whose path has `site` pieces: first where a list is usually, then what is
/// longer and what is shorter.
fn folders(path: &[String], site: usize) -> impl Iterator<Item = &[String]> {
    let in_lists = path.get(site).is_some_and(|piece| piece.eq_ignore_ascii_case("Lists"));
    let usual = site + if in_lists { 2 } else { 1 };
    let others = (site + 1..=path.len().min(site + DEEPEST)).filter(move |length| *length != usual);
    std::iter::once(usual).chain(others).filter_map(|length| path.get(..length))
}

/// As deep as a list may lie below its site, and more; each level is a request.
const DEEPEST: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_looked_for_where_they_usually_are_first() {
        for (address, site, expected) in [
            (
                "https://h/sites/hr/Lists/Candidates/AllItems.aspx",
                2,
                vec![
                    "sites/hr/Lists/Candidates",
                    "sites/hr/Lists",
                    "sites/hr/Lists/Candidates/AllItems.aspx",
                ],
            ),
            ("https://h/sites/hr/Shared%20Documents", 2, vec!["sites/hr/Shared Documents"]),
            ("https://h/Lists/Tasks", 0, vec!["Lists/Tasks", "Lists"]),
            ("https://h/sites/hr", 2, vec![]),
        ] {
            let path = decoded_path(&address.parse().unwrap());
            let tried: Vec<String> = folders(&path, site).map(|pieces| pieces.join("/")).collect();
            assert_eq!(tried, expected, "{address}");
        }
    }
}
