use percent_encoding::percent_decode_str;

/// What Microsoft's token looks like today: a sentence. Spaces are written as `+`, the colon with small digits.
const USUAL: &str = "Validation: Testing client application reachability for subscription Request-Id: 1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809";
const USUAL_SENT: &str = "Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809";
/// What it may look like tomorrow, since its form may change: it holds what differs when it is decoded twice.
const AWKWARD: &str = "Validation: Request-Id: 0+1%2F2=3%";
const AWKWARD_SENT: &str = "Validation%3a+Request-Id%3a+0%2b1%252F2%3d3%25";

/// What SharePoint's looks like.
const SHAREPOINT: &str = "1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809";

/// A token to be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// As Microsoft sends them.
    Usual,
    /// With more that has to survive.
    Awkward,
    /// As SharePoint sends them, which spells the parameter in its own way.
    SharePoint,
}

impl Token {
    /// What has to come back.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Usual => USUAL,
            Self::Awkward => AWKWARD,
            Self::SharePoint => SHAREPOINT,
        }
    }

    /// How it stands in the query.
    pub(super) const fn sent(self) -> &'static str {
        match self {
            Self::Usual => USUAL_SENT,
            Self::Awkward => AWKWARD_SENT,
            Self::SharePoint => SHAREPOINT,
        }
    }

    /// The parameter that it stands in.
    pub(super) const fn parameter(self) -> &'static str {
        match self {
            Self::Usual | Self::Awkward => "validationToken",
            Self::SharePoint => "validationtoken",
        }
    }

    /// What the empty body is said to be.
    pub(super) const fn kind(self) -> Option<&'static str> {
        match self {
            Self::Usual | Self::Awkward => Some("text/plain; charset=utf-8"),
            Self::SharePoint => None,
        }
    }
}

/// How an answer differs from the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Altered {
    Empty,
    ByteOrderMark,
    Quoted,
    Padded,
    PlusLeft,
    Encoded,
    DecodedTwice,
    CutOff,
    SignInPage,
    Page,
    Surrounded,
    Different,
}

/// How the body of an answer differs from the token; none: it does not.
pub(super) fn altered(token: Token, body: &[u8]) -> Option<Altered> {
    let wanted = token.text();
    if body == wanted.as_bytes() {
        return None;
    }
    let lossy = String::from_utf8_lossy(body);
    let text: &str = &lossy;
    let (trimmed, small) = (text.trim(), text.to_lowercase());
    let is = |altered, met: bool| met.then_some(altered);
    is(Altered::Empty, body.is_empty())
        .or_else(|| is(Altered::ByteOrderMark, text.strip_prefix('\u{feff}').map(str::trim) == Some(wanted)))
        .or_else(|| is(Altered::Quoted, unquoted(trimmed).as_deref() == Some(wanted)))
        .or_else(|| is(Altered::Padded, trimmed == wanted))
        .or_else(|| is(Altered::PlusLeft, trimmed == percent_decode_str(token.sent()).decode_utf8_lossy()))
        .or_else(|| is(Altered::DecodedTwice, trimmed == form_decoded(wanted)))
        .or_else(|| is(Altered::Encoded, form_decoded(trimmed) == wanted))
        .or_else(|| is(Altered::SignInPage, is_page(&small) && asks_to_sign_in(&small)))
        .or_else(|| is(Altered::Page, is_page(&small)))
        .or_else(|| is(Altered::CutOff, !trimmed.is_empty() && wanted.starts_with(trimmed)))
        .or_else(|| is(Altered::Surrounded, text.contains(wanted)))
        .or(Some(Altered::Different))
}

/// A JSON string, or what stands between single quotes.
fn unquoted(text: &str) -> Option<String> {
    let single = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    single.map(str::to_owned).or_else(|| serde_json::from_str(text).ok())
}

fn form_decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn is_page(small: &str) -> bool {
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| small.contains(mark))
}

fn asks_to_sign_in(small: &str) -> bool {
    ["password", "sign in", "sign-in", "signin", "log in", "login"].iter().any(|word| small.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_the_token_once_encoded() {
        for token in [Token::Usual, Token::Awkward] {
            assert_eq!(form_decoded(token.sent()), token.text());
        }
        assert_ne!(form_decoded(AWKWARD), AWKWARD, "decoding twice shows");
    }

    #[test]
    fn each_way_to_alter_the_token_is_told_apart() {
        for token in [Token::Usual, Token::Awkward] {
            let text = token.text();
            for (body, expected) in [
                (text.to_owned(), None),
                (String::new(), Some(Altered::Empty)),
                (format!("\u{feff}{text}"), Some(Altered::ByteOrderMark)),
                (format!("\u{feff}{text}\r\n"), Some(Altered::ByteOrderMark)),
                (format!("\"{text}\""), Some(Altered::Quoted)),
                (format!("'{text}'\n"), Some(Altered::Quoted)),
                (format!("{text}\n"), Some(Altered::Padded)),
                (format!(" {text}"), Some(Altered::Padded)),
                (token.sent().to_owned(), Some(Altered::Encoded)),
                (token.sent().replace("%3a", "%3A").replace('+', "%20"), Some(Altered::Encoded)),
                (percent_decode_str(token.sent()).decode_utf8_lossy().into_owned(), Some(Altered::PlusLeft)),
                ("Validation:".to_owned(), Some(Altered::CutOff)),
                (format!("{{\"validationToken\":\"{text}\"}}"), Some(Altered::Surrounded)),
                ("<!DOCTYPE html><title>Sign in</title>".to_owned(), Some(Altered::SignInPage)),
                (format!("<html><body>{text}</body></html>"), Some(Altered::Page)),
                ("OK".to_owned(), Some(Altered::Different)),
            ] {
                assert_eq!(altered(token, body.as_bytes()), expected, "{body}");
            }
        }
        assert_eq!(altered(Token::Awkward, form_decoded(AWKWARD).as_bytes()), Some(Altered::DecodedTwice));
        assert_eq!(altered(Token::Usual, b"\xff\xfeV\0a\0"), Some(Altered::Different));
    }
}
