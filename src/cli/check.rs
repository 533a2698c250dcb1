//! `check`: everything that the configuration names, a line each.

use anyhow::bail;

use super::output::{Look, Output};
use super::readable::plain;
use crate::app::{self, Finding};
use crate::clock::Clock;
use crate::config::Config;

/// Longest text shown of what Microsoft says.
const LONGEST: usize = 2_000;

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let findings = app::check(&config, &Clock::system()).await;
    let mut output = Output::new();
    for finding in &findings {
        output.line(line(finding))?;
    }
    let wrong = findings.iter().filter(|finding| finding.problem.is_some()).count();
    if wrong > 0 {
        bail!("{wrong} of {} checks failed: mend what is listed above and check again", findings.len());
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let subject = plain(&finding.subject, LONGEST);
    match (&finding.problem, &finding.note) {
        (Some(problem), _) => format!("{}  {subject}: {}", Look::Bad.on("wrong"), plain(problem, LONGEST)),
        (None, Some(note)) => format!("{}     {subject}: {}", Look::Good.on("ok"), plain(note, LONGEST)),
        (None, None) => format!("{}     {subject}", Look::Good.on("ok")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line() {
        let finding = |problem: Option<&str>, note: Option<&str>| Finding {
            subject: "tenant contoso".to_owned(),
            problem: problem.map(str::to_owned),
            note: note.map(str::to_owned),
        };
        let lines = [
            finding(None, None),
            finding(None, Some("signed in")),
            finding(Some("AADSTS7000215\nThe secret is wrong: make a new one"), None),
        ];
        let shown = lines.iter().map(line).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown), @r"
        ok     tenant contoso
        ok     tenant contoso: signed in
        wrong  tenant contoso: AADSTS7000215 The secret is wrong: make a new one
        ");
    }
}
