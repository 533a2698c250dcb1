//! The sinks: whether they could be used, and whether there is anything that they would be sent. Nothing is sent.

use super::Finding;
use crate::clock::Clock;
use crate::config::{Config, Said, Sink};
use crate::model::Event;
use crate::sinks;

pub(super) async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let samples = sinks::samples().unwrap_or_default();
    let names: Vec<&str> = config.subscriptions.iter().map(|entry| entry.name.as_str()).collect();
    let mut findings = Vec::with_capacity(config.sinks.len());
    for configured in &config.sinks {
        let subject = format!("sink {} ({})", configured.name, configured.kind.as_str());
        let built = sinks::build(configured, clock, || Box::new(std::io::sink()));
        let checked = match &built {
            Ok(sink) => sink.check().await.map(|()| sink.caution()),
            Err(error) => Err(format!("{error:#}")),
        };
        findings.push(match checked {
            Ok(caution) => {
                let cautions =
                    caution.map(str::to_owned).into_iter().chain(doubts(configured, &names, &samples));
                Finding::good(subject, warning(&cautions.collect::<Vec<_>>()))
            }
            Err(problem) => Finding::bad(subject, problem),
        });
    }
    findings
}

fn warning(cautions: &[String]) -> Option<String> {
    (!cautions.is_empty()).then(|| format!("warning: {}", cautions.join("; ")))
}

/// What would keep events from it that were perhaps meant for it. Subscriptions may also be made through the API, and events
/// differ from the samples, so that none of it is an error.
fn doubts(sink: &Sink, subscriptions: &[&str], samples: &[Event]) -> Vec<String> {
    let types: Vec<&str> = samples.iter().map(|event| event.event_type.as_str()).collect();
    let of_none = sink.subscriptions.idle(subscriptions).into_iter().map(|glob| {
        format!(
            "subscriptions: '{glob}' is the name of no [[subscription]] here, only of what the API may make"
        )
    });
    let of_no_type = sink
        .types
        .idle(&types)
        .into_iter()
        .map(|glob| format!("types: '{glob}' is no type that there is, which are {}", types.join(", ")));
    of_none.chain(of_no_type).chain(unclear(sink, samples)).collect()
}

/// Whether its filter says nothing of any event of the types that it wants.
fn unclear(sink: &Sink, samples: &[Event]) -> Option<String> {
    let filter = sink.filter.as_ref()?;
    let mut said =
        samples.iter().filter(|event| sink.types.want(&event.event_type)).map(|event| filter.says_of(event));
    let Said::Nothing(why) = said.next()? else { return None };
    said.all(|said| matches!(said, Said::Nothing(_))).then(|| {
        format!("filter: could be evaluated for none of the sample events ({why}), and what it says nothing of is sent: try \
                 it with `sinks test {} --since 7d`", sink.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn told(lines: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let text = format!(
            "public_url = \"http://127.0.0.1:1\"\n[[sink]]\nname = \"pipe\"\ntype = \"stdout\"\n{lines}"
        );
        std::fs::write(&file, text).unwrap();
        let config = config::load(&file, []).unwrap();
        doubts(&config.sinks[0], &["hr-candidates", "files"], &sinks::samples().unwrap()).join("; ")
    }

    #[test]
    fn what_would_keep_everything_away_is_told() {
        for (lines, words) in [
            (
                "subscriptions = [\"hr-*\", \"it-*\"]",
                "subscriptions: 'it-*' is the name of no [[subscription]]",
            ),
            (
                "types = [\"o365.driveitem.*\"]",
                "types: 'o365.driveitem.*' is no type that there is, which are o365.listItem.created,",
            ),
            ("filter = \"event.data.changed\"", "filter: could be evaluated for none of the sample events"),
            (
                "types = [\"*.deleted\"]\nfilter = \"event.data.resource.id > 7\"",
                "filter: could be evaluated for none",
            ),
        ] {
            assert!(told(lines).contains(words), "{lines}: {}", told(lines));
        }
        for lines in [
            "",
            "subscriptions = [\"hr-*\", \"files\"]\ntypes = [\"o365.*.created\", \"o365.message.updated\"]",
            "filter = \"event.data.resource.fields.Open\"",
            "filter = \"event.data.actor.name == 'Ann'\"",
        ] {
            assert_eq!(told(lines), "", "{lines}");
        }
    }
}
