/// Why a content cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What is stored does not open.
    #[error(
        "it was sealed with a key that is not in [store] encryption_key any more: list former keys behind the present one"
    )]
    Unsealable,
    /// It has not the shape of an encrypted content.
    #[error("its parts are missing or cannot be read")]
    Malformed,
    /// There is nothing that proves who sent it.
    #[error(
        "no validation token came with it: set 'Assignment required' of the app's service principal in Entra to No \
         (appRoleAssignmentRequired), or assign a role of the app to Microsoft Graph Change Tracking"
    )]
    NoToken,
    /// A token has not the shape of one.
    #[error("a validation token cannot be read")]
    MalformedToken,
    /// Signed in a way that proves nothing.
    #[error("a validation token is not signed with RS256")]
    Algorithm,
    /// The keys could not be asked for.
    #[error(
        "the login host did not tell the keys of its signatures, so that no validation token could be checked"
    )]
    KeysUnavailable,
    /// Entra does not have that key.
    #[error("a validation token names a signing key that the login host does not have")]
    UnknownSigner,
    /// The signature is not that of the key.
    #[error("the signature of a validation token is wrong")]
    Signature,
    /// Another issuer.
    #[error("a validation token was not issued by the login host for the tenant that it names")]
    Issuer,
    /// Another tenant.
    #[error("a validation token is for a tenant that is not configured")]
    Tenant,
    /// Another app.
    #[error("a validation token is for another app than the one configured as client_id")]
    Audience,
    /// Somebody else than Microsoft's sender.
    #[error("a validation token was not given to Microsoft Graph Change Tracking, which sends notifications")]
    Publisher,
    /// It held before the content arrived.
    #[error(
        "a validation token had expired when it arrived, or is not valid yet: does this machine's clock go wrong?"
    )]
    Expired,
    /// No token is about its tenant.
    #[error("none of the validation tokens is about the tenant of the subscription")]
    Uncovered,
    /// Encrypted with something that we do not have.
    #[error("it is encrypted with a certificate whose private key is not here any more")]
    UnknownCertificate,
    /// The certificate of that name is another one.
    #[error("it is encrypted with another certificate than the one of that name here")]
    Thumbprint,
    /// Key, MAC or padding: which one is not told.
    #[error("it does not decrypt: it was altered, or encrypted in another way than documented")]
    Undecryptable,
    /// What came out is no resource.
    #[error("what was encrypted is no JSON object")]
    Unreadable,
}

impl Fault {
    /// The word for it, in the API and in metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unsealable => "unsealable",
            Self::Malformed => "malformed",
            Self::NoToken => "no_token",
            Self::MalformedToken => "malformed_token",
            Self::Algorithm => "algorithm",
            Self::KeysUnavailable => "keys_unavailable",
            Self::UnknownSigner => "unknown_signer",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Tenant => "tenant",
            Self::Audience => "audience",
            Self::Publisher => "publisher",
            Self::Expired => "expired",
            Self::Uncovered => "uncovered",
            Self::UnknownCertificate => "unknown_certificate",
            Self::Thumbprint => "thumbprint",
            Self::Undecryptable => "undecryptable",
            Self::Unreadable => "unreadable",
        }
    }
}
