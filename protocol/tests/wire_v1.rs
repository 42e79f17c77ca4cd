//! Wire version 1 against its golden vectors, in both directions, and their hostile neighbours.
//!
//! If a test of this file fails, the code is wrong: what is on the wire is on the wire.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use palisade_protocol::ids::{BootId, ClusterTag, LinkId, Peer, Start};
use palisade_protocol::keys::Generation;
use palisade_protocol::postbox::{Dropped, Postbox};
use palisade_protocol::wire::{
    BODY_MAX, Body, Decline, DogClass, Kind, PRELUDE_LEN, Prelude, ProofKind, VERSION, Verdict,
    Why, Withheld,
};
use support::{Keys, Named, Says, Stanza, Vector, check_numbers, stanzas};

/// A vector of each kind. One without a vector does not compile.
fn vector_of(body: &Body) -> &'static str {
    match body {
        Body::Renew(_) => "renew-longest",
        Body::Grant(_) => "grant-yes-255",
        Body::Withhold(_) => "withhold-twin",
        Body::Hello => "hello",
        Body::Request(_) => "request-health",
        Body::Leave(_) => "leave",
        Body::LeaveAck(_) => "leave-ack",
        Body::Beat(_) => "beat-longest",
        Body::Condemn(_) => "condemn-longest",
        Body::Agreed(_) => "agreed-longest",
        Body::Declined(_) => "declined-longest",
        Body::Fenced(_) => "fenced-power-off",
        Body::FencedAck(_) => "fenced-ack-most",
        Body::Pardon(_) => "pardon-most",
        Body::Unreadable(_) => "unreadable-kind-15",
    }
}

#[test]
fn the_bytes_of_every_vector_are_read_as_its_value() {
    for vector in Vector::all() {
        let opened = vector.receiver().open(vector.frame.link, &vector.datagram);
        assert_eq!(opened, Ok(vector.frame), "{}", vector.name);
    }
}

#[test]
fn the_value_of_every_vector_is_written_as_its_bytes() {
    for vector in Vector::all() {
        if matches!(vector.says, Says::Written(_)) {
            assert_eq!(vector.sealed(), vector.datagram, "{}", vector.name);
        }
    }
}

#[test]
fn every_vector_is_a_prelude_a_body_and_a_tag_and_nothing_more() {
    for vector in Vector::all() {
        let (head, rest) = vector.datagram.split_at(PRELUDE_LEN);
        let prelude = Prelude::from_bytes(head).unwrap();
        assert_eq!(prelude.to_bytes(), head, "{}", vector.name);
        assert_eq!(prelude.kind, vector.kind, "{}", vector.name);
        assert_eq!(usize::from(prelude.body_len), vector.body.len(), "{}", vector.name);
        assert_eq!(rest[..rest.len() - 16], vector.body, "{}", vector.name);
    }
}

#[test]
fn there_is_a_vector_for_every_kind_and_no_kind_without_one() {
    let vectors = Vector::all();
    let named: BTreeMap<_, _> = vectors.iter().map(|vector| (vector.name, vector)).collect();
    for vector in &vectors {
        let example = named[vector_of(&vector.frame.body)].frame.body;
        assert_eq!(
            core::mem::discriminant(&example),
            core::mem::discriminant(&vector.frame.body),
            "{}",
            vector.name
        );
    }
    let seen: BTreeSet<_> = written(&vectors).map(|(_, body)| body.kind().0).collect();
    for kind in 0..=u8::MAX {
        let unknown = Body::decode(VERSION, Kind(kind), &[]) == Some(Body::Unreadable(Kind(kind)));
        assert_eq!(unknown, !seen.contains(&kind), "kind {kind}");
    }
}

#[test]
fn every_variant_has_the_number_that_the_vectors_say() {
    check_numbers::<Verdict>("verdict");
    check_numbers::<DogClass>("class");
    check_numbers::<Withheld>("withheld");
    check_numbers::<Why>("why");
    check_numbers::<ProofKind>("proof");
    check_numbers::<Decline>("decline");
}

#[test]
fn every_variant_and_both_bools_stand_in_a_vector() {
    let frames = stanzas("frame");
    every_variant_stands::<Verdict>(&frames, "renew", "body.verdict");
    every_variant_stands::<DogClass>(&frames, "renew", "body.class");
    every_variant_stands::<Withheld>(&frames, "withhold", "body.why");
    every_variant_stands::<Why>(&frames, "request", "body.why");
    every_variant_stands::<Why>(&frames, "condemn", "body.why");
    every_variant_stands::<Decline>(&frames, "declined", "body.why");
    every_variant_stands::<ProofKind>(&frames, "fenced", "body.proof");
    for (kind, flag) in [
        ("renew", "body.armed"),
        ("renew", "body.certified"),
        ("grant", "body.fenceable"),
        ("beat", "body.holding"),
        ("condemn", "body.bind"),
        ("agreed", "body.bound"),
        ("agreed", "body.promise_over"),
        ("agreed", "body.dog_trusted"),
    ] {
        assert_eq!(values(&frames, kind, flag), BTreeSet::from(["no", "yes"]), "{kind} {flag}");
    }
}

#[test]
fn a_vector_one_byte_shorter_or_longer_or_with_one_bit_flipped_is_refused() {
    for vector in Vector::all() {
        let (mut receiver, link) = (vector.receiver(), vector.frame.link);
        for neighbour in neighbours(&vector.datagram) {
            let opened = receiver.open(link, &neighbour);
            assert!(opened.is_err(), "{}: {neighbour:02x?}", vector.name);
        }
        assert_eq!(receiver.open(link, &vector.datagram), Ok(vector.frame), "{}", vector.name);
    }
}

#[test]
fn without_its_tag_a_neighbour_of_a_body_is_nothing_or_spelled_exactly_so() {
    let vectors = Vector::all();
    for (vector, body) in written(&vectors) {
        assert_eq!(Body::decode(VERSION, vector.kind, &vector.body), Some(body));
        for neighbour in neighbours(&vector.body) {
            assert_one_spelling(vector.kind, &neighbour);
        }
    }
}

#[test]
fn no_body_cut_short_or_lengthened_says_anything() {
    let vectors = Vector::all();
    for (vector, _) in written(&vectors) {
        for len in 0..vector.body.len() {
            let cut = Body::decode(VERSION, vector.kind, &vector.body[..len]);
            assert_eq!(cut, None, "{} cut to {len}", vector.name);
        }
        for more in 0..=u8::MAX {
            let longer = [vector.body.as_slice(), &[more]].concat();
            let read = Body::decode(VERSION, vector.kind, &longer);
            assert_eq!(read, None, "{} and {more:#04x}", vector.name);
        }
    }
}

#[test]
fn every_body_of_up_to_two_bytes_has_one_spelling() {
    for kind in (1..=14).map(Kind) {
        assert_one_spelling(kind, &[]);
        for first in 0..=u8::MAX {
            assert_one_spelling(kind, &[first]);
            for second in 0..=u8::MAX {
                assert_one_spelling(kind, &[first, second]);
            }
        }
    }
}

#[test]
fn what_must_be_refused_is_refused_for_the_right_reason() {
    let mut voter = second_voter();
    for stanza in stanzas("refused") {
        let link = LinkId::new(stanza.number("arrives")).unwrap();
        let opened = voter.open(link, &stanza.bytes("datagram"));
        assert_eq!(opened.map_err(name_of), Err(stanza.text("reason")), "{}", stanza.name);
    }
    let counts = voter.dropped();
    let counted = counts.malformed
        + counts.other_cluster
        + counts.misdelivered
        + counts.stranger
        + counts.forged
        + counts.bad_body;
    assert_eq!(usize::try_from(counted), Ok(stanzas("refused").len()));
}

#[test]
fn a_newer_version_still_proves_life() {
    let vectors = Vector::all();
    let later = vectors.iter().find(|vector| vector.name == "unreadable-renew-of-version-2");
    let later = later.unwrap();
    let frame = later.receiver().open(later.frame.link, &later.datagram).unwrap();
    assert_eq!(frame.body, Body::Unreadable(Kind::RENEW));
    assert_eq!((frame.boot, frame.start), (later.frame.boot, later.frame.start), "which life");
    assert_eq!((frame.seq, frame.echo), (later.frame.seq, later.frame.echo), "and that it is now");
}

#[test]
fn every_reason_to_drop_stands_in_a_vector() {
    let reasons: BTreeSet<_> = stanzas("refused").iter().map(|one| one.text("reason")).collect();
    let all = [
        Dropped::Malformed,
        Dropped::OtherCluster,
        Dropped::Misdelivered,
        Dropped::Stranger,
        Dropped::Forged,
        Dropped::BadBody,
    ];
    assert_eq!(reasons, all.into_iter().map(name_of).collect());
}

#[test]
fn the_longest_body_of_each_kind_is_as_long_as_the_readme_says_and_fits() {
    let mut longest = BTreeMap::new();
    let vectors = Vector::all();
    for (vector, body) in written(&vectors) {
        let mut room = [0; BODY_MAX];
        let len = longest.entry(vector.kind.0).or_insert(0);
        *len = body.encode(&mut room).max(*len);
    }
    let by_kind: Vec<_> = longest.into_values().collect();
    assert_eq!(by_kind, [24, 2, 1, 0, 1, 0, 0, 16, 19, 14, 13, 12, 11, 11]);
    assert!(by_kind.iter().all(|len| *len <= BODY_MAX));
}

fn written(vectors: &[Vector]) -> impl Iterator<Item = (&Vector, Body)> {
    vectors.iter().filter_map(|vector| match vector.says {
        Says::Written(body) => Some((vector, body)),
        Says::Unreadable(_) => None,
    })
}

/// Every truncation, some extension by one byte, every single flipped bit.
fn neighbours(bytes: &[u8]) -> Vec<Vec<u8>> {
    let cuts = (0..bytes.len()).map(|len| bytes[..len].to_vec());
    let longer = [0, 1, 0x7f, 0x80, 0xff].map(|more| [bytes, &[more]].concat());
    let flips = (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    cuts.chain(longer).chain(flips).collect()
}

fn assert_one_spelling(kind: Kind, bytes: &[u8]) {
    if let Some(body) = Body::decode(VERSION, kind, bytes) {
        let mut room = [0; BODY_MAX];
        let len = body.encode(&mut room);
        assert_eq!(&room[..len], bytes, "{body:?}");
        assert_eq!(body.kind(), kind);
    }
}

fn every_variant_stands<T: Named>(frames: &[Stanza], kind: &str, field: &str) {
    let all: BTreeSet<_> = T::ALL.iter().map(|variant| variant.name()).collect();
    assert_eq!(values(frames, kind, field), all, "{kind} {field}");
}

fn values(frames: &[Stanza], kind: &str, field: &str) -> BTreeSet<&'static str> {
    let of_kind = frames.iter().filter(|frame| frame.text("says") == kind);
    of_kind.map(|frame| frame.text(field)).collect()
}

/// The receiver that the refused vectors speak of.
fn second_voter() -> Postbox {
    let [me, member, other] = [0x82, 0x01, 0x83].map(Peer::from_byte).map(Option::unwrap);
    let keys = Keys { cluster: ClusterTag(0x1234), me, mine: Generation::Current };
    let mut postbox = keys.postbox(BootId(1), Start::new(1));
    postbox.add_peer(member, keys.ring(member));
    postbox.add_peer(other, keys.ring(other));
    postbox
}

fn name_of(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Malformed => "malformed",
        Dropped::OtherCluster => "other-cluster",
        Dropped::Misdelivered => "misdelivered",
        Dropped::Stranger => "stranger",
        Dropped::Forged => "forged",
        Dropped::BadBody => "bad-body",
    }
}
