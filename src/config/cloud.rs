//! Microsoft's clouds, and what is where in them.

use serde::Deserialize;

use crate::model::{DriveAddress, ListAddress, Resource, Via};

macro_rules! elsewhere {
    ($cloud:literal, $sites:literal) => {
        concat!(
            "the site is in another of Microsoft's clouds than the tenant",
            $cloud,
            ", whose sites are at *.",
            $sites,
            ": write the address of such a site, or set the tenant's cloud"
        )
    };
}

/// Microsoft's clouds; registrations, subscriptions and tokens never cross them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

    /// What the hosts of its SharePoint sites end in.
    const fn sites(self) -> &'static str {
        match self {
            Self::Global => ".sharepoint.com",
            Self::UsGov => ".sharepoint.us",
            Self::UsGovDod => ".sharepoint-mil.us",
            Self::China => ".sharepoint.cn",
        }
    }

    /// Why a host cannot be one of its sites, if it is one of another cloud's.
    fn refuses_site(self, host: &str) -> Option<&'static str> {
        let host = host.to_ascii_lowercase();
        let others = ALL.iter().filter(|cloud| **cloud != self);
        others.into_iter().any(|other| host.ends_with(other.sites())).then_some(match self {
            Self::Global => elsewhere!("", "sharepoint.com"),
            Self::UsGov => elsewhere!(" (us-gov)", "sharepoint.us"),
            Self::UsGovDod => elsewhere!(" (us-gov-dod)", "sharepoint-mil.us"),
            Self::China => elsewhere!(" (china)", "sharepoint.cn"),
        })
    }
}

/// Where a tenant's sites are.
#[derive(Debug, Clone, Copy)]
pub struct Sites {
    pub(super) cloud: Cloud,
    /// Whether requests go to an address of their own, behind which any cloud may be.
    pub(super) own_graph: bool,
    pub(super) own_sharepoint: bool,
}

impl Sites {
    /// Why a resource cannot be one of the tenant's: its site is in another cloud.
    pub fn refuses(self, resource: &Resource, via: Via) -> Option<&'static str> {
        let anywhere = match via {
            Via::Graph => self.own_graph,
            Via::SharePoint => self.own_sharepoint,
        };
        host(resource).filter(|_| !anywhere).and_then(|host| self.cloud.refuses_site(&host))
    }
}

const ALL: [Cloud; 4] = [Cloud::Global, Cloud::UsGov, Cloud::UsGovDod, Cloud::China];

/// The host of the site that a list or library is in, where its address tells it.
pub fn host(resource: &Resource) -> Option<String> {
    let host = match resource {
        Resource::List(ListAddress::Web(url)) | Resource::Drive(DriveAddress::Web(url)) => url.host_str()?,
        Resource::List(ListAddress::Ids { site, .. }) => site.split(',').next()?,
        _ => return None,
    };
    Some(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_of_one_cloud_and_a_host_of_ones_own_of_any() {
        let hosts = [
            "contoso.sharepoint.com",
            "contoso.sharepoint.us",
            "contoso.sharepoint-mil.us",
            "Contoso-my.SharePoint.cn",
        ];
        for (cloud, own) in ALL.into_iter().zip(hosts) {
            for host in hosts {
                assert_eq!(cloud.refuses_site(host).is_none(), host == own, "{cloud:?} {host}");
            }
            assert_eq!(cloud.refuses_site("intranet.contoso.com"), None);
            let said = cloud.refuses_site(hosts[usize::from(own == hosts[0])]).unwrap();
            assert!(said.contains(&format!("*{}:", cloud.sites())), "{said}");
        }
    }

    #[test]
    fn the_host_is_read_from_each_form_of_an_address() {
        let host = |resource: &str| super::host(&resource.parse().unwrap());
        let contoso = || Some("contoso.sharepoint.com".to_owned());
        assert_eq!(host("list:https://Contoso.sharepoint.com/sites/hr/Lists/Candidates"), contoso());
        assert_eq!(host("list:contoso.sharepoint.com,a,b/c"), contoso());
        assert_eq!(host("drive:https://contoso.sharepoint.com/sites/hr/Shared Documents"), contoso());
        assert_eq!(host("drive:b!4711"), None);
        assert_eq!(host("onedrive:alice@contoso.com"), None);
    }
}
