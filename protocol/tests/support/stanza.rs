//! Reads the stanzas of `vectors/v1.txt`. Never judges what they say.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use palisade_protocol::ids::{NodeId, Peer};

/// The golden vectors of version 1.
const TEXT: &str = include_str!("../../vectors/v1.txt");

/// A title and its fields.
#[derive(Debug)]
pub(crate) struct Stanza {
    /// The first word: key, enum, frame or refused.
    pub(crate) sort: &'static str,
    /// The rest of the title.
    pub(crate) name: &'static str,
    fields: BTreeMap<&'static str, &'static str>,
}

/// All stanzas of one sort, in the order of the file.
pub(crate) fn stanzas(sort: &str) -> Vec<Stanza> {
    let all = TEXT.split("\n\n").skip(1).map(Stanza::read);
    all.filter(|stanza| stanza.sort == sort).collect()
}

impl Stanza {
    fn read(text: &'static str) -> Self {
        let (title, fields) = text.trim_end().split_once('\n').expect("a title and fields");
        let (sort, name) = title.split_once(' ').expect("a sort and a name");
        let field = |line: &'static str| {
            let (name, value) = line.split_once('=').expect("name = value");
            (name.trim(), value.trim())
        };
        Self { sort, name, fields: fields.lines().map(field).collect() }
    }

    /// The field called `name`, as it stands there.
    pub(crate) fn text(&self, name: &str) -> &'static str {
        self.fields.get(name).unwrap_or_else(|| panic!("{}: no field {name}", self.name))
    }

    /// The field called `name`, a number.
    pub(crate) fn number<T: FromStr<Err: Debug>>(&self, name: &str) -> T {
        self.text(name).parse().unwrap_or_else(|why| panic!("{}: {name}: {why:?}", self.name))
    }

    /// The field called `name`, a number or "none".
    pub(crate) fn maybe<T: FromStr<Err: Debug>>(&self, name: &str) -> Option<T> {
        (self.text(name) != "none").then(|| self.number(name))
    }

    /// The field called `name`, two numbers or "none".
    pub(crate) fn pair(&self, name: &str) -> Option<(u32, u32)> {
        let (first, second) = self.text(name).split_once(' ')?;
        Some((first.parse().expect("a number"), second.parse().expect("a number")))
    }

    /// The field called `name`, yes or no.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.text(name) {
            "yes" => true,
            "no" => false,
            other => panic!("{}: {name}: {other} is neither yes nor no", self.name),
        }
    }

    /// The field called `name`, hex.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let hex = self.text(name);
        assert!(hex.len().is_multiple_of(2), "{}: {name}: odd hex", self.name);
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    /// The field called `name`, a node's number.
    pub(crate) fn node(&self, name: &str) -> NodeId {
        NodeId::new(self.number(name)).expect("a node")
    }

    /// The field called `name`, a role and a node's number.
    pub(crate) fn peer(&self, name: &str) -> Peer {
        let (role, node) = self.text(name).split_once(' ').expect("a role and a node");
        let node = NodeId::new(node.parse().expect("a number")).expect("a node");
        match role {
            "member" => Peer::member(node),
            "voter" => Peer::voter(node),
            other => panic!("{}: {other} is no role", self.name),
        }
    }
}
