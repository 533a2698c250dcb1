//! How Graph tells that a delta link of a drive or a list leads nowhere any more.

use serde::{Deserialize, Serialize};

use super::error::GraphError;

/// The flavours that are documented, and those that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Resync {
    /// The server is right. The flavour stands in the text alone, as it is mostly seen.
    #[default]
    ApplyDifferences,
    /// What the server does not list may be the caller's to upload.
    UploadDifferences,
    /// The first, said by the code inside, as it is documented.
    InnerCode,
    /// Without a place to begin again.
    NoLocation,
}

pub(crate) const ALL: [Resync; 4] =
    [Resync::ApplyDifferences, Resync::UploadDifferences, Resync::InnerCode, Resync::NoLocation];

impl Resync {
    /// The refusal; `location` is where to begin again.
    pub(crate) fn refusal(self, location: String) -> GraphError {
        let said = match self {
            Self::ApplyDifferences | Self::NoLocation => " (resyncChangesApplyDifferences)",
            Self::UploadDifferences => " (resyncChangesUploadDifferences)",
            Self::InnerCode => "",
        };
        let message = format!("Resync required. Replace any local items with the server's version{said}.");
        let mut error = GraphError::new(410, "resyncRequired", message);
        if self == Self::InnerCode {
            error.inner_code = Some("resyncChangesApplyDifferences".to_owned());
        }
        if self == Self::NoLocation { error } else { error.header("Location", location) }
    }
}
