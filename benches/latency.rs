//! Latency from notification to event.

fn main() {}
