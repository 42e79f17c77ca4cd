//! The agent described in XML for cluster managers, made from the table of options.
//!
//! Valid by the schema of fence-agents (`metadata.rng`): the order of elements matters there.

use super::action::Action;
use super::called::{self, Called};
use super::help::forms;
use super::option::{self, Kind, Opt};

const SHORT: &str = "Fence agent for IPMI 2.0 with verified power off";

const LONG: &str = "fence_palisade switches a machine's power at its BMC by IPMI 2.0 (RMCP+, cipher suites 17 and 3) \
and takes every option of fence_ipmilan. Off is reported only after two readings of off. Reboot is reported as soon as \
off is verified. With config it fences every node of a palisade cluster by the ways to its power written there, in \
order: IPMI, Redfish, other fence agents. Differences: cipher suites weaker than 3 are not used, but 17 and 3; IPMI 1.5, the anonymous user, \
bridging (target) and an unverified cycle are refused.";

/// The metadata.
pub(super) fn xml() -> String {
    let parameters: String = option::ALL.iter().map(parameters).collect();
    let name = called::now().name;
    let actions: String =
        Action::offered().map(|name| format!("\t<action name=\"{name}\" />\n")).collect();
    format!(
        "<?xml version=\"1.0\" ?>\n\
         <resource-agent name=\"{name}\" shortdesc=\"{SHORT}\" >\n{links}\
         <longdesc>{LONG}</longdesc>\n\
         <vendor-url></vendor-url>\n\
         <parameters>\n{parameters}</parameters>\n\
         <actions>\n{actions}</actions>\n\
         </resource-agent>\n",
        links = links(name)
    )
}

/// The names under which it stands in for others.
fn links(name: &str) -> String {
    let others = called::OTHERS.iter().filter(|other| other.name != name);
    let link = |other: &Called| {
        format!("<symlink name=\"{}\" shortdesc=\"{}\" />\n", other.name, other.about)
    };
    others.map(link).collect()
}

/// The metadata as the source of a manual page, for `fence2man.xsl`: backslashes and hyphens of the texts between
/// tags escaped for roff.
pub(super) fn manpage() -> String {
    for_roff(&xml())
}

fn for_roff(xml: &str) -> String {
    let parts = xml.split_inclusive('>').map(|part| {
        let (text, tag) = part.split_at(part.find('<').unwrap_or(part.len()));
        text.replace('\\', "\\\\").replace('-', "\\-") + tag
    });
    parts.collect()
}

/// An option under its name, and before that under its older one.
fn parameters(option: &Opt) -> String {
    let Some(old) = option.old else { return parameter(option, option.name, "") };
    let new = format!(" obsoletes=\"{old}\"");
    parameter(option, old, " deprecated=\"1\"") + &parameter(option, option.name, &new)
}

fn parameter(option: &Opt, name: &str, more: &str) -> String {
    format!(
        "\t<parameter name=\"{name}\" unique=\"0\" required=\"{required}\"{more}>\n\
         \t\t<getopt mixed=\"{forms}\" />\n\
         {content}\
         \t\t<shortdesc lang=\"en\">{about}</shortdesc>\n\
         \t</parameter>\n",
        required = u8::from(option.required),
        forms = escaped(&forms(option)),
        content = content(option),
        about = escaped(option.about),
    )
}

fn content(option: &Opt) -> String {
    let default = option.fallback().map(|value| format!(" default=\"{}\"", escaped(value)));
    let default = default.unwrap_or_default();
    let plain = |kind| format!("\t\t<content type=\"{kind}\"{default} />\n");
    match option.kind {
        Kind::Flag => plain("boolean"),
        Kind::Text => plain("string"),
        Kind::Integer => plain("integer"),
        Kind::Seconds => plain("second"),
        Kind::Choice(choices) => {
            let choices: String = choices
                .iter()
                .map(|value| format!("\t\t\t<option value=\"{value}\" />\n"))
                .collect();
            format!("\t\t<content type=\"select\"{default}>\n{choices}\t\t</content>\n")
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_for_roff_and_tags_left_alone() {
        let xml = "<a-b c=\"-d, --e\" >f-g \\ h</a-b>\n\t<i />-\n";
        assert_eq!(for_roff(xml), "<a-b c=\"-d, --e\" >f\\-g \\\\ h</a-b>\n\t<i />\\-\n");
    }
}
