use std::time::Duration;

use o365_listener::store::{Cause, Claim, Committed, Folder, Step, StepCommit, Store, Survey};

use super::{LEASE, Place, at, claim, conformance, delta, done, followed, next, quiet};

/// Takes steps of a mailbox's round.
struct Round {
    claim: Claim,
}

impl Round {
    async fn begin(store: &dyn Store) -> Self {
        followed(store, "post").await;
        Self { claim: claim(store, 0).await.unwrap() }
    }

    async fn survey(&self, store: &dyn Store) -> Survey {
        store.survey(self.claim.subscription.id).await.unwrap()
    }

    async fn take(&self, store: &dyn Store, step: Step) -> Committed {
        let commit = StepCommit {
            claim: self.claim.clone(),
            round: self.survey(store).await.round,
            events: Vec::new(),
            rows: Vec::new(),
            odd: Vec::new(),
            step,
            progress: None,
            now: at(1),
            lease: LEASE,
        };
        store.commit_step(commit).await.unwrap()
    }

    /// A page of the tree, or of a folder, asked for where it stands.
    async fn page(&self, store: &dyn Store, of: &str, link: o365_listener::store::Link) -> Folder {
        let survey = self.survey(store).await;
        let at_page = survey.pages;
        let here = vec!["a".to_owned()];
        let step = if of.is_empty() {
            Step::Tree { asked: survey.tree.link, link: Some(link), at_page, here, gone: Vec::new() }
        } else {
            let asked = survey.folders[0].link.clone();
            let (seen, hold) = (Vec::new(), Vec::new());
            Step::Page { folder: of.to_owned(), asked, link, at_page, seen, hold }
        };
        done(self.take(store, step).await);
        let survey = self.survey(store).await;
        if of.is_empty() { survey.tree } else { survey.folders[0].clone() }
    }
}

async fn a_walk_counts_from_its_first_page_once_it_has_come_to_its_end(place: &dyn Place) {
    let store = place.open().await;
    let round = Round::begin(&*store).await;
    for of in ["", "a"] {
        let begun = round.survey(&*store).await.pages;
        for link in ["1", "2"] {
            let folder = round.page(&*store, of, next(link)).await;
            assert_eq!((folder.link, folder.walked_page), (Some(next(link)), 0), "{of}");
        }
        let folder = round.page(&*store, of, delta("3")).await;
        assert_eq!((folder.link, folder.walked_page), (Some(delta("3")), begun), "{of}");
        let begun = round.survey(&*store).await.pages;
        assert_eq!(round.page(&*store, of, delta("4")).await.walked_page, begun, "{of}");
    }
}

async fn how_often_a_cursor_died_is_known_until_its_folder_is_walked_to_its_end(place: &dyn Place) {
    let store = place.open().await;
    let round = Round::begin(&*store).await;
    round.page(&*store, "", delta("tree")).await;
    for deaths in [1, 2] {
        assert_eq!(round.page(&*store, "a", next("1")).await.deaths, deaths - 1);
        done(round.take(&*store, Step::FolderLost { folder: "a".to_owned() }).await);
        let folder = round.survey(&*store).await.folders.remove(0);
        assert_eq!((folder.deaths, folder.link), (deaths, None));
    }
    assert_eq!(round.page(&*store, "a", delta("2")).await.deaths, 0);
    for deaths in [1, 2] {
        done(round.take(&*store, Step::TreeLost).await);
        assert_eq!(round.survey(&*store).await.tree.deaths, deaths);
    }
    assert_eq!(round.page(&*store, "", delta("3")).await.deaths, 0);
}

async fn what_nothing_would_look_at_is_to_be_swept_once_somebody_sweeps(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let sweep = async |now| store.claim_sweep(at(now), LEASE, Vec::new()).await.unwrap();
    assert!(sweep(10).await.is_none(), "it had ended without a time for one");
    store.alive(at(20), Duration::from_secs(3600)).await.unwrap();
    let claim = sweep(20).await.unwrap();
    assert_eq!((claim.subscription.id, claim.cause), (id, Cause::OutageSweep));
    store.alive(at(21), Duration::from_secs(3600)).await.unwrap();
    assert!(sweep(21).await.is_none());
}

conformance!(
    a_walk_counts_from_its_first_page_once_it_has_come_to_its_end,
    how_often_a_cursor_died_is_known_until_its_folder_is_walked_to_its_end,
    what_nothing_would_look_at_is_to_be_swept_once_somebody_sweeps,
);
