//! What a fencer and the agent beside it know of a BMC from the times before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::cluster::written;
use super::exact::OurBmc;
use super::rig::{as_root, code, ours, stderr};

/// A configuration whose node `alpha` is this host.
struct Host {
    folder: tempfile::TempDir,
    bmc: OurBmc,
}

impl Host {
    fn new() -> Self {
        let (folder, bmc) = (tempfile::tempdir().unwrap(), OurBmc::start());
        let more = format!("[fencer]\nstate_dir = \"{}/state\"\n", folder.path().display());
        written(folder.path(), &[("alpha", bmc.address())], &more);
        Self { folder, bmc }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the agent under the host name `alpha`, and says what it did step by step.
    fn off(&self) -> (Output, String) {
        let trace = self.path("trace");
        let line = format!(
            "hostname alpha && exec {} -o off -n alpha --config {} -D {}",
            ours().display(),
            self.path("palisade.toml").display(),
            trace.display()
        );
        let output = as_root("unshare", "PATH").args(["--uts", "--", "sh", "-c", &line]).output();
        let shown = fs::read_to_string(&trace).unwrap_or_default();
        fs::remove_file(trace).unwrap_or_default();
        (output.unwrap(), shown)
    }

    /// Fences the machine, which is on.
    fn off_is_done(&self) -> String {
        self.bmc.switch_on();
        let (output, shown) = self.off();
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        assert!(!self.bmc.is_on());
        shown
    }
}

/// Milliseconds between the first and the last of the readings of off.
fn confirmed_after(shown: &str) -> u64 {
    let line = shown.lines().find(|line| line.contains("off, verified")).expect(shown);
    let at = |part: &str| part.split(' ').next().unwrap().parse::<u64>().unwrap();
    let times: Vec<u64> = line.split("off at ").skip(1).map(at).collect();
    times.last().unwrap() - times.first().unwrap()
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).unwrap();
    files.next().unwrap().unwrap().path()
}

/// A BMC that has once read on after off is given more time, whoever saw it.
#[test]
fn what_the_fencer_learned_of_a_bmc_the_agent_beside_it_knows_too() {
    let host = Host::new();
    fs::create_dir(host.path("state")).unwrap();
    assert!(confirmed_after(&host.off_is_done()) < 250);
    let learned = only_file(&host.path("state/bmc"));
    let text = fs::read_to_string(&learned).unwrap();
    fs::write(&learned, text.replace("\"flaps\":false", "\"flaps\":true")).unwrap();
    assert!(confirmed_after(&host.off_is_done()) >= 250);

    for damage in ["{", "", "\0\0\0"] {
        fs::write(&learned, damage).unwrap();
        host.off_is_done();
    }
}

#[test]
fn an_agent_where_no_fencer_keeps_anything_leaves_nothing_behind() {
    let host = Host::new();
    host.off_is_done();
    assert!(!host.path("state").exists());
    // Nothing can be written below a file.
    fs::create_dir(host.path("state")).unwrap();
    fs::write(host.path("state/bmc"), "").unwrap();
    host.off_is_done();
}
