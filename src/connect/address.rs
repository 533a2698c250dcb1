//! The address of a group: sealed for its connection as long as it is kept, and opened only to post to it.

use anyhow::{Context as _, bail};
use url::Url;

use crate::config::Connector;
use crate::model::{Connection, Name};
use crate::seal::{Place, SealError, Sealer};
use crate::secret::Secret;
use crate::store::{Store, StoreError};

/// As it is kept.
pub(super) fn seal(sealer: &Sealer, name: &Name, url: &Url) -> Result<Vec<u8>, SealError> {
    sealer.seal(Place::connection(name.as_str()), url.as_str().as_bytes().to_vec())
}

/// As cards are posted to it. It does not change for as long as the program runs, and neither does where cards may go;
/// so nothing that was allowed once goes where it is no longer.
pub(super) fn open(
    sealer: &Sealer,
    connection: &Connection,
    settings: &Connector,
) -> anyhow::Result<(Secret, Url)> {
    let place = Place::connection(connection.name.as_str());
    let opened = sealer.open(place, &connection.sealed_url).context("its address cannot be read")?;
    let text = std::str::from_utf8(&opened).context("its address is no text")?;
    let url = Url::parse(text).context("its address is none")?;
    if !settings.allows(&url) {
        let host = url.host_str().unwrap_or_default();
        bail!(
            "its host, {host}, is not in [connector] allowed_hosts: name it there, or remove the sink and connect the group anew"
        );
    }
    Ok((Secret::new(text), url))
}

/// Seals with the present key whatever a former one has sealed, so that the former may go from the configuration. What
/// cannot be opened stays as it is.
///
/// # Errors
/// The store's.
pub async fn reseal(
    store: &dyn Store,
    sealer: &Sealer,
    connections: &[Connection],
) -> Result<(), StoreError> {
    let anew = |connection: &Connection| {
        let place = Place::connection(connection.name.as_str());
        Some((connection.name.clone(), sealer.reseal(place, &connection.sealed_url).ok().flatten()?))
    };
    let resealed: Vec<_> = connections.iter().filter_map(anew).collect();
    if resealed.is_empty() {
        return Ok(());
    }
    let count = resealed.len();
    store.reseal_connections(resealed).await?;
    tracing::info!(connections = count, "Addresses of groups were sealed with the present encryption key");
    Ok(())
}
