//! Known answers. If one of these fails, the code is wrong.
//!
//! Made once with Python's `hashlib` and `hmac` and with `openssl enc -aes-128-cbc -nopad`, by
//! writing the formulas of the specification down a second time: K_uid = `palisade-20-byte-pw!`,
//! Rm = 10..1f, Rc = 30..3f, GUID = a0..af, SIDm = 0x11223344, SIDc = 0x55667788, role 0x13,
//! user `palisade`; the sealed packet is Get Chassis Status with rqSeq 1, session sequence 7 and
//! IV c0..cf.
#![cfg(test)]

use palisade_ipmi::Message;
use palisade_ipmi::chassis::GetChassisStatus;
use palisade_ipmi::keys::{Handshake, SessionKeys};
use palisade_ipmi::malformed::Malformed;
use palisade_ipmi::privilege::{Privilege, Role};
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::Suite;
use palisade_ipmi::wire::{Datagram, Ipmb, SessionPacket};

const BMC_ID: u32 = 0x5566_7788;

struct Vector {
    suite: Suite,
    rakp2: &'static str,
    rakp3: &'static str,
    rakp4: &'static str,
    rakp4_with_bmc_key: &'static str,
    sealed: &'static str,
}

const VECTORS: [Vector; 2] = [
    Vector {
        suite: Suite::Sha1,
        rakp2: "aa0c1a3749fe0ea6df44f21e46b912025c42a182",
        rakp3: "fe080e057208a2d83440819a4ea399106a5f821c",
        rakp4: "cbfbbe4d3298262a4437928c",
        rakp4_with_bmc_key: "748fd3501eaca3bbe0dbb7df",
        sealed: "0600ff0706c088776655070000002000c0c1c2c3c4c5c6c7c8c9cacbcccdcecf\
                 4ed3593ec2f9eed49413abb9548de3e4ffff020714632f8a593cbd095c4520d3",
    },
    Vector {
        suite: Suite::Sha256,
        rakp2: "e64af498bec5693d981be217edf424035cb48bb0395bb96007ff8e4359561d6f",
        rakp3: "ccf070c745b08c47227127223ad601fd658359e7fcadafe08d1abb8f2a501ec3",
        rakp4: "7900a94be05d51d46394b174ae937602",
        rakp4_with_bmc_key: "7cf95cfe651d1ed7b19a22e0d186377a",
        sealed: "0600ff0706c088776655070000002000c0c1c2c3c4c5c6c7c8c9cacbcccdcecf\
                 a96937485bce6d1dbc7f628969c0c58cffff0207175b4e0175f3065d503cbb41\
                 01d45da1",
    },
];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

fn counting(from: u8) -> [u8; 16] {
    std::array::from_fn(|index| from + u8::try_from(index).unwrap())
}

fn password() -> Secret {
    Secret::new(b"palisade-20-byte-pw!").unwrap()
}

fn handshake(suite: Suite) -> Handshake {
    Handshake {
        suite,
        console_id: 0x1122_3344,
        bmc_id: BMC_ID,
        console_random: counting(0x10),
        bmc_random: counting(0x30),
        bmc_guid: counting(0xA0),
        role: Role::name_only(Privilege::Operator),
        user: b"palisade".to_vec(),
    }
}

fn keys(suite: Suite) -> SessionKeys {
    handshake(suite).session_keys(&password())
}

fn status_request() -> Vec<u8> {
    let message: Message = GetChassisStatus.into();
    Ipmb::request(&message, 1).encode()
}

fn packet(bytes: &[u8]) -> SessionPacket<'_> {
    let Datagram::V2(packet) = Datagram::parse(bytes).unwrap() else { panic!("not v2.0") };
    packet
}

#[test]
fn handshake_codes_are_those_of_the_specification() {
    for vector in &VECTORS {
        let handshake = handshake(vector.suite);
        let short = vector.suite.short_code_len();
        assert_eq!(handshake.rakp2_code(&password()).bytes(), hex(vector.rakp2));
        assert_eq!(handshake.rakp3_code(&password()).bytes(), hex(vector.rakp3));
        let code = handshake.rakp4_code(&keys(vector.suite));
        assert_eq!(code.shortened(short), hex(vector.rakp4));
        let keyed = handshake.session_keys(&Secret::new(b"bmc-key").unwrap());
        let code = handshake.rakp4_code(&keyed);
        assert_eq!(code.shortened(short), hex(vector.rakp4_with_bmc_key));
    }
}

#[test]
fn a_sealed_packet_is_that_of_the_specification() {
    for vector in &VECTORS {
        let sealed = keys(vector.suite).seal(BMC_ID, 7, counting(0xC0), &status_request());
        assert_eq!(sealed, hex(vector.sealed));
    }
}

#[test]
fn a_sealed_packet_opens_to_what_was_sealed() {
    for vector in &VECTORS {
        let bytes = hex(vector.sealed);
        let packet = packet(&bytes);
        assert_eq!((packet.session_id, packet.sequence), (BMC_ID, 7));
        assert_eq!(keys(vector.suite).open(&packet), Ok(status_request()));
    }
}

#[test]
fn payloads_of_every_length_survive() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        for length in 0..70 {
            let payload = vec![0xAB; length];
            let sealed = keys(suite).seal(1, 1, [9; 16], &payload);
            assert_eq!(keys(suite).open(&packet(&sealed)), Ok(payload));
        }
    }
}

#[test]
fn other_keys_open_nothing() {
    for vector in &VECTORS {
        let other = handshake(vector.suite).session_keys(&Secret::new(b"other").unwrap());
        let opened = other.open(&packet(&hex(vector.sealed)).to_owned()).unwrap_err();
        assert!(matches!(opened, Malformed::Forged { .. }), "{opened:?}");
    }
}

#[test]
fn padding_of_a_secret_changes_no_code() {
    let short = handshake(Suite::Sha1).rakp2_code(&Secret::new(b"pw").unwrap());
    let padded = handshake(Suite::Sha1).rakp2_code(&Secret::new(b"pw\0\0\0").unwrap());
    assert_eq!(short.bytes(), padded.bytes());
}

#[test]
fn a_secret_of_twenty_one_bytes_is_refused_not_cut() {
    let refused = Secret::new(&[b'x'; 21]).unwrap_err();
    assert_eq!(refused.length, 21);
}

#[test]
fn a_code_that_is_cut_short_or_lengthened_is_another_one() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        let code = suite.hmac(b"key", &[b"what is signed"]);
        let whole = code.bytes();
        assert!(code.is(whole));
        assert!(!code.is(&[]) && !code.is(&whole[..whole.len() - 1]));
        assert!(!code.is(&[whole, &[0]].concat()));
    }
}
