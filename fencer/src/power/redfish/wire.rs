//! One connection to a Redfish service: opened, written to and read from, each before a deadline.
//!
//! Never waits past the deadline, and never shows what is sent.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use palisade_host::clock;
use palisade_host::config::HttpPlace;
use palisade_protocol::time::Instant;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::disbelief::disbelief;
use super::reply::{Reader, Reply, Rubbish};
use super::tls::Terms;
use crate::names;
use crate::power::error::PowerErrorKind;
use crate::power::trouble::Trouble;

/// Bytes read at once.
const BLOCK: usize = 8 * 1024;

/// How long a host may take to let us connect: time for one request for it to be lost, and sent again
/// after a second.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// An open connection.
pub(super) struct Connection(Box<dyn Stream>);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why an exchange came to nothing.
pub(super) struct Broken {
    pub(super) trouble: Trouble,
    /// The other end hung up before it answered anything, as it does when it no longer waits for
    /// another request.
    pub(super) is_stale: bool,
}

impl Connection {
    /// Connects to `place`; with `terms`, over TLS.
    pub(super) async fn open(
        place: &HttpPlace,
        terms: Option<&Terms>,
        by: Instant,
    ) -> Result<Self, Trouble> {
        let stream = connect(place, by).await?;
        let Some(terms) = terms else { return Ok(Self(Box::new(stream))) };
        let name = ServerName::try_from(place.host.clone()).map_err(|error| {
            let remedy = "correct url";
            Trouble::new(PowerErrorKind::BadConfig, error.to_string(), remedy).definite()
        })?;
        let connector = TlsConnector::from(Arc::clone(&terms.config));
        let encrypted = within(by, connector.connect(name, stream)).await;
        let encrypted = encrypted.ok_or_else(|| Trouble::silent("agree on TLS"))?;
        encrypted.map(|it| Self(Box::new(it))).map_err(|error| unencrypted(&error, terms))
    }

    /// Sends a request and waits for the reply to it.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        what: &str,
        by: Instant,
    ) -> Result<Reply, Broken> {
        let mut reader = Reader::default();
        let outcome = within(by, self.talk(request, &mut reader)).await;
        let is_stale = !reader.has_heard() && matches!(outcome, Some(Err(_)));
        let trouble = match outcome {
            Some(Ok(reply)) => return Ok(reply),
            Some(Err(Trouble { evidence, remedy, kind, is_definite })) => {
                Trouble { evidence: format!("{what}: {evidence}"), remedy, kind, is_definite }
            }
            None => Trouble::silent(what),
        };
        Err(Broken { trouble, is_stale })
    }

    async fn talk(&mut self, request: &[u8], reader: &mut Reader) -> Result<Reply, Trouble> {
        self.0.write_all(request).await.map_err(|error| failed(&error))?;
        self.0.flush().await.map_err(|error| failed(&error))?;
        let mut block = vec![0; BLOCK];
        loop {
            let length = self.0.read(&mut block).await.map_err(|error| failed(&error))?;
            let heard = match block.get(..length) {
                None | Some([]) => reader.close().map(Some),
                Some(bytes) => reader.hear(bytes),
            };
            match heard {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(rubbish) => return Err(not_http(&rubbish)),
            }
        }
    }
}

/// The first address of the host that can be reached; each gets its share of the time.
async fn connect(place: &HttpPlace, by: Instant) -> Result<TcpStream, Trouble> {
    let addresses = resolve(place, by).await?;
    let mut trouble = Trouble::too_late("connecting");
    for (tried, address) in addresses.iter().enumerate() {
        let parts = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let now = clock::now();
        let share = (now.until(by) / parts).min(CONNECT_MAX);
        match within(now + share, TcpStream::connect(*address)).await {
            Some(Ok(stream)) => {
                // Orders are small and must not wait for one another.
                stream.set_nodelay(true).map_err(|error| Trouble::local("a socket", error))?;
                return Ok(stream);
            }
            Some(Err(error)) => trouble = failed(&error),
            None => trouble = Trouble::silent("connect"),
        }
    }
    Err(trouble)
}

async fn resolve(place: &HttpPlace, by: Instant) -> Result<Vec<SocketAddr>, Trouble> {
    let found = names::addresses(&place.host, place.port, clock::now().until(by)).await;
    found.map_err(|error| {
        let evidence = format!("name does not resolve: {error}");
        let remedy = "use an address, or mend name resolution on this host";
        Trouble::new(PowerErrorKind::Unresolved, evidence, remedy)
    })
}

/// What comes of `work` before `by`.
async fn within<T>(by: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout(clock::now().until(by), work).await.ok()
}

fn failed(error: &io::Error) -> Trouble {
    use io::ErrorKind as Kind;
    let is_any = |kinds: &[Kind]| kinds.contains(&error.kind());
    let (kind, remedy) = if is_any(&[Kind::ConnectionRefused]) {
        (PowerErrorKind::PortRefused, "switch the service on, or correct the port in url")
    } else if is_any(&[Kind::HostUnreachable, Kind::NetworkUnreachable, Kind::TimedOut]) {
        (PowerErrorKind::Unreachable, "check route, cable and the power of the bmc")
    } else {
        (PowerErrorKind::Protocol, LISTENER)
    };
    Trouble::new(kind, error.to_string(), remedy)
}

const LISTENER: &str = "check what listens there, and that url says https or http";

fn not_http(rubbish: &Rubbish) -> Trouble {
    Trouble::new(PowerErrorKind::Protocol, rubbish.to_string(), LISTENER)
}

/// Why there is no TLS: the certificate, or something else.
fn unencrypted(error: &io::Error, terms: &Terms) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (inner, terms.shown()) {
        (Some(rustls::Error::InvalidCertificate(why)), Some(shown)) => disbelief(why, &shown),
        (Some(why), _) => {
            let remedy = "it must speak TLS 1.2 or 1.3 with forward secrecy: update its firmware";
            Trouble::new(PowerErrorKind::Protocol, format!("no TLS: {why}"), remedy)
        }
        (None, _) => failed(error),
    }
}
