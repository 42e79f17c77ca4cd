//! Faults read from text. Judges nothing but spelling.

use std::str::FromStr;

use palisade_ipmi::suite::Suite;
use palisade_ipmi::wire::RmcpStatus;
use palisade_protocol::time::Duration;

use super::kind::{Command, Kind, Message, Times, Way};
use super::plan::Fault;

/// A fault that could not be read: what was found, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault \"{found}\": {problem}; see --help faults")]
pub struct FaultError {
    found: String,
    problem: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = |problem: String| FaultError { found: text.to_owned(), problem };
        let (what, when) = text.split_once('@').map_or((text, None), |(w, t)| (w, Some(t)));
        let kind = kind(what).map_err(wrong)?;
        let (from, to) = when.map_or(Ok((Duration::ZERO, None)), window).map_err(wrong)?;
        Ok(Self { kind, from, to })
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    match text.split_once('=') {
        None => bare(text).ok_or_else(|| format!("\"{text}\" is unknown or wants a value")),
        Some((name, value)) => valued(name, value)
            .unwrap_or_else(|| Err(format!("\"{name}\" is unknown or takes no value"))),
    }
}

fn bare(name: &str) -> Option<Kind> {
    Some(match name {
        "hang" => Kind::Hang,
        "hang-after-rakp2" => Kind::HangAfterRakp2,
        "hang-control" => Kind::HangControl,
        "ignore-off" => Kind::IgnoreOff(Times::Always),
        "ignore-on" => Kind::IgnoreOn(Times::Always),
        "lie-off" => Kind::LieOff,
        "acpi-off" => Kind::AcpiOff(None),
        "no-slots" => Kind::NoSlots,
        "wrong-password" => Kind::WrongPassword,
        "tag-zero" => Kind::TagZero,
        "zero-errors" => Kind::ZeroErrors,
        "downgrade" => Kind::Downgrade,
        "priv-echo-zero" => Kind::PrivEchoZero,
        "rakp3-replay" => Kind::Rakp3Replay,
        "bad-checksums" => Kind::BadChecksums,
        "skip-sequence" => Kind::SkipSequence,
        "bare-replies" => Kind::BareReplies,
        _ => return None,
    })
}

fn valued(name: &str, value: &str) -> Option<Result<Kind, String>> {
    Some(match name {
        "ignore-off" => count(value).map(|most| Kind::IgnoreOff(Times::First(most))),
        "ignore-on" => count(value).map(|most| Kind::IgnoreOn(Times::First(most))),
        "flicker" => count(value).map(|which| Kind::Flicker(Times::Nth(which))),
        "lock-out" => count(value).map(Kind::LockOut),
        "slow-off" => seconds(value).map(Kind::SlowOff),
        "acpi-off" => seconds(value).map(|span| Kind::AcpiOff(Some(span))),
        "slow-slots" => seconds(value).map(Kind::SlowSlots),
        "reboot" => seconds(value).map(Kind::Reboot),
        "ac-loss" => seconds(value).map(Kind::AcLoss),
        "starting-off" => millis(value).map(Kind::StartingOff),
        "slow-rakp3" => millis(value).map(Kind::SlowRakp3),
        "late-reply" => millis(value).map(Kind::LateReply),
        "delay" => directed(value, millis).map(|(way, span)| Kind::Delay(way, span)),
        "drop" => directed(value, percent).map(|(way, share)| Kind::Drop(way, share)),
        "dup" => directed(value, percent).map(|(way, share)| Kind::Duplicate(way, share)),
        "reorder" => directed(value, percent).map(|(way, share)| Kind::Reorder(way, share)),
        "cut" => way(value).map(Kind::Cut),
        "lose" => lose(value),
        "cc" => code(value),
        "refuse" => refuse(value),
        "only-suite" => suite(value).map(Kind::OnlySuite),
        "guid" => guid(value).map(Kind::Guid),
        "downgrade" if value == "3" => Ok(Kind::DowngradeToSha1),
        "short" => bytes(value).map(Kind::Short),
        _ => return None,
    })
}

fn code(text: &str) -> Result<Kind, String> {
    let allowed = "allowed: cc=COMMAND:CODE or cc=COMMAND:CODE:TIMES";
    let (name, rest) = text.split_once(':').ok_or(allowed)?;
    let (code, times) = match rest.split_once(':') {
        Some((code, most)) => (code, Times::First(count(most)?)),
        None => (rest, Times::Always),
    };
    let of = command(name).ok_or_else(|| format!("\"{name}\" is no command that can fail"))?;
    Ok(Kind::Code { of, code: hex_byte(code)?, times })
}

fn refuse(text: &str) -> Result<Kind, String> {
    let (step, code) = text.split_once(':').ok_or("allowed: refuse=STEP:CODE")?;
    let steps = [Message::OpenReply, Message::Rakp2, Message::Rakp4];
    let step = message(step).filter(|step| steps.contains(step));
    let step = step.ok_or("a step is open-reply, rakp2 or rakp4")?;
    let status = RmcpStatus::from_byte(hex_byte(code)?).ok_or("0x00 is no refusal")?;
    Ok(Kind::Refuse { step, status })
}

fn lose(text: &str) -> Result<Kind, String> {
    let (name, times) = match text.split_once(':') {
        Some((name, which)) => (name, Times::Nth(count(which)?)),
        None => (text, Times::Always),
    };
    let message = message(name).ok_or_else(|| format!("\"{name}\" is no message with a name"))?;
    Ok(Kind::Lose(message, times))
}

fn message(name: &str) -> Option<Message> {
    let setup = [
        Message::Open,
        Message::OpenReply,
        Message::Rakp1,
        Message::Rakp2,
        Message::Rakp3,
        Message::Rakp4,
    ];
    let inside = Command::ALL.into_iter().flat_map(|of| [Message::Request(of), Message::Reply(of)]);
    setup.into_iter().chain(inside).find(|message| message.to_string() == name)
}

fn command(name: &str) -> Option<Command> {
    Command::ALL.into_iter().find(|command| command.to_string() == name)
}

fn directed<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<(Way, T), String> {
    match text.split_once(':') {
        Some((direction, value)) => Ok((way(direction)?, read(value)?)),
        None => Ok((Way::Both, read(text)?)),
    }
}

fn way(text: &str) -> Result<Way, String> {
    match text {
        "in" => Ok(Way::In),
        "out" => Ok(Way::Out),
        _ => Err(format!("\"{text}\" is no direction; allowed: in, out")),
    }
}

fn suite(text: &str) -> Result<Suite, String> {
    let suite = text.parse().ok().and_then(Suite::from_id);
    suite.ok_or_else(|| format!("\"{text}\" is no suite; allowed: 3, 17"))
}

fn guid(text: &str) -> Result<[u8; 16], String> {
    let wrong = || format!("\"{text}\" is no GUID of 32 hex digits");
    let number = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
    if text.len() == 32 { Ok(number.to_be_bytes()) } else { Err(wrong()) }
}

fn hex_byte(text: &str) -> Result<u8, String> {
    let digits = text.trim_start_matches("0x").trim_start_matches("0X");
    match u8::from_str_radix(digits, 16) {
        Ok(code) if code != 0 => Ok(code),
        Ok(_) | Err(_) => Err(format!("\"{text}\" is no code from 0x01 to 0xFF")),
    }
}

fn bytes(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number of bytes"))
}

/// A window of time, as behind an `@`.
pub(super) fn window(text: &str) -> Result<(Duration, Option<Duration>), String> {
    let (from, to) = text.split_once("..").ok_or("allowed: @FROM..TO or @FROM..")?;
    let from = millis(from)?;
    let to = if to.is_empty() { None } else { Some(millis(to)?) };
    match to {
        Some(to) if to <= from => Err("the end is not after the beginning".to_owned()),
        Some(_) | None => Ok((from, to)),
    }
}

pub(super) fn millis(text: &str) -> Result<Duration, String> {
    let number = text.parse().map_err(|_| format!("\"{text}\" is no number of milliseconds"))?;
    Ok(Duration::from_millis(number))
}

/// A number from 1 on.
pub(super) fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("\"{text}\" is no number from 1 on"))
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

#[cfg(test)]
mod tests {
    use super::super::HELP;
    use super::*;

    #[test]
    fn every_fault_of_the_help_text_can_be_read_and_written_back() {
        let specs = "hang hang-after-rakp2 hang-control ignore-off ignore-off=2 ignore-on \
            ignore-on=3 lie-off slow-off=2.5 acpi-off acpi-off=4 starting-off=700 flicker=2 \
            reboot=30 ac-loss=2 no-slots slow-slots=5 cc=off:0xD5 cc=priv:0x81 cc=status:0xC0:2 \
            refuse=open-reply:0x01 refuse=rakp2:0x0D refuse=rakp4:0x77 wrong-password lock-out=3 \
            only-suite=3 only-suite=17 guid=000102030405060708090a0b0c0d0e0f tag-zero zero-errors \
            downgrade downgrade=3 priv-echo-zero rakp3-replay slow-rakp3=20 bad-checksums \
            skip-sequence bare-replies short=5 late-reply=1500 delay=10 delay=in:10 drop=5 \
            drop=out:5 dup=100 dup=in:7 reorder=out:50 cut=in cut=out lose=rakp4:1 \
            lose=close-reply lose=off lose=status-reply:2 lose=open lose=open-reply lose=rakp1 \
            lose=rakp2 lose=rakp3";
        for spec in specs.split_whitespace() {
            let fault: Fault = spec.parse().unwrap();
            assert_eq!(fault.kind.to_string(), spec);
            let name = spec.split('=').next().unwrap();
            assert!(HELP.contains(&format!("  {name}")), "{spec} stands in the help");
        }
    }

    #[test]
    fn every_fault_of_the_help_text_is_known() {
        let names = HELP.lines().filter_map(|line| line.strip_prefix("  "));
        for name in names.filter(|line| !line.starts_with(' ')) {
            let name = name.split([' ', '=', '[']).next().unwrap();
            let is_known = bare(name).is_some() || valued(name, "3").is_some();
            assert!(is_known, "{name}");
        }
    }

    #[test]
    fn a_mistake_names_what_was_found_and_where_help_is() {
        let wrong = "hung drop=101 drop hang=1 cc=off cc=off:0x00 hang@9..3 lose=rakp9 cut=up \
            flicker=0 refuse=rakp1:0x01 refuse=rakp2:0x00 guid=1 only-suite=1 downgrade=17 \
            drop=on:4 cc=off:0xC0:0 short=x";
        for wrong in wrong.split_whitespace() {
            let error = wrong.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("--help faults"), "{error}");
        }
    }
}
