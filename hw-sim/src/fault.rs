//! Faults of a simulated BMC, as text and as a plan: what is broken, from when to when.
//!
//! Times count from the start of the simulator. A plan only answers "is this broken now"; it
//! breaks nothing by itself and draws no chance.

use std::fmt;
use std::str::FromStr;

use palisade_protocol::time::{Duration, Instant};

/// What `--help faults` prints.
pub const HELP: &str = "\
SPEC is KIND[=VALUE][@FROM..TO], times in ms from the start, TO may be left out (for ever)

  hang               answers nothing
  hang-after-rakp2   answers the first half of a login, then nothing
  ignore-off         acknowledges power off, does nothing
  lie-off            acknowledges power off, does nothing, then reports off
  slow-off=SECONDS   power goes off that much later than it should
  no-slots           no free session for a new login (RMCP+ status 0x01)
  cc=CMD:CODE        completion code for a command (off, on, cycle, reset, status, watchdog,
                     priv), e.g. cc=off:0xD5; the command is not carried out
  tag-zero           message tag 0 in every answer of a login
  downgrade          answers with \"no integrity, no encryption\", whatever was asked
  late-reply=MS      every answer comes that much later
  drop=PERCENT       loses that share of datagrams, each way, seeded
  reboot=SECONDS     reboots at FROM: silent for that long, sessions and watchdog forgotten

example: --fault hang@5000..9000 --fault cc=off:0xC0@0..1000 --fault drop=5
";

/// One way to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers nothing.
    Hang,
    /// Answers nothing from RAKP message 3 on.
    HangAfterRakp2,
    /// Acknowledges off without obeying.
    IgnoreOff,
    /// Acknowledges off without obeying and reports off from then on.
    LieOff,
    /// Power goes off later.
    SlowOff(Duration),
    /// No session slots.
    NoSlots,
    /// A completion code instead of an act.
    Code {
        /// For which command.
        of: Command,
        /// Which code; never 0.
        code: u8,
    },
    /// Message tag 0 in answers of a login.
    TagZero,
    /// Algorithms "none" in the Open Session answer.
    Downgrade,
    /// Answers come later.
    LateReply(Duration),
    /// Loses this percentage of datagrams each way.
    Drop(u8),
    /// Silent for this long from the start of the fault; forgets sessions and watchdog.
    Reboot(Duration),
}

/// The commands that can be made to fail by [`Kind::Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Chassis Control, power down.
    Off,
    /// Chassis Control, power up.
    On,
    /// Chassis Control, power cycle.
    Cycle,
    /// Chassis Control, hard reset.
    Reset,
    /// Get Chassis Status.
    Status,
    /// Set, Get and Reset Watchdog Timer.
    Watchdog,
    /// Set Session Privilege Level.
    Privilege,
}

/// One fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is broken.
    pub kind: Kind,
    /// From when on, counted from the start.
    pub from: Duration,
    /// Until when, exclusive; `None`: for ever.
    pub to: Option<Duration>,
}

/// A fault that could not be read: what was found, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault \"{found}\": {problem}; see --help faults")]
pub struct FaultError {
    found: String,
    problem: String,
}

impl Fault {
    /// A fault that is there from the start and for ever.
    pub const fn always(kind: Kind) -> Self {
        Self { kind, from: Duration::ZERO, to: None }
    }

    fn is_active(&self, age: Duration) -> bool {
        self.from <= age && self.to.is_none_or(|to| age < to)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = |problem: String| FaultError { found: text.to_owned(), problem };
        let (what, when) = text.split_once('@').map_or((text, None), |(w, t)| (w, Some(t)));
        let kind = parse_kind(what).map_err(wrong)?;
        let (from, to) = when.map_or(Ok((Duration::ZERO, None)), parse_span).map_err(wrong)?;
        Ok(Self { kind, from, to })
    }
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
    match (name, value) {
        ("hang", None) => Ok(Kind::Hang),
        ("hang-after-rakp2", None) => Ok(Kind::HangAfterRakp2),
        ("ignore-off", None) => Ok(Kind::IgnoreOff),
        ("lie-off", None) => Ok(Kind::LieOff),
        ("no-slots", None) => Ok(Kind::NoSlots),
        ("tag-zero", None) => Ok(Kind::TagZero),
        ("downgrade", None) => Ok(Kind::Downgrade),
        ("slow-off", Some(value)) => seconds(value).map(Kind::SlowOff),
        ("reboot", Some(value)) => seconds(value).map(Kind::Reboot),
        ("late-reply", Some(value)) => millis(value).map(Kind::LateReply),
        ("drop", Some(value)) => percent(value).map(Kind::Drop),
        ("cc", Some(value)) => parse_code(value),
        (_, None) => Err(format!("\"{name}\" is unknown or wants a value")),
        (_, Some(_)) => Err(format!("\"{name}\" is unknown or takes no value")),
    }
}

fn parse_code(text: &str) -> Result<Kind, String> {
    let (name, code) = text.split_once(':').ok_or("allowed: cc=COMMAND:CODE")?;
    let of = match name {
        "off" => Command::Off,
        "on" => Command::On,
        "cycle" => Command::Cycle,
        "reset" => Command::Reset,
        "status" => Command::Status,
        "watchdog" => Command::Watchdog,
        "priv" => Command::Privilege,
        _ => return Err(format!("\"{name}\" is no command that can fail")),
    };
    let digits = code.trim_start_matches("0x").trim_start_matches("0X");
    match u8::from_str_radix(digits, 16) {
        Ok(code) if code != 0 => Ok(Kind::Code { of, code }),
        Ok(_) | Err(_) => Err(format!("\"{code}\" is no code from 0x01 to 0xFF")),
    }
}

fn parse_span(text: &str) -> Result<(Duration, Option<Duration>), String> {
    let (from, to) = text.split_once("..").ok_or("allowed: @FROM..TO or @FROM..")?;
    let from = millis(from)?;
    let to = if to.is_empty() { None } else { Some(millis(to)?) };
    match to {
        Some(to) if to <= from => Err("the end is not after the beginning".to_owned()),
        Some(_) | None => Ok((from, to)),
    }
}

fn millis(text: &str) -> Result<Duration, String> {
    let number = text.parse().map_err(|_| format!("\"{text}\" is no number of milliseconds"))?;
    Ok(Duration::from_millis(number))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no number of seconds");
    let number: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number).map_err(|_| wrong())
}

fn percent(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(percent) if percent <= 100 => Ok(percent),
        Ok(_) | Err(_) => Err(format!("\"{text}\" is no percentage")),
    }
}

/// All faults of one BMC.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    began: Instant,
    faults: Vec<Fault>,
}

impl Plan {
    /// A plan whose times count from `began`.
    pub const fn new(began: Instant, faults: Vec<Fault>) -> Self {
        Self { began, faults }
    }

    /// Breaks something from `now` on and for ever.
    pub fn start(&mut self, now: Instant, kind: Kind) {
        self.faults.push(Fault { kind, from: now.since(self.began), to: None });
    }

    /// Ends every fault.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// What is broken now.
    pub fn active(&self, now: Instant) -> impl Iterator<Item = Kind> {
        let age = now.since(self.began);
        self.faults.iter().filter(move |fault| fault.is_active(age)).map(|fault| fault.kind)
    }

    /// Whether exactly `kind` is broken now.
    pub fn has(&self, now: Instant, kind: Kind) -> bool {
        self.active(now).any(|active| active == kind)
    }

    /// The completion code that `command` is to get now.
    pub fn code(&self, now: Instant, command: Command) -> Option<u8> {
        self.active(now).find_map(|kind| match kind {
            Kind::Code { of, code } if of == command => Some(code),
            Kind::Hang
            | Kind::HangAfterRakp2
            | Kind::IgnoreOff
            | Kind::LieOff
            | Kind::SlowOff(_)
            | Kind::NoSlots
            | Kind::Code { .. }
            | Kind::TagZero
            | Kind::Downgrade
            | Kind::LateReply(_)
            | Kind::Drop(_)
            | Kind::Reboot(_) => None,
        })
    }

    /// The sum of what `pick` finds in the active faults.
    pub fn sum(&self, now: Instant, pick: impl Fn(Kind) -> Option<Duration>) -> Duration {
        self.active(now).filter_map(pick).sum()
    }

    /// The end of the last reboot that began at or before `now`, and when it began.
    pub fn last_reboot(&self, now: Instant) -> Option<(Instant, Instant)> {
        let begun = self.reboots().filter(|(from, _)| *from <= now);
        begun.max_by_key(|(from, _)| *from)
    }

    /// When the next reboot begins.
    pub fn next_reboot(&self, now: Instant) -> Option<Instant> {
        self.reboots().map(|(from, _)| from).filter(|from| *from > now).min()
    }

    fn reboots(&self) -> impl Iterator<Item = (Instant, Instant)> {
        self.faults.iter().filter_map(|fault| {
            let from = self.began + fault.from;
            if let Kind::Reboot(span) = fault.kind { Some((from, from + span)) } else { None }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hang => out.write_str("hang"),
            Self::HangAfterRakp2 => out.write_str("hang-after-rakp2"),
            Self::IgnoreOff => out.write_str("ignore-off"),
            Self::LieOff => out.write_str("lie-off"),
            Self::SlowOff(span) => write!(out, "slow-off={}", span.as_secs_f64()),
            Self::NoSlots => out.write_str("no-slots"),
            Self::Code { of, code } => write!(out, "cc={of}:{code:#04X}"),
            Self::TagZero => out.write_str("tag-zero"),
            Self::Downgrade => out.write_str("downgrade"),
            Self::LateReply(span) => write!(out, "late-reply={}", span.as_millis()),
            Self::Drop(percent) => write!(out, "drop={percent}"),
            Self::Reboot(span) => write!(out, "reboot={}", span.as_secs_f64()),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Cycle => "cycle",
            Self::Reset => "reset",
            Self::Status => "status",
            Self::Watchdog => "watchdog",
            Self::Privilege => "priv",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn every_fault_of_the_help_text_can_be_read_and_written_back() {
        let specs = [
            "hang",
            "hang-after-rakp2",
            "ignore-off",
            "lie-off",
            "slow-off=2.5",
            "no-slots",
            "cc=off:0xD5",
            "cc=priv:0x81",
            "tag-zero",
            "downgrade",
            "late-reply=1500",
            "drop=5",
            "reboot=30",
        ];
        for spec in specs {
            let fault: Fault = spec.parse().unwrap();
            assert_eq!(fault.kind.to_string().replace("0X", "0x"), spec);
            assert!(HELP.contains(spec.split('=').next().unwrap()), "{spec} stands in the help");
        }
    }

    #[test]
    fn a_fault_is_there_from_its_beginning_until_before_its_end() {
        let plan = Plan::new(ms(100), vec!["hang@50..80".parse().unwrap()]);
        assert!(!plan.has(ms(149), Kind::Hang));
        assert!(plan.has(ms(150), Kind::Hang));
        assert!(plan.has(ms(179), Kind::Hang));
        assert!(!plan.has(ms(180), Kind::Hang));
    }

    #[test]
    fn a_mistake_names_what_was_found_and_where_help_is() {
        for wrong in ["hung", "drop=101", "drop", "hang=1", "cc=off", "cc=off:0x00", "hang@9..3"] {
            let error = wrong.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("--help faults"), "{error}");
        }
    }

    #[test]
    fn a_completion_code_is_for_its_own_command_only() {
        let plan = Plan::new(ms(0), vec!["cc=off:D5".parse().unwrap()]);
        assert_eq!(plan.code(ms(1), Command::Off), Some(0xD5));
        assert_eq!(plan.code(ms(1), Command::On), None);
    }

    #[test]
    fn a_fault_can_be_started_and_ended_while_running() {
        let mut plan = Plan::new(ms(0), Vec::new());
        plan.start(ms(500), Kind::IgnoreOff);
        assert!(!plan.has(ms(499), Kind::IgnoreOff));
        assert!(plan.has(ms(500), Kind::IgnoreOff));
        plan.clear();
        assert!(!plan.has(ms(500), Kind::IgnoreOff));
    }

    #[test]
    fn a_reboot_begins_at_its_time_and_lasts_its_span() {
        let plan = Plan::new(ms(0), vec!["reboot=3@2000..".parse().unwrap()]);
        assert_eq!(plan.next_reboot(ms(0)), Some(ms(2_000)));
        assert_eq!(plan.last_reboot(ms(1_999)), None);
        assert_eq!(plan.last_reboot(ms(2_000)), Some((ms(2_000), ms(5_000))));
    }
}
