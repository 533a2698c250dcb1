//! HTML out of pieces. Text becomes markup by being escaped, and in no other way.

use std::fmt::Display;

/// Markup.
#[derive(Debug, Clone, Default)]
pub(in crate::simulator) struct Html(String);

impl Html {
    /// Text, escaped for everywhere that text and quoted attributes may stand.
    pub(in crate::simulator) fn text(text: impl Display) -> Self {
        let text = text.to_string();
        let mut escaped = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                // What would turn the text around, or not show at all.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
                letter if letter.is_control() && letter != '\n' => escaped.push('\u{fffd}'),
                letter => escaped.push(letter),
            }
        }
        Self(escaped)
    }

    /// Pieces in an element. Neither name nor class comes from outside.
    pub(in crate::simulator) fn element(
        name: &'static str,
        class: &'static str,
        inner: impl IntoIterator<Item = Self>,
    ) -> Self {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let inner: String = inner.into_iter().map(|piece| piece.0).collect();
        Self(format!("<{name}{class}>{inner}</{name}>"))
    }

    /// Something that stands for code.
    pub(in crate::simulator) fn code(text: impl Display) -> Self {
        Self::element("code", "", [Self::text(text)])
    }

    /// A link within this service.
    pub(in crate::simulator) fn link(path: &'static str, text: &str) -> Self {
        Self(format!("<a href=\"{path}\">{}</a>", Self::text(text).0))
    }

    /// What a form carries along.
    pub(in crate::simulator) fn hidden(name: &'static str, value: impl Display) -> Self {
        Self(format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", Self::text(value).0))
    }

    /// One of several to choose.
    pub(in crate::simulator) fn radio(name: &'static str, value: &str, chosen: bool) -> Self {
        let (value, checked) = (Self::text(value).0, if chosen { " checked" } else { "" });
        Self(format!(
            "<p><label><input type=\"radio\" name=\"{name}\" value=\"{value}\"{checked}> {value}</label></p>"
        ))
    }

    /// A button that sends a form.
    pub(in crate::simulator) fn submit(name: &'static str, value: &'static str, text: &str) -> Self {
        let text = Self::text(text).0;
        Self(format!("<button type=\"submit\" name=\"{name}\" value=\"{value}\">{text}</button> "))
    }

    /// A form to this service.
    pub(in crate::simulator) fn form(action: &'static str, inner: impl IntoIterator<Item = Self>) -> Self {
        let inner: String = inner.into_iter().map(|piece| piece.0).collect();
        Self(format!("<form method=\"post\" action=\"{action}\">{inner}</form>"))
    }

    /// A word in a frame that says how it stands.
    pub(in crate::simulator) fn badge(good: bool, text: impl Display) -> Self {
        Self::element("span", if good { "badge good" } else { "badge bad" }, [Self::text(text)])
    }

    /// A part of the page with a heading.
    pub(in crate::simulator) fn section(heading: &str, inner: impl IntoIterator<Item = Self>) -> Self {
        let heading = Self::element("h2", "", [Self::text(heading)]);
        Self::element("section", "", std::iter::once(heading).chain(inner))
    }

    /// A table; each cell knows its heading, so that a narrow page can show it as a list.
    pub(in crate::simulator) fn table(heads: &[&'static str], rows: Vec<Vec<Self>>, none: &str) -> Self {
        if rows.is_empty() {
            return Self::element("p", "none", [Self::text(none)]);
        }
        let mut table = String::from("<table><thead><tr>");
        for head in heads {
            table.extend(["<th scope=\"col\">", head, "</th>"]);
        }
        table.push_str("</tr></thead><tbody>");
        for row in rows {
            table.push_str("<tr>");
            for (head, cell) in heads.iter().zip(&row) {
                table.extend(["<td data-label=\"", head, "\">", &cell.0, "</td>"]);
            }
            table.push_str("</tr>");
        }
        table.push_str("</tbody></table>");
        Self(table)
    }

    /// Names with their values.
    pub(in crate::simulator) fn list(rows: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let mut list = String::from("<dl>");
        for (name, value) in rows {
            list.extend(["<div><dt>", name, "</dt><dd>", &value.0, "</dd></div>"]);
        }
        list.push_str("</dl>");
        Self(list)
    }

    /// The whole document. It asks for itself again after so many seconds, unless that is 0.
    pub(in crate::simulator) fn document(
        title: &str,
        refresh: u32,
        body: impl IntoIterator<Item = Self>,
    ) -> String {
        let refresh = match refresh {
            0 => String::new(),
            seconds => format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"),
        };
        let (title, body) = (Self::text(title).0, Self::element("body", "", body).0);
        format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">{refresh}<title>{title}</title>\
             <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/_control/page.css\"></head>{body}</html>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let hostile = "<script>alert('x')</script>\" onload=\"&\u{202e}\u{0}";
        let escaped = Html::text(hostile).0;
        assert!(!escaped.contains(['<', '>', '"', '\'', '\u{202e}', '\u{0}']), "{escaped}");
        assert!(escaped.starts_with("&lt;script&gt;alert(&#39;x&#39;)"), "{escaped}");
        assert_eq!(Html::table(&["a"], vec![vec![Html::text("<b>")]], "").0.matches("&lt;b&gt;").count(), 1);
        let document = Html::document("<i>", 5, [Html::text("x")]);
        assert!(
            document.contains("<title>&lt;i&gt;</title>") && document.contains("content=\"5\""),
            "{document}"
        );
    }
}
