//! What a round of a whole mailbox does next. Pure: from where the round stands in the store alone, so that one that was
//! broken off goes on where it was.

use crate::store::{Folder, HeldIn, Link, Survey};

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// Ask for a page of the tree of folders.
    Tree {
        /// It was walked in this round already; it is asked again whether there is a folder that nobody knew.
        again: bool,
    },
    /// Ask for a page of this folder.
    Page {
        folder: &'a Folder,
        /// It was walked in this round already; it is asked again whether a message that another one misses is there.
        again: bool,
    },
    /// Tell the removals from this folder that were held up to this page.
    Tell { folder: &'a str, through: u64 },
    /// Tell that the messages of this folder are gone with it.
    Empty { folder: &'a str },
    /// The round has ended; some removals may have to wait for the next.
    End { waiting: bool },
}

/// Decides. Unless `patient`, no folder is asked again: in a mailbox where messages are deleted all the time, that
/// would have no end.
pub(super) fn next(survey: &Survey, patient: bool) -> Next<'_> {
    let is_between = |folder: &Folder| matches!(folder.link, Some(Link::Next(_)));
    if survey.tree.round < survey.round || is_between(&survey.tree) {
        return Next::Tree { again: survey.tree.round == survey.round };
    }
    let here = || survey.folders.iter().filter(|folder| folder.gone_page.is_none());
    let unfinished = here().find(|folder| is_between(folder));
    let unvisited = || {
        let unvisited = here().filter(|folder| folder.round < survey.round || folder.link.is_none());
        unvisited.max_by_key(|folder| folder.changed_page)
    };
    if let Some(folder) = unfinished.or_else(unvisited) {
        return Next::Page { folder, again: folder.round == survey.round };
    }
    // What is missing may be in a folder that was made since the tree was asked.
    if patient && is_waited_for(survey, &survey.tree) {
        return Next::Tree { again: true };
    }
    if let Some(folder) = here().find(|folder| patient && is_waited_for(survey, folder)) {
        return Next::Page { folder, again: true };
    }
    let ripe = survey.held.iter().find_map(|held| {
        let through = asked_since(survey, &held.folder);
        (held.first_page <= through).then_some(Next::Tell { folder: &held.folder, through })
    });
    let emptied = || {
        let gone = survey.folders.iter().filter(|folder| folder.gone_page.is_some());
        let mut ripe = gone.filter(|folder| folder.gone_page <= Some(asked_since(survey, &folder.id)));
        ripe.next().map(|folder| Next::Empty { folder: &folder.id })
    };
    let waiting =
        || !survey.held.is_empty() || survey.folders.iter().any(|folder| folder.gone_page.is_some());
    ripe.or_else(emptied).unwrap_or_else(|| Next::End { waiting: waiting() })
}

/// Whether something was found missing elsewhere after this folder was last asked.
fn is_waited_for(survey: &Survey, folder: &Folder) -> bool {
    let elsewhere = |held: &&HeldIn| held.folder != folder.id;
    let held = survey.held.iter().filter(elsewhere).map(|held| held.last_page);
    let gone = survey.folders.iter().filter_map(|other| other.gone_page);
    held.chain(gone).any(|page| page > folder.walked_page)
}

/// The tree and every folder but this one have been asked since this page; what it missed before is nowhere.
fn asked_since(survey: &Survey, but: &str) -> u64 {
    let others = survey.folders.iter().filter(|folder| folder.gone_page.is_none() && folder.id != but);
    others.map(|folder| folder.walked_page).fold(survey.tree.walked_page, u64::min)
}

#[cfg(test)]
mod tests;
