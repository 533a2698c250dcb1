//! Background tasks: woken by a signal and by time, without input, so that a missed signal costs latency only.

mod signal;
mod task;

pub use signal::Signal;
pub use task::{Task, pause, run};
