//! The encrypted content of notifications: checked, decrypted, and told where that is safe.
//!
//! The order is Microsoft's: every validation token first, then the key that the content names, its MAC, and only
//! then is anything decrypted. Whoever sends a content learns nothing of how far it came.
//!
//! What cannot be used is put aside with its reason, never dropped; and whether it can be used or not, its
//! notification is a hint, and the round that follows fetches what has changed.

mod decrypt;
mod element;
mod fault;
mod intake;
mod tokens;
mod worth;

pub use decrypt::DecryptionKey;
pub use element::{Element, Opened};
pub use fault::Fault;
pub use tokens::{Claimed, check as check_token, glance as glance_at_token};

/// Opens the content of one element of a notification, without looking at any validation token: bytes and keys in,
/// the content or what is wrong out. Pure.
pub fn open(element: &[u8], keys: &[DecryptionKey]) -> Result<Opened, Fault> {
    Element::read(element)?.open(keys)
}

#[cfg(test)]
mod tests;
