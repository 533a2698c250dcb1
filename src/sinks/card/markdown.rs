//! Texts of Office 365 in cards. Cards read Markdown, and those who give items their names must not be able to write it: a
//! name stays a name, and never becomes a link.

/// Characters that are markup anywhere.
const MARKUP: &str = "\\`*_[]~{";

/// A text on one line, not longer than so many characters. What would show nothing, or turn the text around, is left out.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let seen = text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c });
    // More than is looked at would be cut anyway, but for blanks.
    let seen: String = seen.take(longest.saturating_mul(4)).collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().nth(longest).is_none() {
        return line;
    }
    let mut short: String = line.chars().take(longest.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Characters of no width, and those that turn the direction of the text that follows them.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// The same text as Markdown: whoever reads that sees what is written here.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (index, c) in text.char_indices() {
        let rest = text.get(index + c.len_utf8()..).unwrap_or_default();
        match c {
            // Some clients read HTML beside Markdown.
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '#') => {
                escaped.push_str("&amp;");
            }
            // An address without any markup is made a link by some clients.
            ':' if rest.starts_with("//") => escaped.push_str("\\:"),
            '#' | '+' | '-' | '=' if index == 0 => escaped.extend(['\\', c]),
            // The number of a list.
            '.' | ')' if is_number(text.get(..index)) => escaped.extend(['\\', c]),
            c if MARKUP.contains(c) => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

fn is_number(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What was escaped, as it was: for where Markdown is not read.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        plain.push(if c == '\\' { letters.next().unwrap_or(c) } else { c });
    }
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_never_becomes_markup() {
        for (text, escaped) in [
            ("Offer 17.docx", "Offer 17.docx"),
            ("old-name (2).docx", "old-name (2).docx"),
            ("[x](http://evil)", r"\[x\](http\://evil)"),
            ("<at>Ada</at>", "&lt;at&gt;Ada&lt;/at&gt;"),
            ("**bold** _it_ `c` ~~d~~", r"\*\*bold\*\* \_it\_ \`c\` \~\~d\~\~"),
            ("{{DATE(2026-01-01T00:00:00Z)}}", r"\{\{DATE(2026-01-01T00:00:00Z)}}"),
            ("# a", r"\# a"),
            ("- a - b", r"\- a - b"),
            ("1. a", r"1\. a"),
            ("R&D, 1 & 2", "R&amp;D, 1 & 2"),
            ("&#91;x&#93;", "&amp;#91;x&amp;#93;"),
            (r"a\[b", r"a\\\[b"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn a_text_is_one_line_cut_between_characters() {
        assert_eq!(cut("a\n\t b\u{0}c", 10), "a b c");
        assert_eq!(cut("zwölf Bäume", 6), "zwölf…");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧", 2), "👩…");
        assert_eq!(cut("fdp.exe\u{202e}\u{200b}", 20), "fdp.exe");
        assert_eq!(cut(&"x".repeat(1_000_000), 5), "xxxx…");
    }

    proptest! {
        #[test]
        fn escaping_loses_nothing(text in "[a-c&<>\\\\\\[\\]#;lgtamp:/.*1-]{0,12}") {
            prop_assert_eq!(plain(&escape(&text)), text);
        }
    }
}
