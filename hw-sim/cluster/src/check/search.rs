//! Every run with at most so many faults: depth first, each state once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use super::fault::{self, Fault};
use super::milestone::{Milestone, Milestones};
use super::seen::Seen;
use super::setting::Setting;
use super::state::State;
use super::truth::Broken;

/// How often a thread looks at the clock, in states.
const LOOK_EVERY: u64 = 1_024;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// States reached, each as often as it was.
    pub states: u64,
    /// Different ones.
    pub unique: u64,
    /// Runs begun: the one without a fault, and one for each fault tried.
    pub runs: u64,
    /// Most events of one run, from an admitted, armed cluster.
    pub depth: u32,
    /// What was reached, and how often.
    pub reached: Vec<(Milestone, u64)>,
    /// Whether nothing was left out.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
    /// A promise that did not hold, and the run that shows it, in words.
    pub counterexample: Option<(Broken, Vec<String>)>,
}

/// Where in a run a fault struck.
type Trail = Vec<(u32, Fault)>;

/// One search, shared by its threads.
struct Search<'a> {
    setting: &'a Setting,
    seen: Seen,
    states: AtomicU64,
    runs: AtomicU64,
    depth: AtomicU64,
    reached: Milestones,
    stop: AtomicBool,
    cut_short: AtomicBool,
    ends_at: Instant,
    broken: Mutex<Option<(Broken, Trail)>>,
}

/// Searches `setting` on `threads` threads until all is seen, a promise breaks, or `budget` is
/// spent.
pub fn search(setting: &Setting, budget: Duration, threads: usize) -> Found {
    let began_at = clock::now();
    let search = Search {
        setting,
        seen: Seen::new(),
        states: AtomicU64::new(0),
        runs: AtomicU64::new(1),
        depth: AtomicU64::new(0),
        reached: Milestones::default(),
        stop: AtomicBool::new(false),
        cut_short: AtomicBool::new(false),
        ends_at: began_at + budget,
        broken: Mutex::new(None),
    };
    search.all(threads);
    let broken = search.broken.lock().ok().and_then(|mut broken| broken.take());
    Found {
        states: search.states.load(Ordering::Relaxed),
        unique: search.seen.unique(),
        runs: search.runs.load(Ordering::Relaxed),
        depth: u32::try_from(search.depth.load(Ordering::Relaxed)).unwrap_or(u32::MAX),
        reached: search.reached.all(),
        complete: !search.cut_short.load(Ordering::Relaxed) && broken.is_none(),
        took: clock::now().since(began_at),
        counterexample: broken.map(|(broken, trail)| (broken, retell(setting, &trail))),
    }
}

impl Search<'_> {
    /// The run without a fault, and then, shared among the threads, every fault at every point.
    fn all(&self, threads: usize) {
        let mut jobs: Vec<(State, Fault)> = Vec::new();
        let mut state = State::new(self.setting);
        while self.is_new(&state, self.setting.faults) && !self.ends(&state, &Trail::new()) {
            if self.setting.faults > 0 {
                let possible = fault::possible(self.setting, &state);
                jobs.extend(possible.into_iter().map(|fault| (state.clone(), fault)));
            }
            state.step(self.setting);
            self.reached.count(&state.reached);
        }
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while let Some((state, fault)) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let left = self.setting.faults.saturating_sub(1);
                        self.with_fault(state, *fault, left, &mut Trail::new());
                    }
                });
            }
        });
    }

    fn with_fault(&self, before: &State, fault: Fault, left: u8, trail: &mut Trail) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let mut state = before.clone();
        trail.push((state.steps, fault));
        fault::apply(self.setting, &mut state, fault);
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.run(state, left, trail);
        trail.pop();
    }

    fn run(&self, mut state: State, left: u8, trail: &mut Trail) {
        while self.is_new(&state, left) && !self.ends(&state, trail) {
            if left > 0 {
                for fault in fault::possible(self.setting, &state) {
                    self.with_fault(&state, fault, left - 1, trail);
                }
            }
            state.step(self.setting);
            self.reached.count(&state.reached);
        }
    }

    fn is_new(&self, state: &State, left: u8) -> bool {
        let states = self.states.fetch_add(1, Ordering::Relaxed);
        if states.is_multiple_of(LOOK_EVERY) && clock::now() > self.ends_at {
            self.cut_short.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
        self.seen.insert(state.print(), left)
    }

    fn ends(&self, state: &State, trail: &Trail) -> bool {
        self.depth.fetch_max(u64::from(state.steps), Ordering::Relaxed);
        if let Some(broken) = &state.broken {
            self.stop.store(true, Ordering::Relaxed);
            if let Ok(mut first) = self.broken.lock() {
                first.get_or_insert_with(|| (broken.clone(), trail.clone()));
            }
        }
        state.is_over() || self.stop.load(Ordering::Relaxed)
    }
}

/// Runs again with the same faults at the same points, and says what happens.
fn retell(setting: &Setting, trail: &Trail) -> Vec<String> {
    let mut state = State::told(setting);
    let mut faults = trail.iter().peekable();
    loop {
        while let Some((_, fault)) = faults.next_if(|(step, _)| *step == state.steps) {
            fault::apply(setting, &mut state, *fault);
        }
        if state.is_over() {
            return state.story.unwrap_or_default();
        }
        state.step(setting);
    }
}
