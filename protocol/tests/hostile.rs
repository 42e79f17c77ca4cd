//! Random bytes, random values and random spellings: nothing panics, and one value has one spelling.
#![expect(clippy::expect_used, reason = "a helper that cannot go on must stop the test")]

use palisade_protocol::ids::{BootId, ClusterTag, LinkId, NodeId, NodeMask, Peer, Seq, Start};
use palisade_protocol::keys::{Generation, KeyRing, PrivateKey};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::wire::{
    Agreed, BODY_MAX, Beat, Body, Condemn, DATAGRAM_MAX, Decline, Declined, DogClass, DogReport,
    Echo, Fenced, FencedAck, Frame, Grant, HeardMatrix, Kind, Leave, LeaveAck, PRELUDE_LEN, Pardon,
    Post, Prelude, ProofKind, Renew, Request, VERSION, Verdict, Why, Withheld, Withhold,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #[test]
    fn random_bytes_are_dropped_and_nothing_panics(bytes in vec(any::<u8>(), 0..300), on in link()) {
        prop_assert!(pair(BootId(1), Start::new(1)).1.open(on, &bytes).is_err());
    }

    #[test]
    fn random_bytes_behind_a_good_prelude_are_dropped_and_nothing_panics(
        (boot, start, on) in (any::<u64>(), any::<u32>(), link()),
        (kind, version) in (any::<u8>(), any::<u8>()),
        rest in vec(any::<u8>(), 16..223),
    ) {
        let (mut sender, mut receiver) = pair(BootId(boot), Start::new(start));
        let mut bytes = sealed(&mut sender, &post(None, Body::Hello), on);
        bytes.truncate(PRELUDE_LEN);
        (bytes[0], bytes[1]) = (version, kind);
        bytes[PRELUDE_LEN - 1] = u8::try_from(rest.len() - 16).expect("below 207");
        bytes.extend(rest);
        prop_assert!(receiver.open(on, &bytes).is_err());
    }

    #[test]
    fn every_valid_post_arrives_as_it_was_sent(
        (boot, start, seq, on) in (any::<u64>(), any::<u32>(), 1..=u32::MAX, link()),
        echo in option::of((1..=u32::MAX, 1..=u32::MAX)),
        body in body(),
    ) {
        let (boot, start, seq) = (BootId(boot), Start::new(start), Seq(seq));
        let echo = echo.map(|(start, seq)| Echo { start: Start::new(start), seq: Seq(seq) });
        let (mut sender, mut receiver) = pair(boot, start);
        let datagram = sealed(&mut sender, &Post { seq, ..post(echo, body) }, on);
        let frame = Frame { src: agent(), link: on, boot, start, seq, echo, body };
        prop_assert_eq!(receiver.open(on, &datagram), Ok(frame));
    }

    #[test]
    fn a_prelude_that_is_read_is_written_the_same(bytes in any::<[u8; PRELUDE_LEN]>(), near in any::<bool>()) {
        let mut bytes = bytes;
        if near {
            (bytes[3], bytes[6], bytes[7]) = (bytes[3] & 3, bytes[6] & 0xbf, bytes[7] & 0xbf);
        }
        if let Some(prelude) = Prelude::from_bytes(&bytes) {
            prop_assert_eq!(prelude.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_random_body_says_nothing_or_is_spelled_exactly_so(
        kind in 1..=14_u8,
        bytes in vec(prop_oneof![any::<u8>(), 0..3_u8, Just(0x80)], 0..30),
    ) {
        if let Some(body) = Body::decode(VERSION, Kind(kind), &bytes) {
            prop_assert_eq!(encoded(&body), bytes);
        }
    }

    #[test]
    fn an_over_long_number_is_no_number(body in body(), at in any::<prop::sample::Index>()) {
        let bytes = encoded(&body);
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        let mut longer = bytes.clone();
        longer[at] |= 0x80;
        longer.insert(at + 1, 0);
        if let Some(other) = Body::decode(VERSION, body.kind(), &longer) {
            prop_assert_eq!(encoded(&other), longer, "another value, and its only spelling");
        }
        let mut last = bytes;
        *last.last_mut().expect("not empty") |= 0x80;
        last.push(0);
        prop_assert_eq!(Body::decode(VERSION, body.kind(), &last), None);
    }

    #[test]
    fn what_another_version_says_is_unreadable_and_never_an_error(
        version in prop_oneof![Just(0_u8), 2..=u8::MAX],
        kind in any::<u8>(),
        bytes in vec(any::<u8>(), 0..207),
    ) {
        let kind = Kind(kind);
        prop_assert_eq!(Body::decode(version, kind, &bytes), Some(Body::Unreadable(kind)));
    }
}

fn agent() -> Peer {
    Peer::member(NodeId::new(1).expect("a node"))
}

fn fencer() -> Peer {
    Peer::voter(NodeId::new(2).expect("a node"))
}

/// The postbox of an agent in that life, and that of a fencer.
fn pair(boot: BootId, start: Start) -> (Postbox, Postbox) {
    let (cluster, now) = (ClusterTag(1), Generation::Current);
    let (one, other) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]));
    let ring = |me, own, peer, theirs: &PrivateKey| {
        KeyRing::between(cluster, (me, now, own), (peer, theirs.public(), None))
            .expect("no weak key")
    };
    let mut sender = Postbox::new(cluster, agent(), boot, start);
    sender.add_peer(fencer(), ring(agent(), &one, fencer(), &other));
    let mut receiver = Postbox::new(cluster, fencer(), BootId(2), Start::new(2));
    receiver.add_peer(agent(), ring(fencer(), &other, agent(), &one));
    (sender, receiver)
}

fn post(echo: Option<Echo>, body: Body) -> Post {
    Post { dst: fencer(), seq: Seq(1), echo, body }
}

fn sealed(sender: &mut Postbox, post: &Post, on: LinkId) -> Vec<u8> {
    let mut room = [0; DATAGRAM_MAX];
    let len = sender.seal(post, on, &mut room);
    room[..len].to_vec()
}

fn encoded(body: &Body) -> Vec<u8> {
    let mut room = [0; BODY_MAX];
    let len = body.encode(&mut room);
    room[..len].to_vec()
}

fn link() -> impl Strategy<Value = LinkId> {
    (0..4_u8).prop_filter_map("a link", LinkId::new)
}

/// Any body of any kind.
fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        renew().prop_map(Body::Renew),
        (flag(), any::<u8>())
            .prop_map(|(fenceable, heard_links)| Body::Grant(Grant { fenceable, heard_links })),
        withheld().prop_map(|why| Body::Withhold(Withhold { why })),
        Just(Body::Hello),
        why().prop_map(|why| Body::Request(Request { why })),
        Just(Body::Leave(Leave {})),
        Just(Body::LeaveAck(LeaveAck {})),
        (flag(), any::<u64>(), number()).prop_map(|(holding, granting, config)| Body::Beat(Beat {
            holding,
            granting: NodeMask(granting),
            config
        })),
        about_a_life(),
    ]
}

fn renew() -> impl Strategy<Value = Renew> {
    let dog = (flag(), flag(), class(), number(), number());
    let dog = dog.prop_map(|(armed, certified, class, timeout_ms, fire_ms)| DogReport {
        armed,
        certified,
        class,
        timeout_ms,
        fire_ms,
    });
    (verdict(), dog, number(), number()).prop_map(|(verdict, dog, heard, config)| Renew {
        verdict,
        dog,
        heard: HeardMatrix(heard),
        config,
    })
}

fn about_a_life() -> impl Strategy<Value = Body> {
    let life =
        || ((1..=64_u8).prop_filter_map("a node", NodeId::new), any::<u64>().prop_map(BootId));
    prop_oneof![
        (life(), why(), flag(), any::<Option<u32>>()).prop_map(
            |((target, boot), why, bind, silent_ms)| Body::Condemn(Condemn {
                target,
                boot,
                why,
                bind,
                silent_ms,
            })
        ),
        (life(), flag(), flag(), flag()).prop_map(
            |((target, boot), bound, promise_over, dog_trusted)| Body::Agreed(Agreed {
                target,
                boot,
                bound,
                promise_over,
                dog_trusted
            })
        ),
        (life(), decline()).prop_map(|((target, boot), why)| Body::Declined(Declined {
            target,
            boot,
            why
        })),
        (life(), proof()).prop_map(|((target, boot), proof)| Body::Fenced(Fenced {
            target,
            boot,
            proof
        })),
        life().prop_map(|(target, boot)| Body::FencedAck(FencedAck { target, boot })),
        life().prop_map(|(target, boot)| Body::Pardon(Pardon { target, boot })),
    ]
}

fn flag() -> impl Strategy<Value = bool> {
    any::<bool>()
}

/// Any number, one where the length of its spelling changes as likely as all others together.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        select(&[0, 127, 128, 16_383, 16_384, (1 << 21) - 1, 1 << 21, u32::MAX][..])
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    select(&[Verdict::Unknown, Verdict::Idle, Verdict::Up, Verdict::Grace, Verdict::Down][..])
}

fn class() -> impl Strategy<Value = DogClass> {
    select(&[DogClass::Unknown, DogClass::Physical, DogClass::Virtual, DogClass::Software][..])
}

fn why() -> impl Strategy<Value = Why> {
    select(&[Why::Silence, Why::Operator, Why::Health][..])
}

fn withheld() -> impl Strategy<Value = Withheld> {
    use Withheld as W;
    select(&[W::BootHold, W::Amnesia, W::Condemned, W::Fencing, W::Twin, W::Stranger][..])
}

fn proof() -> impl Strategy<Value = ProofKind> {
    use ProofKind as P;
    select(&[P::PowerOff, P::LeaseExpired, P::Reborn, P::Left, P::Operator][..])
}

fn decline() -> impl Strategy<Value = Decline> {
    use Decline as D;
    let plain = [
        D::StillHeard,
        D::Holding,
        D::AskerCondemned,
        D::OtherShooter,
        D::Writing,
        D::DiskFailed,
        D::UnknownLife,
    ];
    prop_oneof![select(plain.to_vec()), proof().prop_map(D::Over)]
}
