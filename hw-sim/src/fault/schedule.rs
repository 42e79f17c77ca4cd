//! Faults aimed at one BMC of many, and files of them.

use std::str::FromStr;

use palisade_protocol::time::Duration;

use super::plan::Fault;
use super::read::{FaultError, count, millis, window};

/// A fault of one BMC, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aimed {
    /// Which BMC, the first is 1; `None`: all of them.
    pub bmc: Option<u32>,
    /// What is broken there.
    pub fault: Fault,
}

impl Aimed {
    /// Whether BMC `number`, the first is 1, is meant.
    pub fn hits(&self, number: u32) -> bool {
        self.bmc.is_none_or(|bmc| bmc == number)
    }
}

/// `SPEC` or `N:SPEC`.
impl FromStr for Aimed {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let aimed = text.split_once(':').and_then(|(bmc, spec)| Some((count(bmc).ok()?, spec)));
        match aimed {
            Some((bmc, spec)) => Ok(Self { bmc: Some(bmc), fault: spec.parse()? }),
            None => Ok(Self { bmc: None, fault: text.parse()? }),
        }
    }
}

/// A line of a schedule that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScheduleError {
    line: usize,
    problem: String,
}

/// Reads a schedule: a line is `[MS|FROM..TO] [node=N] SPEC...`, empty, or a comment behind `#`.
///
/// # Errors
/// [`ScheduleError`] with the first line that is none of these.
pub fn read_schedule(text: &str) -> Result<Vec<Aimed>, ScheduleError> {
    let mut all = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let read = read_line(text).map_err(|problem| ScheduleError { line, problem })?;
        all.extend(read);
    }
    Ok(all)
}

fn read_line(text: &str) -> Result<Vec<Aimed>, String> {
    let words = text.split('#').next().unwrap_or_default().split_whitespace();
    let mut words = words.peekable();
    let when = words.next_if(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let when = when.map(moment).transpose()?;
    let bmc = words.next_if(|word| word.starts_with("node="));
    let bmc = bmc.map(|word| count(word.trim_start_matches("node="))).transpose()?;
    let faults: Vec<Aimed> = words.map(|spec| aim(when, bmc, spec)).collect::<Result<_, _>>()?;
    if faults.is_empty() && (when.is_some() || bmc.is_some()) {
        return Err("it names no fault; see --help faults".to_owned());
    }
    Ok(faults)
}

fn aim(
    when: Option<(Duration, Option<Duration>)>,
    bmc: Option<u32>,
    spec: &str,
) -> Result<Aimed, String> {
    let fault: Fault = spec.parse().map_err(|error: FaultError| error.to_string())?;
    let Some((from, to)) = when else { return Ok(Aimed { bmc, fault }) };
    if spec.contains('@') {
        return Err(format!("\"{spec}\" has a time, and so has its line"));
    }
    Ok(Aimed { bmc, fault: Fault { from, to, ..fault } })
}

fn moment(text: &str) -> Result<(Duration, Option<Duration>), String> {
    if text.contains("..") { window(text) } else { millis(text).map(|from| (from, None)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aimed(bmc: Option<u32>, spec: &str) -> Aimed {
        Aimed { bmc, fault: spec.parse().unwrap() }
    }

    #[test]
    fn one_bmc_of_many_can_be_meant() {
        assert_eq!("3:cc=off:0xC0:2".parse(), Ok(aimed(Some(3), "cc=off:0xC0:2")));
        assert_eq!("cc=off:0xC0:2".parse(), Ok(aimed(None, "cc=off:0xC0:2")));
        assert!(aimed(Some(3), "hang").hits(3) && !aimed(Some(3), "hang").hits(4));
        assert!("0:hang".parse::<Aimed>().is_err());
    }

    #[test]
    fn a_schedule_says_when_where_and_what() {
        let text =
            "# a bad day\n\n5000 node=3 hang drop=5\n7000..9000 cut=in # all\nnode=2 hang@1..2\n";
        let all = read_schedule(text).unwrap();
        let expected = [
            aimed(Some(3), "hang@5000.."),
            aimed(Some(3), "drop=5@5000.."),
            aimed(None, "cut=in@7000..9000"),
            aimed(Some(2), "hang@1..2"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_mistake_in_a_schedule_names_its_line() {
        for wrong in ["hung", "5 hang@1..2", "5 node=1", "node=x hang", "9..3 hang", "x=1 hang"] {
            let error = read_schedule(&format!("hang\n{wrong}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }
}
