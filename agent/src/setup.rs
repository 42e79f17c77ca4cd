//! From a command line to an agent that is ready to run, or to everything that is in its way.
//!
//! Whatever allocates, reads files, forks or starts threads does it here. Arms nothing.

use nix::unistd::gethostname;
use palisade_agent_core::health::CheckConfig;
use palisade_agent_core::{AgentConfig, AgentCore, DogConfig};
use palisade_host::config::{self, Check, Cluster, NodeView, Watchdog, WatchdogBackend};
use palisade_host::control::Server;
use palisade_host::journal::{Journal, Scribe, What};
use palisade_host::keys::PrivateKey;
use palisade_host::link::Links;
use palisade_host::{boot, clock, lockdown};
use palisade_protocol::ids::{BootId, NodeId, Peer, Start};
use palisade_protocol::keys::KeyRing;
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::Duration;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::daemon::Daemon;
use crate::holder::Holder;
use crate::last_words::{self, Epitaph, LastWords};
use crate::mail::{Addressee, Mail};
use crate::petting::Petting;
use crate::probe::{Asker, Probe};
use crate::status::About;
use crate::telling::Telling;
use crate::wake::Wake;
use crate::watchdog::{Dog, DogClass, LinuxDog, SimDog};
use palisade_host::failure::Failure;

/// One life and one start of this agent.
#[derive(Clone, Copy, Debug)]
struct Life {
    boot: BootId,
    start: Start,
}

/// Builds the agent. The holder is forked by the caller, before there is any thread.
pub(crate) fn daemon(args: &Args, holder: Option<Holder>) -> Result<Daemon, Failure> {
    let cluster = Cluster::load(&args.config).map_err(Failure::usage)?;
    let name = node_name(args)?;
    let view = member(&cluster, &name)?;
    cluster.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let settings = view.agent();
    let wake = Wake::new().map_err(Failure::machine)?;
    let mut dog = dog(view.node.watchdog.as_ref(), &name)?;
    let life = life(&*dog)?;
    let mail = mail(&view, life)?;
    make_folder(&settings.state_dir)?;
    let epitaph = former_life(&view, life);
    let telling = telling(&view, life)?;
    tell_former_life(epitaph.as_ref(), life, &*dog, &telling);
    let control = Server::bind(&settings.control_socket).map_err(Failure::machine)?;
    let probe = view.node.check.as_ref().map(probe).transpose()?;
    lock_down(settings.realtime);
    let (about, config) =
        (about(&view, life), agent_config(&view, life, &mut *dog, digest(&args.config)?)?);
    let core = AgentCore::new(config, clock::now());
    let petting = Petting::new(dog, holder, cluster.timing.raw().beat);
    Ok(Daemon::new(about, core, petting, mail, telling, wake, control, probe))
}

fn node_name(args: &Args) -> Result<String, Failure> {
    if let Some(name) = &args.node {
        return Ok(name.clone());
    }
    let host = gethostname()
        .map_err(|error| Failure::machine(format!("host name: {error}; give --node")))?;
    let host = host.to_string_lossy();
    Ok(host.split('.').next().unwrap_or_default().to_owned())
}

fn member<'a>(cluster: &'a Cluster, name: &str) -> Result<NodeView<'a>, Failure> {
    let members: Vec<_> = cluster.members().map(|node| node.name.as_str()).collect();
    let unknown = || {
        let allowed = members.join(", ");
        Failure::usage(format!(
            "no node with an agent is called {name:?}; give --node, allowed: {allowed}"
        ))
    };
    cluster.for_node(name).filter(|view| view.node.agent).ok_or_else(unknown)
}

/// Looks at the watchdog, without opening a real one.
fn dog(watchdog: Option<&Watchdog>, node: &str) -> Result<Box<dyn Dog>, Failure> {
    let watchdog =
        watchdog.ok_or_else(|| Failure::usage(format!("{node} has an agent and no watchdog")))?;
    let (timeout, class) = (watchdog.timeout, watchdog.class.map(class));
    match &watchdog.backend {
        WatchdogBackend::Linux { device } => {
            Ok(Box::new(LinuxDog::at(device.clone(), timeout, class)))
        }
        WatchdogBackend::Sim { socket } => {
            let dog = SimDog::connect(socket.clone(), timeout).map_err(Failure::machine)?;
            Ok(Box::new(dog))
        }
    }
}

const fn class(class: config::DogClass) -> DogClass {
    match class {
        config::DogClass::Physical => DogClass::Physical,
        config::DogClass::Virtual => DogClass::Virtual,
        config::DogClass::Software => DogClass::Software,
    }
}

fn life(dog: &dyn Dog) -> Result<Life, Failure> {
    let kernels = || boot::boot_id().map_err(Failure::machine);
    let boot = dog.boot_id().map_or_else(kernels, Ok)?;
    let random =
        getrandom::u32().map_err(|error| Failure::machine(format!("no random number: {error}")))?;
    Ok(Life { boot: BootId::from_kernel(boot), start: Start::new(random) })
}

fn mail(view: &NodeView<'_>, life: Life) -> Result<Mail, Failure> {
    let key = PrivateKey::load(&view.agent().key_file).map_err(Failure::refused)?;
    let mine = view.generation_of(&key).map_err(Failure::refused)?;
    let (me, tag, private) = (Peer::member(view.node.id), view.cluster.tag(), key.key());
    let mut postbox = Postbox::new(tag, me, life.boot, life.start);
    for node in view.cluster.voters() {
        let next = node.next_public_key.map(|key| key.key());
        let theirs = (Peer::voter(node.id), node.public_key.key(), next);
        let ring = KeyRing::between(tag, (me, mine, &private), theirs).map_err(Failure::usage)?;
        postbox.add_peer(Peer::voter(node.id), ring);
    }
    let links = Links::bind(&view.node.agent_binds()).map_err(Failure::machine)?;
    for (link, address) in links.absent() {
        log::warn!("link {}: this machine has no address {address} now", link.get());
    }
    let addressee =
        |node: &config::Node| Addressee { node: node.id, addresses: node.fencer_addresses() };
    Ok(Mail::new(links, postbox, view.cluster.voters().map(addressee).collect()))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::machine(format!("state_dir {}: {error}; is it writable?", folder.display()))
    })
}

fn telling(view: &NodeView<'_>, life: Life) -> Result<Telling, Failure> {
    let settings = view.agent();
    let journal = Journal::open(&settings.journal).map_err(Failure::machine)?;
    let path = last_words_file(view);
    let last_words = LastWords::start(&path, life.boot).map_err(|error| {
        Failure::machine(format!("last words {}: {error}; is it writable?", path.display()))
    })?;
    let scribe = Scribe::start(journal).map_err(Failure::machine)?;
    Ok(Telling::new(view.node.name.clone(), names(view.cluster), scribe, last_words))
}

fn former_life(view: &NodeView<'_>, life: Life) -> Option<Epitaph> {
    Epitaph::read(&last_words_file(view)).filter(|words| words.is_of_former_life(life.boot))
}

fn last_words_file(view: &NodeView<'_>) -> PathBuf {
    // Nodes of a demo share a folder; the name keeps their words apart.
    view.agent().state_dir.join(format!("{}-{}", last_words::FILE_NAME, view.node.name))
}

fn tell_former_life(epitaph: Option<&Epitaph>, life: Life, dog: &dyn Dog, telling: &Telling) {
    let now = clock::now();
    let status = dog.boot_status().map_or("the driver says nothing", |status| status.as_str());
    match epitaph {
        Some(Epitaph { said, .. }) => {
            let told = format_args!("previous life ended: {said}; {status}");
            log::warn!("{told}");
            telling.note(now, What::Started, told);
        }
        None => telling.note(now, What::Started, format_args!("agent, boot {}", life.boot)),
    }
}

fn probe(check: &Check) -> Result<Probe, Failure> {
    Probe::start(Asker::new(&check.url, check.timeout)).map_err(Failure::machine)
}

/// Secrets stay inside in any case; the rest is a matter of the configuration.
fn lock_down(realtime: bool) {
    let weaknesses = if realtime {
        lockdown::lock_down()
    } else {
        lockdown::forbid_dumps().err().into_iter().collect()
    };
    weaknesses.iter().for_each(|weakness| log::warn!("{weakness}"));
}

fn about(view: &NodeView<'_>, life: Life) -> About {
    let watchdog = view.node.watchdog.as_ref();
    About {
        cluster: view.cluster.name.clone(),
        node: view.node.name.clone(),
        boot: life.boot.to_string(),
        started_at: clock::now(),
        timing: view.cluster.timing,
        links: view.cluster.links.iter().map(|link| link.name.clone()).collect(),
        voters: names(view.cluster),
        fire: watchdog.map_or(Duration::ZERO, Watchdog::fire_worst),
        certified: watchdog.is_some_and(|watchdog| watchdog.certified),
    }
}

fn agent_config(
    view: &NodeView<'_>,
    life: Life,
    dog: &mut dyn Dog,
    digest: u32,
) -> Result<AgentConfig, Failure> {
    let watchdog = view.node.watchdog.as_ref();
    let watchdog = watchdog.ok_or_else(|| Failure::usage("an agent needs a watchdog"))?;
    Ok(AgentConfig {
        me: view.node.id,
        boot: life.boot,
        start: life.start,
        voters: view.cluster.voters().map(|node| node.id).collect(),
        timing: view.cluster.timing,
        dog: DogConfig {
            class: dog.class(),
            certified: watchdog.certified,
            timeout: dog.timeout(),
            fire: watchdog.fire_worst(),
            runs: dog.runs(),
        },
        check: view.node.check.as_ref().map(check_config),
        digest,
    })
}

/// The first bytes of the hash of the file, for the fencers to notice that theirs differ.
fn digest(config: &Path) -> Result<u32, Failure> {
    let hash = Sha256::digest(fs::read(config).map_err(Failure::usage)?);
    Ok(hash.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

const fn check_config(check: &Check) -> CheckConfig {
    CheckConfig {
        every: check.every,
        timeout: check.timeout,
        start_deadline: check.start_deadline,
        stop_deadline: check.stop_deadline,
        tolerate: check.tolerate,
        armed: check.armed,
    }
}

fn names(cluster: &Cluster) -> Vec<(NodeId, String)> {
    cluster.nodes.iter().map(|node| (node.id, node.name.clone())).collect()
}
