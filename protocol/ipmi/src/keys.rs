//! From the password to session keys, and packets sealed and opened with them. [IPMI2 §13.28 to §13.32]
//!
//! Codes are compared in constant time and checked before anything is decrypted. Keys are wiped
//! when dropped and never shown.

use aes::Aes128;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use zeroize::Zeroizing;

use crate::malformed::Malformed;
use crate::privilege::Role;
use crate::secret::Secret;
use crate::suite::{Code, Suite};
use crate::wire::{RMCP_HEADER, SessionPacket};

const BLOCK: usize = 16;
/// The constants that K1 and K2 are made of have 20 bytes, for SHA-256 too. [IPMI2 §13.32]
const K1_CONSTANT: [u8; 20] = [0x01; 20];
const K2_CONSTANT: [u8; 20] = [0x02; 20];
const NEXT_HEADER: u8 = 0x07;
const INTEGRITY_PAD: u8 = 0xFF;

/// Everything that both sides know after RAKP 2, and that every code of the handshake covers.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The suite agreed on.
    pub suite: Suite,
    /// The console's session id.
    pub console_id: u32,
    /// The BMC's session id.
    pub bmc_id: u32,
    /// The console's random number.
    pub console_random: [u8; 16],
    /// The BMC's random number.
    pub bmc_random: [u8; 16],
    /// The BMC's GUID.
    pub bmc_guid: [u8; 16],
    /// The role byte as sent.
    pub role: Role,
    /// The user name as sent.
    pub user: Vec<u8>,
}

impl Handshake {
    /// The code in RAKP 2: the BMC knows the password.
    pub fn rakp2_code(&self, password: &Secret) -> Code {
        let (console_id, bmc_id) = (self.console_id.to_le_bytes(), self.bmc_id.to_le_bytes());
        let [role, length] = self.role_and_length();
        self.suite.hmac(
            password.bytes(),
            &[
                &console_id,
                &bmc_id,
                &self.console_random,
                &self.bmc_random,
                &self.bmc_guid,
                &[role, length],
                &self.user,
            ],
        )
    }

    /// The code in RAKP 3: the console knows the password.
    pub fn rakp3_code(&self, password: &Secret) -> Code {
        let console_id = self.console_id.to_le_bytes();
        let parts: [&[u8]; 4] =
            [&self.bmc_random, &console_id, &self.role_and_length(), &self.user];
        self.suite.hmac(password.bytes(), &parts)
    }

    /// The session's keys. `key` is the BMC key where one is set (two-key login), else the
    /// password.
    pub fn session_keys(&self, key: &Secret) -> SessionKeys {
        let parts: [&[u8]; 4] =
            [&self.console_random, &self.bmc_random, &self.role_and_length(), &self.user];
        let sik = self.suite.hmac(key.bytes(), &parts);
        let k1 = self.suite.hmac(sik.bytes(), &[&K1_CONSTANT]);
        let k2 = self.suite.hmac(sik.bytes(), &[&K2_CONSTANT]);
        SessionKeys { suite: self.suite, sik, k1, k2 }
    }

    /// The integrity check value in RAKP 4; as sent it is shortened to
    /// [`Suite::short_code_len`].
    pub fn rakp4_code(&self, keys: &SessionKeys) -> Code {
        let bmc_id = self.bmc_id.to_le_bytes();
        let parts: [&[u8]; 3] = [&self.console_random, &bmc_id, &self.bmc_guid];
        self.suite.hmac(keys.sik.bytes(), &parts)
    }

    fn role_and_length(&self) -> [u8; 2] {
        [self.role.byte(), self.user.len().to_le_bytes()[0]]
    }
}

/// The keys of one session: one for integrity, one for confidentiality.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    suite: Suite,
    sik: Code,
    k1: Code,
    k2: Code,
}

impl SessionKeys {
    /// The suite that these keys belong to.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// A whole datagram that carries `payload` (an IPMB frame), encrypted and signed, to the side
    /// whose session id is `session_id`. `iv` must be fresh and unpredictable.
    ///
    /// # Panics
    /// If the payload does not fit a datagram: ours never is that long.
    pub fn seal(&self, session_id: u32, sequence: u32, iv: [u8; BLOCK], payload: &[u8]) -> Vec<u8> {
        let secret = self.encrypt(iv, payload);
        let length = u16::try_from(BLOCK + secret.len()).unwrap_or_default();
        assert_eq!(usize::from(length), BLOCK + secret.len(), "a payload fits 16 bits");
        let mut out = RMCP_HEADER.to_vec();
        out.extend(crate::wire::sealed_header(session_id, sequence, length));
        out.extend(iv);
        out.extend(secret);
        let pad = integrity_pad(out.len() - RMCP_HEADER.len());
        out.extend((0..pad).map(|_| INTEGRITY_PAD));
        out.extend([pad, NEXT_HEADER]);
        self.sign(&mut out);
        out
    }

    /// The payload of a packet, if these keys signed it. Packets that are not encrypted and signed
    /// are refused, whatever they say.
    ///
    /// # Errors
    /// [`Malformed::Forged`] without a valid signature; otherwise [`Malformed`] for padding that
    /// does not fit.
    pub fn open(&self, packet: &SessionPacket<'_>) -> Result<Vec<u8>, Malformed> {
        if !(packet.authenticated && packet.encrypted) {
            return Err(Malformed::Forged { what: "unsigned or plain session packet" });
        }
        self.verify(packet)?;
        check_trailer(packet)?;
        self.decrypt(packet.payload)
    }

    fn sign(&self, datagram: &mut Vec<u8>) {
        let signed = datagram.get(RMCP_HEADER.len()..).unwrap_or_default();
        let code = self.suite.hmac(self.k1.bytes(), &[signed]);
        datagram.extend(code.shortened(self.suite.short_code_len()));
    }

    fn verify(&self, packet: &SessionPacket<'_>) -> Result<(), Malformed> {
        let length = self.suite.short_code_len();
        let (signed, code) = split_code(packet.from_auth_type, length)?;
        if self.suite.hmac(self.k1.bytes(), &[signed]).is_shortened(length, code) {
            return Ok(());
        }
        Err(Malformed::Forged { what: "session packet" })
    }

    fn encrypt(&self, iv: [u8; BLOCK], payload: &[u8]) -> Vec<u8> {
        let pad = confidentiality_pad(payload.len());
        let padded: Vec<u8> = payload.iter().copied().chain(1..=pad).chain([pad]).collect();
        let mut out = Vec::with_capacity(padded.len());
        let mut cipher = cbc::Encryptor::<Aes128>::new(&(*self.aes_key()).into(), &iv.into());
        for chunk in padded.as_chunks::<BLOCK>().0 {
            let mut block = (*chunk).into();
            cipher.encrypt_block(&mut block);
            out.extend(<[u8; BLOCK]>::from(block));
        }
        out
    }

    fn decrypt(&self, payload: &[u8]) -> Result<Vec<u8>, Malformed> {
        let damaged = Malformed::Damaged { what: "encrypted payload" };
        let (iv, secret) = payload.split_first_chunk::<BLOCK>().ok_or(damaged)?;
        let (chunks, rest) = secret.as_chunks::<BLOCK>();
        if !rest.is_empty() {
            return Err(damaged);
        }
        let mut cipher = cbc::Decryptor::<Aes128>::new(&(*self.aes_key()).into(), &(*iv).into());
        let mut plain = Vec::with_capacity(secret.len());
        for chunk in chunks {
            let mut block = (*chunk).into();
            cipher.decrypt_block(&mut block);
            plain.extend(<[u8; BLOCK]>::from(block));
        }
        let length = length_without_pad(&plain).ok_or(damaged)?;
        plain.truncate(length);
        Ok(plain)
    }

    fn aes_key(&self) -> Zeroizing<[u8; BLOCK]> {
        let mut key = Zeroizing::new([0; BLOCK]);
        for (to, from) in key.iter_mut().zip(self.k2.bytes()) {
            *to = *from;
        }
        key
    }
}

/// Pad bytes `1, 2, …` so that payload, pad and pad length fill whole blocks.
fn confidentiality_pad(length: usize) -> u8 {
    let used = u8::try_from((length + 1) % BLOCK).unwrap_or_default();
    (16 - used) % 16
}

/// Length of the payload in front of its pad; `None` if the pad is not one that we would make.
fn length_without_pad(plain: &[u8]) -> Option<usize> {
    let (pad, before) = plain.split_last()?;
    let length = before.len().checked_sub((*pad).into())?;
    let counts = before.get(length..)?.iter().copied().eq(1..=*pad);
    (counts && usize::from(*pad) < BLOCK).then_some(length)
}

/// Pad so that everything from authentication type to next header is a multiple of 4.
fn integrity_pad(length: usize) -> u8 {
    let used = u8::try_from((length + 2) % 4).unwrap_or_default();
    (4 - used) % 4
}

fn split_code(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), Malformed> {
    let cut = bytes.len().checked_sub(length);
    let parts = cut.and_then(|cut| bytes.split_at_checked(cut));
    parts.ok_or(Malformed::TooShort { what: "session trailer" })
}

/// The trailer is pad, pad length, next header and code, and nothing else.
fn check_trailer(packet: &SessionPacket<'_>) -> Result<(), Malformed> {
    let header_and_payload = packet.from_auth_type.len().saturating_sub(packet.trailer.len());
    let pad = integrity_pad(header_and_payload);
    let bytes = packet.trailer.get(usize::from(pad)..).unwrap_or_default();
    match bytes {
        [length, NEXT_HEADER, ..] if *length == pad => Ok(()),
        _ => Err(Malformed::Damaged { what: "session trailer" }),
    }
}
