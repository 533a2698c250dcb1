//! Who the simulated tenant is. Ids and secrets are a pure function of the seed, so that a configuration
//! printed beforehand fits the stand-in that is started later.

use serde::Serialize;
use uuid::Uuid;

use super::cards::{CardAddresses, addresses};
use super::random::Random;

/// The host of the tenant's SharePoint sites.
pub(crate) const HOST: &str = "contoso.sharepoint.com";
/// The host of the personal sites that hold each user's OneDrive.
pub(crate) const MY_HOST: &str = "contoso-my.sharepoint.com";
/// The tenant's mail domain.
pub(crate) const DOMAIN: &str = "contoso.com";
const SECRET_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.";

/// What a client needs to know to use the stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// The base address of sign-in and Graph.
    pub url: String,
    /// The tenant's id.
    pub tenant_id: Uuid,
    /// The id of the registered app.
    pub client_id: Uuid,
    /// The registered app's secret.
    pub client_secret: String,
    /// The host in the addresses of SharePoint sites.
    pub host: String,
    /// A user who has a OneDrive and a mailbox.
    pub user: String,
    /// What the Connect button's registration is called.
    pub app_id: Uuid,
    /// Something of each kind to follow.
    pub resources: Resources,
    /// Channels that cards may be posted to.
    pub cards: CardAddresses,
}

/// Resource addresses that can be followed in the stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// A SharePoint list.
    pub list: String,
    /// A OneDrive.
    pub drive: String,
    /// A mail folder.
    pub mail: String,
}

/// Where the printed configuration has Office 365 send people back to.
pub(crate) const PRINTED_CALLBACK: &str = "http://127.0.0.1:8080/connector/callback";

/// The tenant that a stand-in with this seed plays at this address.
pub fn tenant(url: &str, seed: u64) -> Tenant {
    let mut random = Random::new(seed, "tenant");
    let user = format!("alice@{DOMAIN}");
    let (url, tenant_id) = (url.trim_end_matches('/'), random.uuid());
    Tenant {
        url: url.to_owned(),
        tenant_id,
        cards: addresses(url, tenant_id, seed),
        client_id: random.uuid(),
        app_id: Random::new(seed, "connector").uuid(),
        client_secret: random.text(SECRET_LETTERS, 40),
        host: HOST.to_owned(),
        resources: Resources {
            list: format!("list:https://{HOST}/sites/hr/Lists/Candidates"),
            drive: format!("onedrive:{user}"),
            mail: format!("mail:{user}/inbox"),
        },
        user,
    }
}

/// A `config.toml` of a listener that follows one list, one OneDrive and one mail folder of this tenant.
pub fn print_config(tenant: &Tenant) -> String {
    let Tenant { url, tenant_id, client_id, client_secret, resources, .. } = tenant;
    let mut config = format!(
        r#"public_url = "http://127.0.0.1:8080"

[listen]
notifications = "127.0.0.1:8080"
admin = "127.0.0.1:8081"

[store]
url = "sqlite:o365-listener.db"

[[tenant]]
name = "contoso"
tenant_id = "{tenant_id}"
client_id = "{client_id}"
client_secret = "{client_secret}"
login_url = "{url}"
graph_url = "{url}"
sharepoint_url = "{url}"

# SharePoint's own service takes no secret. To follow the list with via = "sharepoint", write this in the place of
# client_secret; the stand-in plays Azure's identity service as well.
#managed_identity = {{}}
#identity_url = "{url}"
"#
    );
    let wanted = [("candidates", &resources.list), ("files", &resources.drive), ("inbox", &resources.mail)];
    for (name, resource) in wanted {
        let lines = [
            "\n[[subscription]]\nname = \"",
            name,
            "\"\ntenant = \"contoso\"\nresource = \"",
            resource,
            "\"\n",
        ];
        config.extend(lines);
    }
    config + &where_changes_go(tenant)
}

/// What is commented out: channels that are told, and the Connect button.
fn where_changes_go(tenant: &Tenant) -> String {
    let Tenant { url, app_id, cards, .. } = tenant;
    let mut config = String::new();
    for (kind, address) in [("teams", &cards.teams), ("connector", &cards.connector)] {
        let lines = [
            "\n#[[sink]]\n#name = \"",
            kind,
            "\"\n#type = \"",
            kind,
            "\"\n#url = \"",
            address,
            "\"\n#allow_private = true\n",
        ];
        config.extend(lines);
    }
    let connector = format!(
        r#"
# The Connect button of groups. It takes a key in [store]: encryption_key = {{ env = "O365_LISTENER_ENCRYPTION_KEY" }}
#[connector]
#app_id = "{app_id}"
#connect_url = "{url}/connectors/Connect"
#allowed_hosts = ["127.0.0.1"]
#service_name = "Contoso changes"
"#
    );
    config + &connector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_configuration_is_toml_that_names_the_tenant() {
        let tenant = tenant("http://127.0.0.1:9400/", 42);
        let config: toml::Value = toml::from_str(&print_config(&tenant)).unwrap();
        assert_eq!(config["tenant"][0]["client_secret"].as_str(), Some(tenant.client_secret.as_str()));
        assert_eq!(config["tenant"][0]["graph_url"].as_str(), Some("http://127.0.0.1:9400"));
        assert_eq!(config["subscription"].as_array().map(Vec::len), Some(3));
    }
}
