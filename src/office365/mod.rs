//! The only client of Office 365.
//!
//! Every call goes through one door ([`Tenant`]'s request): token, decorated user agent, request id, gate, and the
//! answer judged once into a [`Failure`] that says whether and when to try again. Links are followed only to the
//! configured origins, since they carry our token; redirects are not followed at all.

mod error;
mod trouble;
mod trouble;

pub use error::{Failure, Verdict};
