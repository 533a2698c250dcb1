//! JSON, read once more and in another way than the listener does: what a target expects comes from here.

use std::fmt::{self, Formatter};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// `Some(None)`: null or not there. `None`: no text.
pub fn text(value: Option<&RawValue>) -> Option<Option<String>> {
    value.map_or(Some(None), |value| serde_json::from_str(value.get()).ok())
}

/// These fields of a structure. `None`: there is none, or a field is there twice.
pub fn fields<const N: usize>(json: &[u8], names: [&'static str; N]) -> Option<[Option<Box<RawValue>>; N]> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = Fields(names).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(found)
}

/// What else an object has is passed over, whatever it is (even bytes that are no text). serde takes an array for a
/// structure too, its fields in order: lenient, and harmless here.
struct Fields<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Fields<N> {
    type Value = [Option<Box<RawValue>>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<N> {
    type Value = [Option<Box<RawValue>>; N];

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a structure")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [const { None }; N];
        while let Some(name) = map.next_key::<String>()? {
            match self.0.iter().position(|known| *known == name) {
                Some(at) if found[at].is_some() => return Err(A::Error::custom("twice")),
                Some(at) => found[at] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = [const { None }; N];
        for field in &mut found {
            *field = Some(list.next_element()?.ok_or_else(|| A::Error::custom("too short"))?);
        }
        Ok(found)
    }
}
