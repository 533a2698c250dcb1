use proptest::prelude::*;
use serde_json::json;

use super::*;

fn packer(text: &str) -> Packer {
    Packer(Some(Dictionary { key: 3, text: text.as_bytes().to_vec() }))
}

/// A file, as one of many.
fn file(number: u32) -> String {
    let number = number.wrapping_mul(2_654_435_761);
    let by = json!({"user": {"id": "48d31887-5fad-4d73-a9f5-3c356e68a038", "displayName": "Alice Anderson"}});
    json!({
        "id": format!("01{number:08X}"), "eTag": format!("\"{{{number:08X}}},1\""), "name": format!("Report {number}.docx"),
        "createdBy": by, "lastModifiedBy": by, "createdDateTime": "2026-03-14T09:26:53Z",
        "parentReference": {"driveId": "b!t18F8ybsHUq1z3LTz8xvZqP8zaSWjkFNhsME", "driveType": "business"},
        "file": {"mimeType": "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    })
    .to_string()
}

/// What SQL makes of a packed text.
fn in_sql(packed: Option<&[u8]>, dictionary: Option<&[u8]>) -> rusqlite::Result<Option<String>> {
    let db = Connection::open_in_memory()?;
    register(&db)?;
    db.query_row("SELECT unpack(?1, ?2)", params![packed, dictionary], |row| row.get(0))
}

#[test]
fn alike_texts_are_packed_to_a_third() {
    let packer = packer(&String::from_utf8(in_common(&file(1), &file(100))).unwrap());
    for number in 2..100 {
        let text = file(number);
        let short = packer.pack(&text).packed.unwrap();
        assert!(short.len() < text.len() / 3, "{} of {}", short.len(), text.len());
    }
}

#[test]
fn nothing_that_is_one_items_own_stands_where_it_would_outlive_it() {
    let (one, other) = (file(1), file(2));
    let dictionary = String::from_utf8(in_common(&one, &other)).unwrap();
    for own in ["Report 2654435761", "019E3779B1", "{9E3779B1}"] {
        assert!(one.contains(own) && !dictionary.contains(own), "{own} in {dictionary}");
    }
    for common in ["\"displayName\":\"Alice Anderson\"", "\"driveType\":\"business\"", "\"name\":\""] {
        assert!(dictionary.contains(common), "{common} not in {dictionary}");
    }
}

#[test]
fn a_text_that_gets_no_shorter_is_stored_as_it_is() {
    let text: String =
        (0..400_u32).filter_map(|at| char::from_u32(0x4e00 + at.wrapping_mul(40_503) % 20_000)).collect();
    let short = "{}".repeat(SHORT / 2 - 1);
    for (packer, text) in [(packer("x"), &text), (packer(&file(1)), &short), (Packer::default(), &file(2))] {
        let stored = packer.pack(text);
        assert_eq!((stored.plain, stored.dictionary, stored.packed), (Some(text.as_str()), None, None));
    }
}

#[test]
fn what_was_not_packed_so_is_nothing() {
    let (text, dictionary) = (file(2), file(1));
    let whole = packer(&dictionary).pack(&text).packed.unwrap();
    let dictionary = Some(dictionary.as_bytes());
    assert_eq!(in_sql(Some(&whole), dictionary), Ok(Some(text)));
    assert_eq!((in_sql(None, None), in_sql(None, dictionary)), (Ok(None), Ok(None)));
    for damaged in [&whole[..whole.len() / 2], &[255; 9], &[0; 0], &[0, 0, 0, 1, 200]] {
        assert_eq!(in_sql(Some(damaged), dictionary), Ok(None), "{damaged:?}");
    }
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked_as_it_was(text in "(.{0,9}[a-c]{200,300}){1,9}", dictionary in ".{0,40}[a-c]{0,99}") {
        if let Some(packed) = packer(&dictionary).pack(&text).packed {
            prop_assert_eq!(in_sql(Some(&packed), Some(dictionary.as_bytes())), Ok(Some(text)));
        }
    }
}
