use super::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

fn good() -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Vec::new() }
}

#[test]
fn an_area_is_stored_as_a_text() {
    for area in [Area::Tenant, Area::Subscriptions, Area::SignIn, Area::Mailbox("a:b".to_owned())] {
        assert_eq!(Area::from_text(&area.to_text()), Some(area));
    }
    assert_eq!(Area::from_text("of a later version"), None);
}

#[tokio::test]
async fn nothing_passes_a_closed_gate_until_the_time_is_over() {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let gates = Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::default());
    let (alice, bob) = (Area::Mailbox("alice".to_owned()), Area::Mailbox("bob".to_owned()));
    let left = |area| gates.open(area).err().and_then(|failure| failure.retry_after());

    assert_eq!(gates.refused(&alice, Some(Duration::from_secs(10))).await, Duration::from_secs(10));
    clock.advance(Duration::from_secs(4));
    gates.answered(&alice, &good()).await;
    assert_eq!(left(&alice), Some(Duration::from_secs(6)), "an answer that was on its way opens nothing");
    assert_eq!((left(&bob), left(&Area::Tenant)), (None, None), "others are not counted with her");

    gates.refused(&Area::Tenant, Some(Duration::from_secs(3))).await;
    assert_eq!(left(&bob), Some(Duration::from_secs(3)), "a tenant that waits, waits with its mailboxes");
    assert_eq!(left(&Area::Subscriptions), Some(Duration::from_secs(3)), "and with its renewals");
    assert_eq!(left(&alice), Some(Duration::from_secs(6)));
    clock.advance(Duration::from_secs(6));
    assert_eq!((left(&alice), left(&Area::Tenant)), (None, None));
    gates.refused(&Area::Subscriptions, Some(Duration::from_secs(9))).await;
    assert_eq!((left(&alice), left(&Area::Tenant)), (None, None), "fetches are not counted with renewals");
}

#[tokio::test]
async fn who_waits_for_a_place_when_the_gate_closes_does_not_leave_and_renewals_have_places_of_their_own() {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let gates = Arc::new(Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::default()));
    let mut held = Vec::new();
    for _ in 0..IN_TENANT {
        held.push(gates.enter(&Area::Tenant).await.unwrap());
    }
    let waits = gates.clone();
    let mut next = Box::pin(async move { waits.enter(&Area::Tenant).await.map(|_| ()) });
    assert!(futures_util::poll!(&mut next).is_pending(), "no more than eight at once");
    drop(gates.enter(&Area::Subscriptions).await.unwrap());
    gates.refused(&Area::Tenant, Some(Duration::from_secs(30))).await;
    held.clear();
    assert_eq!(next.await.unwrap_err().verdict, Verdict::Throttled(Duration::from_secs(30)));
    clock.advance(Duration::from_secs(30));
    for _ in 0..IN_TENANT / 2 {
        held.push(gates.enter(&Area::Tenant).await.unwrap());
    }
    let mut next = Box::pin(gates.enter(&Area::Tenant));
    assert!(futures_util::poll!(&mut next).is_pending(), "half as many after a refusal");
}

#[tokio::test]
async fn an_answer_that_tells_how_little_is_left_slows_down_before_it_comes_to_a_refusal() {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let gates = Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::default());
    let told = |remaining: &'static str| {
        let mut answer = good();
        let said =
            [("ratelimit-limit", "1250"), ("ratelimit-remaining", remaining), ("ratelimit-reset", "20")];
        for (name, value) in said {
            answer.headers.insert(name, value.parse().unwrap());
        }
        answer
    };
    gates.answered(&Area::Tenant, &told("10")).await;
    drop(gates.enter(&Area::Tenant).await.unwrap());
    let mut second = Box::pin(gates.enter(&Area::Tenant));
    assert!(futures_util::poll!(&mut second).is_pending(), "ten in twenty seconds are one in two");
    drop(gates.enter(&Area::Subscriptions).await.unwrap());
    clock.advance(Duration::from_secs(2));
    drop(second.await.unwrap());

    gates.answered(&Area::Tenant, &told("0")).await;
    let failure = gates.enter(&Area::Tenant).await.err().unwrap();
    assert_eq!(failure.verdict, Verdict::Throttled(Duration::from_secs(20)));
    clock.advance(Duration::from_secs(20));
    assert!(gates.enter(&Area::Tenant).await.is_ok());
}

#[tokio::test]
async fn refusals_that_do_not_say_how_long_are_waited_out_longer_each_time() {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let metrics = Arc::new(Metrics::default());
    let gates = Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::clone(&metrics));
    for expected in [2, 4, 8] {
        let wait = gates.refused(&Area::Tenant, None).await;
        assert_eq!(wait.as_secs(), expected);
        clock.advance(wait);
    }
    gates.answered(&Area::Tenant, &good()).await;
    assert_eq!(gates.refused(&Area::Tenant, None).await.as_secs(), 2);
    gates.refused(&Area::Tenant, Some(Duration::from_secs(1))).await;
    let text = metrics.observe(crate::metrics::Snapshot::default()).unwrap();
    let line = r#"o365_throttled_seconds_total{tenant="contoso"} 16"#;
    assert!(text.lines().any(|l| l.starts_with(line)), "waits at the same time count once: {text}");
}
