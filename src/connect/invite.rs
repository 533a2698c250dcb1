//! Links to the Connect page.

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::landing::read_offers;
use super::token;
use crate::config::Globs;
use crate::store::{Invite, Invited, Store, StoreError};

/// How long a link is good for, in days.
const DAYS: i64 = 7;

/// A link that was made. It is shown once: only the hash of its token is kept.
#[derive(Debug)]
pub struct Invitation {
    /// The link, which is a credential until it ends or is used.
    pub url: String,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// Makes a link to the page, which offers the subscriptions that the glob names.
///
/// # Errors
/// The number of open links, if there are too many.
pub async fn invite(
    store: &dyn Store,
    public_url: &Url,
    subscriptions: &str,
    now: DateTime<Utc>,
) -> Result<Result<Invitation, usize>, StoreError> {
    let token = token::new();
    let Some(hash) = token::hash(&token) else {
        return Err(StoreError::Unavailable("the random token has a wrong form".to_owned()));
    };
    let ends_at = now + TimeDelta::days(DAYS);
    let invite = Invite { hash, subscriptions: subscriptions.to_owned(), ends_at, used: false };
    Ok(match store.invite(invite, now).await? {
        Invited::Done => {
            let base = public_url.as_str().trim_end_matches('/');
            Ok(Invitation { url: format!("{base}/connector?invite={token}"), ends_at })
        }
        Invited::TooMany(most) => Err(most),
    })
}

/// How many subscriptions the page would offer now, as far as it goes.
pub async fn offered(store: &dyn Store, subscriptions: &Globs) -> Result<usize, StoreError> {
    Ok(read_offers(store, subscriptions).await?.len())
}
