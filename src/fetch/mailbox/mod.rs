//! A round of a whole mailbox: the tree of folders, then every folder by a cursor of its own, the last changed first.
//!
//! A move inside is told by two folders, in any order: one shows the message, the other misses it. Missed where the
//! mirror has it in another folder that is followed, it is no news. Missed where the mirror has it, it is held until
//! every other folder has been asked after that, and only then told as deleted. Whatever shows the message ends the
//! holding. A dead cursor is the same: all that the folder held is in doubt until it is seen again.

mod plan;
mod removals;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::classify::classify;
use super::flight::{Landing, PAGE, last_occurrences, slow, unstored, unwritable};
use super::odd::{Trail, complete};
use super::progress;
use super::{Fetcher, LEASE};
use crate::model::{Body, Item, ItemId, Kind, NewEvent, OddItem, Properties, Target};
use crate::office365::{DeltaPage, Failure, FolderPage, Tenant, Verdict};
use crate::store::{Claim, Committed, Folder, Known, MirrorRow, Resync, RoundEnd, Step, StepCommit, Survey};
use plan::Next;

/// When to go on with removals that are still held at the end of a round.
const HELD_LOOK: std::time::Duration = std::time::Duration::from_secs(10);

/// A failed page of a folder that is not found is taken for a folder that is gone after as many attempts: in the middle
/// of a round, "not found" has been seen to pass.
const NOT_FOUND_ATTEMPTS: u32 = 3;

/// A step, before it is committed.
struct Taken {
    events: Vec<NewEvent>,
    rows: Vec<MirrorRow>,
    /// Messages that were read.
    items: usize,
    /// What is put aside.
    odd: Vec<OddItem>,
    step: Step,
    /// Once it is committed, the round pauses because of this.
    pause: Option<Failure>,
}

/// One round.
pub(super) struct Walk<'a> {
    fetcher: &'a Fetcher,
    user: &'a str,
    written: u64,
    /// Pages of folders that were asked again.
    again: usize,
    trail: Trail,
    /// How often the cursor had died before that the round pauses for.
    deaths: u32,
    /// The folder that is being emptied, and the last of its messages that was told.
    emptied: Option<(String, ItemId)>,
}

impl From<Step> for Taken {
    fn from(step: Step) -> Self {
        Self { events: Vec::new(), rows: Vec::new(), items: 0, odd: Vec::new(), step, pause: None }
    }
}

impl<'a> Walk<'a> {
    /// `written` are events of the round so far.
    pub(super) fn new(fetcher: &'a Fetcher, user: &'a str, written: u64) -> Self {
        Self { fetcher, user, written, again: 0, trail: Trail::default(), deaths: 0, emptied: None }
    }

    /// Walks to the end of the round or to `stop`.
    pub(super) async fn on(mut self, mut claim: Box<Claim>, stop: &CancellationToken) -> Landing {
        loop {
            if stop.is_cancelled() {
                return Landing::Stopped(claim);
            }
            let taken = self.fetcher.clock.timeout(PAGE, self.take(&claim)).await;
            match taken.unwrap_or_else(|_| Err(slow())) {
                Ok((Committed::Lost, _)) => return Landing::Lost,
                Ok((Committed::Done(_), true)) => return Landing::Finished,
                Ok((Committed::Done(next), false)) => claim = next,
                Err(failure) => {
                    // Each page that is committed ends a row of failed attempts, a cursor that dies behind it does not.
                    claim.attempts = claim.attempts.max(self.deaths);
                    return self.fetcher.failed(claim, &failure);
                }
            }
        }
    }

    /// Takes the next step; whether it was the last.
    async fn take(&mut self, claim: &Claim) -> Result<(Committed, bool), Failure> {
        let store = &self.fetcher.store;
        let survey = store.survey(claim.subscription.id).await.map_err(|error| unstored(&error))?;
        let patient = self.again <= survey.folders.len().saturating_mul(2);
        if claim.resync != Resync::None {
            let taken = self.anew(claim, &survey).await?;
            return Ok((self.commit(claim, &survey, taken).await?, false));
        }
        let mut taken = match plan::next(&survey, patient) {
            Next::Tree { again } => {
                self.again += usize::from(again);
                self.tree(claim, &survey).await?
            }
            Next::Page { folder, again } => {
                self.again += usize::from(again);
                self.page(claim, &survey, folder).await?
            }
            Next::Tell { folder, through } => self.tell(claim, &survey, folder, through).await?,
            Next::Empty { folder } => self.empty(claim, folder).await?,
            Next::End { waiting } => Step::End { end: self.end(claim, waiting) }.into(),
        };
        let (last, pause) = (matches!(taken.step, Step::End { .. }), taken.pause.take());
        match (self.commit(claim, &survey, taken).await?, pause) {
            (Committed::Done(_), Some(failure)) => Err(failure),
            (committed, _) => Ok((committed, last)),
        }
    }

    async fn commit(&mut self, claim: &Claim, survey: &Survey, taken: Taken) -> Result<Committed, Failure> {
        let (fetcher, now) = (self.fetcher, self.fetcher.clock.now());
        let told: Vec<_> = taken.events.iter().map(|event| (event.kind, event.change, event.time)).collect();
        let reasons: Vec<_> = taken.odd.iter().map(|odd| odd.reason).collect();
        let reads_everything = fetcher.context(claim, Kind::Message).first_round;
        let (is_page, is_over) =
            (matches!(taken.step, Step::Page { .. }), matches!(taken.step, Step::End { .. }));
        let reached = (reads_everything && is_page).then(|| progress::after(claim, (1, taken.items), now));
        let step = StepCommit {
            claim: claim.clone(),
            round: survey.round,
            events: taken.events,
            rows: taken.rows,
            odd: taken.odd,
            step: taken.step,
            progress: reached.clone(),
            now,
            lease: LEASE,
        };
        let committed = fetcher.store.commit_step(step).await.map_err(|error| unstored(&error))?;
        if matches!(committed, Committed::Done(_)) {
            self.written += u64::try_from(told.len()).unwrap_or(u64::MAX);
            fetcher.count(claim, &told);
            fetcher.put_aside(claim, &reasons);
            let so_far = claim.subscription.first_round.clone().filter(|_| is_over);
            if let Some(round) = reached.or(so_far) {
                progress::log(claim, &round, is_over, now);
            }
        }
        Ok(committed)
    }

    fn end(&self, claim: &Claim, waiting: bool) -> RoundEnd {
        let now = self.fetcher.clock.now();
        let end = self.fetcher.after(claim, self.written, now);
        if !waiting {
            return end;
        }
        let soon = now + HELD_LOOK;
        let next_at = end.next_at.map_or(soon, |at| at.min(soon));
        RoundEnd { next_at: Some(next_at), empty_looks: end.empty_looks.max(1), ..end }
    }

    async fn tree(&mut self, claim: &Claim, survey: &Survey) -> Result<Taken, Failure> {
        let (tenant, _) = self.fetcher.reach(claim)?;
        let asked = survey.tree.link.clone();
        match tenant.folders(self.user, asked.as_ref()).await {
            Ok(FolderPage { link, here, gone }) => {
                Ok(Step::Tree { asked, link, at_page: survey.pages, here, gone }.into())
            }
            Err(failure) if asked.is_some() && matches!(failure.verdict, Verdict::Gone { .. }) => {
                Ok(self.died(&survey.tree, Step::TreeLost.into(), failure))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn page(&mut self, claim: &Claim, survey: &Survey, folder: &Folder) -> Result<Taken, Failure> {
        let (tenant, _) = self.fetcher.reach(claim)?;
        let target = Target::MailFolder { user: self.user.to_owned(), folder: folder.id.clone() };
        let select = &claim.subscription.wish.select;
        let page = tenant.page(&target, select, folder.link.as_ref()).await;
        match self.trail.step(folder.link.as_ref(), claim.attempts, page) {
            Ok(page) => self.read(claim, survey, (folder, &target, tenant), page).await,
            Err(failure) if folder.link.is_some() && matches!(failure.verdict, Verdict::Gone { .. }) => {
                let lost = self.doubt(claim, survey, folder).await?;
                Ok(self.died(folder, lost, failure))
            }
            Err(failure) if is_gone(&failure, claim.attempts) => {
                Ok(Step::FolderGone { folder: folder.id.clone() }.into())
            }
            Err(failure) if failure.status == Some(404) => {
                Err(Failure { verdict: Verdict::Transient, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    /// A dead cursor is begun anew at once; one that has died before and was not walked to its end since, after a pause
    /// that grows.
    fn died(&mut self, of: &Folder, lost: Taken, failure: Failure) -> Taken {
        self.trail = Trail::default();
        self.deaths = of.deaths;
        let pause = (of.deaths > 0).then(|| Failure {
            verdict: Verdict::Transient,
            message: format!(
                "The delta cursor of a folder died again while it was read anew. {}",
                failure.message
            ),
            ..failure
        });
        Taken { pause, ..lost }
    }

    /// What a page of a folder leads to.
    async fn read(
        &self,
        claim: &Claim,
        survey: &Survey,
        (folder, target, tenant): (&Folder, &Target, &Tenant),
        page: DeltaPage,
    ) -> Result<Taken, Failure> {
        let subscription = &claim.subscription;
        let mut items = last_occurrences(page.items);
        let ids = items.iter().map(|item| item.id.clone()).collect();
        let known = self.fetcher.store.known(subscription.id, ids).await.map_err(|error| unstored(&error))?;
        let context = self.fetcher.context(claim, Kind::Message);
        let missed: Vec<Item> = items.extract_if(.., |item| item.removed).collect();
        let missed = missed.into_iter().map(|item| item.id);
        let hold =
            missed.filter(|item| is_held(survey, folder, known.get(item), context.first_round)).collect();
        for item in &mut items {
            place_in(&folder.id, &mut item.body).map_err(|error| unwritable(&error))?;
        }
        let number = items.len();
        let mut completed = complete(tenant, target, claim, items, &known).await?;
        completed.odd.splice(..0, page.odd);
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        for item in &completed.items {
            let outcome =
                classify(&context, known.get(&item.id), item).map_err(|error| unwritable(&error))?;
            events.extend(outcome.event);
            rows.extend(outcome.row);
        }
        let step = Step::Page {
            folder: folder.id.clone(),
            asked: folder.link.clone(),
            link: page.link,
            at_page: survey.pages,
            seen: completed.seen(),
            hold,
        };
        Ok(Taken { events, rows, items: number, odd: completed.odd, ..step.into() })
    }
}

/// What a folder shows is in it, also where it tells only what changed.
fn place_in(folder: &str, message: &mut Body) -> Result<(), serde_json::Error> {
    let mut properties = message.properties()?;
    if !properties.contains_key("parentFolderId") {
        properties.insert("parentFolderId".to_owned(), Value::from(folder));
        *message = Body::of(&properties)?;
    }
    Ok(())
}

/// Whether a message that this folder misses is held; otherwise it is known to be elsewhere, or gone already.
fn is_held(survey: &Survey, folder: &Folder, known: Option<&Known>, first_round: bool) -> bool {
    match known {
        Some(Known::Gone) => false,
        None => !first_round,
        Some(Known::Here(properties)) => {
            let parent = parent(properties);
            let followed = |other: &Folder| Some(other.id.as_str()) == parent && other.gone_page.is_none();
            parent == Some(folder.id.as_str()) || !survey.folders.iter().any(followed)
        }
    }
}

fn is_gone(failure: &Failure, attempts: u32) -> bool {
    failure.status == Some(404) && attempts >= NOT_FOUND_ATTEMPTS
}

fn parent(properties: &Properties) -> Option<&str> {
    properties.get("parentFolderId")?.as_str()
}
