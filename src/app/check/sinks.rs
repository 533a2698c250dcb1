//! The sinks: whether they could be used. Nothing is sent.

use super::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::sinks;

pub(super) async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(config.sinks.len());
    for configured in &config.sinks {
        let subject = format!("sink {} ({})", configured.name, configured.kind.as_str());
        let checked = match sinks::build(configured, clock, || Box::new(std::io::sink())) {
            Ok(sink) => {
                sink.check().await.map(|()| sink.caution().map(|caution| format!("warning: {caution}")))
            }
            Err(error) => Err(format!("{error:#}")),
        };
        findings.push(match checked {
            Ok(note) => Finding::good(subject, note),
            Err(problem) => Finding::bad(subject, problem),
        });
    }
    findings
}
