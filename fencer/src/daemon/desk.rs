//! The power desk: carries the core's orders to the BMCs, one task and one session for each case.
//!
//! Never sends a command without a warrant, pulled from the loop when everything else is ready and
//! consumed by the sending; never lets a command be repeated past the warrant's end; never takes
//! silence for a power state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{FenceWarrant, OrderId, PowerAct, PowerOrder, Void};
use palisade_host::clock;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::power::{PowerDevice, PowerSession};

/// Longest that one order takes, login included: well within the core's patience of 15 s, long enough
/// for a BMC that needs seconds to log in.
const ORDER_MAX: Duration = Duration::from_secs(8);

/// What is left to whatever does not keep that deadline by itself: a password file on a dead mount.
const SLACK: Duration = Duration::from_secs(1);

/// A case that orders nothing for this long gives its session back: BMCs have few, and drop one that
/// is idle for a minute. [IPMI2 §6.12.15]
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Orders that may wait in one case: the core has one open at a time.
const WAITING_MAX: usize = 4;

/// What the desk asks of the loop, or tells it.
#[derive(Debug)]
pub(super) enum Word {
    /// A command is ready to leave: is there a warrant?
    Asking {
        /// For which order.
        order: PowerOrder,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<FenceWarrant, Void>>,
    },
    /// An order has ended.
    Ended {
        /// Which.
        order: PowerOrder,
        /// For the core.
        report: PowerReport,
        /// For people: what the BMC said, or why nothing came of it.
        said: String,
    },
}

/// The orders under way.
#[derive(Debug)]
pub(super) struct Desk {
    devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>,
    cases: BTreeMap<NodeId, (u32, mpsc::Sender<PowerOrder>)>,
    words: mpsc::Receiver<Word>,
    tell: mpsc::Sender<Word>,
}

impl Desk {
    /// A desk for these devices; needs a tokio runtime when orders come.
    pub(super) fn new(devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>) -> Self {
        let (tell, words) = mpsc::channel(64);
        Self { devices, cases: BTreeMap::new(), words, tell }
    }

    /// Starts to carry an order out; its end comes as [`Word::Ended`].
    pub(super) fn take(&mut self, order: PowerOrder) {
        let OrderId { target, case, .. } = order.id;
        let open = self.cases.get(&target).filter(|(number, _)| *number == case);
        let refused = match open {
            Some((_, orders)) => orders.try_send(order).is_err(),
            None => true,
        };
        if refused {
            self.open(target, case, order);
        }
    }

    /// The next word from a case; waits for ever while there is none. May be dropped and asked again.
    pub(super) async fn word(&mut self) -> Word {
        match self.words.recv().await {
            Some(word) => word,
            None => std::future::pending().await,
        }
    }

    /// Begins a case, or begins it anew if its task has ended.
    fn open(&mut self, target: NodeId, case: u32, order: PowerOrder) {
        let Some(device) = self.devices.get(&target) else {
            return self.without_device(order);
        };
        let (orders, waiting) = mpsc::channel(WAITING_MAX);
        let (device, tell) = (Arc::clone(device), self.tell.clone());
        let clerk = Clerk { device, session: None, tell };
        tokio::spawn(clerk.serve(waiting));
        if orders.try_send(order).is_ok() {
            self.cases.insert(target, (case, orders));
        }
    }

    /// The core orders nothing at a node without a BMC; if it did, this would be the answer.
    fn without_device(&self, order: PowerOrder) {
        let said = "no [node.bmc] is configured for it".to_owned();
        let word = Word::Ended { order, report: PowerReport::Failed, said };
        if self.tell.try_send(word).is_err() {
            log::error!("order {:?}: no BMC, and no room to say so", order.id);
        }
    }
}

/// Whoever carries out the orders of one case.
struct Clerk {
    device: Arc<dyn PowerDevice>,
    session: Option<Open>,
    tell: mpsc::Sender<Word>,
}

/// An open session, and when its opening began.
struct Open {
    session: Box<dyn PowerSession>,
    at: Instant,
}

/// Why an order came to nothing, in words.
type Trouble = String;

impl Clerk {
    /// Until the case is closed, or replaced by another.
    async fn serve(mut self, mut orders: mpsc::Receiver<PowerOrder>) {
        loop {
            match timeout(IDLE_MAX, orders.recv()).await {
                Ok(Some(order)) => self.carry_out(order).await,
                Ok(None) => return,
                Err(_idle) => self.session = None,
            }
        }
    }

    async fn carry_out(&mut self, order: PowerOrder) {
        let done = timeout(ORDER_MAX + SLACK, self.attempt(order)).await;
        let done = done.unwrap_or_else(|_stuck| {
            let longest = (ORDER_MAX + SLACK).as_secs();
            Err(format!("{}: nothing came of it within {longest} s", self.device.describe()))
        });
        let (report, said) = match done {
            Ok(done) => done,
            Err(trouble) => {
                // What a broken session obeyed must be obeyed anew.
                self.session = None;
                (PowerReport::Failed, trouble)
            }
        };
        if self.tell.send(Word::Ended { order, report, said }).await.is_err() {
            log::debug!("the loop has ended before order {:?}", order.id);
        }
    }

    async fn attempt(&mut self, order: PowerOrder) -> Result<(PowerReport, String), Trouble> {
        let by = clock::now() + ORDER_MAX;
        let tell = self.tell.clone();
        if order.act == PowerAct::On {
            // A copy of off that the network held back meets a closed session.
            self.session = None;
        }
        let open = self.session(by).await?;
        open.session.set_deadline(by);
        match order.act {
            PowerAct::Read => open.read().await,
            PowerAct::Off | PowerAct::On => open.command(pull(&tell, order).await?, by).await,
        }
    }

    /// The session of this case, opened if need be.
    async fn session(&mut self, by: Instant) -> Result<&mut Open, Trouble> {
        if self.session.is_none() {
            self.session = Some(self.log_in(by).await?);
        }
        self.session.as_mut().ok_or_else(|| "no session".to_owned())
    }

    async fn log_in(&mut self, by: Instant) -> Result<Open, Trouble> {
        // Read before the login begins: nothing in the session is older than this.
        let at = clock::now();
        let opened = self.device.open(by).await;
        opened.map(|session| Open { session, at }).map_err(|error| error.to_string())
    }
}

impl Open {
    async fn read(&mut self) -> Result<(PowerReport, String), Trouble> {
        let asked_at = clock::now();
        let status = self.session.status().await.map_err(|error| error.to_string())?;
        let said = format!("read {}", status.power());
        Ok((PowerReport::Read { session_at: self.at, asked_at, on: status.on }, said))
    }

    /// Sends the command that the warrant allows, and uses the warrant up; past its end nothing is sent
    /// again.
    async fn command(
        &mut self,
        warrant: FenceWarrant,
        by: Instant,
    ) -> Result<(PowerReport, String), Trouble> {
        self.session.set_deadline(by.min(warrant.expires_at()));
        let obeyed = match warrant.order().act {
            PowerAct::Off => self.session.off().await,
            PowerAct::On => self.session.on().await,
            PowerAct::Read => return Err("a warrant for a reading".to_owned()),
        };
        let ack = obeyed.map_err(|error| error.to_string())?;
        Ok((
            PowerReport::Acked { session_at: self.at },
            format!("{:?}: {ack:?}", warrant.order().act),
        ))
    }
}

/// Asks the loop for the warrant of an order that is ready to leave.
async fn pull(tell: &mpsc::Sender<Word>, order: PowerOrder) -> Result<FenceWarrant, Trouble> {
    let (reply, answer) = oneshot::channel();
    let gone = || "the loop has ended".to_owned();
    tell.send(Word::Asking { order, reply }).await.map_err(|_| gone())?;
    match answer.await {
        Ok(Ok(warrant)) => Ok(warrant),
        Ok(Err(void)) => Err(format!("not sent: {void}")),
        Err(_dropped) => Err(gone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::Rehearsals;
    use super::*;
    use crate::power::{
        Ack, BmcConfig, LastPowerEvent, Opening, PowerError, PowerStatus, RestorePolicy, Spared,
        Working,
    };
    use palisade_host::config;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_command_without_a_warrant_is_never_sent() {
        let bmc = Arc::new(Fake::default());
        let (asked, ended) = carried_out(&bmc, PowerAct::Off);
        assert_eq!(asked, 1, "the warrant is pulled when all is ready");
        assert_eq!(ended, (PowerReport::Failed, "not sent: the order no longer stands".to_owned()));
        assert_eq!(bmc.logins.load(Ordering::Relaxed), 1);
        assert_eq!(bmc.commands.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reading_needs_no_warrant_and_is_dated_within_its_session() {
        let before = clock::now();
        let (asked, (report, said)) = carried_out(&Arc::new(Fake::default()), PowerAct::Read);
        assert_eq!((asked, said.as_str()), (0, "read on"));
        let PowerReport::Read { session_at, asked_at, on: true } = report else {
            panic!("{report:?}");
        };
        assert!(before <= session_at && session_at <= asked_at && asked_at <= clock::now());
    }

    #[test]
    fn one_session_serves_one_case() {
        let bmc = Arc::new(Fake::default());
        on_loop(async {
            let mut desk = desk(&bmc);
            for number in 1..=3 {
                desk.take(order(7, number, PowerAct::Read));
                end_of(&mut desk).await;
            }
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 1);
            desk.take(order(8, 1, PowerAct::Read));
            end_of(&mut desk).await;
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 2, "another case, another session");
        });
    }

    #[test]
    fn a_broken_session_is_not_used_again() {
        let bmc = Arc::new(Fake { breaks: true, ..Fake::default() });
        on_loop(async {
            let mut desk = desk(&bmc);
            for number in 1..=2 {
                desk.take(order(7, number, PowerAct::Read));
                let (_, (report, _)) = end_of(&mut desk).await;
                assert_eq!(report, PowerReport::Failed);
            }
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn an_account_that_was_refused_is_not_tried_again_at_once() {
        let bmc = Arc::new(Fake { refuses: true, ..Fake::default() });
        on_loop(async {
            let mut desk = desk(&bmc);
            for number in 1..=3 {
                desk.take(order(7, number, PowerAct::Off));
                let (_, (report, said)) = end_of(&mut desk).await;
                assert_eq!(report, PowerReport::Failed);
                assert!(said.contains("/nowhere"), "{said}");
            }
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn cases_and_rehearsals_try_a_refused_account_no_more_often_than_one_of_them() {
        let bmc = Arc::new(Fake { refuses: true, ..Fake::default() });
        on_loop(async {
            let devices = devices(&bmc, Vec::new());
            let mut rehearsals = Rehearsals::new(devices.clone(), clock::now());
            rehearsals.start_due(clock::now(), |_| false);
            let (finding, _) = rehearsals.next().await;
            assert!(finding.result.is_err());
            let mut desk = Desk::new(devices);
            for case in 7..10 {
                desk.take(order(case, 1, PowerAct::Off));
                let (_, (report, said)) = end_of(&mut desk).await;
                assert_eq!(report, PowerReport::Failed, "the case stays open");
                assert!(said.contains("/nowhere"), "the reason is told: {said}");
            }
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 1);
            let [rest] = &rehearsals.resting(target())[..] else { panic!("it is left alone") };
            assert!(rest.starts_with("its login was refused: tried next in 15 s"), "{rest}");
            rehearsals.try_now();
            assert!(rehearsals.resting(target()).is_empty());
            desk.take(order(10, 1, PowerAct::Off));
            end_of(&mut desk).await;
            assert_eq!(bmc.logins.load(Ordering::Relaxed), 2, "somebody has mended the account");
        });
    }

    #[test]
    fn a_password_file_that_changed_is_tried_by_the_next_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let write = |password: &str| {
            std::fs::write(&file, password).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        };
        let bmc = Arc::new(Fake { refuses: true, ..Fake::default() });
        on_loop(async {
            write("wrong");
            let devices = devices(&bmc, vec![file.clone()]);
            let mut desk = Desk::new(devices.clone());
            let mut logins_after = async |number| {
                desk.take(order(7, number, PowerAct::Off));
                end_of(&mut desk).await;
                bmc.logins.load(Ordering::Relaxed)
            };
            assert_eq!([logins_after(1).await, logins_after(2).await], [1, 1]);
            write("right");
            assert_eq!([logins_after(3).await, logins_after(4).await], [2, 2]);
            let rest = devices[&target()].resting().concat();
            assert!(rest.ends_with(&format!("or once {} changes", file.display())), "{rest}");
            assert!(!format!("{devices:?}").contains("right"), "no password is kept");
        });
    }

    #[test]
    fn an_order_at_a_node_without_a_bmc_fails_in_words() {
        on_loop(async {
            let mut desk = Desk::new(BTreeMap::new());
            desk.take(order(7, 1, PowerAct::Off));
            let (_, (report, said)) = end_of(&mut desk).await;
            assert_eq!(report, PowerReport::Failed);
            assert!(said.contains("node.bmc"), "{said}");
        });
    }

    /// A BMC whose machine is on, and that counts what is done to it.
    #[derive(Debug, Default)]
    struct Fake {
        logins: AtomicUsize,
        commands: Arc<AtomicUsize>,
        refuses: bool,
        breaks: bool,
    }

    struct FakeSession(Arc<AtomicUsize>, bool);

    impl PowerDevice for Fake {
        fn open(&self, _: Instant) -> Opening<'_> {
            self.logins.fetch_add(1, Ordering::Relaxed);
            let opened = if self.refuses {
                Err(refused())
            } else {
                let session = FakeSession(Arc::clone(&self.commands), self.breaks);
                Ok(Box::new(session) as Box<dyn PowerSession>)
            };
            Box::pin(std::future::ready(opened))
        }

        fn describe(&self) -> String {
            "fake".into()
        }
    }

    impl PowerSession for FakeSession {
        fn set_deadline(&mut self, _: Instant) {}

        fn off(&mut self) -> Working<'_, Ack> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Ok(Ack::Accepted)))
        }

        fn on(&mut self) -> Working<'_, Ack> {
            self.off()
        }

        fn status(&mut self) -> Working<'_, PowerStatus> {
            let status = PowerStatus {
                on: true,
                passage: None,
                control_fault: false,
                restore_policy: RestorePolicy::StayOff,
                last_event: LastPowerEvent::default(),
            };
            Box::pin(std::future::ready(if self.1 { Err(refused()) } else { Ok(status) }))
        }
    }

    /// A definite refusal.
    fn refused() -> PowerError {
        let bmc = config::Bmc {
            address: "127.0.0.1:623".into(),
            user: "palisade".into(),
            password_file: "/nowhere".into(),
            privilege: config::Privilege::Operator,
            suites: vec![config::Suite::Seventeen],
            bmc_key_file: None,
            guid: None,
        };
        BmcConfig::read(&bmc).unwrap_err()
    }

    fn desk(bmc: &Arc<Fake>) -> Desk {
        Desk::new(devices(bmc, Vec::new()))
    }

    /// The BMC as the daemon has it, its login made of these files.
    fn devices(bmc: &Arc<Fake>, files: Vec<PathBuf>) -> BTreeMap<NodeId, Arc<dyn PowerDevice>> {
        let device = Spared::new(Arc::<Fake>::clone(bmc), files);
        BTreeMap::from([(target(), Arc::new(device) as Arc<dyn PowerDevice>)])
    }

    fn target() -> NodeId {
        NodeId::new(3).unwrap()
    }

    fn order(case: u32, number: u32, act: PowerAct) -> PowerOrder {
        PowerOrder { id: OrderId { target: target(), case, number }, act }
    }

    fn carried_out(bmc: &Arc<Fake>, act: PowerAct) -> (usize, (PowerReport, String)) {
        on_loop(async {
            let mut desk = desk(bmc);
            desk.take(order(7, 1, act));
            end_of(&mut desk).await
        })
    }

    /// How often a warrant was asked for (there is none), and the end of the order.
    async fn end_of(desk: &mut Desk) -> (usize, (PowerReport, String)) {
        let mut asked = 0;
        loop {
            match desk.word().await {
                Word::Asking { reply, .. } => {
                    asked += 1;
                    reply.send(Err(Void::NoSuchOrder)).unwrap();
                }
                Word::Ended { report, said, .. } => return (asked, (report, said)),
            }
        }
    }

    fn on_loop<T>(story: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_secs(20), story).await.unwrap() })
    }
}
