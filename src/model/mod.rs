//! Plain data that every room speaks: no I/O, no clock, no SQL, no HTTP.

mod connection;
mod consumer;
mod content;
mod credential;
mod cursor;
mod delivery;
mod event;
mod ids;
mod item;
mod name;
mod notification;
mod resource;
mod rhythm;
mod span;
mod subscription;
mod trouble;

pub use connection::{Connection, Picks};
pub use consumer::Consumer;
pub use content::{ArrivedContent, CertificateId, SealedContent};
pub use credential::{Credential, Validity};
pub use cursor::{Cursor, InvalidCursor};
pub use delivery::{Attempt, Delivery, DeliveryState, ItemKey, Outcome, SinkStanding};
pub use event::{Actor, ActorKind, Change, Event, NewEvent};
pub use ids::{ItemId, RemoteId, SubscriptionId};
pub use item::{Body, Item, Marks, OddItem, Properties};
pub use name::{InvalidName, Name};
pub use notification::{Hint, HintKind};
pub use resource::{CONTENT_IS_REFUSED, DriveAddress, InvalidResource, Kind, ListAddress, Resource, Target};
pub use rhythm::{Rhythm, Suspicion};
pub use span::{LONGEST_DURATION, NoDuration, parse_duration};
pub use subscription::{FirstRound, InvalidChoice, Origin, Remote, Start, State, Subscription, Via, Wish};
pub use trouble::Trouble;
