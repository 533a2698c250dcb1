use super::*;

fn folder(id: &str, round: u64, walked_page: u64) -> Folder {
    Folder {
        id: id.to_owned(),
        link: Some(Link::Delta(id.to_owned())),
        round,
        walked_page,
        changed_page: 0,
        gone_page: None,
        deaths: 0,
    }
}

fn survey(folders: Vec<Folder>) -> Survey {
    Survey { round: 7, pages: 100, tree: folder("", 7, 99), folders, held: vec![] }
}

fn held(folder: &str, first_page: u64, last_page: u64) -> HeldIn {
    HeldIn { folder: folder.to_owned(), first_page, last_page }
}

#[test]
fn the_tree_comes_first_then_what_is_unfinished_then_the_last_changed() {
    let mut at = survey(vec![folder("a", 6, 50), folder("b", 6, 50), folder("c", 6, 50)]);
    at.tree.round = 6;
    assert_eq!(next(&at, true), Next::Tree { again: false });
    at.tree.round = 7;
    at.tree.link = Some(Link::Next("n".to_owned()));
    assert_eq!(next(&at, true), Next::Tree { again: true });
    at.tree.link = None;
    at.folders[1].changed_page = 60;
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[1], again: false });
    at.folders[2].link = Some(Link::Next("n".to_owned()));
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[2], again: false });
}

#[test]
fn a_removal_is_told_once_every_other_folder_was_asked_after_it() {
    let mut at = survey(vec![folder("a", 7, 90), folder("b", 7, 91), folder("c", 7, 95)]);
    at.held = vec![held("a", 93, 94)];
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[1], again: true });
    assert_eq!(next(&at, false), Next::End { waiting: true });
    at.folders[1].walked_page = 93;
    assert_eq!(next(&at, false), Next::Tell { folder: "a", through: 93 }, "the first can be told");
    at.folders[1].walked_page = 96;
    assert_eq!(next(&at, true), Next::Tell { folder: "a", through: 95 });
    at.held = vec![];
    assert_eq!(next(&at, true), Next::End { waiting: false });
}

#[test]
fn a_folder_alone_tells_its_removals_at_once() {
    let mut at = survey(vec![folder("a", 7, 90)]);
    at.held = vec![held("a", 93, 93)];
    assert_eq!(next(&at, true), Next::Tell { folder: "a", through: 99 });
}

#[test]
fn a_removal_is_told_once_the_tree_was_asked_for_new_folders_after_it() {
    let mut at = survey(vec![folder("a", 7, 90), folder("b", 7, 98)]);
    at.tree.walked_page = 80;
    at.held = vec![held("a", 93, 93)];
    assert_eq!(next(&at, true), Next::Tree { again: true });
    assert_eq!(next(&at, false), Next::End { waiting: true });
    at.tree.walked_page = 99;
    at.folders.push(Folder { link: None, ..folder("new", 0, 0) });
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[2], again: false });
    at.folders[2] = folder("new", 7, 100);
    assert_eq!(next(&at, true), Next::Tell { folder: "a", through: 98 });
}

#[test]
fn the_messages_of_a_deleted_folder_are_told_once_all_others_were_asked() {
    let mut at = survey(vec![folder("a", 7, 90), folder("b", 6, 80)]);
    at.folders[1].gone_page = Some(92);
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[0], again: true });
    at.folders[0].walked_page = 92;
    assert_eq!(next(&at, true), Next::Empty { folder: "b" });
}

#[test]
fn a_folder_whose_cursor_is_dead_is_walked_before_anything_is_told() {
    let mut at = survey(vec![folder("a", 0, 90), folder("b", 7, 99)]);
    at.folders[0].link = None;
    at.held = vec![held("a", 95, 95)];
    assert_eq!(next(&at, true), Next::Page { folder: &at.folders[0], again: false });
}
