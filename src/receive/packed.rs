//! Bodies that come packed. Office 365 sends none today; a proxy on the way might, and who may send is anybody.

use std::io::Read;

use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use bytes::Bytes;
use flate2::read::GzDecoder;

use super::verified::Refused;

/// How much larger than it arrived a body may become. Notifications that differ in their ids alone are packed to a
/// thirtieth; zeros to a thousandth, which would let a few bytes keep a thread busy.
const MOST_EXPANSION: usize = 100;
/// What every body may become.
const SMALL_BODY: u64 = 64 << 10;

/// How a body comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    None,
    Gzip,
}

impl Packing {
    /// What the head says. `None`: another way than these.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut said = headers.get_all(CONTENT_ENCODING);
        let Some(first) = said.next() else { return Some(Self::None) };
        let encoding = first.to_str().ok()?.trim();
        let is = |name| encoding.eq_ignore_ascii_case(name);
        match () {
            () if said.next().is_some() => None,
            () if is("identity") => Some(Self::None),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () => None,
        }
    }
}

/// Unpacks a body, of which no more than `limit` bytes are ever made.
pub(super) fn unpack(packing: Packing, body: Bytes, limit: usize) -> Result<Bytes, Refused> {
    if packing == Packing::None {
        return Ok(body);
    }
    let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    let limit = size(limit).min(size(body.len().saturating_mul(MOST_EXPANSION)).max(SMALL_BODY));
    let mut unpacked = Vec::new();
    GzDecoder::new(body.as_ref()).take(limit + 1).read_to_end(&mut unpacked).map_err(|_| Refused::Broken)?;
    if size(unpacked.len()) > limit {
        return Err(Refused::TooLarge);
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use actix_web::http::header::HeaderValue;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(body: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn gzip_is_known_and_nothing_else() {
        for (said, packing) in [
            (&[][..], Some(Packing::None)),
            (&["identity"], Some(Packing::None)),
            (&["gzip"], Some(Packing::Gzip)),
            (&[" GZip "], Some(Packing::Gzip)),
            (&["x-gzip"], Some(Packing::Gzip)),
            (&["deflate"], None),
            (&["br"], None),
            (&["gzip, gzip"], None),
            (&["gzip", "gzip"], None),
            (&[""], None),
        ] {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(said));
            }
            assert_eq!(Packing::of(&headers), packing, "{said:?}");
        }
    }

    #[test]
    fn a_body_may_become_as_large_as_the_limit_and_no_larger() {
        let body = "x".repeat(60_000);
        assert_eq!(unpack(Packing::Gzip, packed(body.as_bytes()), 60_000).unwrap(), body);
        assert_eq!(unpack(Packing::Gzip, packed(body.as_bytes()), 59_999), Err(Refused::TooLarge));
    }

    #[test]
    fn a_few_bytes_do_not_become_many() {
        let bomb = packed(&vec![0; 1 << 20]);
        assert!(bomb.len() < 2_000);
        assert_eq!(unpack(Packing::Gzip, bomb, 1 << 20), Err(Refused::TooLarge));
    }

    #[test]
    fn what_is_not_packed_or_breaks_off_is_broken() {
        let whole = packed(b"{\"value\":[]}");
        for body in [Bytes::from_static(b"{\"value\":[]}"), Bytes::new(), whole.slice(..whole.len() - 3)] {
            assert_eq!(unpack(Packing::Gzip, body, 1 << 20), Err(Refused::Broken));
        }
    }

    proptest! {
        #[test]
        fn packing_changes_nothing(body in prop::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert_eq!(unpack(Packing::Gzip, packed(&body), 1 << 20).unwrap(), body);
        }

        #[test]
        fn arbitrary_bytes_are_unpacked_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(Packing::Gzip, body.into(), 1 << 20);
        }
    }
}
