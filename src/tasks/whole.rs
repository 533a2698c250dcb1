use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// Runs work to its end. None: it broke off by a fault of ours; where, the log tells. What it had begun is as after a
/// crash, so it is for work whose traces are in the store alone.
pub fn whole<T>(work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    AssertUnwindSafe(work).catch_unwind().map(Result::ok)
}
