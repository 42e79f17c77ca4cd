//! Pairwise keys: X25519 between two nodes, one HMAC-SHA256 key for each pair of processes.
//!
//! Never holds a password, never draws randomness, never prints a secret.

use core::fmt;

use hkdf::Hkdf;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey as DalekPublic, StaticSecret};
use zeroize::Zeroize;

use crate::ids::{ClusterTag, Peer, Seq};

/// Bytes of an X25519 key, private or public. [RFC 7748 §5]
pub const KEY_LEN: usize = 32;

/// Bytes of a tag: HMAC-SHA256 cut to 128 bits, the shortest that NIST SP 800-107 §5.3.4 calls
/// safe without counting failures.
pub const TAG_LEN: usize = 16;

/// Salt of the derivation; a change of it separates every key from those of an older wire.
const PAIR_SALT: &[u8] = b"palisade pair key v1";

/// A node's private key. Shown by nobody, wiped when dropped.
pub struct PrivateKey(StaticSecret);

impl PrivateKey {
    /// The key with these 32 bytes; every value is one. [RFC 7748 §5]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// The public half, for the configuration of all.
    pub fn public(&self) -> PublicKey {
        PublicKey(DalekPublic::from(&self.0).to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PrivateKey(..)")
    }
}

/// A node's public key, as the configuration carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; KEY_LEN]);

/// Which of a node's two published keys a frame was made with, while a key is being replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// `public_key` of the configuration.
    #[default]
    Current,
    /// `next_public_key` of the configuration.
    Next,
}

/// A published key from which no secret can be made.
///
/// X25519 with a point of small order gives every partner the same secret. [RFC 7748 §6.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakKey {
    /// Whose key it is.
    pub peer: Peer,
}

impl fmt::Display for WeakKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the public key of {} is a point of small order: make a new one", self.peer)
    }
}

impl core::error::Error for WeakKey {}

/// The keys this process shares with one peer: its current one, and its next during rotation.
#[derive(Clone)]
pub struct KeyRing {
    mine: Generation,
    current: PairKey,
    next: Option<PairKey>,
    heard: Option<Generation>,
}

impl KeyRing {
    /// Derives the keys between `me` and `peer` of `cluster`.
    ///
    /// `mine` says which of my own published keys `private` belongs to.
    ///
    /// # Errors
    /// [`WeakKey`] if a published key of the peer has small order.
    pub fn between(
        cluster: ClusterTag,
        (me, mine, private): (Peer, Generation, &PrivateKey),
        (peer, current, next): (Peer, PublicKey, Option<PublicKey>),
    ) -> Result<Self, WeakKey> {
        let pair = |public| PairKey::derive(cluster, (me, private), (peer, public));
        let next = next.map(pair).transpose()?;
        Ok(Self { mine, current: pair(current)?, next, heard: None })
    }

    /// The byte that tells the receiver which keys made the frame numbered `seq` to it: bit 0 the
    /// sender's generation, bit 1 the receiver's.
    pub(crate) fn key_id(&self, seq: Seq) -> u8 {
        let theirs = self.speaks(seq);
        u8::from(self.mine == Generation::Next) | (u8::from(theirs == Generation::Next) << 1)
    }

    /// The tag over `bytes` under the key of [`Self::key_id`].
    pub(crate) fn tag(&self, seq: Seq, bytes: &[u8]) -> [u8; TAG_LEN] {
        self.of(self.speaks(seq)).unwrap_or(&self.current).tag(bytes)
    }

    /// Whether `tag` proves that the peer wrote `bytes` with the keys that `key_id` names.
    ///
    /// An authentic frame with the peer's next key moves this side over to it, for good: a replay
    /// of an older frame never moves it back.
    pub(crate) fn verifies(&mut self, key_id: u8, bytes: &[u8], tag: &[u8]) -> bool {
        let Some((theirs, mine)) = generations(key_id) else { return false };
        let known =
            mine == self.mine && self.of(theirs).is_some_and(|key| key.verifies(bytes, tag));
        if known {
            self.heard = self.heard.max(Some(theirs));
        }
        known
    }

    /// Which of the peer's keys the frame numbered `seq` is for: the newest it was heard with.
    ///
    /// A peer not heard yet may have either, so both take turns: two processes that both start with
    /// their next keys would otherwise refuse each other for ever.
    fn speaks(&self, seq: Seq) -> Generation {
        let next_in_turn = self.next.is_some() && seq.0.is_multiple_of(2);
        let in_turn = if next_in_turn { Generation::Next } else { Generation::Current };
        self.heard.unwrap_or(in_turn)
    }

    fn of(&self, generation: Generation) -> Option<&PairKey> {
        match generation {
            Generation::Current => Some(&self.current),
            Generation::Next => self.next.as_ref(),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeyRing")
            .field("mine", &self.mine)
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

/// Reads a key id back: the sender's generation, then the receiver's.
fn generations(key_id: u8) -> Option<(Generation, Generation)> {
    match key_id {
        0 => Some((Generation::Current, Generation::Current)),
        1 => Some((Generation::Next, Generation::Current)),
        2 => Some((Generation::Current, Generation::Next)),
        3 => Some((Generation::Next, Generation::Next)),
        4..=u8::MAX => None,
    }
}

/// The HMAC state of one pair of processes, ready to be copied for each frame.
#[derive(Clone)]
struct PairKey(Hmac<Sha256>);

impl PairKey {
    fn derive(
        cluster: ClusterTag,
        (me, private): (Peer, &PrivateKey),
        (peer, public): (Peer, PublicKey),
    ) -> Result<Self, WeakKey> {
        let shared = private.0.diffie_hellman(&DalekPublic::from(public.0));
        if !shared.was_contributory() {
            return Err(WeakKey { peer });
        }
        let [cluster_low, cluster_high] = cluster.0.to_le_bytes();
        let (low, high) = (me.min(peer).to_byte(), me.max(peer).to_byte());
        let mut key = Key::<Hmac<Sha256>>::default();
        let expanded = Hkdf::<Sha256>::new(Some(PAIR_SALT), shared.as_bytes())
            .expand(&[cluster_low, cluster_high, low, high], &mut key);
        assert!(expanded.is_ok(), "64 bytes are within what HKDF-SHA256 can give");
        let hmac = Hmac::new(&key);
        key.zeroize();
        Ok(Self(hmac))
    }

    fn tag(&self, bytes: &[u8]) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        let full = self.0.clone().chain_update(bytes).finalize().into_bytes();
        for (to, from) in tag.iter_mut().zip(full) {
            *to = from;
        }
        tag
    }

    fn verifies(&self, bytes: &[u8], tag: &[u8]) -> bool {
        self.tag(bytes).as_slice().ct_eq(tag).into()
    }
}
