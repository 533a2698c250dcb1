//! However a batch is split into requests, the same is due and the same is kept.
//!
//! Plain hints are not counted: where one waits already, another adds nothing, and the store is free not to write it.
//! What has to be the same: which subscriptions are due for a round, each lifecycle event that is kept, and what
//! those have done to the remote subscriptions.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::StatusCode;
use futures_util::future::join_all;
use o365_listener::model::{Name, Origin, Remote, RemoteId, Start, Subscription, SubscriptionId, Via, Wish};
use o365_listener::seal::ClientStates;
use o365_listener::store::{Claim, Committed, Lane, Link, NewSubscription, PageCommit, RoundEnd};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::Bench;

const FOLLOWED: u128 = 3;
const LEASE: Duration = Duration::from_secs(60);

/// An element of a batch, before it is known which key signs it.
#[derive(Debug, Clone)]
enum Element {
    /// Of the subscription with this number; from [`FOLLOWED`] on nobody follows that.
    Genuine {
        subscription: u128,
        held: bool,
        event: Option<String>,
    },
    Forged {
        event: Option<String>,
    },
    Malformed(Value),
}

fn element() -> impl Strategy<Value = Element> {
    let event = || {
        let known = ["missed", "subscriptionRemoved", "reauthorizationRequired", "somethingNew"];
        prop_oneof![2 => Just(None), 1 => prop::sample::select(known.to_vec()).prop_map(|event| Some(event.to_owned()))]
    };
    let malformed = prop::sample::select(vec![
        json!(7),
        json!(null),
        json!([]),
        json!({"value": []}),
        json!({"subscriptionId": 7}),
        json!({"subscriptionId": "a", "clientState": {}}),
    ]);
    prop_oneof![
        6 => (0..=FOLLOWED, any::<bool>(), event())
            .prop_map(|(subscription, held, event)| Element::Genuine { subscription, held, event }),
        2 => event().prop_map(|event| Element::Forged { event }),
        2 => malformed.prop_map(Element::Malformed),
    ]
}

/// What a batch has led to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    subscriptions: Vec<Subscription>,
    /// Subscription and kind of each kept hint that is not plain, sorted.
    events: Vec<(String, String)>,
    due: BTreeSet<String>,
    renewals: Vec<String>,
    /// Elements that nobody follows or that are not ours.
    dropped: [u64; 4],
}

struct Stage {
    bench: Bench,
    states: ClientStates,
}

impl Stage {
    /// Some subscriptions whose first round is over: only a hint makes a round due.
    async fn new() -> Self {
        let bench = Bench::new().await;
        let states = ClientStates::new(&bench.store.client_state_key().await.unwrap());
        for number in 0..FOLLOWED {
            follow(&bench, number).await;
        }
        let stage = Self { bench, states };
        assert_eq!(stage.due().await.len(), usize::try_from(FOLLOWED).unwrap());
        // Renewed long ago, so that Office 365 may ask for it.
        stage.bench.clock.advance(Duration::from_secs(3600));
        stage
    }

    fn written(&self, element: &Element) -> Value {
        let of = |state: String, remote: String, event: &Option<String>| json!({"subscriptionId": remote, "clientState": state, "lifecycleEvent": event, "changeType": "updated"});
        match element {
            Element::Genuine { subscription, held, event } => {
                let remote = if *held { remote(*subscription) } else { RemoteId("former".to_owned()) };
                of(self.states.of(id(*subscription)), remote.0, event)
            }
            Element::Forged { event } => of(ClientStates::new(&[7; 32]).of(id(0)), remote(0).0, event),
            Element::Malformed(value) => value.clone(),
        }
    }

    async fn post(&self, elements: &[Element]) {
        let value: Vec<Value> = elements.iter().map(|element| self.written(element)).collect();
        let answer = self.bench.post(json!({"value": value})).await;
        let readable = elements.iter().any(|element| !matches!(element, Element::Malformed(_)));
        let expected = if readable { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
        assert_eq!(answer.status, expected, "{elements:?}");
    }

    async fn outcome(self) -> Outcome {
        let store = &self.bench.store;
        let subscriptions = store.subscriptions().await.unwrap();
        let now = self.bench.clock.now();
        let mut renewals = store.claim_due(Lane::Renewals, &[], now, LEASE, 9).await.unwrap();
        renewals.extend(store.claim_due(Lane::Others, &[], now, LEASE, 9).await.unwrap());
        let events = self.events();
        let due = self.due().await;
        let dropped =
            [("change", "forged"), ("lifecycle", "forged"), ("change", "unknown"), ("lifecycle", "unknown")];
        let dropped = dropped.map(|(kind, result)| self.bench.counted(kind, result));
        let renewals = renewals.into_iter().map(|one| one.wish.name.to_string()).collect();
        Outcome { subscriptions, events, due, renewals, dropped }
    }

    /// What is due, by name; it is worked off.
    async fn due(&self) -> BTreeSet<String> {
        let store = &self.bench.store;
        let mut claims: Vec<Claim> = Vec::new();
        while let Some(claim) = store.claim_round(&[], self.bench.clock.now(), LEASE).await.unwrap() {
            claims.push(claim);
        }
        let names = claims.iter().map(|claim| claim.subscription.wish.name.to_string()).collect();
        for claim in claims {
            assert!(matches!(store.commit_page(last_page(claim)).await.unwrap(), Committed::Done(_)));
        }
        names
    }

    fn events(&self) -> Vec<(String, String)> {
        let db = rusqlite::Connection::open(self.bench.folder.path().join("store.db")).unwrap();
        let sql = "SELECT s.name, kind FROM hint JOIN subscription AS s ON s.key = hint.subscription
                   WHERE kind <> 'change' ORDER BY 1, 2";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

fn id(number: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(1000 + number))
}

fn remote(number: u128) -> RemoteId {
    RemoteId(format!("remote-{number}"))
}

async fn follow(bench: &Bench, number: u128) {
    let (id, now) = (id(number), bench.clock.now());
    let wish = Wish {
        name: Name::try_from(format!("files-{number}")).unwrap(),
        tenant: "fabrikam".parse().unwrap(),
        resource: format!("drive:{number}").parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: Vec::new(),
        include_resource_data: false,
        origin: Origin::Api,
    };
    bench.store.register(NewSubscription { id, wish, target: None, now, lease: None }).await.unwrap();
    let link = Link::Delta("https://graph.microsoft.com/delta?token=start".to_owned());
    bench.store.begun(id, now, Some(link)).await.unwrap();
    let later = now + Duration::from_secs(86_400);
    let held = Remote { id: remote(number), expires_at: later, renew_at: later, certificate: None };
    bench.store.confirmed(id, &held, now).await.unwrap();
}

/// An empty page that ends the round.
fn last_page(claim: Claim) -> PageCommit {
    PageCommit {
        now: claim.subscription.started_at.unwrap(),
        claim,
        events: Vec::new(),
        rows: Vec::new(),
        link: Link::Delta("https://graph.microsoft.com/delta?token=next".to_owned()),
        seen: Vec::new(),
        odd: Vec::new(),
        progress: None,
        end: RoundEnd::default(),
        lease: LEASE,
    }
}

/// Ends where `cuts` say; empty requests are left out.
fn requests<'a>(elements: &'a [Element], cuts: &[bool]) -> Vec<&'a [Element]> {
    let mut requests = Vec::new();
    let mut begin = 0;
    for (at, _) in cuts.iter().enumerate().filter(|(at, cut)| **cut && *at < elements.len()) {
        requests.push(&elements[begin..at]);
        begin = at;
    }
    requests.push(&elements[begin..]);
    requests.retain(|request| !request.is_empty());
    requests
}

async fn the_same_however_it_is_split(elements: &[Element], cuts: &[bool], at_once: bool) {
    let (whole, split) = (Stage::new().await, Stage::new().await);
    whole.post(elements).await;
    let posts = requests(elements, cuts).into_iter().map(|request| split.post(request));
    if at_once {
        join_all(posts).await;
    } else {
        for post in posts {
            post.await;
        }
    }
    let (whole, split) = (whole.outcome().await, split.outcome().await);
    assert_eq!(whole, split);
    let expected: BTreeSet<String> = elements.iter().filter_map(due_by).collect();
    assert_eq!(whole.due, expected);
}

/// The subscription that an element makes due for a round.
fn due_by(element: &Element) -> Option<String> {
    match element {
        Element::Genuine { subscription, .. } if *subscription < FOLLOWED => {
            Some(format!("files-{subscription}"))
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_a_batch_into_requests_yields_the_same_inbox(
        elements in prop::collection::vec(element(), 1..20),
        cuts in prop::collection::vec(any::<bool>(), 20),
        at_once in any::<bool>(),
    ) {
        actix_web::rt::System::new().block_on(the_same_however_it_is_split(&elements, &cuts, at_once));
    }
}
