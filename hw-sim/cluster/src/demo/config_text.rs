//! The configuration file of the demo's cluster. Text only; whether it is a good one is for the
//! parser of the daemons to say.

use super::layout::{AGENT_PORT, Block, FENCER_PORT, Files, LINKS};
use super::node::Node;
use super::numbers::{
    BEAT, CHECK_EVERY, CHECK_TIMEOUT, CHECK_TOLERATE, DRIFT_PPM, MARGIN, OFF_CONFIRM, ON_REST,
    PROMISE, RTT, STALL, SUSPECT_AFTER, WARRANT, WATCHDOG,
};
use palisade_protocol::time::Duration;

/// User of every simulated BMC.
pub const BMC_USER: &str = "palisade";

/// The whole file; `key_of` gives each machine's public key.
pub fn config(block: &Block, files: &Files, key_of: impl Fn(Node) -> String) -> String {
    let mut text = common(files);
    for link in LINKS {
        text.push_str(&format!("[[link]]\nname = \"{link}\"\n"));
    }
    for node in Node::ALL {
        text.push_str(&machine(block, files, node, &key_of(node)));
    }
    text
}

fn common(files: &Files) -> String {
    [cluster(), daemon(files, "agent"), daemon(files, "fencer"), hooks(files)].concat()
}

fn cluster() -> String {
    format!(
        "[cluster]\nname = \"demo\"\nprofile = \"lan-fast\"\n\
         [timing]\nbeat_ms = {}\nsuspect_after_ms = {}\nstall_ms = {}\nrtt_ms = {}\n\
         margin_ms = {}\ndrift_ppm = {DRIFT_PPM}\npromise_ms = {}\noff_confirm_ms = {}\n\
         on_rest_ms = {}\nwarrant_ms = {}\n",
        ms(BEAT),
        ms(SUSPECT_AFTER),
        ms(STALL),
        ms(RTT),
        ms(MARGIN),
        ms(PROMISE),
        ms(OFF_CONFIRM),
        ms(ON_REST),
        ms(WARRANT),
    )
}

fn daemon(files: &Files, role: &str) -> String {
    let root = files.root().display();
    let own = if role == "agent" {
        "realtime = true\n"
    } else {
        "power_on = true\nfences_per_hour_max = 3\nfences_at_once_max = 1\n"
    };
    format!(
        "[{role}]\nkey_file = \"{root}/{{node}}/node.key\"\nstate_dir = \"{root}/{{node}}\"\n\
         journal = \"{root}/{{node}}/{role}.jsonl\"\n\
         control_socket = \"{root}/{{node}}/{role}.sock\"\n{own}"
    )
}

fn hooks(files: &Files) -> String {
    format!("[hooks]\non_fenced = \"{}\"\ntimeout_ms = 10000\n", files.hook().display())
}

fn machine(block: &Block, files: &Files, node: Node, key: &str) -> String {
    let addresses = per_link(|link| block.address(node, link).to_string());
    let binds = per_link(|link| block.bind(node, link).to_string());
    format!(
        "[[node]]\nname = \"{node}\"\nid = {}\npublic_key = \"{key}\"\n\
         addresses = [{addresses}]\nbind = [{binds}]\n\
         agent_port = {AGENT_PORT}\nfencer_port = {FENCER_PORT}\n\
         [node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = {}\nfire_ms = {}\n\
         certified = true\nclass = \"physical\"\n\
         [node.bmc]\naddress = \"{}\"\nuser = \"{BMC_USER}\"\npassword_file = \"{}\"\n\
         [node.check]\nprofile = \"bitbucket\"\nurl = \"http://{}/status\"\narmed = false\n\
         every_ms = {}\ntimeout_ms = {}\ntolerate = {CHECK_TOLERATE}\n",
        node.number(),
        files.file(node, "dog.sock").display(),
        ms(WATCHDOG),
        ms(WATCHDOG),
        block.bmc(node),
        files.file(node, "bmc.pw").display(),
        block.status(node),
        ms(CHECK_EVERY),
        ms(CHECK_TIMEOUT),
    )
}

fn per_link(show: impl Fn(usize) -> String) -> String {
    let shown: Vec<_> = (0..LINKS.len()).map(|link| format!("\"{}\"", show(link))).collect();
    shown.join(", ")
}

const fn ms(span: Duration) -> u128 {
    span.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_host::config::Cluster;

    #[test]
    fn the_daemons_accept_the_demo_s_configuration() {
        let block = Block::claim(0x7001).unwrap();
        let files = Files::below("/tmp/palisade-demo-x".into());
        let key = |node: Node| {
            palisade_host::keys::PublicKey::from_bytes([node.number(); 32]).to_string()
        };
        let text = config(&block, &files, key);
        let cluster =
            Cluster::parse("demo.toml", &text).unwrap_or_else(|all| panic!("{all}\n{text}"));
        assert_eq!(cluster.voters().count(), 3);
        assert_eq!(cluster.timing.raw().promise, PROMISE);
        assert_eq!(cluster.warnings, Vec::<String>::new());
    }
}
