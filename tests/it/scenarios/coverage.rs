//! Months in a minute: at each moment Office 365 holds a remote subscription for all that is followed.

use serde_json::json;

use super::actions::{NAMES, Start};
use super::checks;
use super::scenario::Play;

const HOUR: u64 = 3600;
const STEP_HOURS: u64 = 12;
const DAYS: u64 = 180;

/// Lists and drives live for 29 days here, mail for 7. Every ninth day begins an outage of two days in which
/// nothing can be renewed or made: less than what is left of any life when its renewal is first tried.
#[test]
fn six_months_with_outages_of_two_days_leave_no_gap() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut play = Play::begin(1, Start::Beginning).await;
        play.settle().await;
        for step in 0..DAYS * 24 / STEP_HOURS {
            let hour = step * STEP_HOURS;
            match hour % (9 * 24) {
                0 if hour > 0 => {
                    let fault =
                        json!({"status": 503, "count": 1_000_000, "path_prefix": "/v1.0/subscriptions"});
                    play.house.control("faults", fault).await;
                    play.house.control("notifications", json!({"lose": 1.0})).await;
                }
                36 => drop(
                    play.house.control("changes", json!({"count": 1, "resource": play.resources[1]})).await,
                ),
                48 => {
                    play.house.forget_faults().await;
                    play.house.control("notifications", json!({})).await;
                }
                _ => {}
            }
            play.pass(STEP_HOURS * HOUR).await;
            let held = play.house.remote().await.len();
            assert_eq!(held, NAMES.len(), "a gap after {hour} hours");
        }
        // The log itself keeps thirty days only, so it is counted here, not replayed.
        checks::standing(&play).await.unwrap();
        // One in each outage.
        let changes = f64::from(u32::try_from(DAYS / 9 - 1).unwrap());
        assert!(
            play.house.metric("o365_sweep_recovered_total").await >= changes,
            "a change in an outage is missing"
        );
        assert!(
            play.house.metric("o365_renewals_total{result=\"transient\"}").await > 0.0,
            "no outage met a renewal"
        );
        assert!(
            play.house.metric("o365_renewals_total{result=\"renewed\"}").await >= 40.0,
            "too few renewals"
        );
        play.house.close().await;
    });
}
