//! The 33 bytes at the front of every datagram, the same in every version, written by hand.
//!
//! Everything that liveness and the lease need stands here, so that a frame whose body cannot be
//! read still proves which life of which node is alive, and still grants.

use super::{BootId, ClusterTag, Echo, Kind, LinkId, Peer, Seq, Start};

/// Bytes of a prelude.
pub const PRELUDE_LEN: usize = 33;

/// The prelude, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prelude {
    /// What wrote the body.
    pub version: u8,
    /// What the body is.
    pub kind: Kind,
    /// Which keys made the tag.
    pub key_id: u8,
    /// The link it was sent on.
    pub link: LinkId,
    /// The cluster it belongs to.
    pub cluster: ClusterTag,
    /// From whom.
    pub src: Peer,
    /// To whom.
    pub dst: Peer,
    /// The sender's life.
    pub boot: BootId,
    /// The sender's process.
    pub start: Start,
    /// The frame's number from that process to this receiver.
    pub seq: Seq,
    /// The receiver's frame that the sender heard last; all zero on the wire for none.
    pub echo: Option<Echo>,
    /// Bytes of the body.
    pub body_len: u8,
}

impl Prelude {
    /// The bytes of this prelude, little endian.
    pub fn to_bytes(&self) -> [u8; PRELUDE_LEN] {
        let (echo_start, echo_seq) = self.echo.map_or((0, 0), |e| (e.start.get(), e.seq.0));
        let mut bytes = [0; PRELUDE_LEN];
        let mut out = Writer(&mut bytes);
        out.put([self.version, self.kind.0, self.key_id, self.link.get()]);
        out.put(self.cluster.0.to_le_bytes());
        out.put([self.src.to_byte(), self.dst.to_byte()]);
        out.put(self.boot.0.to_le_bytes());
        out.put(self.start.get().to_le_bytes());
        out.put(self.seq.0.to_le_bytes());
        out.put(echo_start.to_le_bytes());
        out.put(echo_seq.to_le_bytes());
        out.put([self.body_len]);
        bytes
    }

    /// Reads a prelude; nothing if a field is out of its range or `bytes` has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let [version, kind, key_id, link] = from.take()?;
        let cluster = ClusterTag(u16::from_le_bytes(from.take()?));
        let [src, dst] = from.take()?;
        let boot = BootId(u64::from_le_bytes(from.take()?));
        let start = u32::from_le_bytes(from.take()?);
        let seq = u32::from_le_bytes(from.take()?);
        let echo_start = u32::from_le_bytes(from.take()?);
        let echo_seq = u32::from_le_bytes(from.take()?);
        let [body_len] = from.take()?;
        let whole = from.0.is_empty() && start != 0 && seq != 0;
        whole.then_some(Self {
            version,
            kind: Kind(kind),
            key_id,
            link: LinkId::new(link)?,
            cluster,
            src: Peer::from_byte(src)?,
            dst: Peer::from_byte(dst)?,
            boot,
            start: Start::new(start),
            seq: Seq(seq),
            echo: echo(echo_start, echo_seq)?,
            body_len,
        })
    }
}

/// An echo has a start and a number, neither of them zero; "none" is all zero.
fn echo(start: u32, seq: u32) -> Option<Option<Echo>> {
    match (start, seq) {
        (0, 0) => Some(None),
        (0, _) | (_, 0) => None,
        (start, seq) => Some(Some(Echo { start: Start::new(start), seq: Seq(seq) })),
    }
}

struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        let room = core::mem::take(&mut self.0).split_first_chunk_mut();
        assert!(room.is_some(), "the fields of a prelude fill it exactly");
        if let Some((here, rest)) = room {
            *here = field;
            self.0 = rest;
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}
