//! Change tokens: `1;{scope};{guid};{ticks};{number}`, a place in the change log of the object with that id.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::{bad_token, numbered};
use crate::simulator::error::GraphError;
use crate::simulator::world::World;

/// .NET counts in steps of 100 ns, from the year 1 on.
const EPOCH: i64 = 621_355_968_000_000_000;
const TICKS_PER_SECOND: i64 = 10_000_000;
/// The scope of a list.
const LIST: &str = "3";

/// A place in a list's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// None: only a time is known.
    pub(super) number: Option<u64>,
    pub(super) at: DateTime<Utc>,
}

pub(super) fn write(list: Uuid, number: u64, at: DateTime<Utc>) -> String {
    let ticks = EPOCH + at.timestamp() * TICKS_PER_SECOND + i64::from(at.timestamp_subsec_nanos() / 100);
    format!("1;{LIST};{list};{ticks};{number}")
}

/// The place after everything that has happened.
pub(super) fn current(world: &World, list: Uuid) -> String {
    write(list, world.latest_change(), world.clock.now())
}

pub(super) fn read(list: Uuid, text: &str) -> Result<Place, GraphError> {
    let parts: Vec<&str> = text.split(';').collect();
    let [version, scope, object, ticks, number] = parts.as_slice() else {
        let message =
            "Specified argument was out of the range of valid values.\r\nParameter name: changeToken";
        return Err(numbered(400, -2_146_233_086, "System.ArgumentOutOfRangeException", message));
    };
    let garbled = || numbered(400, -1, "System.FormatException", "Input string was not in a correct format.");
    if *version != "1" {
        let message = "Operation is not valid due to the current state of the object.";
        return Err(numbered(400, -1, "System.InvalidOperationException", message));
    }
    let object: Uuid = object.parse().map_err(|_| garbled())?;
    let ticks: i64 = ticks.parse().map_err(|_| garbled())?;
    let number: i64 = number.parse().map_err(|_| garbled())?;
    let since = ticks.checked_sub(EPOCH).ok_or_else(garbled)?;
    let nanos = u32::try_from(since.rem_euclid(TICKS_PER_SECOND) * 100).map_err(|_| garbled())?;
    let at = DateTime::from_timestamp(since.div_euclid(TICKS_PER_SECOND), nanos).ok_or_else(garbled)?;
    if *scope != LIST || object != list {
        let message = "The changeToken refers to a different object than the one that is asked.";
        return Err(bad_token(-2_130_575_173, message));
    }
    Ok(Place { number: u64::try_from(number).ok(), at })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn ticks_are_counted_as_dotnet_counts_them() {
        let at: DateTime<Utc> = "2024-12-31T23:59:59.9999999Z".parse().unwrap();
        let list = Uuid::from_u128(7);
        let token = write(list, 451, at);
        // 1,735,689,600 seconds lie between 1970 and 2025; this is one tick less.
        assert_eq!(token, format!("1;3;{list};638712863999999999;451"));
        assert_eq!(read(list, &token).unwrap(), Place { number: Some(451), at });
        let by_time = read(list, &format!("1;3;{list};638712864000000000;-1")).unwrap();
        assert_eq!(by_time, Place { number: None, at: at + TimeDelta::nanoseconds(100) });
    }
}
