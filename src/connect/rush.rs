use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pages that are made at once.
const AT_ONCE: usize = 16;
/// Pages that are made within a minute: much for people, and little for this machine.
const A_MINUTE: u32 = 600;

/// Bounds what these pages take of a machine that has notifications to answer.
#[derive(Debug)]
pub struct Rush {
    room: Arc<Semaphore>,
    /// Which minute it is, and how many came in it.
    minute: Mutex<(i64, u32)>,
}

impl Default for Rush {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), minute: Mutex::default() }
    }
}

impl Rush {
    /// A place, for as long as it is held; none: come again in a minute.
    pub(super) fn enter(&self, now: DateTime<Utc>) -> Option<OwnedSemaphorePermit> {
        let this = now.timestamp().div_euclid(60);
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.0 != this {
            *minute = (this, 0);
        }
        if minute.1 >= A_MINUTE {
            return None;
        }
        minute.1 += 1;
        drop(minute);
        self.room.clone().try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn there_is_room_for_some_at_once_and_for_some_a_minute() {
        let (rush, now) = (Rush::default(), DateTime::UNIX_EPOCH);
        let held: Vec<_> = (0..AT_ONCE).map(|_| rush.enter(now).unwrap()).collect();
        assert!(rush.enter(now).is_none());
        drop(held);
        let more = (0..A_MINUTE).filter(|_| rush.enter(now).is_some()).count();
        assert_eq!(more, usize::try_from(A_MINUTE).unwrap() - AT_ONCE - 1);
        assert!(rush.enter(now + TimeDelta::minutes(1)).is_some());
    }
}
