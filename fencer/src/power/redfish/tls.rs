//! Whom we believe at the other end of a TLS connection.
//!
//! A pinned certificate is believed for its own sake, whatever it says; all others must be signed by a
//! known authority for the host's name, unless the configuration says, loudly, to believe anyone. Every
//! handshake must prove possession of the certificate's key.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_host::config::Trust;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256};

/// Terms of TLS, and the certificate that was last shown.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) config: Arc<ClientConfig>,
    judge: Arc<Judge>,
}

impl Terms {
    /// The terms of `trust`; reads its file, so not for a loop. None without TLS.
    pub(super) fn of(trust: &Trust) -> Result<Option<Self>, String> {
        let provider = Arc::new(ring::default_provider());
        let known = match trust {
            Trust::Plain => return Ok(None),
            Trust::Authorities(file) => Known::Authorities(authorities(file, &provider)?),
            Trust::Pinned(pin) => Known::Pinned(*pin),
            Trust::Anyone => Known::Anyone,
        };
        let shown = Mutex::default();
        let judge = Arc::new(Judge { known, provider: Arc::clone(&provider), shown });
        let verifier: Arc<dyn ServerCertVerifier> = Arc::<Judge>::clone(&judge);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Some(Self { config: Arc::new(config), judge }))
    }

    /// The SHA-256 of the certificate last shown, as `certificate_sha256` takes it.
    pub(super) fn shown(&self) -> Option<String> {
        let shown = *self.judge.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[derive(Debug)]
enum Known {
    Authorities(Arc<WebPkiServerVerifier>),
    Pinned([u8; 32]),
    Anyone,
}

#[derive(Debug)]
struct Judge {
    known: Known,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<[u8; 32]>>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let hash: [u8; 32] = Sha256::digest(certificate.as_ref()).into();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
        match &self.known {
            Known::Authorities(known) => {
                known.verify_server_cert(certificate, chain, name, ocsp, now)
            }
            Known::Pinned(pin) if *pin == hash => Ok(ServerCertVerified::assertion()),
            Known::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Known::Anyone => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn authorities(
    file: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let failed = |why: String| format!("{}: {why}", file.display());
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
    let (taken, _passed_over) = roots.add_parsable_certificates(found.filter_map(Result::ok));
    if taken == 0 {
        return Err(failed("no certificate of an authority in it".to_owned()));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| failed(error.to_string()))
}
