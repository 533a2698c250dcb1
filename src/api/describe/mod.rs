//! The API's own description: OpenAPI 3.1, made from the list of calls and from the types that they take and give.
//!
//! A call is served only by being in that list, so nothing is served that is not described. What holds for all calls
//! (keys, names in the address, bodies that are too large) is said here, once.

mod call;
mod document;
mod event;
mod words;

pub(super) use call::{Call, open};
pub(super) use document::document;
