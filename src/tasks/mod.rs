//! Background tasks: woken by a signal and by time, without input, so that a missed signal costs latency only.

mod outage;
mod signal;
mod task;
mod whole;

pub use outage::{Outage, Seldom};
pub use signal::Signal;
pub use task::{STORE_RETRY, Task, pause, run};
pub use whole::whole;
