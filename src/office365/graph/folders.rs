//! The tree of a mailbox's folders: by its own delta function, and where a cloud has none, by walking it.

use serde::Deserialize;
use url::Url;

use super::super::{Failure, Verdict};
use super::resources::{MAIL, mailbox, name_permissions};
use super::{Call, Graph, PAGE};
use crate::store::Link;

/// More folders than any mailbox has: a tree that is larger is a walk without end.
const MOST_FOLDERS: usize = 50_000;

/// A page of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPage {
    /// Ids of folders that are there, search folders left out: what they show lies elsewhere.
    pub here: Vec<String>,
    /// Ids of folders that are gone.
    pub gone: Vec<String>,
    /// Where it goes on; none: these are all folders, and the next round has to ask for all of them again.
    pub link: Option<Link>,
}

#[derive(Deserialize)]
struct WireFolders {
    #[serde(default)]
    value: Vec<WireFolder>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

#[derive(Deserialize)]
struct WireFolder {
    id: Option<String>,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(rename = "@removed")]
    removed: Option<serde_json::Value>,
    #[serde(rename = "childFolderCount")]
    children: Option<u64>,
}

impl WireFolder {
    fn is_search(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().ends_with("mailsearchfolder"))
    }
}

impl Graph {
    /// The page of the tree at a link, or the first one.
    pub(crate) async fn folders(&self, user: &str, link: Option<&Link>) -> Result<FolderPage, Failure> {
        let page = match link {
            Some(Link::Next(link) | Link::Delta(link)) => self.tree_page(user, self.base.resume(link)?).await,
            None => self.tree_page(user, self.base.at(["users", user, "mailFolders", "delta"])).await,
        };
        let page = match page {
            // The China cloud does not know the function.
            Err(failure)
                if link.is_none() && matches!(failure.verdict, Verdict::NotFound | Verdict::Rejected) =>
            {
                self.walk_folders(user).await
            }
            Ok(page) if page.link.is_some() && page.link.as_ref() == link && is_next(link) => {
                let message = "The next link of the page of folders is its own: the round would never end";
                Err(Failure::local(Verdict::Transient, "repeatedLink", message))
            }
            page => page,
        };
        page.map_err(|failure| name_permissions("this mailbox", MAIL, failure))
    }

    async fn tree_page(&self, user: &str, url: Url) -> Result<FolderPage, Failure> {
        let mut page = self.folder_page(user, url).await?;
        let link = page.next.take().map(Link::Next).or(page.delta.take().map(Link::Delta));
        let Some(Link::Next(address) | Link::Delta(address)) = &link else {
            let message = "Graph's page of mail folders has neither a next link nor a delta link";
            return Err(Failure::local(Verdict::Transient, "noLink", message));
        };
        self.base.follow(address)?;
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        for folder in page.value {
            match (folder.is_search(), folder.removed.is_some(), folder.id) {
                (_, true, Some(id)) => gone.push(id),
                (false, false, Some(id)) => here.push(id),
                _ => {}
            }
        }
        Ok(FolderPage { here, gone, link })
    }

    /// All folders, level by level.
    async fn walk_folders(&self, user: &str) -> Result<FolderPage, Failure> {
        let mut here = Vec::new();
        let mut to_visit = vec![self.children_of(user, None)];
        while let Some(url) = to_visit.pop() {
            let page = self.folder_page(user, url).await?;
            if let Some(next) = page.next {
                to_visit.push(self.base.follow(&next)?);
            }
            for folder in page.value.into_iter().filter(|folder| !folder.is_search()) {
                let Some(id) = folder.id else { continue };
                if folder.children != Some(0) {
                    to_visit.push(self.children_of(user, Some(&id)));
                }
                here.push(id);
            }
            if here.len() > MOST_FOLDERS {
                let message = "The tree of mail folders that Graph shows has no end";
                return Err(Failure::local(Verdict::Transient, "tooLarge", message));
            }
        }
        Ok(FolderPage { here, gone: Vec::new(), link: None })
    }

    fn children_of(&self, user: &str, folder: Option<&str>) -> Url {
        let mut url = match folder {
            None => self.base.at(["users", user, "mailFolders"]),
            Some(folder) => self.base.at(["users", user, "mailFolders", folder, "childFolders"]),
        };
        // The delta function tells hidden folders too.
        url.query_pairs_mut().append_pair("includeHiddenFolders", "true").append_pair("$top", "100");
        url
    }

    async fn folder_page(&self, user: &str, url: Url) -> Result<WireFolders, Failure> {
        let call = Call {
            prefer: Some(r#"IdType="ImmutableId", odata.maxpagesize=200"#),
            limits: PAGE,
            ..Call::get("mail folders", url, mailbox(user))
        };
        Ok(self.read(&call).await?.0)
    }
}

const fn is_next(link: Option<&Link>) -> bool {
    matches!(link, Some(Link::Next(_)))
}
