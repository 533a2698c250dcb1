//! The file with the environment laid over it, and where in them each value stands.
//!
//! Only `toml`'s own error knows the position of what serde could not take, and only serde's types know what is
//! wrong with it. So every value keeps its span, and a value from the environment gets one behind the end of the
//! text, by which its variable is found again.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::{Environment, Overlay};
use super::error::Place;
use super::path::{Fault, Path, Step};
use super::wording;

/// Keys that hold numbers; a variable is only text, so its kind is taken from here. All others hold text.
const NUMBERS: [&str; 4] =
    ["fetch.concurrency", "fetch.sweeps_per_minute", "listen.max_connections", "renewal.at"];

/// The file's tables with the environment laid over them.
pub(super) struct Document<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    overlays: Vec<Overlay<'a>>,
}

impl<'a> Document<'a> {
    /// Reads the text and lays the environment over it.
    pub fn parse(text: &'a str, environment: &'a Environment) -> Result<Self, (Place, Fault)> {
        let root = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            (Place::Line(line_of(text, offset)), Fault::at([], format!("not TOML: {}", error.message())))
        })?;
        let mut document = Self { text, root, overlays: Vec::new() };
        for overlay in environment.overlays() {
            document.lay_over(overlay);
        }
        Ok(document)
    }

    /// Reads the tables as a `T`.
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        T::deserialize(self.root.clone().into_deserializer()).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let path = path_to(self.root.get_ref(), offset).unwrap_or_default();
            Fault { path, message: wording::of(error.message()) }
        })
    }

    /// Where the value at this path stands; where it was left out, the section that lacks it.
    pub fn place(&self, path: &Path) -> Place {
        let offset = offset_of(self.root.get_ref(), path.steps()).unwrap_or_default();
        let overlay = offset.checked_sub(self.text.len() + 1).and_then(|index| self.overlays.get(index));
        match overlay {
            Some(overlay) => Place::Variable(overlay.name.to_owned()),
            None => Place::Line(line_of(self.text, offset)),
        }
    }

    fn lay_over(&mut self, overlay: Overlay<'a>) {
        let position = self.text.len() + 1 + self.overlays.len();
        let span = position..position + 1;
        self.overlays.push(overlay);
        let mut keys = overlay.keys();
        let number = NUMBERS.contains(&keys.join(".").as_str());
        let Some(key) = keys.pop() else { return };
        let mut table = self.root.get_mut();
        for section in keys {
            let place = table
                .entry(Spanned::new(span.clone(), section.into()))
                .or_insert_with(|| Spanned::new(span.clone(), DeValue::Table(DeTable::new())));
            if !place.get_ref().is_table() {
                // It is no section: what it holds there instead is told by whoever reads it.
                *place = Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
            }
            let DeValue::Table(inner) = place.get_mut() else { return };
            table = inner;
        }
        table.remove(key.as_str());
        table.insert(Spanned::new(span.clone(), key.into()), value(overlay.value, number, span));
    }
}

fn value(text: &str, number: bool, span: Range<usize>) -> Spanned<DeValue<'_>> {
    let parsed = DeValue::parse(text).ok().map(Spanned::into_inner);
    let value = parsed.filter(|value| number && (value.is_integer() || value.is_float()));
    Spanned::new(span, value.unwrap_or_else(|| DeValue::String(text.into())))
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// The path to the innermost value (or key) that stands at this offset.
fn path_to(table: &DeTable<'_>, offset: usize) -> Option<Path> {
    table.iter().find_map(|(key, value)| {
        let within = path_into(value, offset);
        let here = || key.span().contains(&offset).then(Path::default);
        within.or_else(here).map(|path| path.under(key.get_ref().as_ref()))
    })
}

fn path_into(value: &Spanned<DeValue<'_>>, offset: usize) -> Option<Path> {
    let within = match value.get_ref() {
        DeValue::Table(table) => path_to(table, offset),
        DeValue::Array(list) => {
            let mut entries = list.iter().enumerate();
            entries.find_map(|(index, entry)| path_into(entry, offset).map(|path| path.under(index)))
        }
        _ => None,
    };
    within.or_else(|| value.span().contains(&offset).then(Path::default))
}

/// Where the value at these steps stands, or the last thing on the way to it that is there.
fn offset_of(table: &DeTable<'_>, steps: &[Step]) -> Option<usize> {
    let (Step::Key(wanted), rest) = steps.split_first()? else { return None };
    let (key, value) = table.get_key_value(wanted.as_str())?;
    Some(offset_in(value, rest).unwrap_or(key.span().start))
}

fn offset_in(value: &Spanned<DeValue<'_>>, steps: &[Step]) -> Option<usize> {
    match (value.get_ref(), steps.split_first()?) {
        (DeValue::Table(table), _) => offset_of(table, steps),
        (DeValue::Array(list), (Step::Index(index), rest)) => {
            let entry = list.get(*index)?;
            Some(offset_in(entry, rest).unwrap_or(entry.span().start))
        }
        _ => None,
    }
}
