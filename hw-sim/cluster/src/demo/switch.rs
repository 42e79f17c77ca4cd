//! A switch in user space: daemons send to addresses, the switch forwards to binds, and links can
//! be cut in one direction.
//!
//! It knows a sender by the source address of the datagram. It never reads or alters what it
//! carries.

use super::layout::{AGENT_PORT, Block, FENCER_PORT, LINKS};
use super::node::Node;
use super::priority::like_hardware;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A direction of a link between two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// Who sends.
    pub from: Node,
    /// Who is sent to.
    pub to: Node,
    /// On which link.
    pub link: usize,
}

/// The running switch; stops when dropped.
#[derive(Debug)]
pub struct Switch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Switch {
    /// Binds every address of `block` and begins to forward.
    ///
    /// Errs when an address is taken or there are no sockets.
    pub fn start(block: &Block) -> io::Result<Self> {
        let ports = ports(block)?;
        let shared = Arc::new(Shared::default());
        let worker = Worker { ports, senders: senders(block), shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("switch".to_owned());
        let thread = thread.spawn(move || worker.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Cuts these directions.
    pub fn cut(&self, paths: impl IntoIterator<Item = Path>) {
        self.shared.state().cuts.extend(paths);
    }

    /// Every link carries again.
    pub fn heal(&self) {
        self.shared.state().cuts.clear();
    }

    /// Sends what `from` sent of late once more; returns how many datagrams.
    pub fn replay(&self, from: Node) -> usize {
        let state = self.shared.state();
        state.past.iter().filter(|letter| letter.from == from && letter.send()).count()
    }

    /// Datagrams forwarded so far.
    pub fn forwarded(&self) -> u64 {
        self.shared.forwarded.load(Ordering::Relaxed)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

/// Every direction from `node` to the others.
pub fn outwards(node: Node) -> impl Iterator<Item = Path> {
    let links = 0..LINKS.len();
    links.flat_map(move |link| node.others().map(move |to| Path { from: node, to, link }))
}

/// Every direction from the others to `node`.
pub fn inwards(node: Node) -> impl Iterator<Item = Path> {
    outwards(node).map(|path| Path { from: path.to, to: path.from, link: path.link })
}

/// Datagrams remembered for a replay: about a second of three members and three voters.
const PAST_MAX: usize = 1_024;
/// Longest time to notice that the switch is to stop.
const WAKE_MS: u16 = 50;
/// More than any frame (256 bytes) and any mistake.
const DATAGRAM_MAX: usize = 2_048;
/// What a receiver on a LAN insists on.
const HOP_LIMIT: u32 = 255;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    forwarded: AtomicU64,
    stopping: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    cuts: BTreeSet<Path>,
    past: VecDeque<Letter>,
}

impl State {
    fn remember(&mut self, letter: Letter) {
        if self.past.len() >= PAST_MAX {
            self.past.pop_front();
        }
        self.past.push_back(letter);
    }
}

/// A datagram on its way.
#[derive(Debug)]
struct Letter {
    from: Node,
    socket: Arc<UdpSocket>,
    bind: SocketAddr,
    bytes: Vec<u8>,
}

impl Letter {
    /// A lost datagram is a lost datagram.
    fn send(&self) -> bool {
        self.socket.send_to(&self.bytes, self.bind).is_ok()
    }
}

/// One address and where it leads.
#[derive(Debug)]
struct Port {
    to: Node,
    link: usize,
    socket: Arc<UdpSocket>,
    bind: SocketAddr,
}

impl Port {
    fn open(block: &Block, to: Node, link: usize, number: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((block.address(to, link), number))?;
        socket.set_nonblocking(true)?;
        socket.set_ttl(HOP_LIMIT)?;
        let bind = (block.bind(to, link), number).into();
        Ok(Self { to, link, socket: Arc::new(socket), bind })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn ports(block: &Block) -> io::Result<Vec<Port>> {
    let mut ports = Vec::new();
    for to in Node::ALL {
        for link in 0..LINKS.len() {
            for number in [AGENT_PORT, FENCER_PORT] {
                ports.push(Port::open(block, to, link, number)?);
            }
        }
    }
    Ok(ports)
}

fn senders(block: &Block) -> BTreeMap<Ipv4Addr, (Node, usize)> {
    let links = |node| (0..LINKS.len()).map(move |link| (node, link));
    let all = Node::ALL.into_iter().flat_map(links);
    all.map(|(node, link)| (block.bind(node, link), (node, link))).collect()
}

struct Worker {
    ports: Vec<Port>,
    senders: BTreeMap<Ipv4Addr, (Node, usize)>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(&self) {
        like_hardware();
        while !self.shared.stopping.load(Ordering::Relaxed) {
            for place in self.ready() {
                if let Some(port) = self.ports.get(place) {
                    self.drain(port);
                }
            }
        }
    }

    /// Places of the ports that have something to read.
    fn ready(&self) -> Vec<usize> {
        let watch = |port| PollFd::new(Port::fd(port), PollFlags::POLLIN);
        let mut fds: Vec<_> = self.ports.iter().map(watch).collect();
        if poll(&mut fds, PollTimeout::from(WAKE_MS)).is_err() {
            return Vec::new();
        }
        let readable = fds.iter().enumerate().filter(|(_, fd)| fd.any() == Some(true));
        readable.map(|(place, _)| place).collect()
    }

    fn drain(&self, port: &Port) {
        let mut bytes = [0; DATAGRAM_MAX];
        while let Ok((length, source)) = port.socket.recv_from(&mut bytes) {
            self.carry(port, source, bytes.get(..length).unwrap_or_default());
        }
    }

    /// Forwards what comes from one of ours on the same link, unless that way is cut.
    fn carry(&self, port: &Port, source: SocketAddr, bytes: &[u8]) {
        let SocketAddr::V4(source) = source else { return };
        let Some(&(from, link)) = self.senders.get(source.ip()) else { return };
        let mut state = self.shared.state();
        let path = Path { from, to: port.to, link };
        if link != port.link || state.cuts.contains(&path) {
            return;
        }
        let socket = Arc::clone(&port.socket);
        let letter = Letter { from, socket, bind: port.bind, bytes: bytes.to_vec() };
        self.shared.forwarded.fetch_add(1, Ordering::Relaxed);
        letter.send();
        state.remember(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_protocol::time::Duration;

    struct Rig {
        block: Block,
        switch: Switch,
    }

    impl Rig {
        fn new(hint: u16) -> Self {
            let block = Block::claim(hint).unwrap();
            let switch = Switch::start(&block).unwrap();
            Self { block, switch }
        }

        fn fencer(&self, node: Node, link: usize) -> UdpSocket {
            let socket = UdpSocket::bind((self.block.bind(node, link), FENCER_PORT)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket
        }

        fn address(&self, node: Node, link: usize) -> (Ipv4Addr, u16) {
            (self.block.address(node, link), FENCER_PORT)
        }
    }

    fn heard(socket: &UdpSocket) -> Vec<u8> {
        let mut bytes = [0; 64];
        let (length, _) = socket.recv_from(&mut bytes).expect("a datagram within two seconds");
        bytes[..length].to_vec()
    }

    #[test]
    fn a_datagram_to_an_address_arrives_at_the_bind() {
        let rig = Rig::new(0x6001);
        let (one, two) = (rig.fencer(Node::ALL[0], 0), rig.fencer(Node::ALL[1], 0));
        one.send_to(b"beat", rig.address(Node::ALL[1], 0)).unwrap();
        assert_eq!(heard(&two), b"beat");
        assert_eq!(rig.switch.forwarded(), 1);
    }

    #[test]
    fn a_cut_holds_in_its_direction_and_on_its_link_only() {
        let rig = Rig::new(0x6101);
        let (first, second) = (Node::ALL[0], Node::ALL[1]);
        let (one, two) = (rig.fencer(first, 0), rig.fencer(second, 0));
        let (one_b, two_b) = (rig.fencer(first, 1), rig.fencer(second, 1));
        rig.switch.cut([Path { from: first, to: second, link: 0 }]);
        one.send_to(b"lost", rig.address(second, 0)).unwrap();
        one_b.send_to(b"other link", rig.address(second, 1)).unwrap();
        two.send_to(b"other way", rig.address(first, 0)).unwrap();
        assert_eq!(heard(&two_b), b"other link");
        assert_eq!(heard(&one), b"other way");
        rig.switch.heal();
        one.send_to(b"healed", rig.address(second, 0)).unwrap();
        assert_eq!(heard(&two), b"healed", "what was sent during the cut is gone");
    }

    #[test]
    fn a_replay_repeats_the_sender_only() {
        let rig = Rig::new(0x6201);
        let (one, two) = (rig.fencer(Node::ALL[0], 0), rig.fencer(Node::ALL[1], 0));
        one.send_to(b"mine", rig.address(Node::ALL[1], 0)).unwrap();
        assert_eq!(heard(&two), b"mine");
        two.send_to(b"yours", rig.address(Node::ALL[0], 0)).unwrap();
        assert_eq!(heard(&one), b"yours");
        assert_eq!(rig.switch.replay(Node::ALL[0]), 1);
        assert_eq!(heard(&two), b"mine");
    }

    #[test]
    fn a_stranger_is_not_carried() {
        let rig = Rig::new(0x6301);
        let (one, two) = (rig.fencer(Node::ALL[0], 0), rig.fencer(Node::ALL[1], 0));
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        stranger.send_to(b"psst", rig.address(Node::ALL[1], 0)).unwrap();
        one.send_to(b"known", rig.address(Node::ALL[1], 0)).unwrap();
        assert_eq!(heard(&two), b"known");
    }

    #[test]
    fn a_cut_off_node_has_four_ways_out_and_four_in() {
        assert_eq!(outwards(Node::OWNER).count(), 4);
        assert!(inwards(Node::OWNER).all(|path| path.to == Node::OWNER));
    }
}
