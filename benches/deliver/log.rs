//! A log to be read: a store that follows one list, whose items change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use o365_listener::model::{
    Change, Hint, HintKind, ItemId, Kind, NewEvent, Origin, Remote, RemoteId, Start, SubscriptionId, Target,
    Via, Wish,
};
use o365_listener::store::{self, Committed, Link, NewSubscription, PageCommit, RoundEnd, Store};
use serde_json::value::RawValue;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(300);
/// Items that change in turn: enough that none has two events in what a sink has in memory.
const ITEMS: usize = 5_000;

/// A store, and the one subscription in it.
pub struct Written {
    pub store: Arc<dyn Store>,
    subscription: SubscriptionId,
    number: usize,
}

impl Written {
    /// An empty log in `folder`.
    pub async fn start(folder: &Path) -> Self {
        let now = Utc::now();
        let path = folder.join("store.db");
        let store = store::open(&format!("sqlite:{}", path.display()), now).await.unwrap();
        let id = SubscriptionId(Uuid::now_v7());
        let list = "0b6ec6ed-2b5b-4d6c-8ad2-5c1d8f0f0000".to_owned();
        let site = "contoso.sharepoint.com,c0ffee00-1111-4222-8333-444455556666,0b6ec6ed-1111-4222-8333-444455556666";
        let wish = Wish {
            name: "hr-candidates".parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: format!("list:{site}/{list}").parse().unwrap(),
            via: Via::Graph,
            start: Start::Now,
            lifetime: None,
            select: Vec::new(),
            include_resource_data: false,
            origin: Origin::Api,
        };
        let target = Some(Target::List { site: site.to_owned(), list, web: None });
        let new = NewSubscription { id, wish, target, now, lease: None };
        store.register(new).await.unwrap();
        store.begun(id, now, Some(link())).await.unwrap();
        let remote = Remote {
            id: RemoteId(id.0.to_string()),
            expires_at: now + Duration::from_secs(3 * 86_400),
            renew_at: now + Duration::from_secs(2 * 86_400),
            certificate: None,
        };
        store.confirmed(id, &remote, now).await.unwrap();
        Self { store, subscription: id, number: 0 }
    }

    /// Writes so many events, as one page of changes does.
    pub async fn write(&mut self, events: usize) {
        let now = Utc::now();
        let (remote, content) = (None, None);
        let subscription = self.subscription;
        let hint =
            Hint { subscription, remote, kind: HintKind::Change, plain: true, received_at: now, content };
        self.store.append(vec![hint]).await.unwrap();
        let claim = self.store.claim_round(&[], now, LEASE).await.unwrap().expect("a round is due");
        let events = (self.number..self.number + events).map(event).collect::<Vec<_>>();
        self.number += events.len();
        let page = PageCommit {
            claim,
            events,
            rows: Vec::new(),
            link: link(),
            seen: Vec::new(),
            odd: Vec::new(),
            progress: None,
            end: RoundEnd::default(),
            now,
            lease: LEASE,
        };
        assert!(matches!(self.store.commit_page(page).await.unwrap(), Committed::Done(_)));
    }
}

fn link() -> Link {
    Link::Delta("https://graph.microsoft.com/v1.0/sites/s/lists/l/items/delta?token=0".to_owned())
}

/// A column of a list item was changed: about 800 bytes as it is told.
fn event(number: usize) -> NewEvent {
    let (item, now) = (number % ITEMS, Utc::now());
    let time = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let data = format!(
        r#"{{"changed":["fields.Status"],"previous":{{"fields.Status":"Stage {}"}},"resource":{{"id":"{item}","createdDateTime":"2026-03-01T08:00:00Z","lastModifiedDateTime":"{time}","eTag":"\"{:032x},{number}\"","webUrl":"https://contoso.sharepoint.com/sites/hr/Lists/Candidates/{item}_.000","lastModifiedBy":{{"user":{{"displayName":"Alice Example","id":"{:032x}"}}}},"fields":{{"Title":"Candidate {number}","Status":"Stage {}","Note":"has been asked to come on day {number}"}}}}}}"#,
        number % 7,
        number.wrapping_mul(0x9e37_79b9),
        number % 97,
        (number + 1) % 7,
    );
    NewEvent {
        kind: Kind::ListItem,
        change: Change::Updated,
        subject: ItemId(item.to_string()),
        time: now,
        data: RawValue::from_string(data).unwrap(),
    }
}
