//! The border to a cluster manager: the lines that it gives a fence agent.

use palisade_fencer::fence_agent::rehearse;

/// Nobody guesses it: where it shows up, a password was shown.
const PASSWORD: &str = "Xq7-pass-Zw9";

/// Reads `input` as an agent would, and once more with a password at its end.
pub(super) fn run(input: &[u8]) {
    let before = rehearse(input);
    judge(&before);
    let mut with_password = input.to_vec();
    with_password.extend_from_slice(format!("\npasswd={PASSWORD}\n").as_bytes());
    let after = rehearse(&with_password);
    judge(&after);
    let (Ok((_, lines)) | Err(lines)) = &after;
    let shown = lines.iter().any(|line| line.contains(PASSWORD));
    assert!(!shown || contains(input, PASSWORD.as_bytes()), "a password was shown: {lines:?}");
    if let (Ok((before, _)), Ok((after, _))) = (&before, &after) {
        assert_eq!(before, after, "a password is no action");
    }
}

/// What Pacemaker sends, and what people write by hand.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "nodename=n1\npw=a=b c\naction=off\nport=p1\nip=10.0.0.1\nusername=u\npassword=a=b c\n",
        "# by hand\n\nip = \"10.0.0.1\"\nlogin=u\npasswd=p\nlanplus=1\ncipher=3\naction=OFF\n",
        "ip=fd00::1\nipport=6230\nusername=u\nprivlvl=operator\nhexadecimal_kg=0x3132\n\
         guid=a1234567-89ab-cdef-a123-456789abcdef\noff_confirm_ms=50\ndelay=0.5\noption=status\n",
        "via=fencer\nfencer_socket=/run/x\nplug=a,b;c\nplug_separator=;\naction=reboot\n",
        "config=/etc/palisade/palisade.toml\nplug=a\naction=list-status\nverbose_level=2\n",
        "action=monitor\nport_as_ip=yes\nport=10.0.0.9\nusername=u\npower_timeout=1e3\ntarget=0x24\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn judge(outcome: &Result<(&str, Vec<String>), Vec<String>>) {
    match outcome {
        Ok((action, _)) => assert!(!action.is_empty(), "an action has a name"),
        Err(lines) => {
            assert!(lines.iter().any(|line| !line.is_empty()), "a failure says why");
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
