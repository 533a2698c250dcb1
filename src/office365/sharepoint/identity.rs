//! Who made or changed an item, as Graph says it.

use serde_json::{Map, Value, json};

/// A login name holds claims, of which the last part says who it is.
const PERSON: &str = "|membership|";
const APPLICATION: &str = "i:0i.t|";

/// The identity set of an item's `Author` or `Editor`; `id` is what the directory calls a person.
pub(super) fn identity_set(person: &Value, id: Option<&str>) -> Option<Value> {
    let text = |name: &str| person.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (name, login) = (text("Title"), text("Name").unwrap_or_default());
    if name.is_none() && login.is_empty() {
        return None;
    }
    let mut identity = Map::new();
    identity.extend(name.map(|name| ("displayName".to_owned(), json!(name))));
    if let Some(claims) = login.strip_prefix(APPLICATION) {
        identity.extend(application(claims).map(|id| ("id".to_owned(), json!(id))));
        return Some(json!({"application": identity}));
    }
    let email = text("EMail").or_else(|| Some(login.split_once(PERSON)?.1));
    identity.extend(email.map(|email| ("email".to_owned(), json!(email))));
    identity.extend(id.map(|id| ("id".to_owned(), json!(id))));
    Some(json!({"user": identity}))
}

/// Whether it is somebody whom the directory may know.
pub(super) fn is_person(person: &Value) -> bool {
    person.get("Name").and_then(Value::as_str).is_some_and(|login| login.contains(PERSON))
}

/// The id in the claims of an application, `…|ID@TENANT`. SharePoint's own app has a word there.
fn application(claims: &str) -> Option<&str> {
    let (id, _) = claims.rsplit('|').next()?.split_once('@')?;
    id.parse::<uuid::Uuid>().ok().map(|_| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_applications_are_told_apart_by_their_login_names() {
        let id = "3f6e0cc2-0000-4000-8000-000000000001";
        let app = format!("i:0i.t|ms.sp.ext|{id}@3f6e0cc2-0000-4000-8000-000000000002");
        let mail = "alice@contoso.com";
        for (author, directory, expected) in [
            (
                json!({"Title": "Alice", "EMail": mail, "Name": format!("i:0#.f|membership|{mail}")}),
                Some(id),
                Some(json!({"user": {"displayName": "Alice", "email": mail, "id": id}})),
            ),
            (
                json!({"Title": "Alice", "EMail": "", "Name": format!("i:0#.f|membership|{mail}")}),
                None,
                Some(json!({"user": {"displayName": "Alice", "email": mail}})),
            ),
            (
                json!({"Title": "Importer", "EMail": null, "Name": app}),
                None,
                Some(json!({"application": {"displayName": "Importer", "id": id}})),
            ),
            (
                json!({"Title": "SharePoint App", "Name": "i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint"}),
                None,
                Some(json!({"application": {"displayName": "SharePoint App"}})),
            ),
            (
                json!({"Title": "System Account", "Name": "SHAREPOINT\\system"}),
                None,
                Some(json!({"user": {"displayName": "System Account"}})),
            ),
            (json!({"Title": "", "Name": null}), None, None),
            (Value::Null, None, None),
        ] {
            assert_eq!(identity_set(&author, directory), expected, "{author}");
        }
    }
}
