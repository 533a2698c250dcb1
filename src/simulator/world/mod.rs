//! Everything the stand-in knows, in one place behind one lock: who is in the tenant, what they own, who
//! subscribed to it and what still has to be told.

mod carried;
mod change_log;
mod directory;
mod list;
mod list_writes;
mod mail_writes;
mod mailbox;
mod quick_xor;
mod recycle_bin;
mod seed;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use carried::Carry;
pub(crate) use change_log::{Action, FolderRows, KEPT, Row};
pub(crate) use directory::{Actor, Site, User};
pub(crate) use list::{Column, Content, Draft, File, Item, List};
pub(crate) use mailbox::{Chain, ChainOptions, FeedPlace, Folder, IdForm, Mailbox, Message, Told};
pub(crate) use recycle_bin::Recycled;

use super::Options;
use super::cards::Cards;
use super::connect::App;
use super::control::{Chaos, Conflicts, Fault, Lifetimes, OddPage, Renewals};
use super::entra::{Delegated, Platform, Registered};
use super::graph::subscriptions::Subscription;
use super::random::Random;
use super::resync::Resync;
use super::rich::{ContentBehaviour, TokenKey};
use super::sender::{Behaviour, Ledger, Outbox};
use super::sharepoint::{OldTokens, Webhook};
use super::tenant::{Tenant, tenant};
use crate::clock::Clock;

/// Requests kept for whoever checks what a client sent.
const REQUESTS_KEPT: usize = 2_000;

/// The state of the stand-in.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) tenant: Tenant,
    pub(crate) service_principal: Uuid,
    pub(crate) signing_key: Vec<u8>,
    /// What it was before all tokens were made to expire.
    pub(crate) former_keys: Vec<Vec<u8>>,
    /// What the app may prove itself with beside its secret.
    pub(crate) registered: Registered,
    /// Who has signed in, or is about to.
    pub(crate) delegated: Delegated,
    /// Azure, where the app may run on it.
    pub(crate) platform: Platform,
    /// Signs the tokens that go along with encrypted content.
    pub(crate) token_key: TokenKey,
    pub(crate) random: Random,
    /// The order in which the parts of a batch are answered.
    pub(crate) shuffles: Random,
    /// When subscriptions were listed lately.
    pub(crate) listed: VecDeque<DateTime<Utc>>,
    pub(crate) settings: Settings,
    pub(crate) users: Vec<User>,
    pub(crate) sites: Vec<Site>,
    pub(crate) lists: BTreeMap<Uuid, List>,
    pub(crate) mailboxes: BTreeMap<Uuid, Mailbox>,
    pub(crate) subscriptions: BTreeMap<Uuid, Subscription>,
    /// SharePoint's own subscriptions, which are apart from Graph's.
    pub(crate) webhooks: BTreeMap<Uuid, Webhook>,
    pub(crate) recycle_bin: BTreeMap<Uuid, Recycled>,
    /// Channels that cards are posted to.
    pub(crate) cards: Cards,
    /// What the Connect button's page knows.
    pub(crate) connect_apps: Vec<App>,
    pub(crate) outbox: Outbox,
    pub(crate) ledger: Ledger,
    pub(crate) chaos: Option<Chaos>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) odd_pages: VecDeque<OddPage>,
    pub(crate) requests: VecDeque<Value>,
    /// Requests that are being answered.
    pub(crate) answering: usize,
    /// Counts every change in the tenant; delta cursors are places in this count.
    changes: u64,
    /// Counts delta tokens, so that no two are the same.
    tokens: u64,
}

/// What can be set under `/_control`.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The permissions that the app has been granted.
    pub(crate) roles: Vec<String>,
    /// Those that it has been granted for SharePoint itself: Graph's do not help there.
    pub(crate) site_roles: Vec<String>,
    /// What becomes of a change token that is older than the change log.
    pub(crate) old_tokens: OldTokens,
    /// Whose rows are written in the change log when a folder is deleted or restored.
    pub(crate) folder_rows: FolderRows,
    /// What Graph wants tokens to have been asked for with.
    pub(crate) claims: Option<Value>,
    /// Items on a page unless the caller wants fewer.
    pub(crate) page_size: usize,
    /// Whether a message of which only `isRead` or `flag` changed comes with that property alone.
    pub(crate) partial_messages: bool,
    /// How notifications travel.
    pub(crate) notifications: Behaviour,
    /// How encrypted content is sent.
    pub(crate) content: ContentBehaviour,
    /// How long subscriptions may live, where it is less than usual.
    pub(crate) lifetimes: Lifetimes,
    /// How a conflict is told.
    pub(crate) conflicts: Conflicts,
    /// What a renewal does beside renewing.
    pub(crate) renewals: Renewals,
    /// How a dead delta link is told.
    pub(crate) resync: Resync,
}

const ROLES: [&str; 7] = [
    "Files.ReadWrite.All",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "User.Read.All",
];

/// The least that lets an app have webhooks. It does not let it list them.
const SITE_ROLES: [&str; 1] = ["Sites.Manage.All"];

impl World {
    /// The seeded tenant at `url`.
    pub(crate) fn new(options: &Options, url: &str) -> Self {
        let mut ids = Random::new(options.seed, "principals");
        let tenant = tenant(url, options.seed);
        let mut world = Self {
            clock: options.clock.clone(),
            cards: Cards::new(options.seed, &tenant.cards),
            connect_apps: vec![App::seeded(&tenant)],
            tenant,
            service_principal: ids.uuid(),
            signing_key: [*ids.uuid().as_bytes(), *ids.uuid().as_bytes()].concat(),
            former_keys: Vec::new(),
            registered: Registered::default(),
            delegated: Delegated::default(),
            platform: Platform::new(options.seed),
            token_key: TokenKey::default(),
            random: Random::new(options.seed, "world"),
            shuffles: Random::new(options.seed, "shuffles"),
            listed: VecDeque::new(),
            settings: Settings {
                roles: ROLES.map(str::to_owned).to_vec(),
                site_roles: SITE_ROLES.map(str::to_owned).to_vec(),
                old_tokens: OldTokens::default(),
                folder_rows: FolderRows::default(),
                claims: None,
                page_size: options.page_size.max(1),
                partial_messages: true,
                notifications: Behaviour::default(),
                content: ContentBehaviour::default(),
                lifetimes: Lifetimes::default(),
                conflicts: Conflicts::default(),
                renewals: Renewals::default(),
                resync: Resync::default(),
            },
            users: Vec::new(),
            sites: Vec::new(),
            lists: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            recycle_bin: BTreeMap::new(),
            outbox: Outbox::new(options.seed),
            ledger: Ledger::default(),
            chaos: None,
            faults: VecDeque::new(),
            odd_pages: VecDeque::new(),
            requests: VecDeque::new(),
            answering: 0,
            changes: 0,
            tokens: 0,
        };
        world.populate(options.seed);
        world
    }

    /// The number of the next change.
    pub(crate) fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// The number of the latest change.
    pub(crate) fn latest_change(&self) -> u64 {
        self.changes
    }

    /// A number that no delta token has had.
    pub(crate) fn next_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// Keeps a request for later inspection; the oldest go first.
    pub(crate) fn record(&mut self, request: Value) {
        if self.requests.len() >= REQUESTS_KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    /// Whether the app was granted one of these permissions.
    pub(crate) fn granted(&self, any_of: &[&str]) -> bool {
        self.settings.roles.iter().any(|role| any_of.contains(&role.as_str()))
    }

    /// Whether the app was granted one of these permissions for SharePoint itself.
    pub(crate) fn granted_for_sites(&self, any_of: &[&str]) -> bool {
        self.settings.site_roles.iter().any(|role| any_of.contains(&role.as_str()))
    }

    /// The app itself, as the author of a change.
    pub(crate) fn app(&self) -> Actor {
        Actor::application(self.tenant.client_id)
    }
}

/// A time as Graph writes it: whole seconds, UTC.
pub(crate) fn graph_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time with .NET's seven fractional digits, without an offset.
pub(crate) fn ticks_time(time: DateTime<Utc>) -> String {
    format!("{}.{:07}", time.format("%Y-%m-%dT%H:%M:%S"), time.timestamp_subsec_nanos() / 100)
}
