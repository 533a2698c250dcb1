use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::params;
use serde_json::json;

use super::*;

/// What these have in common.
fn dictionary(texts: &[String]) -> Vec<u8> {
    samples::dictionary_of(texts.iter().map(String::as_str)).unwrap()
}

/// Packs with it.
fn pack(dictionary: &[u8], text: &str) -> Packed {
    Packer::new(Some(&Dictionary::new(3, dictionary))).pack(text)
}

fn files(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(file).collect()
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
fn alike_texts_are_packed_to_a_fifth() {
    for many in [20, 1000] {
        let dictionary = dictionary(&files(0..many));
        for text in files(2000..2100) {
            let (_, short) = pack(&dictionary, &text).unwrap();
            assert!(short.len() < text.len() / 5, "{} of {}", short.len(), text.len());
        }
    }
}

#[test]
fn nothing_that_is_one_items_own_stands_where_it_would_outlive_it() {
    let texts = files(1..60);
    let found = dictionary(&texts);
    let found = String::from_utf8_lossy(&found);
    for number in 1..60_u32 {
        let own = number.wrapping_mul(2_654_435_761);
        for own in [format!("Report {own}"), format!("{own:08X}")] {
            assert!(
                texts.iter().any(|text| text.contains(&own)) && !found.contains(&own),
                "{own} in {found}"
            );
        }
    }
    for common in ["Alice Anderson", "driveType", "wordprocessingml"] {
        assert!(found.contains(common), "{common} not in {found}");
    }
}

#[test]
fn few_or_huge_texts_make_no_dictionary() {
    let of = |texts: Vec<String>| samples::dictionary_of(texts.iter().map(String::as_str));
    assert_eq!(of(files(0..19)), None);
    assert_eq!(of(vec!["x".repeat(100_000); 30]), None);
}

#[test]
fn a_text_that_gets_no_shorter_is_stored_as_it_is() {
    let text: String =
        (0..400_u32).filter_map(|at| char::from_u32(0x4e00 + at.wrapping_mul(40_503) % 20_000)).collect();
    let short = "{}".repeat(SHORT / 2 - 1);
    let files = dictionary(&files(0..20));
    for (dictionary, text) in [(files.as_slice(), &text), (&files, &short), (b"x", &file(2))] {
        assert_eq!(pack(dictionary, text), None);
    }
}

#[test]
fn what_was_not_packed_so_is_nothing() {
    let (text, dictionary) = (file(2), dictionary(&files(5..50)));
    let (_, whole) = pack(&dictionary, &text).unwrap();
    let other = self::dictionary(&files(50..100));
    assert_eq!(in_sql(Some(&whole), Some(&dictionary)), Ok(Some(text)));
    assert_eq!((in_sql(None, None), in_sql(None, Some(&dictionary))), (Ok(None), Ok(None)));
    assert_eq!((in_sql(Some(&whole), None), in_sql(Some(&whole), Some(&other))), (Ok(None), Ok(None)));
    for damaged in [&whole[..whole.len() / 2], &whole[..4], &[255; 9], &[0; 0], &[0, 0, 0, 1, 200]] {
        assert_eq!(in_sql(Some(damaged), Some(&dictionary)), Ok(None), "{damaged:?}");
    }
}

/// Bytes in hexadecimal.
const OF_BEFORE: &str = "5900000003490046303141424d00cf4772c3bcc39f652e646f637859001f606f6e227d7d7d";

#[test]
fn what_was_packed_by_versions_before_is_read() {
    let dictionary = br#"{"id":"","name":"","createdBy":{"user":{"displayName":"Alice Anderson"}}}"#;
    let text = r#"{"id":"01AB","name":"Grüße.docx","createdBy":{"user":{"displayName":"Alice Anderson"}}}"#;
    let byte = |at: usize| u8::from_str_radix(&OF_BEFORE[at..at + 2], 16).unwrap();
    let packed: Vec<u8> = (0..OF_BEFORE.len()).step_by(2).map(byte).collect();
    assert_eq!(in_sql(Some(&packed), Some(dictionary)), Ok(Some(text.to_owned())));
    assert_eq!(in_sql(Some(&packed[..30]), Some(dictionary)), Ok(None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_packed_is_unpacked_as_it_was(text in "(.{0,9}[a-c]{200,300}){1,9}", others in vec(".{0,40}[a-c]{0,99}", 20..30)) {
        let dictionary = samples::dictionary_of(others.iter().map(String::as_str)).unwrap_or_default();
        if let Some((_, packed)) = pack(&dictionary, &text) {
            prop_assert_eq!(in_sql(Some(&packed), Some(&dictionary)), Ok(Some(text)));
        }
    }
}
