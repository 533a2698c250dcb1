//! Requests and answers, free of the web framework: Graph's addresses are a grammar (of `OData`) that routers of
//! web frameworks do not know (`delta(token='…')`, `root:/path:/content`), so they are taken apart here.

use actix_web::http::Method;
use actix_web::web::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::error::GraphError;

/// A request to Graph or to a site, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Scheme and host as the caller wrote them: links in answers begin with it.
    pub(crate) origin: String,
    /// `v1.0` or `beta`.
    pub(crate) version: String,
    /// The address below the version; a colon-delimited path is one segment that begins with a colon.
    pub(crate) segments: Vec<String>,
    /// The path as it was sent: a site's calls have a grammar of their own.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The person that the caller acts for, once its token was verified.
    pub(crate) user: Option<Uuid>,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether this is a call to a SharePoint site.
    pub(crate) fn is_to_site(&self) -> bool {
        let to_graph = self.path.starts_with("/v1.0/") || self.path.starts_with("/beta/");
        self.path.contains("/_api/") && !to_graph
    }

    /// Whether a `Prefer` header holds this preference (compared ignoring case and quotes).
    pub(crate) fn prefers(&self, preference: &str) -> bool {
        self.preferences().any(|given| given.eq_ignore_ascii_case(preference))
    }

    /// The value of a preference such as `odata.maxpagesize`.
    pub(crate) fn preference(&self, name: &str) -> Option<String> {
        self.preferences().find_map(|given| {
            let (key, value) = given.split_once('=')?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    fn preferences(&self) -> impl Iterator<Item = String> {
        let given = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer"));
        given.flat_map(|(_, value)| value.split([',', ';'])).map(|one| one.trim().replace('"', ""))
    }

    /// Whether ids of messages are wanted in the form that survives moves.
    pub(crate) fn immutable_ids(&self) -> bool {
        self.prefers("IdType=ImmutableId")
    }

    /// The names in `$select`, unless it is absent.
    pub(crate) fn select(&self) -> Option<Vec<String>> {
        self.query("$select").map(names)
    }

    pub(crate) fn top(&self) -> Option<usize> {
        self.query("$top").and_then(|top| top.parse().ok()).filter(|top| *top > 0)
    }

    pub(crate) fn json(&self) -> Result<Value, GraphError> {
        serde_json::from_slice(&self.body)
            .map_err(|_| GraphError::new(400, "BadRequest", "Unable to read JSON request payload."))
    }

    /// An address of this service.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.origin, self.version)
    }

    /// The type of an answer, as `@odata.context` says it.
    pub(crate) fn context(&self, what: &str) -> String {
        self.link(&format!("$metadata#{what}"))
    }
}

/// Splits a list of names at its commas.
pub(crate) fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The segments of an address, and the function arguments found in it as query options.
pub(crate) fn segments(path: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut segments, mut arguments) = (Vec::new(), Vec::new());
    let mut colon_path: Option<Vec<String>> = None;
    for raw in path.split('/').filter(|part| !part.is_empty()) {
        let part = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        match (&mut colon_path, part.strip_suffix(':')) {
            (Some(parts), Some(last)) => {
                parts.push(last.to_owned());
                segments.push(format!(":{}", parts.join("/")));
                colon_path = None;
            }
            (Some(parts), None) => parts.push(part),
            // A whole address with its slashes encoded, as client libraries put one in the place of an id.
            (None, _) if part.contains(":/") => {
                let (owner, path) = part.split_once(":/").unwrap_or((&part, ""));
                segments.push(owner.to_owned());
                segments.push(format!(":{}", path.strip_suffix(':').unwrap_or(path)));
            }
            (None, Some(owner)) => {
                segments.push(owner.to_owned());
                colon_path = Some(Vec::new());
            }
            (None, None) => split_function(&part, &mut segments, &mut arguments),
        }
    }
    if let Some(parts) = colon_path {
        segments.push(format!(":{}", parts.join("/")));
    }
    (segments, arguments)
}

/// `delta()`, `delta(token='…')` and `mailFolders('inbox')`; anything else is a plain segment.
fn split_function(part: &str, segments: &mut Vec<String>, arguments: &mut Vec<(String, String)>) {
    let plain = part.strip_prefix("microsoft.graph.").unwrap_or(part);
    let call = plain.strip_suffix(')').and_then(|rest| rest.split_once('('));
    match call {
        Some((name, "")) => segments.push(name.to_owned()),
        Some((name, inner)) => match (unquote(inner), inner.split_once('=')) {
            (Some(key), _) => segments.extend([name.to_owned(), key]),
            (None, Some((argument, value))) => {
                segments.push(name.to_owned());
                arguments.push((argument.to_owned(), unquote(value).unwrap_or_else(|| value.to_owned())));
            }
            (None, None) => segments.push(plain.to_owned()),
        },
        None => segments.push(plain.to_owned()),
    }
}

fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Bytes { content_type: String, bytes: Bytes },
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// An answer, or Graph's refusal.
pub(crate) type Outcome = Result<Answer, GraphError>;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<String> {
        segments(path).0
    }

    #[test]
    fn addresses_are_taken_apart_as_graph_writes_them() {
        assert_eq!(
            parts("/drives/b!x/root:/A%20B/c.txt:/content"),
            ["drives", "b!x", "root", ":A B/c.txt", "content"]
        );
        assert_eq!(
            parts("/sites/contoso.sharepoint.com:/sites/hr"),
            ["sites", "contoso.sharepoint.com", ":sites/hr"]
        );
        assert_eq!(
            parts("/sites/contoso.sharepoint.com%3A%2Fsites%2Fhr/lists"),
            ["sites", "contoso.sharepoint.com", ":sites/hr", "lists"]
        );
        assert_eq!(
            parts("/drives/b!x/items/root%3A%2FA%20B%2Fc.txt%3A/content"),
            ["drives", "b!x", "items", "root", ":A B/c.txt", "content"]
        );
        assert_eq!(
            parts("/users('u')/mailFolders('inbox')/messages/microsoft.graph.delta()"),
            ["users", "u", "mailFolders", "inbox", "messages", "delta"]
        );
        assert_eq!(
            segments("/drives/d/items/root/delta(token='a%2Fb')"),
            (
                ["drives", "d", "items", "root", "delta"].map(str::to_owned).to_vec(),
                vec![("token".to_owned(), "a/b".to_owned())]
            )
        );
        assert_eq!(parts("/lists/Old (2019)"), ["lists", "Old (2019)"]);
    }
}
