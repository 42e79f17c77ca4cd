//! What a BMC says to somebody who has not logged in. Each question has a short deadline, is asked
//! twice at most, and its answer is nothing to rely on: BMCs lie here. No answer is no answer: it is
//! never taken for a "no".

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use palisade_ipmi::app::{
    AuthCapabilities, CIPHER_LIST_CHUNK, GetAuthCapabilities, GetCipherSuites, cipher_suite_ids,
};
use palisade_ipmi::wire::{
    Algorithms, Datagram, Ipmb, OpenSessionReply, OpenSessionRequest, PayloadType, setup_datagram,
    v15_datagram,
};
use palisade_ipmi::{IpmiCommand, Message};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::unsaid::{Said, Unsaid};
use crate::power::Privilege;

/// Longest wait for an answer. A BMC that needs longer here has it asked a second time.
const ANSWER_MAX: Duration = Duration::from_millis(700);

/// This channel.
const HERE: u8 = 0x0E;

/// Most chunks of a list: 64 stand in the specification, and no BMC has more than a few.
const CHUNKS_MAX: u8 = 16;

/// No authentication, no integrity, no confidentiality.
const SUITE_ZERO: Algorithms = Algorithms { authentication: 0, integrity: 0, confidentiality: 0 };

/// A BMC asked without a login.
#[derive(Debug)]
pub(super) struct Probe(UdpSocket);

impl Probe {
    /// Nothing is sent yet.
    pub(super) async fn at(bmc: SocketAddr) -> io::Result<Self> {
        let local: SocketAddr = match bmc {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await?;
        socket.connect(bmc).await?;
        Ok(Self(socket))
    }

    /// Which logins it says it has.
    pub(super) async fn logins(&self) -> Said<AuthCapabilities> {
        let privilege = Privilege::Operator.bits();
        let command = GetAuthCapabilities { extended: true, channel: HERE, privilege };
        let data = self.ask(&command.into(), Shape::V15).await?;
        GetAuthCapabilities::parse_success_response(&data).map_err(|_| Unsaid::Garbled)
    }

    /// The numbers of the cipher suites that it says it has.
    pub(super) async fn suites(&self) -> Said<Vec<u8>> {
        match self.list(Shape::V2).await {
            Ok(listed) => Ok(listed),
            Err(_) => self.list(Shape::V15).await,
        }
    }

    /// Whether it would open a session without any authentication. The session is not taken up.
    pub(super) async fn grants_suite_zero(&self, console_id: u32) -> Said<bool> {
        let request = OpenSessionRequest {
            tag: 0,
            privilege: Privilege::Operator.bits(),
            console_id,
            algorithms: SUITE_ZERO,
        };
        let bytes = setup_datagram(PayloadType::OpenSessionRequest, &request.encode());
        self.hear_twice(&bytes, |datagram| granted(datagram, console_id)).await
    }

    async fn list(&self, shape: Shape) -> Said<Vec<u8>> {
        let mut records = Vec::new();
        for index in 0..CHUNKS_MAX {
            let command = GetCipherSuites { channel: HERE, payload_type: 0, by_suite: true, index };
            let data = self.ask(&command.into(), shape).await?;
            let chunk =
                GetCipherSuites::parse_success_response(&data).map_err(|_| Unsaid::Garbled)?;
            records.extend(&chunk.records);
            if chunk.records.len() < CIPHER_LIST_CHUNK {
                break;
            }
        }
        Ok(cipher_suite_ids(&records))
    }

    /// The data of a reply that says "done".
    async fn ask(&self, message: &Message, shape: Shape) -> Said<Vec<u8>> {
        let request = Ipmb::request(message, 1);
        let bytes = shape.datagram(&request.encode());
        match self.hear_twice(&bytes, |datagram| reply_to(&request, datagram)).await? {
            (0, data) => Ok(data),
            (code, _) => Err(Unsaid::Declined(code)),
        }
    }

    /// What `read` makes of an answer to `question`, which is asked again once.
    async fn hear_twice<T>(
        &self,
        question: &[u8],
        read: impl Fn(&Datagram<'_>) -> Option<T>,
    ) -> Said<T> {
        for _ in 0..2 {
            self.0.send(question).await?;
            match timeout(ANSWER_MAX, self.hear(&read)).await {
                Ok(heard) => return Ok(heard?),
                Err(_elapsed) => {}
            }
        }
        Err(Unsaid::Silent)
    }

    /// What `read` makes of the first datagram that it makes something of.
    async fn hear<T>(&self, read: impl Fn(&Datagram<'_>) -> Option<T>) -> io::Result<T> {
        let mut buffer = [0; 512];
        loop {
            let length = self.0.recv(&mut buffer).await?;
            let bytes = buffer.get(..length).unwrap_or_default();
            let found = Datagram::parse(bytes).ok().and_then(|datagram| read(&datagram));
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }
}

/// In which envelope a command before a session travels: BMCs and consoles differ.
#[derive(Clone, Copy, Debug)]
enum Shape {
    V15,
    V2,
}

impl Shape {
    fn datagram(self, frame: &[u8]) -> Vec<u8> {
        match self {
            Self::V15 => v15_datagram(frame),
            Self::V2 => setup_datagram(PayloadType::Ipmi, frame),
        }
    }
}

/// Completion code and data of a reply to that request.
fn reply_to(request: &Ipmb<'_>, datagram: &Datagram<'_>) -> Option<(u8, Vec<u8>)> {
    let payload = match datagram {
        Datagram::V15(packet) if packet.session_id == 0 => packet.payload,
        Datagram::V2(packet) if packet.session_id == 0 => packet.payload,
        Datagram::AsfPing { .. } | Datagram::V15(_) | Datagram::V2(_) => return None,
    };
    let reply = Ipmb::parse(payload).ok()?;
    let expected = reply.netfn == request.netfn | 1
        && reply.command == request.command
        && reply.sequence == request.sequence;
    let (code, data) = reply.completion().ok().filter(|_| expected)?;
    Some((code, data.to_vec()))
}

fn granted(datagram: &Datagram<'_>, console_id: u32) -> Option<bool> {
    let Datagram::V2(packet) = datagram else { return None };
    if packet.payload_type != PayloadType::OpenSessionReply {
        return None;
    }
    let reply = OpenSessionReply::parse(packet.payload).ok()?;
    match reply.outcome {
        // Another suite than the one asked for is no consent.
        Ok(grant) if reply.console_id == console_id => Some(grant.algorithms == SUITE_ZERO),
        Ok(_) => None,
        Err(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use palisade_ipmi::wire::OpenSessionGrant;

    use super::*;

    /// A BMC that answers each datagram with what `answer` makes of it.
    async fn bmc(answer: fn(&Datagram<'_>) -> Option<Vec<u8>>) -> Probe {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let probe = Probe::at(socket.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                if let Some(bytes) = answer(&Datagram::parse(&buffer[..length]).unwrap()) {
                    socket.send_to(&bytes, from).await.unwrap();
                }
            }
        });
        probe
    }

    fn open_session(datagram: &Datagram<'_>, algorithms: Option<Algorithms>) -> Option<Vec<u8>> {
        let Datagram::V2(packet) = datagram else { return None };
        let asked = OpenSessionRequest::parse(packet.payload).ok()?;
        let algorithms = algorithms.unwrap_or(asked.algorithms);
        let grant = OpenSessionGrant { privilege: asked.privilege, bmc_id: 7, algorithms };
        let reply = OpenSessionReply { tag: 0, console_id: asked.console_id, outcome: Ok(grant) };
        Some(setup_datagram(PayloadType::OpenSessionReply, &reply.encode()))
    }

    #[tokio::test]
    async fn a_bmc_that_grants_a_session_without_authentication_is_found_out() {
        let open = bmc(|datagram| open_session(datagram, None)).await;
        assert_eq!(open.grants_suite_zero(42).await, Ok(true));
        let safe = bmc(|datagram| {
            let sha1 = palisade_ipmi::suite::Suite::Sha1.algorithms();
            open_session(datagram, Some(sha1))
        });
        assert_eq!(safe.await.grants_suite_zero(42).await, Ok(false));
    }

    #[tokio::test]
    async fn no_answer_is_not_taken_for_a_refusal() {
        let silent = bmc(|_| None).await;
        let (open, logins, suites) =
            tokio::join!(silent.grants_suite_zero(42), silent.logins(), silent.suites());
        assert_eq!((open, suites), (Err(Unsaid::Silent), Err(Unsaid::Silent)));
        assert_eq!(logins.err(), Some(Unsaid::Silent));
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_at_has_not_been_asked() {
        let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
        let probe = Probe::at(closed).await.unwrap();
        assert!(matches!(probe.grants_suite_zero(42).await, Err(Unsaid::Unasked(_))));
    }

    #[tokio::test]
    async fn a_bmc_that_declines_is_told_with_its_code() {
        let probe = bmc(|datagram| {
            let Datagram::V15(packet) = datagram else { return None };
            let request = Ipmb::parse(packet.payload).ok()?;
            Some(v15_datagram(&request.reply(&[0xC1]).encode()))
        });
        assert_eq!(probe.await.logins().await.err(), Some(Unsaid::Declined(0xC1)));
    }

    #[tokio::test]
    async fn what_it_says_about_its_logins_is_read() {
        let probe = bmc(|datagram| {
            let Datagram::V15(packet) = datagram else { return None };
            let request = Ipmb::parse(packet.payload).ok()?;
            let says = AuthCapabilities { channel: 1, types: 0x80, logins: 0x03, extended: 3 };
            let data = [&[0][..], &says.encode()].concat();
            Some(v15_datagram(&request.reply(&data).encode()))
        });
        assert_eq!(probe.await.logins().await.unwrap().logins, 0x03);
    }
}
