//! `quickXorHash`, the content hash of OneDrive for Business: bytes are exclusive-ored into a ring of 160 bits, each
//! 11 bits after the one before; the length likewise into the last 64 bits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BITS: usize = 160;
const SHIFT: usize = 11;

pub(crate) fn quick_xor_hash(content: &[u8]) -> String {
    let mut ring = [0_u8; BITS / 8];
    let mut position = 0;
    for byte in content {
        let (cell, offset) = (position / 8, position % 8);
        let [low, high] = (u16::from(*byte) << offset).to_le_bytes();
        mix(&mut ring, cell, low);
        mix(&mut ring, (cell + 1) % (BITS / 8), high);
        position = (position + SHIFT) % BITS;
    }
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX).to_le_bytes();
    for (index, byte) in length.into_iter().enumerate() {
        mix(&mut ring, BITS / 8 - 8 + index, byte);
    }
    STANDARD.encode(ring)
}

fn mix(ring: &mut [u8], cell: usize, byte: u8) {
    if let Some(place) = ring.get_mut(cell) {
        *place ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_zero_and_content_changes_it() {
        assert_eq!(quick_xor_hash(b""), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(quick_xor_hash(b"J"), "SgAAAAAAAAAAAAAAAQAAAAAAAAA=");
        assert_ne!(quick_xor_hash(b"ab"), quick_xor_hash(b"ba"));
    }
}
