//! Every run with at most so many faults: depth first, each state once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use super::fault::{self, Fault};
use super::milestone::Milestone;
use super::schedule::{Cost, Schedule, choices};
use super::seen::Seen;
use super::setting::Setting;
use super::state::State;
use super::truth::{Broken, Judged, PROMISES};

/// How often a thread looks at the clock, in states.
const LOOK_EVERY: u64 = 1_024;

/// How long a shorter counterexample is looked for after the first.
const SHORTEN_FOR: Duration = Duration::from_secs(2);

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
    /// How often each promise was judged.
    pub judged: Vec<(&'static str, u64)>,
    /// Whether nothing was left out.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
    /// A promise that did not hold, and the shortest run found that shows it.
    pub counterexample: Option<Counterexample>,
}

/// A run that breaks a promise: with the fewest faults, and then the soonest, of those found.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Which promise.
    pub broken: Broken,
    /// Which run.
    pub schedule: Schedule,
    /// The run in words.
    pub story: Vec<String>,
}

/// A broken promise, and how much it took.
#[derive(Debug)]
struct Shortest {
    faults: u8,
    tick: u32,
    steps: u32,
    broken: Broken,
    schedule: Schedule,
}

/// One search, shared by its threads.
struct Search<'a> {
    setting: &'a Setting,
    seen: Seen,
    next: AtomicUsize,
    stop: AtomicBool,
    cut_short: AtomicBool,
    /// In nanoseconds of the boot clock.
    ends_at: AtomicU64,
    /// Faults and ticks of the shortest counterexample so far: what takes more is not followed.
    bound: AtomicU64,
    shortest: Mutex<Option<Shortest>>,
}

/// One thread of a search.
struct Walker<'a> {
    search: &'a Search<'a>,
    schedule: Schedule,
    states: u64,
    runs: u64,
    depth: u32,
    reached: [u64; Milestone::ALL.len()],
    judged: Judged,
}

/// Where a thread may begin.
struct Job {
    before: State,
    place: usize,
    fault: Fault,
    left: u8,
}

/// Searches `setting` on `threads` threads until all is seen, a promise breaks, or `budget` is
/// spent.
pub fn search(setting: &Setting, budget: Duration, threads: usize) -> Found {
    let began_at = clock::now();
    let search = Search {
        setting,
        seen: Seen::new(),
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        cut_short: AtomicBool::new(false),
        ends_at: AtomicU64::new((began_at + budget).as_nanos()),
        bound: AtomicU64::new(u64::MAX),
        shortest: Mutex::new(None),
    };
    let walked = search.all(threads);
    let shortest = search.shortest.lock().ok().and_then(|mut shortest| shortest.take());
    Found {
        states: walked.states,
        unique: search.seen.unique(),
        runs: walked.runs + 1,
        depth: walked.depth,
        reached: Milestone::ALL.into_iter().zip(walked.reached).collect(),
        judged: PROMISES.into_iter().zip(walked.judged).collect(),
        complete: !search.cut_short.load(Ordering::Relaxed) && shortest.is_none(),
        took: clock::now().since(began_at),
        counterexample: shortest.map(|shortest| shortest.retold(setting)),
    }
}

impl<'a> Search<'a> {
    /// The run without a fault, and then, shared among the threads, every choice at every point.
    fn all(&'a self, threads: usize) -> Walker<'a> {
        let (mut walker, mut jobs) = (Walker::new(self), Vec::new());
        let (mut state, left) = (State::new(self.setting), self.setting.faults);
        while walker.goes_on(&mut state, left) {
            for (place, (fault, cost)) in choices(self.setting, &state).into_iter().enumerate() {
                jobs.push(Job { before: state.clone(), place, fault, left: left - cost });
            }
            walker.step(&mut state);
        }
        let jobs = &jobs;
        std::thread::scope(|scope| {
            let begin = |_| scope.spawn(move || Walker::new(self).work(jobs));
            let begun: Vec<_> = (0..threads.max(1)).map(begin).collect();
            for thread in begun {
                match thread.join() {
                    Ok(walked) => walker.add(&walked),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        walker
    }

    fn look_at_clock(&self) {
        if clock::now() > Instant::from_nanos(self.ends_at.load(Ordering::Relaxed)) {
            self.cut_short.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn found(&self, faults: u8, state: &State, broken: &Broken, schedule: &Schedule) {
        let Ok(mut shortest) = self.shortest.lock() else { return };
        if shortest.is_none() {
            let soon = (clock::now() + SHORTEN_FOR).as_nanos();
            self.ends_at.fetch_min(soon, Ordering::Relaxed);
        }
        let takes = (faults, state.tick, state.steps);
        let is_shorter = |known: &Shortest| takes < (known.faults, known.tick, known.steps);
        if shortest.as_ref().is_none_or(is_shorter) {
            self.bound.store(bound(faults, state.tick), Ordering::Relaxed);
            let (broken, schedule) = (broken.clone(), schedule.clone());
            let (tick, steps) = (state.tick, state.steps);
            *shortest = Some(Shortest { faults, tick, steps, broken, schedule });
        }
    }
}

/// How much a run takes, as one number: faults count before ticks.
fn bound(faults: u8, tick: u32) -> u64 {
    u64::from(faults) << 32 | u64::from(tick)
}

impl Shortest {
    fn retold(self, setting: &Setting) -> Counterexample {
        let Self { broken, schedule, .. } = self;
        let story = schedule.tell(setting).map_or_else(|error| vec![error], |(_, story)| story);
        Counterexample { broken, schedule, story }
    }
}

impl<'a> Walker<'a> {
    fn new(search: &'a Search<'a>) -> Self {
        Self {
            search,
            schedule: Schedule::default(),
            states: 0,
            runs: 0,
            depth: 0,
            reached: [0; Milestone::ALL.len()],
            judged: [0; PROMISES.len()],
        }
    }

    fn add(&mut self, other: &Self) {
        self.states += other.states;
        self.runs += other.runs;
        self.depth = self.depth.max(other.depth);
        add_all(&mut self.reached, &other.reached);
        add_all(&mut self.judged, &other.judged);
    }

    /// Takes jobs until there are none.
    fn work(mut self, jobs: &[Job]) -> Self {
        while let Some(job) = jobs.get(self.search.next.fetch_add(1, Ordering::Relaxed)) {
            self.choose(&job.before, (job.place, job.fault), job.left);
        }
        self
    }

    /// Follows every run that goes on from `before` with `fault`, and has `left` more to spend.
    fn choose(&mut self, before: &State, (place, fault): (usize, Fault), left: u8) {
        if self.search.stop.load(Ordering::Relaxed) {
            return;
        }
        let setting = self.search.setting;
        let mut state = before.clone();
        self.schedule.0.push((state.steps, place));
        fault::apply(setting, &mut state, fault);
        self.runs += 1;
        while self.goes_on(&mut state, left) {
            self.branch(&state, left);
            self.step(&mut state);
        }
        self.schedule.0.pop();
    }

    fn branch(&mut self, state: &State, left: u8) {
        let setting = self.search.setting;
        if left == 0 && setting.lossy_ticks.is_none() {
            return;
        }
        let affordable = |choice: &(usize, (Fault, Cost))| choice.1.1 <= left;
        for (place, (fault, cost)) in
            choices(setting, state).into_iter().enumerate().filter(affordable)
        {
            self.choose(state, (place, fault), left - cost);
        }
    }

    fn step(&mut self, state: &mut State) {
        state.step(self.search.setting);
        for milestone in &state.reached {
            if let Some(count) = self.reached.get_mut(*milestone as usize) {
                *count += 1;
            }
        }
        add_all(&mut self.judged, &state.truth.judged);
    }

    /// Whether a state is new, and not the end of its run.
    fn goes_on(&mut self, state: &mut State, left: u8) -> bool {
        self.states += 1;
        self.depth = self.depth.max(state.steps);
        if self.states.is_multiple_of(LOOK_EVERY) {
            self.search.look_at_clock();
        }
        if !self.search.seen.insert(state.print(), left) {
            return false;
        }
        let faults = self.search.setting.faults - left;
        if let Some(broken) = &state.broken {
            self.search.found(faults, state, broken, &self.schedule);
        }
        let takes_more = bound(faults, state.tick) > self.search.bound.load(Ordering::Relaxed);
        !state.is_over() && !takes_more && !self.search.stop.load(Ordering::Relaxed)
    }
}

fn add_all(sums: &mut [u64], counts: &[u64]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}
