//! From the arrival of a notification to the event readable over Server-Sent Events, with a stand-in tenant that
//! answers at once: everything over real HTTP on loopback, the store on disk.
//!
//! ```text
//! cargo bench --bench latency
//! ```
//!
//! Changes are made one at a time, so that each is measured alone. The clock starts when the tenant's
//! notification reaches the listener's port: a relay in between takes the time, so that making the change and
//! deciding to notify is not counted. The ratio compares with a bare `GET /livez` of the same run.

fn main() {}
