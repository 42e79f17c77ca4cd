//! Options on the command line, as getopt reads them: short ones in bunches, long ones by any
//! unambiguous beginning, other words anywhere between. A beginning that means an option of fence_ipmilan there
//! means it here.

use std::ffi::OsString;
use std::vec::IntoIter;

use super::answer::Failed;
use super::option::{self, Opt};
use super::shown::is_one;
use super::values::Values;

/// Reads the words after the program's name.
pub(super) fn read(args: Vec<OsString>) -> Result<Values, Failed> {
    let mut values = Values::default();
    let words: Result<Vec<String>, OsString> =
        args.into_iter().map(OsString::into_string).collect();
    let words = words.map_err(|_| Failed::new("an argument is not UTF-8; see --help"))?;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        } else if let Some(long) = word.strip_prefix("--") {
            take_long(&mut values, long, &mut words)?;
        } else if let Some(bunch) = word.strip_prefix('-').filter(|bunch| !bunch.is_empty()) {
            take_bunch(&mut values, bunch, &mut words)?;
        } else {
            values.warn("an argument that belongs to no option was ignored");
        }
    }
    Ok(values)
}

fn take_long(values: &mut Values, word: &str, rest: &mut IntoIter<String>) -> Result<(), Failed> {
    let (name, attached) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let option = long_option(name)?;
    match (option.argument, attached) {
        (None, Some(_)) => Err(Failed::new(format!("option --{} takes no value", option.long))),
        (None, None) => set_flag(values, option),
        (Some(_), Some(value)) => values.set(option, value),
        (Some(_), None) => values.set(option, &next(option, rest)?),
    }
}

fn take_bunch(values: &mut Values, bunch: &str, rest: &mut IntoIter<String>) -> Result<(), Failed> {
    let mut letters = bunch.chars();
    while let Some(letter) = letters.next() {
        let found = option::ALL.iter().find(|option| option.short == Some(letter));
        let option = found.ok_or_else(|| unknown(&format!("-{letter}")))?;
        if option.argument.is_none() {
            set_flag(values, option)?;
            continue;
        }
        let attached = letters.as_str();
        return match attached {
            "" => values.set(option, &next(option, rest)?),
            _ => values.set(option, attached),
        };
    }
    Ok(())
}

/// Said twice, `verbose` is the more of it.
fn set_flag(values: &mut Values, option: &Opt) -> Result<(), Failed> {
    let is_more = option.name == option::VERBOSE.name && values.given(option).is_some();
    if is_more && values.given(&option::VERBOSE_LEVEL).is_none() {
        values.set(&option::VERBOSE_LEVEL, "2")?;
    }
    values.set(option, "1")
}

fn long_option(name: &str) -> Result<&'static Opt, Failed> {
    if let Some(exact) = option::ALL.iter().find(|option| option.long == name) {
        return Ok(exact);
    }
    let begun = || option::ALL.iter().filter(|option| option.long.starts_with(name));
    let theirs = || begun().filter(|option| !option::is_own(option));
    let mut found: Vec<&Opt> = theirs().collect();
    if found.is_empty() {
        found = begun().collect();
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(option), None) => Ok(option),
        (Some(one), Some(other)) => Err(Failed::new(format!(
            "option --{name} may be --{} or --{}; write more of it",
            one.long, other.long
        ))),
        (None, _) if !is_one(name) => Err(unknown("(not shown)")),
        (None, _) => Err(unknown(&format!("--{name}"))),
    }
}

fn next(option: &Opt, rest: &mut IntoIter<String>) -> Result<String, Failed> {
    rest.next().ok_or_else(|| Failed::new(format!("option --{} lacks its value", option.long)))
}

fn unknown(option: &str) -> Failed {
    Failed::new(format!("unknown option {option}; see --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Values, Failed> {
        read(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn short_long_bunched_and_shortened_options_are_the_same() {
        for line in [
            "-P -a h -o off",
            "-Pah -ooff",
            "--lanplus --ip=h --action=off",
            "--lanpl --ip h --act off",
            "--lanplus --ip h --act off --me onoff --c 3",
            "word -o off --lanplus -ah",
        ] {
            let values = parsed(line).unwrap();
            assert!(values.flag(&option::LANPLUS).unwrap(), "{line}");
            assert_eq!(values.get(&option::IP), Some("h"), "{line}");
            assert_eq!(values.get(&option::ACTION), Some("off"), "{line}");
        }
    }

    #[test]
    fn verbose_said_twice_is_the_more_of_it_unless_the_level_is_said() {
        let level = |line| parsed(line).unwrap().number(&option::VERBOSE_LEVEL).unwrap();
        assert_eq!([level("-v"), level("-vvv"), level("-v --verbose")], [0, 2, 2]);
        assert_eq!(level("-vv --verbose-level=1"), 1);
    }

    #[test]
    fn what_getopt_refuses_is_refused() {
        for line in ["-X", "--nonsense", "--lanplus=1", "-o", "--ip", "--pow x", "-m never"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
