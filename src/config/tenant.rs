use url::Url;

use crate::model::Name;
use crate::secret::Secret;

/// `[[tenant]]`: one Microsoft 365 organisation and the app registration used to reach it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name here.
    pub name: Name,
    /// Directory (tenant) id: a guid or a domain.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// The app registration's secret.
    pub client_secret: Secret,
    /// Decorated traffic is throttled last: `NONISV|Company|App/Version`.
    pub user_agent: String,
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
    /// Where sign-in goes instead of the cloud's address (a stand-in tenant).
    pub login_url: Option<Url>,
    /// Where Graph requests go instead; `/v1.0` is appended.
    pub graph_url: Option<Url>,
    /// What replaces `https://HOST` of a SharePoint address.
    pub sharepoint_url: Option<Url>,
}

/// Microsoft's clouds; registrations, subscriptions and tokens never cross them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Global,
    /// US Government L4.
    UsGov,
    /// US Government L5.
    UsGovDod,
    /// Operated by 21Vianet.
    China,
}

impl Cloud {
    /// Where to sign in.
    pub const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// Graph's address, which is also the audience of its tokens.
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}
