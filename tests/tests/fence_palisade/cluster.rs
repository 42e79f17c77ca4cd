//! One device for a whole cluster: its plugs are the nodes of a configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use palisade_host::keys::generate;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD, USER};

use super::rig::{assert_fails, by_stdin, code, ours, stderr, stdout, with, write_private};

#[test]
fn one_device_fences_each_node_of_a_cluster_at_its_own_bmc() {
    let (one, two) = (IpmiSim::start(), IpmiSim::start());
    let folder = tempfile::tempdir().unwrap();
    let config = format!("config={}", cluster(folder.path(), &one, &two).display());
    let ask = |more: &str| by_stdin(ours(), &with(std::slice::from_ref(&config), more));

    let listed = ask("action=list");
    assert_eq!(stdout(&listed), "alpha,\nbeta,\n", "{}", stderr(&listed));
    assert_eq!(code(&ask("action=monitor")), 0);
    let ignored = ask("username=nobody password=x cipher=3 action=monitor");
    assert_eq!(code(&ignored), 0, "{}", stderr(&ignored));
    assert!(
        stderr(&ignored).contains("username, password, cipher ignored"),
        "{}",
        stderr(&ignored)
    );
    let powers = || (one.power(), two.power());
    assert_eq!(code(&ask("action=off plug=beta")), 0);
    assert_eq!(powers(), ("1".to_owned(), "0".to_owned()));
    assert_eq!(stdout(&ask("action=list-status")), "alpha,,ON\nbeta,,OFF\n");
    assert_eq!(code(&ask("action=status nodename=beta")), 2);
    assert_eq!(code(&ask("action=on port=beta nodename=alpha")), 0);
    assert_eq!(code(&ask("action=off plug=alpha,beta")), 0);
    assert_eq!(powers(), ("0".to_owned(), "0".to_owned()));

    assert_fails(&ask("action=off plug=gamma"), "alpha, beta");
    assert_fails(&ask("action=off"), "no plug");
    drop(two);
    assert_fails(&ask("action=off plug=alpha,beta"), "of beta failed");
    assert_fails(&ask("action=monitor"), "of beta failed");
}

/// The configuration of two nodes and their BMCs.
fn cluster(folder: &Path, one: &IpmiSim, two: &IpmiSim) -> PathBuf {
    written(folder, &[("alpha", one.address()), ("beta", two.address())], "")
}

/// The configuration of nodes and their BMCs, the first with the only fencer. `more` stands before the
/// nodes.
pub(super) fn written(folder: &Path, nodes: &[(&str, SocketAddr)], more: &str) -> PathBuf {
    let password = folder.join("password");
    write_private(&password, PASSWORD);
    let mut text = format!(
        "[cluster]\nname = \"pair\"\nprofile = \"lan-fast\"\n{more}\
         [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n"
    );
    for (id, (name, bmc)) in (1..).zip(nodes) {
        text += &node(id, name, *bmc, &password);
    }
    let file = folder.join("palisade.toml");
    fs::write(&file, text).unwrap();
    file
}

fn node(id: u8, name: &str, bmc: SocketAddr, password: &Path) -> String {
    let folder = password.parent().unwrap();
    let key = generate(&folder.join(format!("{name}.key"))).unwrap();
    format!(
        "[[node]]\nname = \"{name}\"\nid = {id}\nfencer = {voter}\npublic_key = \"{key}\"\n\
         addresses = [\"127.79.0.{id}\", \"127.79.1.{id}\"]\n\
         [node.watchdog]\nbackend = \"sim\"\nsocket = \"{folder}/dog{id}\"\n\
         timeout_ms = 1000\nfire_ms = 1000\ncertified = true\n\
         [node.bmc]\naddress = \"{bmc}\"\nuser = \"{USER}\"\n\
         password_file = \"{password}\"\n",
        voter = id == 1,
        folder = folder.display(),
        password = password.display(),
    )
}
