//! A round of a whole mailbox: the tree of folders, then every folder by a cursor of its own, the last changed first.
//!
//! A move inside is told by two folders, in any order: one shows the message, the other misses it. Missed where the
//! mirror has it in another folder that is followed, it is no news. Missed where the mirror has it, it is held until
//! every other folder has been asked after that, and only then told as deleted. Whatever shows the message ends the
//! holding. A dead cursor is the same: all that the folder held is in doubt until it is seen again.

mod plan;

use std::collections::HashMap;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::classify::{Outcome, classify};
use super::flight::{Landing, PAGE, last_occurrences, slow, unstored, unwritable};
use super::odd::{Trail, complete};
use super::progress;
use super::{Fetcher, LEASE};
use crate::model::{Item, ItemId, Kind, NewEvent, OddItem, Properties, Target};
use crate::office365::{DeltaPage, Failure, REPEATED_LINK, Tenant, Verdict};
use crate::store::{Claim, Committed, Folder, Known, MirrorRow, Resync, RoundEnd, Step, StepCommit, Survey};
use plan::Next;

/// Messages told as deleted, or doubted, in one step.
const AT_ONCE: usize = 200;

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
}

/// One round.
pub(super) struct Walk<'a> {
    fetcher: &'a Fetcher,
    user: &'a str,
    written: u64,
    /// Pages of folders that were asked again.
    again: usize,
    trail: Trail,
    /// A folder's links came back to themselves, and it was walked anew: that is done once.
    astray: bool,
}

impl From<Step> for Taken {
    fn from(step: Step) -> Self {
        Self { events: Vec::new(), rows: Vec::new(), items: 0, odd: Vec::new(), step }
    }
}

impl<'a> Walk<'a> {
    /// `written` are events of the round so far.
    pub(super) fn new(fetcher: &'a Fetcher, user: &'a str, written: u64) -> Self {
        Self { fetcher, user, written, again: 0, trail: Trail::default(), astray: false }
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
                Err(failure) => return self.fetcher.failed(claim, &failure),
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
        let taken = match plan::next(&survey, patient) {
            Next::Tree => self.tree(claim, &survey).await?,
            Next::Page { folder, again } => {
                self.again += usize::from(again);
                self.page(claim, &survey, folder).await?
            }
            Next::Tell { folder, through } => self.tell(claim, &survey, folder, through).await?,
            Next::Empty { folder } => self.empty(claim, folder).await?,
            Next::End { waiting } => Step::End { end: self.end(claim, waiting) }.into(),
        };
        let last = matches!(taken.step, Step::End { .. });
        Ok((self.commit(claim, &survey, taken).await?, last))
    }

    async fn commit(&mut self, claim: &Claim, survey: &Survey, taken: Taken) -> Result<Committed, Failure> {
        let (fetcher, now) = (self.fetcher, self.fetcher.clock.now());
        let told: Vec<_> = taken.events.iter().map(|event| (event.kind, event.change, event.time)).collect();
        let reasons: Vec<_> = taken.odd.iter().map(|odd| odd.reason).collect();
        let reads_everything = fetcher.context(claim, Kind::Message).first_round;
        let (is_page, is_over) =
            (matches!(taken.step, Step::Page { .. }), matches!(taken.step, Step::End { .. }));
        let reached = (reads_everything && is_page).then(|| progress::after(claim, taken.items, now));
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

    async fn tree(&self, claim: &Claim, survey: &Survey) -> Result<Taken, Failure> {
        let (tenant, _) = self.fetcher.reach(claim)?;
        let asked = survey.tree.link.clone();
        match tenant.folders(self.user, asked.as_ref()).await {
            Ok(page) => Ok(Step::Tree { asked, link: page.link, here: page.here, gone: page.gone }.into()),
            Err(failure) if asked.is_some() && matches!(failure.verdict, Verdict::Gone { .. }) => {
                Ok(Step::TreeLost.into())
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
            Err(failure) if failure.code == REPEATED_LINK && self.astray => {
                Err(Failure { verdict: Verdict::Transient, ..failure })
            }
            Ok(page) => self.read(claim, survey, (folder, &target, tenant), page).await,
            Err(failure) if folder.link.is_some() && matches!(failure.verdict, Verdict::Gone { .. }) => {
                if failure.code == REPEATED_LINK {
                    (self.trail, self.astray) = (Trail::default(), true);
                }
                self.doubt(claim, survey, folder).await
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
            // What a folder shows is in it, also where it tells only what changed.
            let parent = item.properties.entry("parentFolderId");
            parent.or_insert_with(|| Value::from(folder.id.as_str()));
        }
        let number = items.len();
        let (items, incomplete) = complete(tenant, target, claim, items, &known).await?;
        let odd: Vec<OddItem> = page.odd.into_iter().chain(incomplete).collect();
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        for item in &items {
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
            // What cannot be understood is there nevertheless.
            seen: items
                .into_iter()
                .map(|item| item.id)
                .chain(odd.iter().filter_map(|odd| odd.id.clone()))
                .collect(),
            hold,
        };
        Ok(Taken { events, rows, items: number, odd, step })
    }

    /// Everything that the mirror has in the folder is in doubt until it is seen again.
    async fn doubt(&mut self, claim: &Claim, survey: &Survey, folder: &Folder) -> Result<Taken, Failure> {
        let mut after = None;
        loop {
            let members = self.members(claim, &folder.id, after).await?;
            let hold = members.items.into_iter().map(|(item, _)| item).collect();
            let step = Step::Doubt { folder: folder.id.clone(), hold };
            if matches!(self.commit(claim, survey, step.into()).await?, Committed::Lost) {
                return Err(lost());
            }
            if members.next.is_none() {
                break;
            }
            after = members.next;
        }
        Ok(Step::FolderLost { folder: folder.id.clone() }.into())
    }

    /// Somebody wants everything to be read anew: as if every cursor had died.
    async fn anew(&mut self, claim: &Claim, survey: &Survey) -> Result<Taken, Failure> {
        for folder in survey.folders.iter().filter(|folder| folder.link.is_some()) {
            let lost = self.doubt(claim, survey, folder).await?;
            if matches!(self.commit(claim, survey, lost).await?, Committed::Lost) {
                return Err(self::lost());
            }
        }
        Ok(Step::TreeLost.into())
    }

    /// Tells removals that nothing else has explained.
    async fn tell(
        &self,
        claim: &Claim,
        survey: &Survey,
        folder: &str,
        through: u64,
    ) -> Result<Taken, Failure> {
        let (store, id) = (&self.fetcher.store, claim.subscription.id);
        let settled = store.held(id, folder, through, AT_ONCE).await.map_err(|error| unstored(&error))?;
        let known = store.known(id, settled.clone()).await.map_err(|error| unstored(&error))?;
        let followed =
            |parent: &str| survey.folders.iter().any(|other| other.id == parent && other.gone_page.is_none());
        let elsewhere = |item: &&ItemId| match known.get(*item) {
            Some(Known::Here(properties)) => {
                parent(properties).is_some_and(|parent| parent != folder && followed(parent))
            }
            _ => false,
        };
        let gone = settled.iter().filter(|item| !elsewhere(item));
        let (events, rows) = self.removed(claim, gone, &known)?;
        Ok(Taken { events, rows, items: 0, odd: Vec::new(), step: Step::Told { settled } })
    }

    /// Tells that the messages of a folder went with it.
    async fn empty(&mut self, claim: &Claim, folder: &str) -> Result<Taken, Failure> {
        // Told ones leave tombstones, so that the first are always those that are left.
        let members = self.members(claim, folder, None).await?;
        if members.items.is_empty() {
            return Ok(Step::Emptied { folder: folder.to_owned() }.into());
        }
        let settled: Vec<ItemId> = members.items.iter().map(|(item, _)| item.clone()).collect();
        let known = members.items.into_iter().map(|(item, properties)| (item, Known::Here(properties)));
        let (events, rows) = self.removed(claim, settled.iter(), &known.collect())?;
        Ok(Taken { events, rows, items: 0, odd: Vec::new(), step: Step::Told { settled } })
    }

    fn removed<'i>(
        &self,
        claim: &Claim,
        items: impl Iterator<Item = &'i ItemId>,
        known: &HashMap<ItemId, Known>,
    ) -> Result<(Vec<NewEvent>, Vec<MirrorRow>), Failure> {
        let context = self.fetcher.context(claim, Kind::Message);
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        for id in items {
            let item = Item { id: id.clone(), properties: Properties::new(), removed: true, partial: false };
            let Outcome { event, row } =
                classify(&context, known.get(id), &item).map_err(|error| unwritable(&error))?;
            events.extend(event);
            rows.extend(row);
        }
        Ok((events, rows))
    }

    async fn members(
        &self,
        claim: &Claim,
        folder: &str,
        after: Option<ItemId>,
    ) -> Result<crate::store::Members, Failure> {
        let members = self.fetcher.store.members(claim.subscription.id, folder, after, AT_ONCE);
        members.await.map_err(|error| unstored(&error))
    }
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

fn lost() -> Failure {
    Failure::local(Verdict::Transient, "lost", "somebody else has taken the round over")
}
