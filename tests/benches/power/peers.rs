//! How each program is told to do the same work.

use std::net::SocketAddr;
use std::path::Path;

use super::contest::Contender;

/// The account that every BMC here has.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) password_file: &'a Path,
}

/// What is asked of one machine or of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Status,
    Off,
    On,
    Reboot,
}

impl Work {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Off => "off",
            Self::On => "on",
            Self::Reboot => "reboot",
        }
    }
}

/// `fence_palisade` at one machine.
pub(crate) fn fence_palisade(
    program: &Path,
    at: SocketAddr,
    who: Account<'_>,
    work: Work,
) -> Contender {
    let mut words = vec![program.display().to_string()];
    words.extend([
        format!("--ip={}", at.ip()),
        format!("--ipport={}", at.port()),
        format!("--username={}", who.user),
        format!("--password-file={}", who.password_file.display()),
        "--cipher=3".to_owned(),
        format!("--action={}", work.word()),
    ]);
    Contender::new("fence_palisade", words, fence_word(work))
}

/// Its reboot without the rest between off and on: what it costs is off, and an order.
pub(crate) fn restless_reboot(program: &Path, at: SocketAddr, who: Account<'_>) -> Contender {
    let mut words = fence_palisade(program, at, who, Work::Reboot).words().to_vec();
    words.push("--power-wait=0".to_owned());
    Contender::new("ours, as a reboot", words, fence_word(Work::Reboot))
}

/// `fence_ipmilan` with the same options.
pub(crate) fn fence_ipmilan(at: SocketAddr, who: Account<'_>, work: Work) -> Contender {
    let words = split(&format!(
        "fence_ipmilan -P -C 3 --ip={} --ipport={} -l {} -p {} -o {}",
        at.ip(),
        at.port(),
        who.user,
        who.password,
        work.word()
    ));
    Contender::new("fence_ipmilan -C 3", words, fence_word(work))
}

/// `ipmitool`; it has no verified off, and no reboot.
pub(crate) fn ipmitool(at: SocketAddr, who: Account<'_>, work: Work) -> Option<Contender> {
    let wanted = match work {
        Work::Status => "Chassis Power is",
        Work::Off | Work::On => "Chassis Power Control",
        Work::Reboot => return None,
    };
    let words = split(&format!(
        "ipmitool -I lanplus -C 3 -H {} -p {} -U {} -P {} chassis power {}",
        at.ip(),
        at.port(),
        who.user,
        who.password,
        work.word()
    ));
    Some(Contender::new("ipmitool -C 3", words, wanted))
}

/// As many `ipmitool` as do well on a small machine, at the BMCs in a file of addresses.
pub(crate) fn many_ipmitool(file: &Path, port: u16, who: Account<'_>, work: Work) -> Contender {
    let script = format!(
        "xargs -P 16 -I HOST -a {} ipmitool -I lanplus -C 3 -H HOST -p {port} -U {} -P {} chassis power {}",
        file.display(),
        who.user,
        who.password,
        work.word()
    );
    let wanted = if work == Work::Status { "Chassis Power is" } else { "Chassis Power Control" };
    Contender::new("ipmitool, 16 at once", split(&script), wanted)
}

/// `ipmipower` at any number of machines; it has no verified reboot.
pub(crate) fn ipmipower(hosts: &str, who: Account<'_>, work: Work) -> Option<Contender> {
    let (order, wanted) = match work {
        Work::Status => ("--stat", ": o"),
        Work::Off => ("--off --wait-until-off", ": ok"),
        Work::On => ("--on --wait-until-on", ": ok"),
        Work::Reboot => return None,
    };
    let words = split(&format!(
        "ipmipower -D LAN_2_0 -I 3 -W opensesspriv -u {} -p {} -h {hosts} {order}",
        who.user, who.password
    ));
    Some(Contender::new("ipmipower", words, wanted))
}

/// `palisade power` at any number of machines.
pub(crate) fn palisade(
    program: &Path,
    hosts: &str,
    machines: usize,
    who: Account<'_>,
    work: Work,
) -> Contender {
    let mut words = vec![program.display().to_string()];
    words.extend(split(&format!(
        "power {} -h {hosts} --user {} --password-file {} --suites 3 --json --yes {machines}",
        work.word(),
        who.user,
        who.password_file.display()
    )));
    Contender::new("palisade power", words, "\"ok\":true")
}

const fn fence_word(work: Work) -> &'static str {
    match work {
        Work::Status => "Status: O",
        Work::Off | Work::On | Work::Reboot => "Success",
    }
}

fn split(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}
