//! How long remote subscriptions are asked to live: what is known of Office 365, and what its refusals have taught.

use std::time::Duration;

use super::Renewer;
use super::settle::StepError;
use crate::model::{Kind, Subscription, Via};
use crate::office365::{Failure, Verdict};
use crate::store::{Lesson, LifeOf};

const MINUTE: Duration = Duration::from_secs(60);

/// The longest life that Office 365 grants, in minutes, less a margin for clocks that differ; by kind, and by whether
/// notifications bring content. Drives and lists: 42,300. Mail: 10,080 on paper, 10,070 in service; 1,440 with content.
const LONGEST: [(Kind, bool, u32); 4] = [
    (Kind::ListItem, false, 42_290),
    (Kind::DriveItem, false, 42_290),
    (Kind::Message, false, 10_060),
    (Kind::Message, true, 1_430),
];

/// SharePoint grants 180 days to the hour, and refuses more without a number; so there is nothing to be learned of it.
const OVER_SHAREPOINT: Duration = MINUTE.saturating_mul(179 * 24 * 60);

/// Office 365 raises what is shorter to this, so nothing shorter is worth asking for.
const SHORTEST: Duration = MINUTE.saturating_mul(45);

/// Our clock may be ahead of Office 365's by this, and what is asked for still not be too long.
const MARGIN: Duration = MINUTE.saturating_mul(10);

/// What is asked for as long as nothing was learned.
fn usual(kind: Kind, content: bool) -> Duration {
    let row = LONGEST.iter().find(|(of, with, _)| (*of, *with) == (kind, content));
    row.map_or(SHORTEST, |(_, _, minutes)| MINUTE.saturating_mul(*minutes))
}

/// What the refusal of `asked` teaches: what it has told, less the margin; where it tells nothing, or nothing shorter,
/// half, as a guess. None: it cannot become shorter.
fn lesson(asked: Duration, told: Option<Duration>) -> Option<Lesson> {
    let told = told.map(|told| told.saturating_sub(MARGIN.min(told / 4)).max(SHORTEST));
    let told = told.filter(|told| *told < asked);
    let longest = told.unwrap_or_else(|| SHORTEST.max(asked / 2));
    (longest < asked).then_some(Lesson { longest, told: told.is_some() })
}

impl Renewer {
    /// How long a life to ask for: what was wished, but never over what the resource allows.
    pub(super) async fn life(
        &self,
        subscription: &Subscription,
        via: Via,
        kind: Kind,
    ) -> Result<Duration, StepError> {
        if via == Via::SharePoint {
            return Ok(subscription.wish.lifetime.unwrap_or(OVER_SHAREPOINT).min(OVER_SHAREPOINT));
        }
        let usual = usual(kind, subscription.wish.include_resource_data);
        let learned =
            self.store.longest_life(subscription.id, life_of(subscription, kind), self.clock.now()).await?;
        let longest = learned.map_or(usual, |learned| learned.min(usual));
        Ok(subscription.wish.lifetime.unwrap_or(longest).min(longest))
    }

    /// Keeps what a refusal teaches, and answers with the life to ask for instead of `asked`; none if it teaches nothing.
    pub(super) async fn learn(
        &self,
        subscription: &Subscription,
        kind: Kind,
        asked: Duration,
        refusal: &Failure,
    ) -> Result<Option<Duration>, StepError> {
        let Verdict::TooLong { longest } = refusal.verdict else { return Ok(None) };
        let Some(lesson) = lesson(asked, longest) else { return Ok(None) };
        let of = life_of(subscription, kind);
        tracing::info!(
            subscription = %subscription.wish.name, tenant = %of.tenant, %kind, content = of.content,
            asked_minutes = asked.as_secs() / 60, told_minutes = longest.map(|longest| longest.as_secs() / 60),
            minutes = lesson.longest.as_secs() / 60,
            "Office 365 lets this subscription live less long than was asked for; for 30 days the shorter life is asked for"
        );
        self.store.learn(subscription.id, of, lesson, self.clock.now()).await?;
        Ok(Some(lesson.longest))
    }
}

fn life_of(subscription: &Subscription, kind: Kind) -> LifeOf {
    LifeOf {
        tenant: subscription.wish.tenant.clone(),
        kind,
        content: subscription.wish.include_resource_data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_usual_life() {
        for (kind, content, minutes) in [
            (Kind::Message, false, 10_060),
            (Kind::Message, true, 1_430),
            (Kind::DriveItem, false, 42_290),
            (Kind::ListItem, false, 42_290),
        ] {
            assert_eq!(usual(kind, content), MINUTE * minutes, "{kind} {content}");
        }
    }

    #[test]
    fn a_refusal_teaches_what_it_tells_and_else_the_half() {
        for (asked, told, expected) in [
            (42_290, Some(4_320), Some((4_310, true))),
            (4_310, Some(60), Some((50, true))),
            // Office 365 raises what is shorter to 45 minutes.
            (4_310, Some(50), Some((45, true))),
            (4_310, Some(1), Some((45, true))),
            // What it tells is no reason to refuse what was asked for.
            (1_000, Some(1_000), Some((990, true))),
            (1_000, Some(2_000), Some((500, false))),
            (1_000, None, Some((500, false))),
            (60, None, Some((45, false))),
            (45, None, None),
            (45, Some(45), None),
            (40, Some(4_320), None),
        ] {
            let lesson = lesson(MINUTE * asked, told.map(|told| MINUTE * told));
            let expected = expected.map(|(minutes, told)| Lesson { longest: MINUTE * minutes, told });
            assert_eq!(lesson, expected, "{asked} {told:?}");
        }
    }
}
