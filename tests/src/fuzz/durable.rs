//! The border to the disk: the condemnations that a fencer finds when it starts.

use std::path::PathBuf;
use std::{env, fs, process};

use palisade_fencer_core::durable::{DURABLE_MAX, Sentence, ShotBy};
use palisade_fencer_core::{
    DurableState, Effects, FencerConfig, FencerCore, Input, MemberConfig, Memory,
};
use palisade_host::durable::{Loaded, load, save};
use palisade_protocol::ids::{BootId, NodeId, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::ProofKind;

const FIRE: Duration = Duration::from_millis(1_000);

/// Starts a fencer with `input` on its disk: once as the whole file, once as its content.
pub(super) fn run(input: &[u8]) {
    if let Loaded::Good(content) = loaded(input) {
        start(&content);
    }
    start(input);
}

/// What a fencer writes: nobody, one node, each way in which a life can end.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let closed = [
        None,
        Some(ProofKind::PowerOff),
        Some(ProofKind::LeaseExpired),
        Some(ProofKind::Reborn),
        Some(ProofKind::Left),
        Some(ProofKind::Operator),
    ];
    let all: Vec<Sentence> = (1_u8..)
        .zip(closed)
        .filter_map(|(id, closed)| {
            let (target, boot) = (NodeId::new(id)?, BootId(0x0102_0304));
            let released = closed == Some(ProofKind::Reborn);
            let shot_by = ShotBy::One { node: target, start: Start::new(7) };
            Some(Sentence { target, boot, closed, released, shot_by })
        })
        .collect();
    let contents = [&all[..0], &all[..1], &all[..]].map(content);
    contents.iter().cloned().chain(contents.iter().filter_map(|content| file(content))).collect()
}

fn content(sentences: &[Sentence]) -> Vec<u8> {
    let state = DurableState { version: 1, sentences: sentences.iter().copied().collect() };
    let mut bytes = [0; DURABLE_MAX];
    let len = state.encode(&mut bytes);
    bytes.get(..len).unwrap_or_default().to_vec()
}

/// The whole file with that content.
fn file(content: &[u8]) -> Option<Vec<u8>> {
    let path = scratch();
    save(&path, content).ok()?;
    let bytes = fs::read(&path).ok();
    fs::remove_file(&path).ok()?;
    bytes
}

fn loaded(file: &[u8]) -> Loaded {
    let path = scratch();
    let written = fs::write(&path, file);
    assert!(written.is_ok(), "{} can be written: {written:?}", path.display());
    let loaded = load(&path);
    let removed = fs::remove_file(&path);
    assert!(removed.is_ok(), "{} can be removed: {removed:?}", path.display());
    loaded
}

/// A name for one file of this thread.
fn scratch() -> PathBuf {
    let name = format!("palisade-durable-{}-{:?}", process::id(), std::thread::current().id());
    env::temp_dir().join(name)
}

fn start(content: &[u8]) {
    let Some(state) = DurableState::decode(content) else { return };
    let mut again = [0; DURABLE_MAX];
    let len = state.encode(&mut again);
    assert_eq!(again.get(..len), Some(content), "one state has one spelling");
    let Some(config) = config() else { return };
    let now = Instant::from_millis(1_000);
    let mut fencer = FencerCore::new(config, now, Memory::Recalled(state));
    for beat in 0..4 {
        let mut effects = Effects::default();
        fencer.handle(now + FIRE * beat, Input::Tick, &mut effects);
        assert!(effects.proofs.is_empty(), "a file proves nobody dead");
    }
}

fn config() -> Option<FencerConfig> {
    let raw = TimingRaw::LAN_FAST;
    let raw = TimingRaw { promise: raw.smallest_promise(FIRE), ..raw };
    let member = |node| MemberConfig { node, has_power_device: true, fire: FIRE };
    Some(FencerConfig {
        me: NodeId::new(1)?,
        start: Start::new(1),
        voters: (1..=3).filter_map(NodeId::new).collect(),
        members: (1..=4).filter_map(NodeId::new).map(member).collect(),
        timing: Timing::new(raw, FIRE).ok()?,
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 1,
        digest: 0,
    })
}
