//! The timeline as an SVG picture: one lane a machine, its life and service as bars, events as
//! labelled ticks, milliseconds below. Draws what the record says; judges nothing.

use super::event::{Mark, What, signed_ms};
use super::judge::proof_bound;
use super::node::Node;
use super::run::Run;
use super::scenario::Ending;
use super::truth::{Spell, Spells};
use palisade_protocol::time::Instant;

/// The whole picture.
pub fn svg(run: &Run) -> String {
    let scale = Scale::of(run);
    let lanes = lanes(run, &scale);
    let height = lanes.last().map_or(TOP, Lane::below) + FOOT;
    let mut out = opening(height);
    out.push_str(&title(run));
    out.push_str(&axis(&scale, height - FOOT));
    out.push_str(&moments(run, &scale, height - FOOT));
    for lane in &lanes {
        out.push_str(&lane.drawn(run, &scale));
    }
    out.push_str(&legend(height));
    out.push_str("</svg>\n");
    out
}

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 120.0;
/// Room above the lanes, for title and the names of moments.
const TOP: f64 = 84.0;
/// Room below the lanes, for axis and legend.
const FOOT: f64 = 64.0;
const BAR: f64 = 16.0;
const ROW: f64 = 15.0;
const LANE_GAP: f64 = 22.0;
/// Room above a bar even when nothing is labelled there.
const LANE_MIN: f64 = 18.0;
/// Average width of a character of 11 px sans-serif, on the large side.
const CHARACTER: f64 = 6.3;
/// Events of one kind on one machine within this time are one tick.
const SAME_MS: f64 = 80.0;
/// Time shown before the fault.
const LEAD_MS: f64 = 150.0;

/// Milliseconds to pixels.
struct Scale {
    first_ms: f64,
    last_ms: f64,
}

impl Scale {
    fn of(run: &Run) -> Self {
        let end = signed_ms(run.origin(), run.ended_at);
        Self { first_ms: -LEAD_MS, last_ms: end.max(LEAD_MS) }
    }

    fn x(&self, ms: f64) -> f64 {
        let share = (ms - self.first_ms) / (self.last_ms - self.first_ms);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn shows(&self, ms: f64) -> bool {
        (self.first_ms..=self.last_ms).contains(&ms)
    }

    /// The step of the axis: at most a dozen of them.
    fn step(&self) -> f64 {
        let steps = [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];
        let fits = |step: &f64| (self.last_ms - self.first_ms) / step <= 12.0;
        steps.into_iter().find(fits).unwrap_or(10_000.0)
    }
}

/// A tick with its label, and how high the label stands.
struct Tick {
    x: f64,
    what: What,
    text: String,
    row: u32,
}

impl Tick {
    fn end(&self) -> f64 {
        self.x + 8.0 + CHARACTER * f64::from(u32::try_from(self.text.len()).unwrap_or(0))
    }
}

/// One machine's strip of the picture.
struct Lane {
    node: Node,
    bar_y: f64,
    ticks: Vec<Tick>,
}

impl Lane {
    fn below(&self) -> f64 {
        self.bar_y + BAR + LANE_GAP
    }

    fn drawn(&self, run: &Run, scale: &Scale) -> String {
        let mut out = format!(
            "<text class=\"name\" x=\"12\" y=\"{:.1}\">{}</text>\n",
            self.bar_y + 13.0,
            self.node
        );
        out.push_str(&rect("off", LEFT, self.bar_y, WIDTH - LEFT - RIGHT, BAR));
        let bars = |spells: &Spells, class, y, high| -> String {
            let of = |spell| bar(run, scale, spell, class, y, high);
            spells.of(self.node).map(of).collect()
        };
        out.push_str(&bars(&run.truth.lives, "runs", self.bar_y, BAR));
        out.push_str(&bars(&run.truth.services, "serves", self.bar_y + 5.0, BAR - 10.0));
        out.extend(self.ticks.iter().map(|tick| self.tick(tick)));
        out
    }

    fn tick(&self, tick: &Tick) -> String {
        let class = class(tick.what);
        let label_y = self.bar_y - 8.0 - ROW * f64::from(tick.row);
        format!(
            "<line class=\"tick {class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text class=\"label {class}\" x=\"{:.1}\" y=\"{label_y:.1}\">{}</text>\n",
            label_y - 8.0,
            self.bar_y + BAR,
            tick.x + 4.0,
            tick.text,
            x = tick.x,
        )
    }
}

fn lanes(run: &Run, scale: &Scale) -> Vec<Lane> {
    let mut y = TOP;
    let lane = |node| {
        let ticks = ticks(run, scale, node);
        let rows = ticks.iter().map(|tick| tick.row + 1).max().unwrap_or(0);
        let bar_y = y + LANE_MIN.max(ROW * f64::from(rows) + 6.0);
        let lane = Lane { node, bar_y, ticks };
        y = lane.below();
        lane
    };
    Node::ALL.into_iter().map(lane).collect()
}

fn ticks(run: &Run, scale: &Scale, node: Node) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = Vec::new();
    let marks = shown_marks(run, scale, node);
    for mark in marks.into_iter().rev() {
        let ms = mark.ms_from(run.origin());
        let text = format!("{} {ms:+.0}", mark.what.name());
        let mut tick = Tick { x: scale.x(ms), what: mark.what, text, row: 0 };
        tick.row = row_for(&tick, &ticks);
        ticks.push(tick);
    }
    ticks
}

/// The lowest row in which the label crosses no tick to its right.
fn row_for(tick: &Tick, placed: &[Tick]) -> u32 {
    let in_the_way = placed.iter().filter(|other| other.x < tick.end());
    in_the_way.map(|other| other.row + 1).max().unwrap_or(0)
}

/// What is worth a tick: the contract's events from the fault on, each kind once where several
/// voters say it.
fn shown_marks<'a>(run: &'a Run, scale: &Scale, node: Node) -> Vec<&'a Mark> {
    let mut shown: Vec<&Mark> = Vec::new();
    for mark in run.marks.iter().filter(|mark| mark.node == node && mark.what.is_contract()) {
        let ms = mark.ms_from(run.origin());
        let same =
            |other: &&Mark| other.what == mark.what && ms - other.ms_from(run.origin()) < SAME_MS;
        if ms >= 0.0 && scale.shows(ms) && !shown.iter().any(same) {
            shown.push(mark);
        }
    }
    shown
}

fn bar(run: &Run, scale: &Scale, spell: &Spell, class: &str, y: f64, high: f64) -> String {
    let end = spell.to.unwrap_or(run.ended_at);
    let x = |at: Instant| scale.x(signed_ms(run.origin(), at));
    rect(class, x(spell.from), y, x(end) - x(spell.from), high)
}

fn rect(class: &str, x: f64, y: f64, wide: f64, high: f64) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{high:.1}\"/>\n",
        wide.max(0.0)
    )
}

fn opening(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" \
         width=\"{WIDTH:.0}\" height=\"{height:.0}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    )
}

fn title(run: &Run) -> String {
    format!(
        "<title>Palisade demo: {name}</title>\n\
         <text class=\"title\" x=\"12\" y=\"28\">{name}</text>\n\
         <text class=\"about\" x=\"12\" y=\"48\">{}; seed {}</text>\n",
        run.scenario.about,
        run.seed,
        name = run.scenario.name,
    )
}

fn axis(scale: &Scale, y: f64) -> String {
    let step = scale.step();
    let mut out = String::new();
    let mut ms = 0.0;
    while ms <= scale.last_ms {
        out.push_str(&format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\">{ms:.0}</text>\n",
            y + 16.0,
            x = scale.x(ms),
        ));
        ms += step;
    }
    out.push_str(&format!(
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\">ms after the fault</text>\n",
        WIDTH - RIGHT / 2.0,
        y + 16.0
    ));
    out
}

/// Vertical lines through all lanes: the fault, and the latest moment for a proof.
fn moments(run: &Run, scale: &Scale, y: f64) -> String {
    let mut out = moment(scale, 0.0, "fault-line", "", y);
    if let Ending::Replaced(proof) = run.scenario.ending {
        let bound = proof_bound(run, proof).0.as_secs_f64() * 1e3;
        out.push_str(&moment(scale, bound, "bound-line", &format!("proof due {bound:.0}"), y));
    }
    out
}

fn moment(scale: &Scale, ms: f64, class: &str, name: &str, y: f64) -> String {
    if !scale.shows(ms) {
        return String::new();
    }
    format!(
        "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{y:.1}\"/>\
         <text class=\"moment {class}\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>\n",
        TOP - 8.0,
        scale.x(ms) + 4.0,
        TOP - 2.0,
        x = scale.x(ms),
    )
}

fn legend(height: f64) -> String {
    let y = height - 22.0;
    [("runs", "can act"), ("serves", "runs the service"), ("off", "dead, off or booting")]
        .into_iter()
        .zip([LEFT, LEFT + 100.0, LEFT + 250.0])
        .map(|((class, text), x)| {
            let swatch = rect(class, x, y, 18.0, 10.0);
            format!(
                "{swatch}<text class=\"key\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>\n",
                x + 24.0,
                y + 9.0
            )
        })
        .collect()
}

const fn class(what: What) -> &'static str {
    match what {
        What::Fault | What::Alarm | What::SelfReset => "bad",
        What::Suspected | What::RefusedPet | What::Lost => "doubt",
        What::Warrant | What::OffSent | What::OffVerified | What::Fenced => "act",
        What::Promoted | What::OnSent | What::OnVerified | What::Admitted | What::Rejoined => {
            "good"
        }
        What::Started | What::Quorum | What::Declined | What::Hook => "plain",
    }
}

/// Readable on white and on black paper; every colour is set, none inherited.
const STYLE: &str = "
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:11px;fill:#24292f}
.paper{fill:#ffffff}
.title{font-size:19px;font-weight:600}
.about{font-size:13px;fill:#57606a}
.name{font-size:13px;font-weight:600}
.label,.moment{paint-order:stroke;stroke:#ffffff;stroke-width:3px;stroke-linejoin:round}
.axis{text-anchor:middle;fill:#57606a}
.key,.moment{fill:#57606a}
.grid{stroke:#d0d7de;stroke-width:1}
.off{fill:#d8dee4}
.runs{fill:#7bc48f}
.serves{fill:#0a58ca}
.tick{stroke:#57606a;stroke-width:1.2}
.fault-line{stroke:#cf222e;stroke-width:1.2}
.bound-line{stroke:#57606a;stroke-width:1.2;stroke-dasharray:5 4}
text.bound-line{stroke:#ffffff;stroke-width:3px;stroke-dasharray:none}
text.bad{fill:#cf222e}line.bad{stroke:#cf222e}
text.doubt{fill:#9a6700}line.doubt{stroke:#9a6700}
text.act{fill:#8250df}line.act{stroke:#8250df}
text.good{fill:#116329}line.good{stroke:#116329}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.paper{fill:#0d1117}
.about,.axis,.key,.moment{fill:#9ea7b3}
.grid{stroke:#30363d}
.off{fill:#30363d}
.runs{fill:#2c7a45}
.serves{fill:#79b8ff}
.tick{stroke:#9ea7b3}
.bound-line{stroke:#9ea7b3}
.fault-line{stroke:#ff7b72}
.label,.moment,text.bound-line{stroke:#0d1117}
text.bad{fill:#ff7b72}line.bad{stroke:#ff7b72}
text.doubt{fill:#e3b341}line.doubt{stroke:#e3b341}
text.act{fill:#d2a8ff}line.act{stroke:#d2a8ff}
text.good{fill:#56d364}line.good{stroke:#56d364}
}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sample;

    #[test]
    fn every_machine_has_a_lane_and_every_event_a_label() {
        let svg = svg(&sample::kill());
        for word in ["node1", "node2", "node3", "off_sent +318", "promoted +799", "proof due "] {
            assert!(svg.contains(word), "{word}");
        }
        assert_eq!(svg.matches("suspected").count(), 1, "two voters, one tick");
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn no_label_crosses_a_tick_to_its_right() {
        let run = sample::kill();
        for node in Node::ALL {
            let ticks = ticks(&run, &Scale::of(&run), node);
            for one in &ticks {
                for other in ticks.iter().filter(|other| other.x > one.x && other.x < one.end()) {
                    assert!(other.row < one.row, "{} over {}", one.text, other.text);
                }
            }
        }
    }

    #[test]
    fn the_axis_has_a_dozen_steps_at_most() {
        for last_ms in [200.0, 900.0, 4_000.0, 15_000.0, 60_000.0] {
            let scale = Scale { first_ms: -LEAD_MS, last_ms };
            assert!((last_ms + LEAD_MS) / scale.step() <= 12.0, "{last_ms}");
        }
    }
}
