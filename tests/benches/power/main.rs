//! What power costs: `fence_palisade` and `palisade power` beside `fence_ipmilan`, `ipmitool` and
//! `ipmipower`, in one run, by turns, at the same BMCs.
//!
//! `cargo bench -p palisade-tests --bench power [-- [--quick] [--only a|b|c|d]]`. Needs the Debian
//! packages openipmi, ipmitool, freeipmi-tools and fence-agents. Prints, the targets too; judges
//! nothing. A figure of fewer than 20 measurements has a star, and so has its target its number.
//!
//! | part | what |
//! |---|---|
//! | a | one machine, whole processes, at OpenIPMI's `ipmi_sim`; then at a BMC that takes its time |
//! | b | 1 to 10,000 machines, at `palisade-sim bmc` |
//! | c | lost datagrams, at `palisade-sim bmc`; a lost RAKP 4 |
//! | d | memory, processes and processor time, of the same work |

mod contest;
mod fleet;
mod loss;
mod measured;
mod peers;
mod rack;
mod relay;
mod single;
mod size;

use std::env;
use std::error::Error;
use std::path::PathBuf;

use palisade_host::clock;
use palisade_tests::programs;

type Failure = Box<dyn Error>;

/// One part of the bench.
type Part = fn(&Bench) -> Result<(), Failure>;

/// What every part needs.
struct Bench {
    quick: bool,
    fence_palisade: PathBuf,
    palisade: PathBuf,
    simulator: PathBuf,
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some((measured::WORD, rest)) =
        words.split_first().map(|(word, rest)| (word.as_str(), rest))
    {
        return measured::run(rest);
    }
    let only = words.iter().position(|word| word == "--only").and_then(|at| words.get(at + 1));
    let bench = Bench::built(words.iter().any(|word| word == "--quick"))?;
    let parts: [(&str, Part); 4] =
        [("a", single::run), ("b", fleet::run), ("c", loss::run), ("d", size::run)];
    let began = clock::now();
    for (name, part) in parts {
        if only.is_none_or(|only| only == name) {
            part(&bench)?;
        }
    }
    if only.is_none() {
        let minutes = clock::now().since(began).as_secs_f64() / 60.0;
        contest::target_of_one("minutes for all of it", Some(minutes), "< 8", |minutes| {
            minutes < 8.0
        });
    }
    Ok(())
}

impl Bench {
    fn built(quick: bool) -> Result<Self, Failure> {
        Ok(Self {
            quick,
            fence_palisade: programs::shipped("palisade-fencer", "fence_palisade")?,
            palisade: programs::shipped("palisade-fencer", "palisade")?,
            simulator: programs::released("palisade-sim", "palisade-sim")?,
        })
    }

    /// How often something is done that takes little time.
    const fn rounds(&self) -> usize {
        if self.quick { 5 } else { 21 }
    }
}
