//! The one table of options; reading, help and metadata are made from it.

use super::called;

/// One option.
#[derive(Debug)]
pub(super) struct Opt {
    /// Its name on standard input and in the metadata.
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    /// What its value is called; without one it is a flag.
    pub(super) argument: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) default: Option<&'static str>,
    pub(super) required: bool,
    /// The older name that is still understood.
    pub(super) old: Option<&'static str>,
    pub(super) about: &'static str,
}

impl Opt {
    /// Its default under the name in force.
    pub(super) fn fallback(&self) -> Option<&'static str> {
        called::now().default_of(self.name).or(self.default)
    }
}

/// What an option's value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Flag,
    Text,
    Integer,
    Seconds,
    Choice(&'static [&'static str]),
}

const PLAIN: Opt = Opt {
    name: "",
    short: None,
    long: "",
    argument: None,
    kind: Kind::Text,
    default: None,
    required: false,
    old: None,
    about: "",
};

pub(super) const ACTION: Opt = Opt {
    name: "action",
    short: Some('o'),
    long: "action",
    argument: Some("action"),
    default: Some("reboot"),
    required: true,
    about: "What to do",
    ..PLAIN
};
pub(super) const AUTH: Opt = Opt {
    name: "auth",
    short: Some('A'),
    long: "auth",
    argument: Some("auth"),
    kind: Kind::Choice(&["md5", "password", "none"]),
    about: "IPMI 1.5 authentication; accepted, without meaning: RMCP+ is always used",
    ..PLAIN
};
pub(super) const CIPHER: Opt = Opt {
    name: "cipher",
    short: Some('C'),
    long: "cipher",
    argument: Some("cipher"),
    about: "Cipher suite, 17 or 3; unset, or a weaker one: 17, then 3",
    ..PLAIN
};
pub(super) const HEXADECIMAL_KG: Opt = Opt {
    name: "hexadecimal_kg",
    long: "hexadecimal-kg",
    argument: Some("key"),
    about: "BMC key (Kg) in hexadecimal digits, at most 20 bytes",
    ..PLAIN
};
pub(super) const IP: Opt = Opt {
    name: "ip",
    short: Some('a'),
    long: "ip",
    argument: Some("ip"),
    old: Some("ipaddr"),
    about: "Address or host name of the BMC",
    ..PLAIN
};
pub(super) const IPPORT: Opt = Opt {
    name: "ipport",
    short: Some('u'),
    long: "ipport",
    argument: Some("port"),
    kind: Kind::Integer,
    default: Some("623"),
    about: "UDP port of the BMC",
    ..PLAIN
};
pub(super) const LANPLUS: Opt = Opt {
    name: "lanplus",
    short: Some('P'),
    long: "lanplus",
    kind: Kind::Flag,
    default: Some("0"),
    about: "IPMI 2.0 (RMCP+); accepted, without meaning: it is always used",
    ..PLAIN
};
pub(super) const METHOD: Opt = Opt {
    name: "method",
    short: Some('m'),
    long: "method",
    argument: Some("method"),
    kind: Kind::Choice(&["onoff", "cycle"]),
    default: Some("onoff"),
    about: "How to reboot. A cycle cannot be verified and is refused, unless method_force is set: then the machine is switched off, verified, and on",
    ..PLAIN
};
pub(super) const METHOD_FORCE: Opt = Opt {
    name: "method_force",
    long: "method-force",
    kind: Kind::Flag,
    about: "With method=cycle: reboot as onoff does, instead of refusing",
    ..PLAIN
};
pub(super) const PASSWORD: Opt = Opt {
    name: "password",
    short: Some('p'),
    long: "password",
    argument: Some("password"),
    old: Some("passwd"),
    about: "Password at the BMC; on a command line everybody can read it until the agent has started: prefer password_file",
    ..PLAIN
};
pub(super) const PASSWORD_FILE: Opt = Opt {
    name: "password_file",
    long: "password-file",
    argument: Some("file"),
    about: "File of mode 0600 whose first line is the password",
    ..PLAIN
};
pub(super) const PASSWORD_SCRIPT: Opt = Opt {
    name: "password_script",
    short: Some('S'),
    long: "password-script",
    argument: Some("script"),
    old: Some("passwd_script"),
    about: "Command line for the shell; the first line of its output, without blanks at its end, is the password",
    ..PLAIN
};
pub(super) const PLUG: Opt = Opt {
    name: "plug",
    short: Some('n'),
    long: "plug",
    argument: Some("ip"),
    old: Some("port"),
    about: "With config: the node to fence (several: see plug_separator). With port_as_ip: address of the BMC. Else without meaning",
    ..PLAIN
};
pub(super) const PRIVLVL: Opt = Opt {
    name: "privlvl",
    short: Some('L'),
    long: "privlvl",
    argument: Some("level"),
    kind: Kind::Choice(&["callback", "user", "operator", "administrator"]),
    default: Some("administrator"),
    about: "Privilege asked of the BMC; callback and user cannot switch power and are refused",
    ..PLAIN
};
pub(super) const TARGET: Opt = Opt {
    name: "target",
    long: "target",
    argument: Some("targetaddress"),
    about: "Bridging to another controller is not done: any address but 0x20, the BMC itself, is refused",
    ..PLAIN
};
pub(super) const USERNAME: Opt = Opt {
    name: "username",
    short: Some('l'),
    long: "username",
    argument: Some("name"),
    old: Some("login"),
    about: "User at the BMC; the anonymous one is refused",
    ..PLAIN
};
pub(super) const CONFIG: Opt = Opt {
    name: "config",
    long: "config",
    argument: Some("file"),
    about: "Configuration file of a palisade cluster: plugs are its nodes, each with the ways to its power written there, tried in order",
    ..PLAIN
};
pub(super) const VIA: Opt = Opt {
    name: "via",
    long: "via",
    argument: Some("bmc/fencer"),
    kind: Kind::Choice(&["bmc", "fencer"]),
    default: Some("bmc"),
    about: "Who fences: this agent at the BMC, or the running fencers, by their warrant and with their proof",
    ..PLAIN
};
pub(super) const FENCER_SOCKET: Opt = Opt {
    name: "fencer_socket",
    long: "fencer-socket",
    argument: Some("file"),
    about: "Control socket of the fencer that ends a reboot, and fences with via=fencer; unset: this machine's in config",
    ..PLAIN
};
pub(super) const GUID: Opt = Opt {
    name: "guid",
    long: "guid",
    argument: Some("digits"),
    about: "Identity of the BMC, 32 hexadecimal digits: at one with another identity nothing is done",
    ..PLAIN
};
pub(super) const OFF_CONFIRM: Opt = Opt {
    name: "off_confirm_ms",
    long: "off-confirm-ms",
    argument: Some("milliseconds"),
    kind: Kind::Integer,
    about: "Space between the two readings of off; unset: what the BMC's own pace asks for, 40 to 250",
    ..PLAIN
};
pub(super) const NO_SYSLOG: Opt = Opt {
    name: "no_syslog",
    long: "no-syslog",
    kind: Kind::Flag,
    about: "Nothing to the system's log",
    ..PLAIN
};
pub(super) const QUIET: Opt = Opt {
    name: "quiet",
    short: Some('q'),
    long: "quiet",
    kind: Kind::Flag,
    about: "Nothing on standard error; the system's log is told all the same",
    ..PLAIN
};
pub(super) const VERBOSE: Opt = Opt {
    name: "verbose",
    short: Some('v'),
    long: "verbose",
    kind: Kind::Flag,
    about: "Show on standard error what was done at each machine, and what was read",
    ..PLAIN
};
pub(super) const VERBOSE_LEVEL: Opt = Opt {
    name: "verbose_level",
    long: "verbose-level",
    argument: Some("level"),
    kind: Kind::Integer,
    about: "How much of them: 1 or, with every datagram that was not sent, 2",
    ..PLAIN
};
pub(super) const DEBUG_FILE: Opt = Opt {
    name: "debug_file",
    short: Some('D'),
    long: "debug-file",
    argument: Some("debugfile"),
    old: Some("debug"),
    about: "Append to this file what verbose shows",
    ..PLAIN
};
pub(super) const VERSION: Opt = Opt {
    name: "version",
    short: Some('V'),
    long: "version",
    kind: Kind::Flag,
    about: "Show the version and exit",
    ..PLAIN
};
pub(super) const HELP: Opt = Opt {
    name: "help",
    short: Some('h'),
    long: "help",
    kind: Kind::Flag,
    about: "Show this help and exit",
    ..PLAIN
};
pub(super) const PLUG_SEPARATOR: Opt = Opt {
    name: "plug_separator",
    long: "plug-separator",
    argument: Some("char"),
    default: Some(","),
    about: "What stands between several plugs",
    ..PLAIN
};
pub(super) const DELAY: Opt = Opt {
    name: "delay",
    long: "delay",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("0"),
    about: "Wait so long before off and reboot, exactly",
    ..PLAIN
};
pub(super) const DISABLE_TIMEOUT: Opt = Opt {
    name: "disable_timeout",
    long: "disable-timeout",
    argument: Some("true/false"),
    about: "Wait for power to change as long as the caller lets us (default: true when Pacemaker calls). A silent BMC is given up all the same",
    ..PLAIN
};
pub(super) const IPMITOOL_PATH: Opt = Opt {
    name: "ipmitool_path",
    long: "ipmitool-path",
    argument: Some("path"),
    default: Some("/usr/bin/ipmitool"),
    about: "Accepted, without meaning: no other program is run",
    ..PLAIN
};
pub(super) const IPMITOOL_TIMEOUT: Opt = Opt {
    name: "ipmitool_timeout",
    long: "ipmitool-timeout",
    argument: Some("timeout"),
    default: Some("2"),
    about: "Seconds after which a BMC that does not answer is given up",
    ..PLAIN
};
pub(super) const LOGIN_TIMEOUT: Opt = Opt {
    name: "login_timeout",
    long: "login-timeout",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("5"),
    about: "Accepted, without meaning: see ipmitool_timeout",
    ..PLAIN
};
pub(super) const PORT_AS_IP: Opt = Opt {
    name: "port_as_ip",
    long: "port-as-ip",
    kind: Kind::Flag,
    about: "The plug is the address of the BMC",
    ..PLAIN
};
pub(super) const POWER_TIMEOUT: Opt = Opt {
    name: "power_timeout",
    long: "power-timeout",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("20"),
    about: "Seconds to wait for power to change after off or on, by each way to it; 0: see disable_timeout",
    ..PLAIN
};
pub(super) const POWER_WAIT: Opt = Opt {
    name: "power_wait",
    long: "power-wait",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("2"),
    about: "Seconds that a reboot rests between off, verified, and on; nothing else waits",
    ..PLAIN
};
pub(super) const SHELL_TIMEOUT: Opt = Opt {
    name: "shell_timeout",
    long: "shell-timeout",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("3"),
    about: "Seconds to wait for an answer of the running fencer; without meaning at a BMC: see ipmitool_timeout",
    ..PLAIN
};
pub(super) const STONITH_STATUS_SLEEP: Opt = Opt {
    name: "stonith_status_sleep",
    long: "stonith-status-sleep",
    argument: Some("seconds"),
    kind: Kind::Seconds,
    default: Some("1"),
    about: "Longest pause, in seconds, between two readings of power; the first ones follow faster",
    ..PLAIN
};
pub(super) const RETRY_ON: Opt = Opt {
    name: "retry_on",
    long: "retry-on",
    argument: Some("attempts"),
    kind: Kind::Integer,
    default: Some("1"),
    about: "How many times on is ordered again when power stays off",
    ..PLAIN
};
pub(super) const USE_SUDO: Opt = Opt {
    name: "use_sudo",
    long: "use-sudo",
    kind: Kind::Flag,
    old: Some("sudo"),
    about: "Accepted, without meaning: no other program is run",
    ..PLAIN
};
pub(super) const SUDO_PATH: Opt = Opt {
    name: "sudo_path",
    long: "sudo-path",
    argument: Some("path"),
    default: Some("/usr/bin/sudo"),
    about: "Accepted, without meaning: see use_sudo",
    ..PLAIN
};

/// Whether fence_ipmilan does not know it.
pub(super) fn is_own(option: &Opt) -> bool {
    const OWN: [Opt; 8] =
        [METHOD_FORCE, PASSWORD_FILE, CONFIG, VIA, FENCER_SOCKET, GUID, OFF_CONFIRM, NO_SYSLOG];
    OWN.iter().any(|own| own.name == option.name)
}

/// All of them, in the order of the metadata.
pub(super) static ALL: [Opt; 42] = [
    ACTION,
    AUTH,
    CIPHER,
    HEXADECIMAL_KG,
    IP,
    IPPORT,
    LANPLUS,
    METHOD,
    METHOD_FORCE,
    PASSWORD,
    PASSWORD_FILE,
    PASSWORD_SCRIPT,
    PLUG,
    PRIVLVL,
    TARGET,
    USERNAME,
    CONFIG,
    VIA,
    FENCER_SOCKET,
    GUID,
    OFF_CONFIRM,
    NO_SYSLOG,
    QUIET,
    VERBOSE,
    VERBOSE_LEVEL,
    DEBUG_FILE,
    VERSION,
    HELP,
    PLUG_SEPARATOR,
    DELAY,
    DISABLE_TIMEOUT,
    IPMITOOL_PATH,
    IPMITOOL_TIMEOUT,
    LOGIN_TIMEOUT,
    PORT_AS_IP,
    POWER_TIMEOUT,
    POWER_WAIT,
    SHELL_TIMEOUT,
    STONITH_STATUS_SLEEP,
    RETRY_ON,
    USE_SUDO,
    SUDO_PATH,
];
