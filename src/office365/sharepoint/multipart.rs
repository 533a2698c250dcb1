//! `$batch`: many reads in one request. Parts carry no ids: answers stand in the order of the questions.

use std::fmt::Write as _;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// Parts in a batch at most.
pub(super) const MOST: usize = 100;

/// The answer to one of the reads.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// The body of a batch of reads, and the type of content that says its boundary.
pub(super) fn compose(boundary: &str, urls: &[Url], accept: &str) -> (String, Vec<u8>) {
    let mut body = String::new();
    for url in urls {
        let _ = write!(
            body,
            "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET {url} HTTP/1.1\r\nAccept: {accept}\r\n\r\n"
        );
    }
    let _ = write!(body, "--{boundary}--\r\n");
    (format!("multipart/mixed; boundary=\"{boundary}\""), body.into_bytes())
}

/// The parts of an answer; none: it is not one.
pub(super) fn read(content_type: &str, body: &str) -> Option<Vec<Part>> {
    let boundary = content_type.split(';').find_map(|one| {
        let (name, value) = one.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    })?;
    let line = format!("--{boundary}");
    let mut pieces = body.split(line.as_str()).skip(1);
    let mut parts = Vec::new();
    loop {
        // What ends the body has two more dashes: one that broke off before it lacks answers.
        let piece = pieces.next()?;
        if piece.starts_with("--") {
            return Some(parts);
        }
        parts.push(part(piece)?);
    }
}

fn part(piece: &str) -> Option<Part> {
    let (_, answer) = cut(piece)?;
    let (head, body) = cut(answer)?;
    let mut lines = head.lines();
    let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    Some(Part { status, headers: headers.collect(), body: body.trim().to_owned() })
}

/// What stands before the first empty line, and what after it.
fn cut(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(['\r', '\n']);
    text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n";

    #[test]
    fn answers_stand_in_the_order_of_the_questions_with_status_and_headers_of_their_own() {
        let body = format!(
            "--b_1\r\n{HEAD}HTTP/1.1 200 OK\r\nCONTENT-TYPE: application/json\r\n\r\n{{\"a\": \"--b_2 \\r\\n\\r\\n\"}}\r\n\
             --b_1\r\n{HEAD}HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n\r\n\
             --b_1--\r\n"
        );
        let parts = read("multipart/mixed; boundary=\"b_1\"; charset=utf-8", &body).unwrap();
        let seen: Vec<(u16, &str)> =
            parts.iter().map(|part| (part.status.as_u16(), part.body.as_str())).collect();
        assert_eq!(seen, [(200, r#"{"a": "--b_2 \r\n\r\n"}"#), (429, "")]);
        assert_eq!(parts[1].headers["retry-after"], "7");
    }

    #[test]
    fn an_answer_that_broke_off_is_none() {
        let whole = format!("--b\r\n{HEAD}HTTP/1.1 200 OK\r\n\r\n{{}}\r\n--b--\r\n");
        assert_eq!(read("multipart/mixed; boundary=b", &whole).map(|parts| parts.len()), Some(1));
        for end in 0..whole.len() - "--\r\n".len() {
            assert!(read("multipart/mixed; boundary=b", &whole[..end]).is_none(), "{end}");
        }
        assert!(read("application/json", &whole).is_none());
    }

    #[test]
    fn each_question_is_a_part() {
        let urls = ["https://h/a%20b", "https://h/c"].map(|url| url.parse().unwrap());
        let (kind, body) = compose("x", &urls, "application/json");
        let body = String::from_utf8(body).unwrap();
        assert_eq!(kind, "multipart/mixed; boundary=\"x\"");
        assert!(
            body.contains("\r\n\r\nGET https://h/a%20b HTTP/1.1\r\nAccept: application/json\r\n\r\n--x\r\n")
        );
        assert!(body.ends_with("\r\n\r\n--x--\r\n"));
    }
}
