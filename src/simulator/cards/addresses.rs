//! Addresses that cards are posted to, in the form that Microsoft's have. Whoever knows one may post.

use serde::Serialize;

use crate::simulator::random::Random;
use crate::simulator::tenant::Tenant;

const HEX: &str = "0123456789abcdef";
const SIGNATURE_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where cards may be posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardAddresses {
    /// An incoming webhook of a connector.
    pub connector: String,
    /// A Workflows webhook of Teams.
    pub teams: String,
}

/// Those that are there from the start.
pub(crate) fn addresses(url: &str, tenant_id: uuid::Uuid, seed: u64) -> CardAddresses {
    let mut random = Random::new(seed, "cards");
    CardAddresses { connector: webhook(url, tenant_id, &mut random), teams: flow(url, &mut random) }
}

/// Another incoming webhook.
pub(super) fn connector(tenant: &Tenant, random: &mut Random) -> String {
    webhook(&tenant.url, tenant.tenant_id, random)
}

fn webhook(url: &str, tenant_id: uuid::Uuid, random: &mut Random) -> String {
    let (group, secret, user) = (random.uuid(), random.text(HEX, 32), random.uuid());
    format!("{url}/webhookb2/{group}@{tenant_id}/IncomingWebhook/{secret}/{user}")
}

/// Another flow.
pub(super) fn flow(url: &str, random: &mut Random) -> String {
    let (id, signature) = (random.text(HEX, 32), random.text(SIGNATURE_LETTERS, 43));
    format!(
        "{url}/workflows/{id}/triggers/manual/paths/invoke?api-version=2016-06-01\
         &sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={signature}"
    )
}
