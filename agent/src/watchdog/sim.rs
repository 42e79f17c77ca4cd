//! A simulated watchdog behind a Unix socket of packets.
//!
//! Says the same as a real one and takes as long as the simulator lets it. Never guards a real machine.

use super::errors::DogError;
use super::sim_text::{Hello, armed_timeout};
use super::{Dog, DogClass};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use palisade_agent_core::pet::PetPermit;
use palisade_protocol::time::Duration;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// How long an answer is waited for. A pet that takes this long has been too late for long.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The shortest time to the bite that a simulated dog can be told, as with IPMI's 100 ms counts.
const FIRE: Duration = Duration::from_millis(100);

/// No packet is longer.
const PACKET_MAX: usize = 160;

/// A dog in a simulator.
#[derive(Debug)]
pub struct SimDog {
    path: PathBuf,
    name: String,
    socket: OwnedFd,
    hello: Hello,
    timeout: Duration,
    is_armed: bool,
}

impl SimDog {
    /// Connects and hears the greeting; arms nothing.
    ///
    /// # Errors
    /// If nobody listens at `path` or the greeting is not understood.
    pub fn connect(path: PathBuf, timeout: Duration) -> Result<Self, DogError> {
        let socket = open(&path).map_err(|errno| DogError::Open { device: path.clone(), errno })?;
        let mut room = [0; PACKET_MAX];
        let packet =
            receive(&socket, &mut room).map_err(|errno| no_answer(&path, "(connect)", errno))?;
        let hello = Hello::parse(packet).ok_or_else(|| garbled(&path, "(connect)", packet))?;
        let name = format!("simulated dog at {}", path.display());
        Ok(Self { path, name, socket, hello, timeout, is_armed: false })
    }

    /// Sends one packet and expects `ok`. Allocates nothing while all is well.
    fn order(&self, packet: &str) -> Result<(), DogError> {
        let mut room = [0; PACKET_MAX];
        match self.ask(packet, &mut room)? {
            "ok" => Ok(()),
            other => Err(garbled(&self.path, packet, other)),
        }
    }

    fn ask<'a>(&self, packet: &str, room: &'a mut [u8]) -> Result<&'a str, DogError> {
        send(self.socket.as_raw_fd(), packet.as_bytes(), MsgFlags::MSG_NOSIGNAL)
            .and_then(|_| receive(&self.socket, room))
            .map_err(|errno| no_answer(&self.path, packet, errno))
    }

    fn start(&mut self) -> Result<(), DogError> {
        let packet = format!("arm timeout_ms={}", self.timeout.as_millis());
        let mut room = [0; PACKET_MAX];
        let answer = self.ask(&packet, &mut room)?;
        if armed_timeout(answer) != Some(self.timeout) {
            return Err(garbled(&self.path, &packet, answer));
        }
        self.is_armed = true;
        Ok(())
    }

    fn not_armed(&self) -> DogError {
        DogError::NotArmed { device: self.path.clone() }
    }
}

impl Dog for SimDog {
    fn runs(&mut self) -> bool {
        let mut room = [0; PACKET_MAX];
        self.ask("get", &mut room).is_ok_and(|answer| answer.starts_with("status armed=1"))
    }

    fn class(&self) -> DogClass {
        self.hello.class
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn is_armed(&self) -> bool {
        self.is_armed
    }

    fn arm(&mut self, _permit: &PetPermit) -> Result<(), DogError> {
        self.start()
    }

    fn pet(&mut self, _permit: &PetPermit) -> Result<(), DogError> {
        if !self.is_armed {
            return Err(self.not_armed());
        }
        self.order("pet")
    }

    fn disarm(&mut self) -> Result<(), DogError> {
        if !self.is_armed {
            return Ok(());
        }
        let mut room = [0; PACKET_MAX];
        match self.ask("disarm", &mut room)? {
            "disarmed" => self.is_armed = false,
            other => return Err(garbled(&self.path, "disarm", other)),
        }
        Ok(())
    }

    fn fire_soonest(&mut self) -> Result<Duration, DogError> {
        if !self.is_armed {
            self.start()?;
        }
        self.order("fire ms=100")?;
        Ok(FIRE)
    }

    fn device(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn boot_id(&self) -> Option<u128> {
        Some(self.hello.boot_id)
    }
}

fn open(path: &Path) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let patience = TimeVal::milliseconds(i64::try_from(ANSWER_MAX.as_millis()).unwrap_or(i64::MAX));
    setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
    setsockopt(&socket, sockopt::SendTimeout, &patience)?;
    Ok(socket)
}

/// One packet as text. A closed socket is `ECONNRESET`; what is not text is `EBADMSG`.
fn receive<'a>(socket: &OwnedFd, room: &'a mut [u8]) -> nix::Result<&'a str> {
    let len = loop {
        match recv(socket.as_raw_fd(), room, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let packet = room.get(..len).filter(|bytes| !bytes.is_empty()).ok_or(Errno::ECONNRESET)?;
    str::from_utf8(packet).map(str::trim_end).map_err(|_| Errno::EBADMSG)
}

fn no_answer(path: &Path, asked: &str, errno: Errno) -> DogError {
    let device = path.to_path_buf();
    if errno == Errno::EAGAIN {
        return DogError::Silent { device, asked: asked.to_owned(), waited: ANSWER_MAX };
    }
    DogError::Call { device, call: "send/recv", errno }
}

fn garbled(path: &Path, asked: &str, got: &str) -> DogError {
    DogError::Garbled { device: path.to_path_buf(), asked: asked.to_owned(), got: got.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, accept, bind, listen};
    use std::os::fd::FromRawFd;
    use std::thread::{self, JoinHandle};

    const HELLO: &str =
        "hello boot=000000000000000000000000000000ff class=physical timeout_ms=1000 fire_ms=1000";
    const TIMEOUT: Duration = Duration::from_secs(1);

    /// A simulator that greets, then answers packet after packet; returns what it was asked.
    struct Simulator {
        path: PathBuf,
        serving: JoinHandle<Vec<String>>,
        _folder: tempfile::TempDir,
    }

    impl Simulator {
        fn with(answers: &'static [&'static str]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("dog");
            let listener =
                socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None);
            let listener = listener.expect("a socket");
            bind(listener.as_raw_fd(), &UnixAddr::new(&path).expect("a path")).expect("it binds");
            listen(&listener, Backlog::new(1).expect("a backlog")).expect("it listens");
            let serving = thread::spawn(move || serve(&listener, answers));
            Self { path, serving, _folder: folder }
        }

        fn asked(self) -> Vec<String> {
            self.serving.join().expect("the simulator ends well")
        }
    }

    fn serve(listener: &OwnedFd, answers: &[&str]) -> Vec<String> {
        let fd = accept(listener.as_raw_fd()).expect("the agent connects");
        // SAFETY: accept has just made this descriptor, and nobody else owns it.
        #[expect(unsafe_code, reason = "nix hands out a bare descriptor")]
        let agent = unsafe { OwnedFd::from_raw_fd(fd) };
        send(fd, HELLO.as_bytes(), MsgFlags::empty()).expect("the greeting is sent");
        let mut asked = Vec::new();
        for answer in answers {
            let mut room = [0; PACKET_MAX];
            asked.push(receive(&agent, &mut room).expect("a packet").to_owned());
            send(fd, answer.as_bytes(), MsgFlags::empty()).expect("the answer is sent");
        }
        asked
    }

    #[test]
    fn the_greeting_tells_whose_dog_it_is() {
        let simulator = Simulator::with(&[]);
        let dog = SimDog::connect(simulator.path.clone(), TIMEOUT).expect("it greets");
        assert_eq!((dog.boot_id(), dog.class()), (Some(0xff), DogClass::Physical));
        assert!(!dog.is_armed(), "connecting arms nothing");
    }

    #[test]
    fn a_dog_that_is_not_armed_is_not_disarmed() {
        let simulator = Simulator::with(&[]);
        let mut dog = SimDog::connect(simulator.path.clone(), TIMEOUT).expect("it greets");
        assert!(dog.disarm().is_ok());
        assert_eq!(simulator.asked(), Vec::<String>::new());
    }

    #[test]
    fn a_dog_that_is_not_armed_is_armed_to_be_fired() {
        let simulator = Simulator::with(&["armed timeout_ms=1000", "ok"]);
        let mut dog = SimDog::connect(simulator.path.clone(), TIMEOUT).expect("it greets");
        assert_eq!(dog.fire_soonest().expect("it obeys"), FIRE);
        assert_eq!(simulator.asked(), ["arm timeout_ms=1000", "fire ms=100"]);
    }

    #[test]
    fn firing_asks_for_the_shortest_time() {
        let simulator = Simulator::with(&["ok", "disarmed"]);
        let mut dog = SimDog::connect(simulator.path.clone(), TIMEOUT).expect("it greets");
        dog.is_armed = true;
        assert_eq!(dog.fire_soonest().expect("it obeys"), FIRE);
        dog.disarm().expect("it obeys");
        assert!(!dog.is_armed());
        assert_eq!(simulator.asked(), ["fire ms=100", "disarm"]);
    }

    #[test]
    fn an_answer_that_is_not_ok_is_told_with_its_words() {
        let simulator = Simulator::with(&["what?"]);
        let mut dog = SimDog::connect(simulator.path.clone(), TIMEOUT).expect("it greets");
        dog.is_armed = true;
        let error = dog.fire_soonest().expect_err("it does not obey");
        assert!(error.to_string().contains("`fire ms=100` was answered `what?`"), "{error}");
    }

    #[test]
    fn a_simulator_that_is_not_there_is_named() {
        let error = SimDog::connect("/nowhere/dog".into(), TIMEOUT).expect_err("nobody is there");
        assert!(error.to_string().starts_with("opening /nowhere/dog: ENOENT"), "{error}");
    }
}
