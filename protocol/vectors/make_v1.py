#!/usr/bin/env python3
"""Writes the golden vectors of wire version 1 to standard output.

A second implementation of the README of this crate, in Python's standard library, sharing no line
with the Rust code. Run by hand when a vector is added (`./make_v1.py > v1.txt`), and committed
together with its output. Tests compare with the file; they never run this.
"""

import hmac

# --- X25519 [RFC 7748 §5], HKDF-SHA256 [RFC 5869] ------------------------------------------------

P = 2**255 - 19
BASE = (9).to_bytes(32, "little")


def x25519(private: bytes, public: bytes) -> bytes:
    k = bytearray(private)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    scalar = int.from_bytes(k, "little")
    u = int.from_bytes(public, "little") & (2**255 - 1)
    x2, z2, x3, z3, swapped = 1, 0, u, 1, 0
    for place in reversed(range(255)):
        bit = scalar >> place & 1
        if bit != swapped:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    extracted = hmac.digest(salt, secret, "sha256")
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


# --- keys: nodes 1 and 2 are Alice and Bob of RFC 7748 §6.1, the others are made up ----------------

PRIVATE = {
    "node1.current": "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    "node1.next": bytes(range(0x00, 0x20)).hex(),
    "node2.current": "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    "node2.next": bytes(range(0x20, 0x40)).hex(),
    "node3.current": bytes(range(0x40, 0x60)).hex(),
    "node64.current": bytes(range(0x60, 0x80)).hex(),
}


def private(key: str) -> bytes:
    return bytes.fromhex(PRIVATE[key])


def public(key: str) -> bytes:
    return x25519(private(key), BASE)


def check_against_the_rfcs() -> None:
    alice, bob = "node1.current", "node2.current"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert public(alice).hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert public(bob).hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert x25519(private(alice), public(bob)).hex() == shared
    assert x25519(private(bob), public(alice)).hex() == shared
    made = hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42).hex()
    assert made.startswith("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")


# --- spelling ------------------------------------------------------------------------------------

ENUMS = {
    "verdict": ["unknown", "idle", "up", "grace", "down"],
    "class": ["unknown", "physical", "virtual", "software"],
    "withheld": ["boot-hold", "amnesia", "condemned", "fencing", "twin", "stranger"],
    "why": ["silence", "operator", "health"],
    "proof": ["power-off", "lease-expired", "reborn", "left", "operator"],
    "decline": [
        "still-heard", "holding", "asker-condemned", "other-shooter", "writing", "disk-failed",
        "unknown-life", "over",
    ],
}  # fmt: skip

# Kind: its number, and its fields with their types, in order.
KINDS = {
    "renew": (1, [
        ("verdict", "verdict"), ("armed", "bool"), ("certified", "bool"), ("class", "class"),
        ("timeout_ms", "u32"), ("fire_ms", "u32"), ("heard", "u32"), ("config", "u32"),
    ]),
    "grant": (2, [("fenceable", "bool"), ("heard_links", "u8")]),
    "withhold": (3, [("why", "withheld")]),
    "hello": (4, []),
    "request": (5, [("why", "why")]),
    "leave": (6, []),
    "leave-ack": (7, []),
    "beat": (8, [("holding", "bool"), ("granting", "u64"), ("config", "u32")]),
    "condemn": (9, [
        ("target", "node"), ("boot", "u64"), ("why", "why"), ("bind", "bool"),
        ("silent_ms", "maybe-u32"),
    ]),
    "agreed": (10, [
        ("target", "node"), ("boot", "u64"), ("bound", "bool"), ("promise_over", "bool"),
        ("dog_trusted", "bool"),
    ]),
    "declined": (11, [("target", "node"), ("boot", "u64"), ("why", "decline")]),
    "fenced": (12, [("target", "node"), ("boot", "u64"), ("proof", "proof")]),
    "fenced-ack": (13, [("target", "node"), ("boot", "u64")]),
    "pardon": (14, [("target", "node"), ("boot", "u64")]),
}  # fmt: skip


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def spell(kind_of_field: str, value) -> bytes:
    match kind_of_field:
        case "bool":
            return bytes([{"no": 0, "yes": 1}[value]])
        case "u8" | "node":
            return bytes([value])
        case "u32" | "u64":
            assert value < 1 << int(kind_of_field[1:])
            return varint(value)
        case "maybe-u32":
            return bytes([0]) if value is None else bytes([1]) + spell("u32", value)
        case "decline" if value.startswith("over "):
            proof = value.removeprefix("over ")
            return varint(ENUMS["decline"].index("over")) + spell("proof", proof)
        case enum:
            return varint(ENUMS[enum].index(value))


def body_of(kind: str, fields: dict) -> bytes:
    assert [name for name, _ in KINDS[kind][1]] == list(fields), kind
    return b"".join(spell(of, fields[name]) for name, of in KINDS[kind][1])


def peer_byte(peer: str) -> int:
    role, node = peer.split()
    return {"member": 0x00, "voter": 0x80}[role] | int(node)


def key_of(peer: str, next_bit: int) -> str:
    return f"node{peer.split()[1]}.{'next' if next_bit & 1 else 'current'}"


# The prelude of a vector, unless it says otherwise.
USUAL = {
    "version": 1,
    "kind": None,
    "key_id": 0,
    "link": 0,
    "cluster": 0x1234,
    "src": "member 1",
    "dst": "voter 2",
    "boot": 0x0123456789ABCDEF,
    "start": 0x89ABCDEF,
    "seq": 7,
    "echo": (0xFEDCBA98, 6),
}


def prelude_of(head: dict, body_len: int) -> bytes:
    out = bytes([head["version"], head["kind"], head["key_id"], head["link"]])
    out += head["cluster"].to_bytes(2, "little")
    out += bytes([head.get("src_byte", peer_byte(head["src"]))])
    out += bytes([head.get("dst_byte", peer_byte(head["dst"]))])
    out += head["boot"].to_bytes(8, "little")
    for number in (head["start"], head["seq"], *(head["echo"] or (0, 0))):
        out += number.to_bytes(4, "little")
    return out + bytes([body_len])


def datagram_of(head: dict, body: bytes) -> bytes:
    made_with = head.get("made_with", head["key_id"])
    mine = private(key_of(head["src"], made_with))
    theirs = public(key_of(head["dst"], made_with >> 1))
    info = head["cluster"].to_bytes(2, "little")
    info += bytes(sorted((peer_byte(head["src"]), peer_byte(head["dst"]))))
    key = hkdf(b"palisade pair key v1", x25519(mine, theirs), info, 64)
    signed = prelude_of(head, head.get("body_len", len(body))) + body
    return signed + hmac.digest(key, signed, "sha256")[:16]


# --- the file ------------------------------------------------------------------------------------


def show(value) -> str:
    match value:
        case None:
            return "none"
        case (start, seq):
            return f"{start} {seq}"
        case _:
            return str(value)


def stanza(title: str, lines: dict) -> None:
    print(f"\n{title}")
    for name, value in lines.items():
        print(f"  {name} = {show(value)}".rstrip())


def frame(name: str, kind: str, *fields, **head) -> None:
    """A frame that a build of version 1 both writes and reads."""
    head = USUAL | {"kind": KINDS[kind][0]} | head
    fields = dict(zip([name for name, _ in KINDS[kind][1]], fields, strict=True))
    body = body_of(kind, fields)
    says = {"says": kind} | {f"body.{name}": value for name, value in fields.items()}
    stanza(f"frame {name}", head | says | written(head, body))


def unreadable(name: str, body: bytes, **head) -> None:
    """A frame of a later build, which version 1 reads as far as its prelude."""
    head = USUAL | head
    stanza(f"frame {name}", head | {"says": "unreadable"} | written(head, body))


def written(head: dict, body: bytes) -> dict:
    return {"body": body.hex(), "datagram": datagram_of(head, body).hex()}


def refused(name: str, reason: str, datagram: bytes, link: int = 0) -> None:
    """A datagram that voter 2 of cluster 0x1234, who knows member 1 and voter 3, must not open."""
    stanza(f"refused {name}", {"reason": reason, "arrives": link, "datagram": datagram.hex()})


def refused_frame(name: str, reason: str, kind: int, body: bytes, arrives: int = 0, **head) -> None:
    refused(name, reason, datagram_of(USUAL | {"kind": kind} | head, body), arrives)


VOTERS = {"src": "voter 2", "dst": "voter 3"}
ANSWER = {"src": "voter 2", "dst": "member 1"}
U32_EDGES = [0, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**32 - 1]
U64_EDGES = [*U32_EDGES, 2**35 - 1, 2**35, 2**56 - 1, 2**56, 2**63 - 1, 2**63, 2**64 - 1]


def preludes() -> None:
    for link in range(4):
        frame(f"prelude-link-{link}", "hello", link=link)
    for key_id in range(4):
        frame(f"prelude-key-id-{key_id}", "hello", key_id=key_id)
    frame("prelude-echo-none", "hello", echo=None)
    frame("prelude-echo-least", "hello", echo=(1, 1))
    frame("prelude-echo-most", "hello", echo=(2**32 - 1, 2**32 - 1))
    for edge in [1, 127, 128, 16383, 16384, 2**32 - 1]:
        frame(f"prelude-number-{edge}", "hello", start=edge, seq=edge)
    frame("prelude-boot-least", "hello", boot=0)
    frame("prelude-boot-most", "hello", boot=2**64 - 1)
    frame("prelude-cluster-least", "hello", cluster=0)
    frame("prelude-cluster-most", "hello", cluster=2**16 - 1)
    frame("prelude-last-node", "hello", src="member 64", dst="voter 1")
    frame("prelude-last-node-as-voter", "hello", src="voter 64", dst="member 1")
    frame("prelude-voter-to-voter", "hello", src="voter 1", dst="voter 2")
    frame("prelude-own-agent", "hello", src="member 2", dst="voter 2")


def bodies() -> None:
    verdicts, classes = ENUMS["verdict"], ENUMS["class"]
    for turn, edge in enumerate(U32_EDGES):
        others = [U32_EDGES[(turn + step) % len(U32_EDGES)] for step in (3, 5, 8)]
        armed, certified = ("yes" if turn & bit else "no" for bit in (1, 2))
        frame(
            f"renew-{edge}", "renew",
            verdicts[turn % 5], armed, certified, classes[turn % 4], edge, *others,
        )  # fmt: skip
    most = 2**32 - 1
    frame("renew-longest", "renew", "down", "yes", "yes", "software", most, most, most, most)
    frame("renew-of-a-start", "renew", "unknown", "no", "no", "unknown", 0, 0, 0, 0, echo=None, seq=1)
    for fenceable in ["no", "yes"]:
        for links in [0, 127, 128, 255]:
            frame(f"grant-{fenceable}-{links}", "grant", fenceable, links, **ANSWER)
    for why in ENUMS["withheld"]:
        frame(f"withhold-{why}", "withhold", why, **ANSWER)
    frame("hello", "hello", **ANSWER)
    for why in ENUMS["why"]:
        frame(f"request-{why}", "request", why)
    frame("leave", "leave")
    frame("leave-ack", "leave-ack", **ANSWER)
    for turn, edge in enumerate(U64_EDGES):
        config = U32_EDGES[turn % len(U32_EDGES)]
        frame(f"beat-{edge}", "beat", ["no", "yes"][turn % 2], edge, config, **VOTERS)
    for turn, why in enumerate(ENUMS["why"]):
        for bind in ["no", "yes"]:
            boot = U64_EDGES[-1 - turn]
            silent_ms = {"no": None, "yes": U32_EDGES[turn]}[bind]
            life = ([1, 2, 64][turn], boot)
            frame(f"condemn-{why}-{bind}", "condemn", *life, why, bind, silent_ms, **VOTERS)
    for turn in range(8):
        bits = ["yes" if turn & bit else "no" for bit in (1, 2, 4)]
        frame(f"agreed-{turn}", "agreed", 64 - turn, U64_EDGES[turn], *bits, **VOTERS)
    declines = ENUMS["decline"][:-1] + [f"over {proof}" for proof in ENUMS["proof"]]
    for turn, why in enumerate(declines):
        name = why.replace(" ", "-")
        frame(f"declined-{name}", "declined", 1 + turn, U64_EDGES[turn], why, **VOTERS)
    for turn, proof in enumerate(ENUMS["proof"]):
        frame(f"fenced-{proof}", "fenced", 64, U64_EDGES[-1 - turn], proof, **VOTERS)
    frame("beat-longest", "beat", "yes", 2**64 - 1, 2**32 - 1, **VOTERS)
    frame("condemn-longest", "condemn", 64, 2**64 - 1, "health", "yes", most, **VOTERS)
    frame("agreed-longest", "agreed", 64, 2**64 - 1, "yes", "yes", "yes", **VOTERS)
    frame("declined-longest", "declined", 64, 2**64 - 1, "over operator", **VOTERS)
    frame("fenced-ack-least", "fenced-ack", 1, 0, **VOTERS)
    frame("fenced-ack-most", "fenced-ack", 64, 2**64 - 1, **VOTERS)
    frame("pardon-least", "pardon", 1, 0, **VOTERS)
    frame("pardon-most", "pardon", 64, 2**64 - 1, **VOTERS)


def later_builds() -> None:
    unreadable("unreadable-renew-of-version-2", b"\xff" * 40, version=2, kind=1)
    unreadable("unreadable-grant-of-version-2", b"", version=2, kind=2, **ANSWER)
    unreadable("unreadable-version-0", b"\x80", version=0, kind=1)
    unreadable("unreadable-version-255", b"", version=255, kind=255)
    unreadable("unreadable-kind-0", b"", kind=0)
    unreadable("unreadable-kind-15", b"whatever", kind=15)
    unreadable("unreadable-longest", bytes(range(207)), version=2, kind=99)


def refusals() -> None:
    usual = USUAL | {"kind": 4}
    whole = datagram_of(usual, b"")
    refused("empty", "malformed", b"")
    refused("without-tag", "malformed", whole[:33])
    refused("cut-tag", "malformed", whole[:-1])
    refused("after-the-tag", "malformed", whole + b"\0")
    refused_frame("too-long", "malformed", 99, bytes(208), version=2)
    refused_frame("length-too-small", "malformed", 2, b"\0\0", body_len=1)
    refused_frame("length-too-great", "malformed", 2, b"\0\0", body_len=3)
    refused_frame("link-4", "malformed", 4, b"", link=4)
    refused_frame("start-0", "malformed", 4, b"", start=0)
    refused_frame("number-0", "malformed", 4, b"", seq=0)
    refused_frame("echo-of-number-0", "malformed", 4, b"", echo=(5, 0))
    refused_frame("echo-of-start-0", "malformed", 4, b"", echo=(0, 5))
    for byte in [0x00, 0x41, 0x7F, 0x80, 0xC1, 0xFF]:
        refused_frame(f"source-{byte:02x}", "malformed", 4, b"", src_byte=byte)
        refused_frame(f"destination-{byte:02x}", "malformed", 4, b"", dst_byte=byte)
    refused_frame("neighbour", "other-cluster", 4, b"", cluster=0x1235)
    refused_frame("for-another", "misdelivered", 4, b"", dst="voter 3")
    refused_frame("for-my-agent", "misdelivered", 4, b"", dst="member 2")
    refused_frame("over-another-link", "misdelivered", 4, b"", arrives=1)
    refused_frame("reflected", "misdelivered", 4, b"", src="voter 2", dst="member 1")
    refused_frame("stranger", "stranger", 4, b"", src="member 3")
    refused_frame("from-myself", "stranger", 4, b"", src="voter 2")
    refused("tag-of-another-frame", "forged", whole[:-16] + datagram_of(usual | {"seq": 8}, b"")[-16:])
    refused("tag-of-zeros", "forged", whole[:-16] + bytes(16))
    agents = datagram_of(usual | {"src": "member 3"}, b"")
    refused("key-of-another-node", "forged", prelude_of(usual, 0) + agents[33:])
    for key_id in [4, 0x80, 0xFF]:
        refused_frame(f"key-id-{key_id}", "forged", 4, b"", key_id=key_id)
    refused_frame("key-i-do-not-hold", "forged", 4, b"", key_id=2)
    refused_frame("key-id-of-another-key", "forged", 4, b"", key_id=2, made_with=0)
    refused_frame("left-over", "bad-body", 2, b"\0\0\0")
    refused_frame("too-short", "bad-body", 2, b"\0")
    refused_frame("hello-with-a-body", "bad-body", 4, b"\0")
    refused_frame("leave-with-a-body", "bad-body", 6, b"\0")
    refused_frame("bool-2", "bad-body", 2, b"\2\0")
    renew = b"\0\0\0\0\0\0\0"
    refused_frame("over-long-zero", "bad-body", 1, renew + b"\x80\0")
    refused_frame("over-long-127", "bad-body", 1, renew + b"\xff\x80\0")
    refused_frame("over-long-variant", "bad-body", 5, b"\x81\0")
    refused_frame("number-of-33-bits", "bad-body", 1, renew + b"\xff\xff\xff\xff\x1f")
    refused_frame("number-without-end", "bad-body", 1, renew + b"\xff\xff\xff\xff\xff")
    refused_frame("variant-unknown", "bad-body", 5, b"\3")
    refused_frame("maybe-2", "bad-body", 9, b"\1\0\0\0\2\0", src="voter 3")
    refused_frame("maybe-without-number", "bad-body", 9, b"\1\0\0\0\1", src="voter 3")
    for node in [0, 65, 255]:
        refused_frame(f"node-{node}", "bad-body", 13, bytes([node, 0]), src="voter 3")


HEADER = """\
# Palisade peers, wire version 1: golden vectors. If a test against this file fails, the code is
# wrong. Made by make_v1.py, which shares nothing with the Rust code; never made by a test.
#
# Numbers are decimal, bytes are hex. A stanza is a title and indented `name = value` lines.
#   key      an X25519 key pair; nodes 1 and 2 are Alice and Bob of RFC 7748 section 6.1
#   enum     the names of an enum in this file, in the order of their numbers on the wire
#   frame    must be read as written here, and, unless it says `unreadable`, written so too.
#            The sender holds key bit 0 of key_id, the receiver bit 1: 0 current, 1 next.
#   refused  must be dropped, for this reason, by voter 2 of cluster 4660, which holds node2.current,
#            knows member 1 (current and next key) and voter 3 (current key), and nobody else"""


def main() -> None:
    check_against_the_rfcs()
    print(HEADER)
    for name in PRIVATE:
        stanza(f"key {name}", {"private": PRIVATE[name], "public": public(name).hex()})
    for name, variants in ENUMS.items():
        stanza(f"enum {name}", {"variants": " ".join(variants)})
    preludes()
    bodies()
    later_builds()
    refusals()


main()
