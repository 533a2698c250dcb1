//! What a client of the admin port is told where no TLS comes about with it.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What the TLS library says, and what helps, where this cause is of TLS.
pub fn without_tls(cause: &(dyn Error + 'static)) -> Option<(String, &'static str)> {
    let error = of_tls(cause)?;
    Some((error.to_string(), remedy(error)))
}

/// What an I/O error wraps is not among its sources.
fn of_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref().or_else(|| of_tls(cause.downcast_ref::<io::Error>()?.get_ref()?))
}

fn remedy(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidMessage(_) => "if that port is plain, begin --server with http://",
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "SSL_CERT_FILE=FILE names the certificate (PEM) of the authority that issued the listener's"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "let --server name the host that the certificate is for",
        rustls::Error::InvalidCertificate(_) => {
            "look at the certificate of [admin.tls]; if it is right, SSL_CERT_FILE=FILE names the certificate (PEM) of \
             the authority that issued it"
        }
        _ => "does --server name the admin address, and is it served by [admin.tls]?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_follows_from_what_went_wrong_however_deep_it_is_wrapped() {
        for (error, words) in [
            (rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer), "SSL_CERT_FILE=FILE"),
            (rustls::Error::InvalidCertificate(CertificateError::NotValidForName), "the host that"),
            (rustls::Error::InvalidCertificate(CertificateError::Expired), "look at the certificate"),
            (rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "http://"),
        ] {
            let wrapped = io::Error::other(io::Error::other(error));
            let (_, helps) = without_tls(&wrapped).unwrap();
            assert!(helps.contains(words), "{helps}");
        }
        assert_eq!(without_tls(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
