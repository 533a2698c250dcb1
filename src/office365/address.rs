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

/// What to say where no list has the address, and the site that was found is `site` pieces of its path long. The root site
/// is always found, and is not the one that an address below `/sites/` or `/teams/` means.
pub(super) fn no_list(address: &Url, path: &[String], site: usize) -> String {
    let managed =
        path.first().is_some_and(|first| ["sites", "teams"].iter().any(|m| first.eq_ignore_ascii_case(m)));
    if let ([first, name, ..], true, true) = (path, site < 2, managed) {
        let host = address.host_str().unwrap_or_default();
        return format!(
            "There is no list or library at {address}: there is no site at https://{host}/{first}/{name}, or the app may not see \
             it. Copy the address from the browser while the list is open"
        );
    }
    format!(
        "There is no list or library at {address}: the site is there, but none of its lists has that address. Copy it from \
         the browser while the list is open"
    )
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

    #[test]
    fn a_site_that_is_not_there_is_told_apart_from_a_list_that_is_not() {
        for (address, site, no_site) in [
            ("https://h/sites/nosuch/Lists/Candidates", 0, Some("https://h/sites/nosuch,")),
            ("https://h/teams/No Such/Lists/Candidates", 0, Some("https://h/teams/No Such,")),
            ("https://h/sites/hr/Lists/Nosuch", 2, None),
            ("https://h/sites/hr/sub/Lists/Nosuch", 3, None),
            ("https://h/Lists/Nosuch", 0, None),
            ("https://h/sites", 0, None),
        ] {
            let address = address.parse().unwrap();
            let told = no_list(&address, &decoded_path(&address), site);
            assert_eq!(told.contains("the site is there"), no_site.is_none(), "{told}");
            assert!(told.contains(no_site.unwrap_or_default()), "{told}");
        }
    }
}
