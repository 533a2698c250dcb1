//! Plays the script.

use std::collections::HashMap;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

use super::graph::{Body, Graph};
use super::script::{FOLDERS, SCRIPT, SEEN, Sent, Step};
use crate::cli::event::Folders;
use crate::model::{ListAddress, Resource};
use crate::simulator::Tenant;

const PEOPLE: [&str; 5] =
    ["Ada Byron", "Emmy Noether", "Grace Hopper", "Mary Somerville", "Sofia Kowalewska"];
const FILES: [&str; 4] = ["plan", "budget", "minutes", "roadmap"];
const TOPICS: [&str; 3] = ["Figures for Q4", "Lunch on Friday", "New printer"];

/// Makes one change after the other.
pub(super) struct Changes {
    graph: Graph,
    /// What stands for the names in braces.
    names: HashMap<&'static str, String>,
    /// Steps made so far.
    made: usize,
    seed: usize,
}

/// A change that was made.
pub(super) struct Change {
    /// What people read.
    pub says: String,
    /// The id of the item that changed.
    pub item: String,
}

impl Changes {
    /// Signs in and looks at what is there.
    pub async fn begin(tenant: &Tenant, seed: u64) -> anyhow::Result<Self> {
        let mut changes = Self {
            graph: Graph::sign_in(tenant).await?,
            names: addresses(tenant)?,
            made: 0,
            seed: usize::try_from(seed).unwrap_or_default(),
        };
        for (name, path) in SEEN {
            let item = changes.graph.call(Method::GET, &filled(path, &changes.names), Body::None).await?;
            changes.names.insert(name, id_in(&item)?);
        }
        Ok(changes)
    }

    /// Makes the next change.
    pub async fn next(&mut self) -> anyhow::Result<Change> {
        let (round, number) = (self.made / SCRIPT.len(), self.made % SCRIPT.len());
        let Some(step) = SCRIPT.get(number) else { anyhow::bail!("the script is empty") };
        if number == 0 {
            self.rename(round.wrapping_add(self.seed));
        }
        let answer =
            self.graph.call(step.method.clone(), &filled(step.path, &self.names), self.body(step)?).await?;
        if step.makes {
            self.names.insert(step.item, id_in(&answer)?);
        }
        self.made += 1;
        let item = self.names.get(step.item).cloned().unwrap_or_default();
        Ok(Change { says: filled(step.says, &self.names), item })
    }

    /// What people call the folders, by id.
    pub fn folders(&self) -> Folders {
        let named = FOLDERS
            .iter()
            .filter_map(|(item, name)| Some((self.names.get(item)?.clone(), (*name).to_owned())));
        named.collect()
    }

    /// Other names for this round.
    fn rename(&mut self, round: usize) {
        let choices: [(&str, &[&str]); 3] = [("person", &PEOPLE), ("file", &FILES), ("topic", &TOPICS)];
        for (name, choices) in choices {
            let chosen = choices.iter().cycle().nth(round % choices.len());
            self.names.insert(name, chosen.copied().unwrap_or_default().to_owned());
        }
    }

    fn body(&self, step: &Step) -> anyhow::Result<Body> {
        Ok(match step.sent {
            Sent::Nothing => Body::None,
            Sent::Json(text) => Body::Json(serde_json::from_str(&filled(text, &self.names))?),
            Sent::File(text) => Body::File(filled(text, &self.names)),
        })
    }
}

/// Where the followed list, drive and mailbox are in Graph.
fn addresses(tenant: &Tenant) -> anyhow::Result<HashMap<&'static str, String>> {
    let Resource::List(ListAddress::Web(url)) = tenant.resources.list.parse()? else {
        anyhow::bail!("the simulated tenant's list has no web address");
    };
    let (site, list) =
        url.path().split_once("/Lists/").context("the simulated tenant's list has an odd address")?;
    let user = format!("users/{}", tenant.user);
    Ok(HashMap::from([
        ("list", format!("sites/{}:{site}:/lists/{list}", tenant.host)),
        ("drive", format!("{user}/drive")),
        ("mail", user),
    ]))
}

/// The text with what stands for each name in braces.
fn filled(text: &str, names: &HashMap<&'static str, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn id_in(answer: &Value) -> anyhow::Result<String> {
    let id = answer.get("id").and_then(Value::as_str);
    Ok(id.context("the simulated tenant answered without an id")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that the script uses is known when it is used.
    #[test]
    fn the_script_uses_only_what_is_known() {
        let mut names: HashMap<&'static str, String> =
            ["list", "drive", "mail", "person", "file", "topic"].map(|name| (name, "x".to_owned())).into();
        names.extend(SEEN.map(|(name, _)| (name, "x".to_owned())));
        for step in SCRIPT {
            if step.makes {
                names.insert(step.item, "x".to_owned());
            }
            let body = match step.sent {
                Sent::Json(text) => serde_json::from_str::<Value>(&filled(text, &names)).unwrap().to_string(),
                Sent::File(text) => text.to_owned(),
                Sent::Nothing => String::new(),
            };
            for text in [filled(step.says, &names), filled(step.path, &names), step.item.to_owned()] {
                assert!(!text.contains(['{', '}']), "{text}");
            }
            for name in names.keys() {
                assert!(!body.contains(&format!("{{{name}}}")), "{body}");
            }
            assert!(names.contains_key(step.item), "{}", step.item);
        }
    }

    #[test]
    fn what_is_made_is_deleted_again() {
        for made in SCRIPT.iter().filter(|step| step.makes) {
            let deleted = SCRIPT.iter().any(|step| step.item == made.item && step.method == Method::DELETE);
            assert!(deleted, "{}", made.item);
        }
    }
}
