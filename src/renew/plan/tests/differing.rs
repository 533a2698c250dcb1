//! Configuration, store and Office 365 against each other, from a table of situations.

use super::super::*;
use super::subscription;
use crate::model::{Name, Origin, RemoteId, Start, SubscriptionId, Trouble, Via};
use crate::office365::RemoteSubscription;

/// Long after the beginning, when the subscriptions of these tests were confirmed.
fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::from_secs(100 * 3600)
}

fn url() -> Url {
    "https://hooks.contoso.com/o365/notifications".parse().unwrap()
}

fn known(name: &str, remote: Option<&str>, change: impl FnOnce(&mut Subscription)) -> Known {
    let mut subscription = subscription(remote.map(|_| (150, 200)), false);
    subscription.wish.name = name.parse().unwrap();
    subscription.wish.origin = Origin::Config;
    subscription.id = SubscriptionId(uuid::Uuid::from_u128(name.len().try_into().unwrap()));
    if let (Some(held), Some(id)) = (&mut subscription.remote, remote) {
        held.id = RemoteId(id.into());
        subscription.confirmed_at = Some(DateTime::UNIX_EPOCH);
    }
    change(&mut subscription);
    Known { subscription, combination: Some(format!("{name} updated")), look: Look::List }
}

fn held(id: &str, resource: &str, notification_url: &str) -> RemoteSubscription {
    RemoteSubscription {
        id: RemoteId(id.into()),
        expires_at: now() + Duration::from_secs(3600),
        resource: resource.into(),
        change_type: "updated".into(),
        client_state: None,
        notification_url: Some(notification_url.into()),
        at: now(),
    }
}

fn ours(id: &str, resource: &str) -> RemoteSubscription {
    held(id, resource, url().as_str())
}

/// One that notifies somebody else.
fn elsewhere(id: &str) -> RemoteSubscription {
    held(id, "x", "https://hooks.contoso.com/another/notifications")
}

fn contoso() -> Name {
    "contoso".parse().unwrap()
}

/// Each change and what is left alone, as `action name-or-id`.
fn planned(configured: &[&Known], known: &[Known], list: Vec<RemoteSubscription>) -> Vec<String> {
    let configured: Vec<Wish> = configured.iter().map(|known| known.subscription.wish.clone()).collect();
    let lists = Lists::from([(contoso(), Ok(list))]);
    let plan = whole(&configured, known, &lists, &url(), now());
    brief(&plan)
}

fn brief(plan: &Plan) -> Vec<String> {
    let all = plan.changes.iter().chain(&plan.left_alone);
    all.map(|measure| {
        let remote = measure.remote_id.as_ref().map_or("-", |id| &id.0);
        let name = measure.subscription.as_ref().map_or(remote, Name::as_str);
        format!("{:?} {name}", measure.action)
    })
    .collect()
}

#[test]
fn what_is_held_as_it_should_be_is_no_change_whatever_the_letter_case_of_its_id() {
    let files = known("files", Some("R1"), |_| {});
    assert!(planned(&[&files], std::slice::from_ref(&files), vec![ours("r1", "files")]).is_empty());
    let slash = held("r1", "files", "https://HOOKS.contoso.com:443/o365/notifications/");
    assert!(planned(&[&files], std::slice::from_ref(&files), vec![slash]).is_empty());
}

#[test]
fn where_following_began_is_not_changed_and_not_passed_over_in_silence() {
    let files = known("files", Some("r1"), |_| {});
    let other = known("files", Some("r1"), |it| it.wish.start = Start::Beginning);
    let configured = [other.subscription.wish];
    let lists = Lists::from([(contoso(), Ok(vec![ours("r1", "files")]))]);
    let plan = whole(&configured, std::slice::from_ref(&files), &lists, &url(), now());
    assert_eq!(brief(&plan), ["Leave files"]);
    let reason = &plan.left_alone[0].reason;
    assert!(
        reason.contains("start = \"now\"") && reason.contains("begin anew with \"beginning\""),
        "{reason}"
    );
    let late = |stored: &Subscription| too_late(&configured, std::iter::once(stored)).len();
    assert_eq!(late(&files.subscription), 1);
    let elsewhere = known("files", Some("r1"), |it| it.wish.tenant = "other".parse().unwrap());
    let removed = known("files", Some("r1"), |it| it.removed_at = Some(now()));
    assert_eq!((late(&elsewhere.subscription), late(&removed.subscription)), (0, 0), "it begins anew anyway");
}

#[test]
fn each_way_to_differ_has_its_action() {
    let trouble = |it: &mut Subscription| {
        it.renew_error = Some(Trouble {
            code: "accessDenied".into(),
            message: "no".into(),
            transient: false,
            next_attempt_at: None,
        });
    };
    for (what, known, list, expected) in [
        ("never made", known("files", None, |_| {}), vec![], vec!["Create files"]),
        ("lost", known("files", Some("r1"), |_| {}), vec![], vec!["Recreate files"]),
        (
            "so new that a list need not show it",
            known("files", Some("r1"), |it| it.confirmed_at = Some(now())),
            vec![],
            vec![],
        ),
        ("moved", known("files", Some("r1"), |_| {}), vec![elsewhere("r1")], vec!["Recreate files"]),
        (
            "lost, and lives on",
            known("files", None, |it| it.former_remote = Some(RemoteId("r1".into()))),
            vec![ours("R1", "files")],
            vec!["Adopt files", "Leave R1"],
        ),
        (
            "to be made anew",
            known("files", Some("r1"), |it| it.replace = true),
            vec![ours("r1", "files")],
            vec!["Recreate files"],
        ),
        ("failing", known("files", Some("r1"), trouble), vec![ours("r1", "files")], vec!["Renew files"]),
        (
            "being removed",
            known("files", Some("r1"), |it| it.removed_at = Some(now())),
            vec![ours("r1", "files")],
            vec!["Create files"],
        ),
        (
            "no such tenant",
            known("files", Some("r1"), |it| it.wish.tenant = "gone".parse().unwrap()),
            vec![],
            vec!["Leave files"],
        ),
    ] {
        assert_eq!(planned(&[&known], std::slice::from_ref(&known), list), expected, "{what}");
    }
}

#[test]
fn what_the_store_does_not_know_is_deleted_only_where_it_is_ours_and_nobody_is_making_it() {
    for (what, known, list, expected) in [
        (
            "an orphan",
            known("files", Some("r1"), |_| {}),
            vec![ours("r1", "files"), ours("r2", "lost")],
            vec!["Delete r2"],
        ),
        (
            "a stranger",
            known("files", Some("r1"), |_| {}),
            vec![ours("r1", "files"), elsewhere("r2")],
            vec!["Leave r2"],
        ),
        (
            "made, but the answer was lost",
            known("files", None, |_| {}),
            vec![ours("r2", "/FILES")],
            vec!["Create files", "Leave r2"],
        ),
    ] {
        assert_eq!(planned(&[&known], std::slice::from_ref(&known), list), expected, "{what}");
    }
}

#[test]
fn what_the_configuration_says_comes_first_and_what_goes_makes_room() {
    let old = known("old", Some("r1"), |_| {});
    let new = known("new", None, |_| {});
    assert_eq!(
        planned(&[&new], std::slice::from_ref(&old), vec![ours("r1", "old")]),
        ["Delete old", "Create new"]
    );

    let made_by_hand = known("hand", Some("r1"), |it| it.wish.origin = Origin::Api);
    let by_hand = std::slice::from_ref(&made_by_hand);
    assert!(
        planned(&[], by_hand, vec![ours("r1", "hand")]).is_empty(),
        "the API's are not the configuration's"
    );

    let removed = known("files", None, |it| it.removed_at = Some(now()));
    assert_eq!(planned(&[&removed], std::slice::from_ref(&removed), vec![]), ["Create files"]);
    assert_eq!(planned(&[], std::slice::from_ref(&removed), vec![]), ["Forget files"]);
}

#[test]
fn a_changed_entry_is_updated_in_place_where_the_resource_is_the_same() {
    let stored = known("inbox", Some("r1"), |_| {});
    let planned_for = |change: &dyn Fn(&mut Wish)| {
        let mut wish = stored.subscription.wish.clone();
        change(&mut wish);
        let lists = Lists::from([(contoso(), Ok(vec![ours("r1", "inbox")]))]);
        let plan = whole(&[wish], std::slice::from_ref(&stored), &lists, &url(), now());
        plan.changes.into_iter().map(|change| (change.action, change.todo)).collect::<Vec<_>>()
    };
    assert!(planned_for(&|_| {}).is_empty());
    assert!(planned_for(&|wish| wish.start = crate::model::Start::Beginning).is_empty(), "it has begun");
    let step = |todo: &Todo| match todo {
        Todo::Update(_, new) => (new.renew, new.replace, new.resync),
        todo => panic!("{todo:?}"),
    };
    let changes = planned_for(&|wish| wish.lifetime = Some(Duration::from_secs(3600)));
    assert_eq!((changes[0].0, step(&changes[0].1)), (Action::Update, (true, false, false)));
    let changes = planned_for(&|wish| wish.select = vec!["replyTo".into()]);
    assert_eq!(step(&changes[0].1), (false, false, true));
    let changes = planned_for(&|wish| wish.include_resource_data = true);
    assert_eq!(step(&changes[0].1), (false, true, false));
    let changes = planned_for(&|wish| wish.via = Via::SharePoint);
    assert_eq!(
        step(&changes[0].1),
        (false, true, false),
        "the store reads anew what is followed another way"
    );
    let changes = planned_for(&|wish| wish.resource = "onedrive:bob@contoso.com".parse().unwrap());
    assert_eq!(changes[0].0, Action::Recreate);
    assert!(matches!(changes[0].1, Todo::Exchange(_)));
}

#[test]
fn a_tenant_that_does_not_list_leaves_what_the_store_knows_to_itself() {
    let known = [known("files", Some("r1"), |_| {}), known("inbox-", None, |_| {})];
    let configured: Vec<Wish> = known.iter().map(|known| known.subscription.wish.clone()).collect();
    let failure =
        Trouble { code: "503".into(), message: String::new(), transient: true, next_attempt_at: None };
    let plan = whole(&configured, &known, &Lists::from([(contoso(), Err(failure))]), &url(), now());
    assert_eq!(brief(&plan), ["Create inbox-"]);
    assert_eq!((plan.unchanged, plan.not_listed.len()), (1, 1));
}

#[test]
fn ours_is_what_notifies_below_the_public_url() {
    for (told, expected) in [
        ("https://hooks.contoso.com/o365/notifications", true),
        ("https://HOOKS.contoso.com:443/o365/lifecycle", true),
        ("https://hooks.contoso.com/o365-other/notifications", false),
        ("https://hooks.contoso.com/notifications", false),
        ("http://hooks.contoso.com/o365/notifications", false),
        ("https://hooks.contoso.com.evil.example/o365/notifications", false),
        ("", false),
    ] {
        assert_eq!(is_ours(&held("r", "x", told), &url()), expected, "{told}");
    }
}
