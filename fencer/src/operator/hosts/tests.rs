use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn none(_: &Path) -> io::Result<String> {
    Err(io::Error::other("no files here"))
}

fn parse(text: &str) -> Result<HostList, HostListError> {
    HostList::parse(text, &none)
}

fn addresses(text: &str) -> Vec<String> {
    parse(text).unwrap().hosts().iter().map(Host::address).collect()
}

fn refused(text: &str) -> (usize, Problem) {
    let error = parse(text).unwrap_err();
    (error.column, error.problem)
}

#[test]
fn a_range_counts_up_and_the_usual_port_is_meant() {
    assert_eq!(addresses("10.0.0.[1-3]"), ["10.0.0.1:623", "10.0.0.2:623", "10.0.0.3:623"]);
    assert_eq!(addresses("bmc.LAN:6230"), ["bmc.lan:6230"]);
}

#[test]
fn zeros_before_a_number_are_kept() {
    assert_eq!(
        addresses("bmc[08-10,30].lan:6230"),
        ["bmc08.lan:6230", "bmc09.lan:6230", "bmc10.lan:6230", "bmc30.lan:6230"]
    );
}

#[test]
fn commas_in_brackets_are_not_those_between_hosts_and_blanks_separate_too() {
    assert_eq!(addresses("a[1,3], b , c d"), ["a1:623", "a3:623", "b:623", "c:623", "d:623"]);
}

#[test]
fn two_ranges_give_every_pair_the_last_counting_fastest() {
    assert_eq!(addresses("r[1-2]n[1-2]"), ["r1n1:623", "r1n2:623", "r2n1:623", "r2n2:623"]);
}

#[test]
fn ipv6_has_brackets_of_its_own_and_may_have_a_range_in_them() {
    assert_eq!(addresses("[fe80::1]:6230,[FE80::0:2]"), ["[fe80::1]:6230", "[fe80::2]:623"]);
    assert_eq!(addresses("[fd00::[9-10]]"), ["[fd00::9]:623", "[fd00::10]:623"]);
    assert_eq!(addresses("[fe80::1%2]"), ["[fe80::1%2]:623"]);
    assert_eq!(refused("fe80::1"), (5, Problem::BareIpv6));
    assert!(matches!(refused("[fe80::12345]"), (1, Problem::NoIpv6(_))));
    assert!(matches!(refused("[fe80::1"), (9, Problem::Unclosed)));
}

#[test]
fn a_host_named_twice_is_asked_once_and_said() {
    let list = parse("10.0.0.[1-2],10.0.0.2,BMC1,bmc1:623").unwrap();
    assert_eq!(list.hosts().len(), 3);
    let repeated: Vec<String> = list.repeated().iter().map(Host::to_string).collect();
    assert_eq!(repeated, ["10.0.0.2", "bmc1"]);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let column = |text| refused(text).0;
    assert_eq!(refused("a,,b"), (3, Problem::Nothing));
    assert_eq!(refused("a,"), (3, Problem::Nothing));
    assert_eq!(refused(",a"), (1, Problem::Nothing));
    assert_eq!(refused(" "), (1, Problem::Empty));
    assert_eq!(refused("bmc[1-2"), (4, Problem::Unclosed));
    assert_eq!(refused("ä"), (1, Problem::Character('ä')));
    assert_eq!(column("a,b[1,x-2]"), 7);
    assert!(matches!(refused("b[20-1]"), (3, Problem::Backwards(_))));
    assert!(matches!(refused("b[01-100]"), (3, Problem::Padding(_))));
    assert!(matches!(refused("b:0"), (2, Problem::Port(_))));
    assert!(matches!(refused("b:65536"), (2, Problem::Port(_))));
    assert!(matches!(refused("b[]"), (3, Problem::NoRange(_))));
    assert!(matches!(refused("10.0.0.[250-256]"), (1, Problem::NoIpv4(_))));
    assert!(matches!(refused("10.0.0.[01-20]"), (1, Problem::NoIpv4(_))));
    assert!(matches!(refused("bmc-.lan"), (1, Problem::NoName(_))));
    assert_eq!(
        parse("a]b").unwrap_err().to_string().split(": ").next(),
        Some("host list, column 2")
    );
}

#[test]
fn a_list_has_its_bound_and_is_not_written_out_beyond_it() {
    assert_eq!(parse("10.1.[0-255].[0-255]").unwrap().hosts().len(), HOSTS_MAX);
    assert_eq!(refused("10.1.[0-255].[0-255],a"), (22, Problem::TooMany));
    assert_eq!(refused("a[1-999999999][1-999999999][1-999999999]"), (1, Problem::TooMany));
}

#[test]
fn a_file_has_a_line_a_list_and_remarks() {
    let file = |path: &Path| match path.to_str() {
        Some("rack1") => Ok("# rack 1\nbmc[1-2]\n\n  bmc3:6230 # new\n".to_owned()),
        Some("rack2") => Ok("bmc1\n  b[2-1]".to_owned()),
        _ => Ok("@rack1".to_owned()),
    };
    let list = HostList::parse("first,@rack1,last", &file).unwrap();
    let names: Vec<String> = list.hosts().iter().map(Host::to_string).collect();
    assert_eq!(names, ["first", "bmc1", "bmc2", "bmc3:6230", "last"]);
    let wrong = HostList::parse("@rack2", &file).unwrap_err();
    assert!(wrong.to_string().starts_with("rack2, line 2, column 5: the range 2-1"), "{wrong}");
    let nested = HostList::parse("@rack3", &file).unwrap_err();
    assert_eq!(nested.problem, Problem::FileInFile);
    assert!(matches!(refused("a,@rack1"), (3, Problem::File(_))));
}

#[test]
fn many_hosts_become_a_short_list() {
    let fold = |text: &str| folded(parse(text).unwrap().hosts());
    assert_eq!(fold("10.0.0.[1-98],10.0.0.100,web"), "10.0.0.[1-98,100],web");
    assert_eq!(fold("bmc[001-100].lan:6230"), "bmc[001-100].lan:6230");
    assert_eq!(fold("a7"), "a7");
    assert_eq!(fold("[fd00::1],[fd00::2]"), "[fd00::1],[fd00::2]");
    assert_eq!(fold("a1,b1,a2"), "a[1-2],b1");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place_in_it(text in ".{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1, "{error}");
        }
    }

    #[test]
    fn a_folded_list_means_the_same_hosts(text in r"([a-c]|10\.0\.0\.)?(\[[0-9]-1[0-9]\]|[0-2]{1,4}|\[0[0-9]-9[0-9]\])(\.lan)?(:62[0-9])?(,[a-c][0-9]{0,3}(:6230)?){0,6}") {
        if let Ok(list) = parse(&text) {
            let again = parse(&folded(list.hosts())).unwrap();
            let sorted = |list: &HostList| {
                let mut hosts = list.hosts().to_vec();
                hosts.sort();
                hosts
            };
            prop_assert_eq!(sorted(&again), sorted(&list));
        }
    }
}
