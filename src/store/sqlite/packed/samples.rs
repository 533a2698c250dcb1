//! Makes a dictionary of what many texts of a kind have in common. Pure but for chance.

use std::borrow::Cow;
use std::collections::HashMap;

use rand::seq::IndexedRandom as _;
use zstd::zstd_safe::MAGIC_DICTIONARY;

/// A dictionary's bytes: a longer one saves nothing more.
const LONGEST: usize = 4096;
/// Texts that are written together before a dictionary is made of them, as many as are looked at, and their bytes together.
const MANY: usize = 20;
const MOST: usize = 100;
const BYTES: usize = 512 * 1024;

/// What the dictionaries made here begin with.
pub(super) const BEGINNING: [u8; 4] = MAGIC_DICTIONARY.to_le_bytes();

/// The dictionary of these texts, if they are enough and alike.
pub(super) fn dictionary_of<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Vec<u8>> {
    let mut room = BYTES;
    let has_room = |text: &&str| {
        room = room.saturating_sub(text.len());
        room > 0
    };
    let texts: Vec<&str> = texts.take_while(has_room).take(MOST).collect();
    if texts.len() < MANY {
        return None;
    }
    let dictionary = zstd::dict::from_samples(&disguised(&texts), LONGEST).ok()?;
    dictionary.starts_with(&BEGINNING).then_some(dictionary)
}

/// The texts with what they have in common; for the rest stand as many letters and figures at random, such as are usual
/// there: what is one item's own would outlive the retention here.
fn disguised(texts: &[&str]) -> Vec<String> {
    let mut count: HashMap<&str, (usize, usize)> = HashMap::new();
    for (number, text) in (1..).zip(texts) {
        for word in words(text) {
            let (many, last) = count.entry(word).or_default();
            *many += usize::from(*last != number);
            *last = number;
        }
    }
    let is_own = |word: &str| count.get(word).is_none_or(|(many, _)| *many <= texts.len() / 2);
    let own = texts.iter().flat_map(|text| words(text)).filter(|word| is_own(word));
    let letters: Vec<char> = own.flat_map(str::chars).filter(|letter| letter.is_alphanumeric()).collect();
    let mut random = rand::rng();
    let mut any = |letter: char| {
        let other = letter.is_alphanumeric().then(|| letters.choose(&mut random).copied());
        other.flatten().unwrap_or(letter)
    };
    let mut disguise = |word| -> Cow<'_, str> {
        if is_own(word) { word.chars().map(&mut any).collect::<String>().into() } else { word.into() }
    };
    texts.iter().map(|text| words(text).map(&mut disguise).collect()).collect()
}

/// Words and numbers, each with the sign after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|letter: char| !letter.is_alphanumeric())
}
