//! What Office 365 sends the browser back with.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use url::Url;

use super::landing::{parse, value};
use super::outcome::Outcome;
use super::{Connect, address, cookie, token, unavailable};
use crate::config::Connector;
use crate::model::{Connection, Name, Picks};
use crate::store::{Connected, TokenHash};

/// The longest address that is taken, in bytes; Microsoft's have some 300.
const LONGEST_URL: usize = 2048;
/// The longest name of a group that is kept, in letters; Microsoft allows 256.
const LONGEST_GROUP: usize = 256;
/// What a sink's name has of the group's, in letters.
const GROUP_IN_NAME: usize = 40;

/// What the cookie binds after that, so that only whoever has connected is told of it. No state is that short.
pub(super) const CONNECTED: &str = "connected";
/// How long, in seconds.
const TOLD_FOR: i64 = 600;

/// Takes the answer. It is redirected away from at once, however it ends: its address has the secret in it.
pub(super) async fn take(connect: web::Data<Connect>, request: HttpRequest) -> HttpResponse {
    let query = parse(request.query_string().as_bytes());
    let outcome = connect.judge(&query, &request).await.err().unwrap_or(Outcome::Done);
    // Who is from elsewhere may have a visit of their own under way.
    let spent = outcome != Outcome::Foreign && outcome != Outcome::Unavailable;
    let spent = spent.then(|| match outcome {
        Outcome::Done => {
            let until = connect.clock.now() + TimeDelta::seconds(TOLD_FOR);
            cookie::set(&connect.public_url, &connect.bindings.of(CONNECTED, until), TOLD_FOR)
        }
        _ => cookie::set(&connect.public_url, "", 0),
    });
    connect.ended(outcome, spent.as_deref())
}

/// Where the answer leads, or why nowhere.
fn address(query: &[(String, String)], settings: &Connector) -> Result<Url, Outcome> {
    match value(query, "error") {
        None | Some("") => {}
        Some(error) if error.eq_ignore_ascii_case("AccessDenied") => return Err(Outcome::Denied),
        Some(_) => return Err(Outcome::Failed),
    }
    let text = value(query, "webhook_url").filter(|text| !text.is_empty()).ok_or(Outcome::NoAddress)?;
    let url = Url::parse(text).ok().filter(|url| url.as_str().len() <= LONGEST_URL);
    url.filter(|url| settings.allows(url)).ok_or(Outcome::WrongHost)
}

impl Connect {
    async fn judge(&self, query: &[(String, String)], request: &HttpRequest) -> Result<(), Outcome> {
        let now = self.clock.now();
        let state = value(query, "state").ok_or(Outcome::UnknownState)?;
        let hash = token::hash(state).ok_or(Outcome::UnknownState)?;
        let visit = self.store.visit(hash).await.map_err(|error| unavailable(&error))?;
        let visit = visit.ok_or(Outcome::UnknownState)?;
        if visit.ended {
            return Err(Outcome::UsedState);
        }
        if visit.ends_at <= now {
            return Err(Outcome::ExpiredState);
        }
        if !cookie::get(request).is_some_and(|bound| self.bindings.holds(bound, state, now)) {
            return Err(Outcome::Foreign);
        }
        match address(query, &self.settings) {
            Ok(url) => self.connect(hash, visit.picks, &url, group(query)).await,
            Err(outcome) => {
                self.store.end_visit(hash, now).await.map_err(|error| unavailable(&error))?;
                Err(outcome)
            }
        }
    }

    async fn connect(
        &self,
        visit: TokenHash,
        picks: Picks,
        url: &Url,
        group: Option<String>,
    ) -> Result<(), Outcome> {
        let name = name(group.as_deref()).ok_or(Outcome::Unavailable)?;
        let sealed_url = address::seal(&self.sealer, &name, url).map_err(|error| {
            tracing::error!(%error, "The address of a group cannot be sealed");
            Outcome::Unavailable
        })?;
        let made_at = self.clock.now();
        let connection = Connection { name, group, picks, sealed_url, made_at, greeted: false };
        let name = connection.name.clone();
        match self.store.connect(visit, connection, made_at).await.map_err(|error| unavailable(&error))? {
            Connected::Done => {
                tracing::info!(sink = %name, "A group was connected");
                self.joined.raise();
                Ok(())
            }
            Connected::Ended => Err(Outcome::UsedState),
            Connected::Over => Err(Outcome::UsedInvite),
        }
    }
}

/// The group's name, as far as it can be shown on one line.
fn group(query: &[(String, String)]) -> Option<String> {
    let given = value(query, "group_name")?;
    let group: String = given.chars().filter(|letter| !letter.is_control()).take(LONGEST_GROUP).collect();
    (!group.trim().is_empty()).then(|| group.trim().to_owned())
}

/// A name for its sink: what can be said of the group's in letters that names have, and something that is new.
fn name(group: Option<&str>) -> Option<Name> {
    let mut said = String::new();
    for letter in group.unwrap_or("inbox").chars().take(GROUP_IN_NAME) {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() => said.push(letter),
            _ if said.ends_with('-') || said.is_empty() => {}
            _ => said.push('-'),
        }
    }
    let said = match said.trim_end_matches('-') {
        "" => "group",
        said => said,
    };
    format!("connect-{said}-{:08x}", rand::random::<u32>()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_named_after_its_group() {
        let named = |group: Option<&str>| {
            let name = name(group).unwrap();
            name.as_str().rsplit_once('-').map(|(said, _)| said.to_owned()).unwrap()
        };
        for (group, said) in [
            (Some("Human Resources"), "connect-human-resources"),
            (Some("  R&D / Team 7!"), "connect-r-d-team-7"),
            (Some("人事部"), "connect-group"),
            (None, "connect-inbox"),
        ] {
            assert_eq!(named(group), said, "{group:?}");
        }
        assert!(name(Some(&"x".repeat(300))).is_some());
        assert_ne!(name(None), name(None));
    }

    #[test]
    fn a_group_is_shown_on_one_line_and_not_for_ever() {
        let of = |text: &str| group(&[("group_name".to_owned(), text.to_owned())]);
        assert_eq!(of(" HR\r\nTeam "), Some("HRTeam".to_owned()));
        assert_eq!(of(" "), None);
        assert_eq!(of(&"ü".repeat(1000)).unwrap().chars().count(), LONGEST_GROUP);
    }
}
