//! A rack that is being served, with its hook and its virtual machines.

use std::fmt;
use std::net::SocketAddr;
use std::thread::JoinHandle;

use palisade_host::clock;
use palisade_hw::bmc::Bmc;
use palisade_hw::face::qemu::{QemuFace, QemuPort};
use palisade_hw::face::rmcp::RmcpFace;
use palisade_hw::power::ControlAction;

use super::args::{BmcArgs, Initially};
use super::hook;
use super::recorder::Recorder;

/// Most virtual machines of one rack: each has a thread.
const MACHINES_MAX: usize = 64;

/// BMCs being served.
pub(super) struct Served {
    face: RmcpFace,
    machines: Vec<QemuFace>,
    first: SocketAddr,
    last: SocketAddr,
    hook: Option<JoinHandle<()>>,
}

impl Served {
    /// Begins to serve.
    ///
    /// # Errors
    /// With what is wrong, in words.
    pub(super) fn start(args: &BmcArgs) -> Result<Self, String> {
        let (now, addresses) = (clock::now(), args.addresses()?);
        let ports = bind_all(&args.machine_addresses()?)?;
        let bmcs = addresses.iter().copied().zip(args.settings(now)?.into_iter().map(Bmc::new));
        let (hook, calls) = args.on_power.as_deref().map(hook::start).transpose()?.unzip();
        let is_on = args.initial == Initially::On;
        let begins_on = is_on && ports.is_empty();
        let mut recorder = Recorder::new(args.truth.as_deref(), now, &addresses, begins_on)?;
        recorder.calls = calls;
        recorder.wishes = ports.iter().map(QemuPort::wishes).collect();
        let face = RmcpFace::start(bmcs.collect(), move |event| recorder.hear(event));
        let face = face.map_err(|error| format!("cannot listen: {error}"))?;
        let machines = serve_all(ports, &face, is_on)?;
        let first = face.address(0).unwrap_or(args.listen);
        let last = face.address(addresses.len().saturating_sub(1)).unwrap_or(first);
        Ok(Self { face, machines, first, last, hook })
    }

    /// Ends; returns when all has ended.
    pub(super) fn stop(self) {
        drop(self.machines);
        self.face.stop();
        // The sink, and with it the hook's queue, ended with the face.
        if self.hook.is_some_and(|hook| hook.join().is_err()) {
            log::error!("the thread of --on-power panicked");
        }
    }
}

/// For example `listening on 127.1.0.1:623`.
impl fmt::Display for Served {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "listening on {}", self.first)?;
        if self.first != self.last {
            write!(out, " to {}", self.last)?;
        }
        match self.machines.as_slice() {
            [] => Ok(()),
            [only] => write!(out, ", virtual machine on {}", only.address()),
            [first, .., last] => {
                write!(out, ", virtual machines on {} to {}", first.address(), last.address())
            }
        }
    }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<QemuPort>, String> {
    if addresses.len() > MACHINES_MAX {
        return Err(format!(
            "--qemu: {} virtual machines, at most {MACHINES_MAX}",
            addresses.len()
        ));
    }
    let ports = addresses.iter().map(|at| QemuPort::bind(*at)).collect::<Result<_, _>>();
    ports.map_err(|error| format!("--qemu: {error}"))
}

/// A machine that is to begin on is waited for.
fn serve_all(
    ports: Vec<QemuPort>,
    face: &RmcpFace,
    begin_on: bool,
) -> Result<Vec<QemuFace>, String> {
    let mut machines = Vec::new();
    for (bmc, port) in ports.into_iter().enumerate() {
        if begin_on {
            face.with(bmc, |bmc, now| bmc.press(now, ControlAction::Up));
        }
        let machine = port.serve(face.handle(), bmc);
        machines.push(machine.map_err(|error| format!("--qemu: {error}"))?);
    }
    Ok(machines)
}
