//! Works the contents of a claimed subscription off, before its round.

use std::collections::HashMap;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::worth::{self, worth_telling};
use super::{DecryptionKey, Element, Fault, Opened, tokens};
use crate::fetch::classify::classify;
use crate::fetch::flight::{unstored, unwritable};
use crate::fetch::{Fetcher, LEASE};
use crate::model::{ArrivedContent, ItemId, Target};
use crate::office365::{Audience, Failure, Tenant};
use crate::seal::Place;
use crate::store::{Aside, Claim, Committed, ContentCommit, Known, MirrorRow, StoredContent};

/// Contents looked at in one step; each has some kilobytes, and some hundred at most.
const BATCH: usize = 20;

impl Fetcher {
    /// Looks at the contents that have waited longest, and commits what they lead to. None: there are none.
    /// `written` counts the round's events.
    pub(in crate::fetch) async fn open_contents(
        &self,
        claim: &Claim,
        written: &mut u64,
    ) -> Result<Option<Committed>, Failure> {
        let id = claim.subscription.id;
        let stored = self.store.contents(id, BATCH).await.map_err(|error| unstored(&error))?;
        if stored.is_empty() {
            return Ok(None);
        }
        let (tenant, target) = self.reach(claim)?;
        let (opened, aside) = self.look_at(tenant, stored).await?;
        let ids = opened.iter().filter_map(|(_, opened)| Some(worth::item(target, opened)?.id)).collect();
        let known = self.store.known(id, ids).await.map_err(|error| unstored(&error))?;
        let commit = self.told_by(claim, target, opened, known)?;
        let commit = ContentCommit { aside, ..commit };
        let told: Vec<_> = commit.events.iter().map(|event| (event.kind, event.change, event.time)).collect();
        let reasons: Vec<_> = commit.aside.iter().map(|aside| aside.reason).collect();
        let (done, rows) = (commit.done.len(), commit.rows.len());
        let committed = self.store.commit_contents(commit).await.map_err(|error| unstored(&error))?;
        if matches!(committed, Committed::Done(_)) {
            *written += u64::try_from(told.len()).unwrap_or(u64::MAX);
            self.count(claim, &told);
            self.metrics.contents_looked_at(rows, done.saturating_sub(rows), &reasons);
            if !reasons.is_empty() {
                tracing::warn!(subscription = %claim.subscription.wish.name, contents = reasons.len(), ?reasons,
                    "Encrypted contents cannot be used and were put aside; what has changed is fetched");
            }
        }
        Ok(Some(committed))
    }

    /// Checks and decrypts: what was opened, and what has to be put aside.
    async fn look_at(
        &self,
        tenant: &Tenant,
        stored: Vec<StoredContent>,
    ) -> Result<(Vec<(Uuid, Opened)>, Vec<Aside>), Failure> {
        let keys = self.decryption_keys().await?;
        let audiences = self.office365.audiences().await;
        let (mut opened, mut aside) = (Vec::new(), Vec::new());
        for one in stored {
            let looked_at = self.look_at_one(tenant, &audiences, &keys, &one).await;
            let id = one.content.id;
            match looked_at {
                Ok(content) => opened.push((id, content)),
                Err(fault) => {
                    aside.push(Aside { id, reason: fault.reason(), explanation: fault.to_string() });
                }
            }
        }
        Ok((opened, aside))
    }

    async fn look_at_one(
        &self,
        tenant: &Tenant,
        audiences: &[Audience],
        keys: &[DecryptionKey],
        stored: &StoredContent,
    ) -> Result<Opened, Fault> {
        let arrived = self.unsealed(stored)?;
        let element = Element::read(arrived.element.get().as_bytes())?;
        // Only without the login host it is not known; then no token can be checked either.
        let own = tenant.audience().await.map_err(|_| Fault::KeysUnavailable)?.tenant_id;
        let mut covered = Vec::with_capacity(arrived.tokens.len());
        for token in &arrived.tokens {
            let claimed = tokens::glance(token)?;
            let signer = tenant.signer(claimed.version, &claimed.kid).await;
            let signer = signer.map_err(|_| Fault::KeysUnavailable)?.ok_or(Fault::UnknownSigner)?;
            covered.push(tokens::check(token, &claimed, &signer, audiences, stored.received_at)?);
        }
        if covered.is_empty() {
            return Err(Fault::NoToken);
        }
        if element.tenant_id != Some(own) || !covered.contains(&own) {
            return Err(Fault::Uncovered);
        }
        element.open(keys)
    }

    fn unsealed(&self, stored: &StoredContent) -> Result<ArrivedContent, Fault> {
        let sealer = self.sealer.as_ref().ok_or(Fault::Unsealable)?;
        let row = stored.content.id.to_string();
        let bytes = sealer.open(Place::content(&row), &stored.content.sealed);
        serde_json::from_slice(&bytes.map_err(|_| Fault::Unsealable)?).map_err(|_| Fault::Malformed)
    }

    /// The private keys that are kept.
    async fn decryption_keys(&self) -> Result<Vec<DecryptionKey>, Failure> {
        let stored = self.store.certificates().await.map_err(|error| unstored(&error))?;
        let Some(sealer) = &self.sealer else { return Ok(Vec::new()) };
        let keys = stored.into_iter().filter_map(|one| {
            let key: Zeroizing<Vec<u8>> = sealer.open(Place::certificate(&one.id.0), &one.sealed_key).ok()?;
            DecryptionKey::new(one.id, &one.certificate, &key)
        });
        Ok(keys.collect())
    }

    /// What the contents lead to; each is compared with what is known after the one before it.
    fn told_by(
        &self,
        claim: &Claim,
        target: &Target,
        opened: Vec<(Uuid, Opened)>,
        mut known: HashMap<ItemId, Known>,
    ) -> Result<ContentCommit, Failure> {
        let context = self.context(claim, target.kind());
        let (mut events, mut rows, mut done, mut certificates) = (vec![], vec![], vec![], vec![]);
        for (id, opened) in opened {
            done.push(id);
            let before = worth::item(target, &opened).and_then(|item| known.get(&item.id));
            if let Some(item) = worth_telling(target, &opened, before) {
                let outcome = classify(&context, before, &item).map_err(|error| unwritable(&error))?;
                events.extend(outcome.event);
                if let Some(MirrorRow { item, properties: Some(properties), .. }) = &outcome.row {
                    let properties = properties.properties().map_err(|error| unwritable(&error))?;
                    known.insert(item.clone(), Known::Here(properties));
                }
                rows.extend(outcome.row);
            }
            if !certificates.contains(&opened.certificate) {
                certificates.push(opened.certificate);
            }
        }
        let (claim, now) = (claim.clone(), context.now);
        Ok(ContentCommit { claim, events, rows, done, aside: vec![], certificates, now, lease: LEASE })
    }
}
