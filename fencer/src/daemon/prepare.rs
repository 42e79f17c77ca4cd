//! Everything that must be there before the loop may run, or the reason why it may not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use palisade_fencer_core::{FencerConfig, FencerCore, MemberConfig};
use palisade_host::config::{Cluster, Node, NodeView};
use palisade_host::control::Server;
use palisade_host::journal::{Journal, Scribe};
use palisade_host::keys::PrivateKey;
use palisade_host::{boot, clock, lockdown};
use palisade_protocol::ids::{BootId, NodeId, Start};
use sha2::{Digest as _, Sha256};

use super::args::Args;
use super::desk::Desk;
use super::device;
use super::disk::Disk;
use super::engine::Engine;
use super::ledger::Ledger;
use super::log_out;
use super::mail::Mail;
use super::names::Names;
use super::raises::{Raises, Setting};
use super::rehearsal::Rehearsals;
use crate::power::{self, PowerDevice};
use crate::{hooks, place};
use palisade_host::failure::Failure;

/// Reads, checks and opens all that the fencer needs; needs a tokio runtime.
pub(super) fn prepare(args: &Args) -> Result<(Engine, Server), Failure> {
    let cluster = Arc::new(place::load(&args.config).map_err(Failure::usage)?);
    let view = place::node(&cluster, args.node.as_deref()).map_err(Failure::usage)?;
    if !view.node.fencer {
        return Err(Failure::usage(format!(
            "{} has fencer = false: none may run here",
            view.node.name
        )));
    }
    log_out::start().map_err(Failure::machine)?;
    let settings = view.fencer();
    let key = PrivateKey::load(&settings.key_file).map_err(Failure::refused)?;
    let boot = boot_id(args)?;
    let start = Start::new(getrandom::u32().map_err(Failure::machine)?);
    let control = Server::bind(&settings.control_socket).map_err(Failure::machine)?;
    let mail = Mail::open(view, &key, boot, start)?;
    let scribe = scribe(&settings.journal)?;
    let mut disk = Disk::open(&settings.state_dir, &view.node.name).map_err(Failure::machine)?;
    warn(&cluster);
    let now = clock::now();
    let core = FencerCore::new(config(view, start, digest(&args.config)?), now, disk.recall());
    let learned = place::learned(&settings);
    let power = power::Engine::start().map_err(Failure::machine)?.with_profiles(&learned);
    let devices = devices(&cluster, &power);
    let engine = Engine {
        me: view.node.id,
        names: Names::of(&cluster),
        core,
        mail,
        disk,
        desk: Desk::new(devices.clone()),
        raises: Raises::new(devices.clone(), &raises(view, boot)),
        rehearsals: Rehearsals::new(devices, now),
        programs: programs(view),
        hooks: hooks::Running::default(),
        scribe,
        ledger: Ledger::default(),
        had_majority: false,
        cluster: Arc::clone(&cluster),
    };
    Ok((engine, control))
}

fn boot_id(args: &Args) -> Result<BootId, Failure> {
    let kernel = match &args.boot_id {
        Some(text) => boot::parse(text).map_err(Failure::usage)?,
        None => boot::boot_id().map_err(Failure::machine)?,
    };
    Ok(BootId::from_kernel(kernel))
}

fn scribe(journal: &Path) -> Result<Scribe, Failure> {
    let journal = Journal::open(journal).map_err(Failure::machine)?;
    Scribe::start(journal).map_err(Failure::machine)
}

fn warn(cluster: &Cluster) {
    for warning in &cluster.warnings {
        log::warn!("{warning}");
    }
    if let Err(weakness) = lockdown::forbid_dumps() {
        log::warn!("{weakness}");
    }
}

fn config(view: NodeView<'_>, start: Start, digest: u32) -> FencerConfig {
    let settings = view.fencer();
    FencerConfig {
        me: view.node.id,
        start,
        voters: view.cluster.voters().map(|node| node.id).collect(),
        members: view.cluster.members().map(member).collect(),
        timing: view.cluster.timing,
        power_on: settings.power_on,
        fences_per_hour_max: settings.fences_per_hour_max,
        fences_at_once_max: settings.fences_at_once_max,
        digest,
    }
}

fn member(node: &Node) -> MemberConfig {
    let fire = node.watchdog.as_ref().map(|dog| dog.fire_worst()).unwrap_or_default();
    MemberConfig { node: node.id, has_power_device: node.has_power_device(), fire }
}

/// The first bytes of the hash of the file, for the fencers to notice that theirs differ.
fn digest(config: &Path) -> Result<u32, Failure> {
    let bytes = std::fs::read(config).map_err(Failure::usage)?;
    let hash = Sha256::digest(bytes);
    Ok(hash.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

fn devices(cluster: &Cluster, power: &power::Engine) -> BTreeMap<NodeId, Arc<dyn PowerDevice>> {
    let views = cluster.nodes.iter().map(|node| NodeView { cluster, node });
    views.filter_map(|view| Some((view.node.id, device::of(view, power)?))).collect()
}

fn raises(view: NodeView<'_>, boot: BootId) -> Setting<'_> {
    let timing = view.cluster.timing.raw();
    let (rest, spacing) = (timing.on_rest, timing.off_confirm);
    Setting { folder: &view.cluster.fencer.state_dir, node: &view.node.name, boot, rest, spacing }
}

fn programs(view: NodeView<'_>) -> hooks::Setting {
    hooks::Setting {
        cluster: view.cluster.name.clone(),
        node: view.node.name.clone(),
        programs: view.hooks(),
    }
}
