//! How long it takes to plan for all subscriptions at once: what a configuration names, what a store knows, and what
//! Office 365 lists, of which some are to be made, renewed, made anew, deleted, or left alone.
//!
//! ```text
//! cargo bench --bench renew     # some seconds
//! ```
//!
//! Cost is linear if ten times as many take about ten times as long; memory is what a plan leaves beside its input.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use o365_listener::model::{
    Origin, Remote, RemoteId, Rhythm, Start, Subscription, SubscriptionId, Target, Via, Wish,
};
use o365_listener::office365::RemoteSubscription;
use o365_listener::renew::{Action, Known, Lists, Look, Plan, whole};
use uuid::Uuid;

/// What the listener allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MANY: usize = 100_000;
const FEW: usize = MANY / 10;
const ROUNDS: usize = 7;

fn main() {
    let (few, many) = (Situation::of(FEW), Situation::of(MANY));
    let (mut short, mut long) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        short.push(few.plan().0);
        long.push(many.plan().0);
    }
    let plan = many.plan().1;
    // One in ten of each kind that is not as it should be.
    let changed = |action| plan.changes.iter().filter(|change| change.action == action).count();
    let expected = [Action::Create, Action::Renew, Action::Recreate, Action::Delete].map(changed);
    println!(
        "of {MANY}: {expected:?} to be made, renewed, made anew, deleted; {} left alone; {} unchanged",
        plan.left_alone.len(),
        plan.unchanged
    );
    assert_eq!(expected, [MANY / 10; 4]);
    let (short, long) = (median(&mut short), median(&mut long));
    at_most("plan_100000_ms", long.as_secs_f64() * 1e3, 100.0);
    at_most("plan_10_times_as_many_to_one", long.as_secs_f64() / short.as_secs_f64(), 15.0);
    let bytes = plan.changes.iter().map(size).sum::<usize>() as f64;
    at_most("plan_bytes_a_change", bytes / plan.changes.len() as f64, 1024.0);
}

/// What a measure takes, with what its texts take.
fn size(measure: &o365_listener::renew::Measure) -> usize {
    size_of_val(measure) + measure.resource.len() + measure.reason.len()
}

struct Situation {
    configured: Vec<Wish>,
    known: Vec<Known>,
    lists: Lists,
    now: DateTime<Utc>,
}

impl Situation {
    /// Each tenth is as follows by its last digit: 0 not made yet, 1 due, 2 vanished, 3 an orphan beside it, 4 a
    /// stranger beside it; the others are as they should be.
    fn of(number: usize) -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let known: Vec<Known> = (0..number).map(|n| known(n, now)).collect();
        let mut list: Vec<RemoteSubscription> = Vec::new();
        for (n, known) in known.iter().enumerate() {
            if let (Some(remote), true) = (&known.subscription.remote, n % 10 != 2) {
                list.push(listed(&remote.id.0, n, "https://hooks.contoso.com/notifications", now));
            }
            match n % 10 {
                3 => list.push(listed(
                    &format!("orphan-{n}"),
                    n,
                    "https://hooks.contoso.com/notifications",
                    now,
                )),
                4 => list.push(listed(&format!("stranger-{n}"), n, "https://other.example/hook", now)),
                _ => {}
            }
        }
        let configured = known.iter().map(|known| known.subscription.wish.clone()).collect();
        Self { configured, known, lists: Lists::from([("contoso".parse().unwrap(), Ok(list))]), now }
    }

    fn plan(&self) -> (Duration, Plan) {
        let url = "https://hooks.contoso.com/notifications".parse().unwrap();
        let begun = Instant::now();
        let plan = whole(&self.configured, &self.known, &self.lists, &url, self.now);
        (begun.elapsed(), plan)
    }
}

fn known(n: usize, now: DateTime<Utc>) -> Known {
    let drive = format!("b!drive-{n:06}");
    let held = Remote {
        id: RemoteId(Uuid::from_u128(n as u128).to_string()),
        expires_at: now + TimeDelta::days(10),
        renew_at: if n % 10 == 1 { now - TimeDelta::hours(1) } else { now + TimeDelta::days(1) },
        certificate: None,
    };
    let subscription = Subscription {
        id: SubscriptionId(Uuid::from_u128(n as u128)),
        wish: Wish {
            name: format!("files-{n:06}").parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: format!("drive:{drive}").parse().unwrap(),
            via: Via::Graph,
            start: Start::Now,
            lifetime: None,
            select: Vec::new(),
            include_resource_data: false,
            origin: Origin::Config,
        },
        target: Some(Target::Drive { drive: drive.clone() }),
        started_at: Some(now - TimeDelta::days(20)),
        confirmed_at: (!n.is_multiple_of(10)).then(|| now - TimeDelta::days(20)),
        remote: (!n.is_multiple_of(10)).then_some(held),
        replace: false,
        former_remote: None,
        removed_at: None,
        paused_at: None,
        renew_error: None,
        fetch_error: None,
        last_notification_at: None,
        last_fetch_at: None,
        last_event_at: None,
        pending: false,
        events: 0,
        quarantined: 0,
        first_round: None,
        resync: None,
        rhythm: Rhythm::default(),
    };
    let combination = Some(format!("drives/{drive}/root updated"));
    Known { subscription, combination, look: Look::List }
}

fn listed(id: &str, n: usize, notification_url: &str, now: DateTime<Utc>) -> RemoteSubscription {
    RemoteSubscription {
        id: RemoteId(id.to_uppercase()),
        expires_at: now + TimeDelta::days(10),
        resource: format!("/drives/b!drive-{n:06}/root"),
        change_type: "updated".to_owned(),
        notification_url: Some(notification_url.to_owned()),
        client_state: None,
        at: now,
    }
}

fn median(of: &mut [Duration]) -> Duration {
    of.sort_unstable();
    of[of.len() / 2]
}

fn at_most(name: &str, value: f64, goal: f64) {
    let verdict = if value <= goal { "ok" } else { "short" };
    println!("{name} {value:.2} goal {goal} {verdict}");
}
