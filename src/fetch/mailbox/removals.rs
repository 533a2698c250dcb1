//! Messages that are not where they were: held, doubted, and told as deleted once nothing explains them.

use std::collections::HashMap;

use super::{Taken, Walk, parent};
use crate::fetch::classify::{Outcome, classify};
use crate::fetch::flight::{unstored, unwritable};
use crate::model::{Body, Item, ItemId, Kind, NewEvent, Properties};
use crate::office365::{Failure, Verdict};
use crate::store::{Claim, Committed, Folder, Known, Members, MirrorRow, Step, Survey};

/// Messages told as deleted, or doubted, in one step.
const AT_ONCE: usize = 200;

impl Walk<'_> {
    /// Everything that the mirror has in the folder is in doubt until it is seen again.
    pub(super) async fn doubt(
        &mut self,
        claim: &Claim,
        survey: &Survey,
        folder: &Folder,
    ) -> Result<Taken, Failure> {
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
    pub(super) async fn anew(&mut self, claim: &Claim, survey: &Survey) -> Result<Taken, Failure> {
        for folder in survey.folders.iter().filter(|folder| folder.link.is_some()) {
            let lost = self.doubt(claim, survey, folder).await?;
            if matches!(self.commit(claim, survey, lost).await?, Committed::Lost) {
                return Err(self::lost());
            }
        }
        Ok(Step::TreeLost.into())
    }

    /// Tells removals that nothing else has explained.
    pub(super) async fn tell(
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
        Ok(Taken { events, rows, ..Step::Told { settled }.into() })
    }

    /// Tells that the messages of a folder went with it.
    pub(super) async fn empty(&mut self, claim: &Claim, folder: &str) -> Result<Taken, Failure> {
        // Each step looks on from the last, since everything on the way is unpacked. Told ones leave tombstones: what is there
        // when it is looked at from the beginning once more is what is left.
        let after = self.emptied.take().filter(|(of, _)| of == folder).map(|(_, item)| item);
        let is_on_the_way = after.is_some();
        let mut members = self.members(claim, folder, after).await?;
        if members.items.is_empty() && is_on_the_way {
            members = self.members(claim, folder, None).await?;
        }
        let Some((last, _)) = members.items.last() else {
            return Ok(Step::Emptied { folder: folder.to_owned() }.into());
        };
        self.emptied = Some((folder.to_owned(), last.clone()));
        let settled: Vec<ItemId> = members.items.iter().map(|(item, _)| item.clone()).collect();
        let known = members.items.into_iter().map(|(item, properties)| (item, Known::Here(properties)));
        let (events, rows) = self.removed(claim, settled.iter(), &known.collect())?;
        Ok(Taken { events, rows, ..Step::Told { settled }.into() })
    }

    fn removed<'i>(
        &self,
        claim: &Claim,
        items: impl Iterator<Item = &'i ItemId>,
        known: &HashMap<ItemId, Known>,
    ) -> Result<(Vec<NewEvent>, Vec<MirrorRow>), Failure> {
        let context = self.fetcher.context(claim, Kind::Message);
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        let nothing = Body::of(&Properties::new()).map_err(|error| unwritable(&error))?;
        for id in items {
            let item = Item { id: id.clone(), body: nothing.clone(), removed: true, partial: false };
            let Outcome { event, row } =
                classify(&context, known.get(id), &item).map_err(|error| unwritable(&error))?;
            events.extend(event);
            rows.extend(row);
        }
        Ok((events, rows))
    }

    async fn members(&self, claim: &Claim, folder: &str, after: Option<ItemId>) -> Result<Members, Failure> {
        let members = self.fetcher.store.members(claim.subscription.id, folder, after, AT_ONCE);
        members.await.map_err(|error| unstored(&error))
    }
}

fn lost() -> Failure {
    Failure::local(Verdict::Transient, "lost", "somebody else has taken the round over")
}
