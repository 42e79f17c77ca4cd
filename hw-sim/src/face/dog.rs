//! The simulated watchdog as a Unix `SOCK_SEQPACKET` socket, one packet a word.
//!
//! The server greets with `hello boot=… class=… timeout_ms=… fire_ms=…`; a client sends
//! `arm timeout_ms=N`, `pet`, `disarm`, `fire ms=N` or `get`. A connection that ends without
//! `disarm` pets once more and the dog goes on running, as Linux does. After the dog has fired
//! the face is deaf until [`DogFace::machine_restarted`]: the machine behind it is being reset.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, listen, recv,
    send, socket,
};
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use super::wake::{Shared, Thread, wait_until};
use crate::dog::{Breed, Dog};

/// Longest packet that is understood.
const PACKET_MAX: usize = 128;

/// What the face serves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the socket is made; an old one is replaced.
    pub socket: PathBuf,
    /// Boot id of the simulated machine.
    pub boot: u128,
    /// Class that it greets with: `physical`, `virtual` or `software`.
    pub class: String,
    /// The dog.
    pub breed: Breed,
}

/// What happened to the dog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// The kinds of [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Armed with this timeout.
    Armed(Duration),
    /// Petted.
    Petted,
    /// Put to sleep by the magic close.
    Disarmed,
    /// Its owner's connection ended without a magic close; petted once more.
    Abandoned,
    /// It bit: the machine is reset now.
    Fired,
}

/// A served dog.
#[derive(Debug)]
pub struct DogFace {
    shared: Arc<Shared<Kennel>>,
    thread: Thread<Kennel>,
    socket: PathBuf,
}

impl DogFace {
    /// Binds the socket and serves it; `sink` hears what happens.
    ///
    /// # Errors
    /// If the socket cannot be bound or the thread not be started.
    pub fn start(settings: Settings, sink: impl FnMut(Event) + Send + 'static) -> io::Result<Self> {
        let listener = listener(&settings.socket)?;
        let socket = settings.socket.clone();
        let shared = Shared::new(Kennel::new(settings))?;
        let server = Server { listener, owners: Vec::new(), life: 0 };
        let thread = Thread::start("dog", &shared, move |shared| serve(shared, server, sink))?;
        Ok(Self { shared, thread, socket })
    }

    /// The machine was reset or got power again, with a new boot id: the dog sleeps, connections
    /// of the former life are gone without petting anything, new ones are greeted.
    pub fn machine_restarted(&self, boot: u128) {
        self.shared.change(|kennel| kennel.restart(boot));
    }

    /// The machine lost power: the dog sleeps and nobody is heard until it starts again.
    pub fn machine_off(&self) {
        self.shared.change(Kennel::power_off);
    }

    /// Time left until it fires; `None` when asleep.
    pub fn left(&self) -> Option<Duration> {
        self.shared.lock().dog.left(clock::now())
    }

    /// When it was last petted, armed or abandoned.
    pub fn last_pet(&self) -> Option<Instant> {
        self.shared.lock().last_pet
    }

    /// Ends it; the socket's file is removed.
    pub fn stop(self) {
        drop(self.thread);
        if let Err(error) = std::fs::remove_file(&self.socket) {
            log::debug!("{} is not removed: {error}", self.socket.display());
        }
    }
}

/// The dog with what surrounds it.
#[derive(Debug)]
struct Kennel {
    settings: Settings,
    dog: Dog,
    life: u64,
    deaf: bool,
    last_pet: Option<Instant>,
}

impl Kennel {
    fn new(settings: Settings) -> Self {
        Self { dog: Dog::new(settings.breed), settings, life: 0, deaf: false, last_pet: None }
    }

    fn restart(&mut self, boot: u128) {
        self.power_off();
        self.settings.boot = boot;
        self.deaf = false;
    }

    fn power_off(&mut self) {
        self.dog.machine_restarted();
        self.life += 1;
        self.deaf = true;
    }

    fn hello(&self) -> String {
        let Breed { timeout, fire, .. } = self.settings.breed;
        let (timeout, fire) = (timeout.as_millis(), fire.as_millis());
        let (boot, class) = (self.settings.boot, &self.settings.class);
        format!("hello boot={boot:032x} class={class} timeout_ms={timeout} fire_ms={fire}")
    }

    fn obey(&mut self, now: Instant, word: Word) -> (String, Option<What>) {
        match word {
            Word::Arm(timeout) => {
                self.dog.arm(now, timeout);
                self.last_pet = Some(now);
                (format!("armed timeout_ms={}", timeout.as_millis()), Some(What::Armed(timeout)))
            }
            Word::Pet => {
                self.dog.pet(now);
                self.last_pet = Some(now);
                ("ok".to_owned(), Some(What::Petted))
            }
            Word::Disarm => {
                self.dog.disarm(now);
                ("disarmed".to_owned(), Some(What::Disarmed))
            }
            Word::Fire(span) => {
                self.dog.fire_soon(now, span);
                ("ok".to_owned(), None)
            }
            Word::Get => (self.status(now), None),
        }
    }

    fn status(&self, now: Instant) -> String {
        let left = self.dog.left(now).unwrap_or_default().as_millis();
        let (armed, fired) = (u8::from(self.dog.is_armed()), self.dog.fired());
        format!("status armed={armed} left_ms={left} fired={fired}")
    }

    fn abandon(&mut self, now: Instant) -> Event {
        self.dog.abandon(now);
        self.last_pet = Some(now);
        Event { at: now, what: What::Abandoned }
    }

    fn advance(&mut self, now: Instant) -> Option<Event> {
        let at = self.dog.advance(now)?;
        self.deaf = true;
        Some(Event { at, what: What::Fired })
    }
}

/// What a client may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Arm(Duration),
    Pet,
    Disarm,
    Fire(Duration),
    Get,
}

impl Word {
    fn parse(packet: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(packet).ok()?.trim_end();
        match text {
            "pet" => return Some(Self::Pet),
            "disarm" => return Some(Self::Disarm),
            "get" => return Some(Self::Get),
            _ => {}
        }
        if let Some(millis) = text.strip_prefix("arm timeout_ms=") {
            return span(millis).filter(|span| !span.is_zero()).map(Self::Arm);
        }
        span(text.strip_prefix("fire ms=")?).map(Self::Fire)
    }
}

fn span(millis: &str) -> Option<Duration> {
    millis.parse().ok().map(Duration::from_millis)
}

/// The sockets, owned by the thread alone.
struct Server {
    listener: OwnedFd,
    owners: Vec<Owner>,
    life: u64,
}

/// One connection.
struct Owner {
    socket: OwnedFd,
    said_goodbye: bool,
}

fn serve(shared: &Shared<Kennel>, mut server: Server, mut sink: impl FnMut(Event)) {
    while !shared.is_over() {
        let ready = server.wait(shared);
        shared.heard();
        for event in server.turn(shared, &ready) {
            sink(event);
        }
    }
}

impl Server {
    /// Waits for a packet, the bell or the bite; says which sockets have something to say.
    fn wait(&self, shared: &Shared<Kennel>) -> Vec<RawFd> {
        let (deadline, deaf) = {
            let kennel = shared.lock();
            (kennel.dog.next_deadline(), kennel.deaf)
        };
        let mut fds = vec![PollFd::new(shared.bell(), PollFlags::POLLIN)];
        if !deaf {
            fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
            let owners = self.owners.iter();
            fds.extend(owners.map(|owner| PollFd::new(owner.socket.as_fd(), PollFlags::POLLIN)));
        }
        if let Err(error) = poll(&mut fds, wait_until(clock::now(), deadline)) {
            log::debug!("poll: {error}");
            return Vec::new();
        }
        let ready = fds.iter().filter(|fd| fd.any().unwrap_or(false));
        ready.map(|fd| fd.as_fd().as_raw_fd()).collect()
    }

    /// First the bite, then what was said: a pet that comes after the bite is too late.
    fn turn(&mut self, shared: &Shared<Kennel>, ready: &[RawFd]) -> Vec<Event> {
        let mut kennel = shared.lock();
        let mut events = Vec::new();
        events.extend(kennel.advance(clock::now()));
        if self.life != kennel.life {
            self.life = kennel.life;
            self.owners.clear();
        }
        if kennel.deaf {
            return events;
        }
        self.hear_all(&mut kennel, ready, &mut events);
        if ready.contains(&self.listener.as_raw_fd()) {
            self.welcome(&kennel);
        }
        events
    }

    fn hear_all(&mut self, kennel: &mut Kennel, ready: &[RawFd], events: &mut Vec<Event>) {
        self.owners.retain_mut(|owner| {
            let stays = !ready.contains(&owner.socket.as_raw_fd()) || owner.hear(kennel, events);
            if !stays && !owner.said_goodbye {
                events.push(kennel.abandon(clock::now()));
            }
            stays
        });
    }

    fn welcome(&mut self, kennel: &Kennel) {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        match accept4(self.listener.as_raw_fd(), flags) {
            Ok(fd) => {
                let owner = Owner { socket: own(fd), said_goodbye: true };
                owner.say(&kennel.hello());
                self.owners.push(owner);
            }
            Err(error) => log::debug!("accept: {error}"),
        }
    }
}

impl Owner {
    /// Obeys what was sent; false when the connection has ended.
    fn hear(&mut self, kennel: &mut Kennel, events: &mut Vec<Event>) -> bool {
        let mut packet = [0; PACKET_MAX];
        let length = match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            Ok(0) => return false,
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => return true,
            Err(error) => {
                log::debug!("a dog's owner is gone: {error}");
                return false;
            }
        };
        let Some(word) = packet.get(..length).and_then(Word::parse) else {
            self.say("error allowed: arm timeout_ms=N, pet, disarm, fire ms=N, get");
            return true;
        };
        let now = clock::now();
        let (answer, what) = kennel.obey(now, word);
        self.said_goodbye = match word {
            Word::Arm(_) | Word::Pet => false,
            Word::Disarm => true,
            Word::Fire(_) | Word::Get => self.said_goodbye,
        };
        self.say(&answer);
        events.extend(what.map(|what| Event { at: now, what }));
        true
    }

    fn say(&self, text: &str) {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        if let Err(error) = send(self.socket.as_raw_fd(), text.as_bytes(), flags) {
            log::debug!("\"{text}\" is not heard: {error}");
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Server").field("owners", &self.owners.len()).finish_non_exhaustive()
    }
}

fn listener(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&socket, Backlog::new(16)?)?;
    Ok(socket)
}

#[expect(unsafe_code, reason = "nix's accept4 returns a bare number")]
fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: accept4 has just made this descriptor and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use nix::sys::socket::connect;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    struct Rig {
        face: DogFace,
        events: Receiver<Event>,
        socket: PathBuf,
        _dir: tempfile::TempDir,
    }

    impl Rig {
        fn new(timeout_ms: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let socket = dir.path().join("dog");
            let timeout = Duration::from_millis(timeout_ms);
            let breed = Breed { timeout, fire: timeout, no_way_out: false };
            let (boot, class) = (0xB007, "physical".to_owned());
            let settings = Settings { socket: socket.clone(), boot, class, breed };
            let (tell, events) = channel();
            let face = DogFace::start(settings, move |event| {
                tell.send(event).ok();
            });
            Self { face: face.unwrap(), events, socket, _dir: dir }
        }

        fn connect(&self) -> Client {
            let flags = SockFlag::SOCK_CLOEXEC;
            let fd = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
            connect(fd.as_raw_fd(), &UnixAddr::new(&self.socket).unwrap()).unwrap();
            Client(fd)
        }

        fn next(&self) -> Event {
            self.events.recv_timeout(WAIT).unwrap()
        }
    }

    struct Client(OwnedFd);

    impl Client {
        fn hear(&self) -> String {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, 5_000_u16).unwrap();
            let mut packet = [0; PACKET_MAX];
            let length = recv(self.0.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT).unwrap();
            String::from_utf8(packet[..length].to_vec()).unwrap()
        }

        fn ask(&self, text: &str) -> String {
            send(self.0.as_raw_fd(), text.as_bytes(), MsgFlags::MSG_NOSIGNAL).unwrap();
            self.hear()
        }
    }

    #[test]
    fn a_dog_is_greeted_armed_petted_and_put_to_sleep() {
        let rig = Rig::new(60_000);
        let client = rig.connect();
        let hello = "hello boot=0000000000000000000000000000b007 class=physical \
                     timeout_ms=60000 fire_ms=60000";
        assert_eq!(client.hear(), hello);
        assert_eq!(client.ask("arm timeout_ms=30000"), "armed timeout_ms=30000");
        assert_eq!(rig.next().what, What::Armed(Duration::from_secs(30)));
        assert_eq!(client.ask("pet"), "ok");
        assert!(client.ask("get").starts_with("status armed=1 left_ms=29"));
        assert_eq!(client.ask("disarm"), "disarmed");
        assert_eq!(client.ask("get"), "status armed=0 left_ms=0 fired=0");
        assert!(client.ask("sit").starts_with("error"));
        rig.face.stop();
        assert!(!rig.socket.exists());
    }

    #[test]
    fn a_killed_petter_pets_once_more_and_then_the_dog_bites() {
        let rig = Rig::new(50);
        let client = rig.connect();
        client.hear();
        client.ask("arm timeout_ms=50");
        drop(client);
        assert_eq!(rig.next().what, What::Armed(Duration::from_millis(50)));
        let abandoned = rig.next();
        assert_eq!(abandoned.what, What::Abandoned);
        let fired = rig.next();
        assert_eq!(fired.what, What::Fired);
        assert_eq!(fired.at, abandoned.at + Duration::from_millis(50));
    }

    #[test]
    fn a_self_fence_comes_before_the_bite() {
        let rig = Rig::new(60_000);
        let client = rig.connect();
        client.hear();
        client.ask("arm timeout_ms=60000");
        assert_eq!(client.ask("fire ms=10"), "ok");
        rig.next();
        assert_eq!(rig.next().what, What::Fired);
    }

    #[test]
    fn a_restarted_machine_has_a_new_boot_id_and_nothing_of_the_old_life() {
        let rig = Rig::new(60_000);
        let client = rig.connect();
        client.hear();
        client.ask("arm timeout_ms=60000");
        rig.face.machine_restarted(0xB008);
        assert!(rig.connect().hear().starts_with("hello boot=0000000000000000000000000000b008 "));
        assert_eq!(rig.face.left(), None);
        assert_eq!(rig.next().what, What::Armed(Duration::from_secs(60)));
        assert!(rig.events.try_recv().is_err(), "the old connection petted nothing");
    }
}
