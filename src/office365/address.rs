//! Web addresses of lists. Which part of one is the site has to be found out by asking.

use percent_encoding::percent_decode_str;
use url::Url;

/// As deep as SharePoint's addresses may be, and more; each level is a request.
const DEEPEST: usize = 20;

/// The path of an address, piece by piece, readable.
pub(super) fn decoded_path(address: &Url) -> Vec<String> {
    let pieces = address.path().split('/').filter(|piece| !piece.is_empty());
    pieces.map(|piece| percent_decode_str(piece).decode_utf8_lossy().into_owned()).collect()
}

/// Where the site may be, the longest path first. A list is not a site, so its own piece is left out, and what lies
/// under `Lists` or holds `Forms` is known to be none.
pub(super) fn site_paths(path: &[String]) -> impl Iterator<Item = &[String]> {
    let is = |name: &'static str| move |piece: &String| piece.eq_ignore_ascii_case(name);
    let lists = path.iter().position(is("Lists"));
    let library = path.iter().position(is("Forms")).map(|forms| forms.saturating_sub(1));
    let longest = lists.or(library).unwrap_or(path.len().saturating_sub(1)).min(DEEPEST);
    (0..=longest).rev().filter_map(|length| path.get(..length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(address: &str) -> Vec<String> {
        decoded_path(&address.parse().unwrap())
    }

    #[test]
    fn sites_are_looked_for_from_the_longest_path_up_to_the_root() {
        for (address, expected) in [
            ("https://h/sites/hr/Lists/Candidates/AllItems.aspx", vec!["sites/hr", "sites", ""]),
            ("https://h/sites/hr/Shared%20Documents/Forms/AllItems.aspx?id=1", vec!["sites/hr", "sites", ""]),
            ("https://h/sites/hr/sub/Shared Documents", vec!["sites/hr/sub", "sites/hr", "sites", ""]),
            ("https://h/Lists/Tasks", vec![""]),
            ("https://h/Documents", vec![""]),
            ("https://h/", vec![""]),
        ] {
            let path = path(address);
            let tried: Vec<String> = site_paths(&path).map(|pieces| pieces.join("/")).collect();
            assert_eq!(tried, expected, "{address}");
        }
    }
}
