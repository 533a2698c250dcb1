//! Background tasks: woken by a signal and by time, without input, so that a missed signal costs latency only.

mod signal;

pub use signal::Signal;
