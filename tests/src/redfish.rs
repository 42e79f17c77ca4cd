//! A Redfish service of our own, for what the foreign one does not do: sessions, and every kind of
//! misbehaviour. On loopback only. Needs a tokio runtime.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a rig that cannot be set up must stop what uses it"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Its only account.
pub const USER: &str = "palisade";

/// That account's password.
pub const PASSWORD: &str = "pass\"word\\ü";

/// Its only system.
pub const SYSTEM: &str = "/redfish/v1/Systems/1";

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes.
    Raw(Vec<u8>),
    /// These bytes, then the end of the connection.
    Last(Vec<u8>),
    /// Nothing, with the connection left open.
    Silence,
    /// A head, then a body that never ends, at full speed.
    Endless,
    /// These bytes, one each second.
    Drip(Vec<u8>),
}

/// A running service.
#[derive(Clone, Debug)]
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

/// How it is, and what it was asked.
#[derive(Debug, Default)]
pub struct Inner {
    /// Its machine's power.
    pub state: String,
    /// Open sessions, by number.
    pub sessions: BTreeSet<u32>,
    /// Every request: `METHOD path body`.
    pub seen: Vec<String>,
    /// Connections taken.
    pub connections: usize,
    /// Hangs up after so many requests.
    pub requests_max: Option<usize>,
    /// What is done instead, by `METHOD path`.
    pub odd: BTreeMap<String, Answer>,
    /// How long after it has done what was asked it answers, by `METHOD path`.
    pub slow: BTreeMap<String, Duration>,
    /// Values of `ResetType@Redfish.AllowableValues`, as JSON; none if it tells them elsewhere.
    pub allowed: Option<String>,
    /// What it calls itself in `Location`, before the path.
    pub location: String,
    /// What it calls itself in the link that a session has to itself; none if it has no such link.
    pub own_link: Option<String>,
    /// Its machine's power after each time it was asked for, in turn.
    pub to_come: VecDeque<&'static str>,
    /// Takes orders, and its machine stays as it is.
    pub is_stuck: bool,
    /// Ends all sessions, once, when it is asked what `METHOD path` says, for the so-manieth time.
    pub ends_sessions: Option<(String, usize)>,
    made: u32,
}

impl Stub {
    /// A service whose machine is on.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let allowed = Some(r#"["On","ForceOff","GracefulShutdown","ForceRestart"]"#.to_owned());
        let inner = Inner { state: "On".to_owned(), allowed, ..Inner::default() };
        let address = listener.local_addr().unwrap();
        let stub = Self { address, inner: Arc::new(Mutex::new(inner)) };
        let served = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.inner().connections += 1;
                tokio::spawn(served.clone().serve(stream));
            }
        });
        stub
    }

    /// How it is now. Held, it answers nothing.
    ///
    /// # Panics
    /// If it has broken.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// From now on it answers so when it is asked what `METHOD path` says.
    pub fn answer(&self, request: &str, answer: Answer) {
        self.inner().odd.insert(request.to_owned(), answer);
    }

    /// Serves one connection; an error of the connection is its end.
    async fn serve(self, mut stream: TcpStream) {
        let mut raw = Vec::new();
        let mut served = 0;
        while let Some(request) = next_request(&mut stream, &mut raw).await {
            served += 1;
            let is_last = self.inner().requests_max.is_some_and(|most| served >= most);
            let odd = self.note(&request);
            let answer = odd.unwrap_or_else(|| Answer::Raw(self.inner().honest(&request)));
            self.wait_at(&request).await;
            let sent = carry_out(&mut stream, answer).await;
            if !sent || is_last {
                return;
            }
        }
    }

    /// Before the answer, as if it were slow.
    async fn wait_at(&self, request: &Request) {
        let pause = self.inner().slow.get(&request.name()).copied();
        if let Some(pause) = pause {
            sleep(pause).await;
        }
    }

    fn note(&self, request: &Request) -> Option<Answer> {
        let mut inner = self.inner();
        let name = request.name();
        inner.seen.push(format!("{name} {}", request.body));
        inner.odd.get(&name).cloned()
    }
}

/// False at the end of the connection.
async fn carry_out(stream: &mut TcpStream, answer: Answer) -> bool {
    match answer {
        Answer::Raw(bytes) => stream.write_all(&bytes).await.is_ok(),
        Answer::Last(bytes) => {
            drop(stream.write_all(&bytes).await);
            false
        }
        Answer::Silence => {
            drop(stream.read(&mut [0]).await);
            false
        }
        Answer::Endless => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 65_536]).await;
            }
            false
        }
        Answer::Drip(bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
                sleep(Duration::from_secs(1)).await;
            }
            false
        }
    }
}

struct Request {
    method: String,
    path: String,
    head: String,
    body: String,
}

impl Request {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

async fn next_request(stream: &mut TcpStream, raw: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some((request, length)) = whole(raw) {
            raw.drain(..length);
            return Some(request);
        }
        if stream.read_buf(raw).await.ok()? == 0 {
            return None;
        }
    }
}

fn whole(raw: &[u8]) -> Option<(Request, usize)> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(raw[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let body = String::from_utf8(raw.get(end..end + length)?.to_vec()).unwrap();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    Some((Request { method, path, head, body }, end + length))
}

/// A whole reply.
pub fn reply(status: u16, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len()).into()
}

impl Inner {
    fn honest(&mut self, request: &Request) -> Vec<u8> {
        self.end_sessions_if_it_is_time(request);
        let Request { method, path, body, .. } = request;
        match (method.as_str(), path.as_str()) {
            ("POST", "/redfish/v1/SessionService/Sessions") => self.log_in(body),
            _ if !self.is_known(&request.head) => failure(401, "NoValidSession", "log in first"),
            ("DELETE", path) => {
                let number = path.rsplit('/').next().and_then(|number| number.parse().ok());
                let gone = number.is_some_and(|number: u32| self.sessions.remove(&number));
                reply(if gone { 204 } else { 404 }, "", "")
            }
            ("GET", "/redfish/v1/Systems") => {
                reply(200, "", &format!(r#"{{"Members":[{{"@odata.id":"{SYSTEM}"}}]}}"#))
            }
            ("GET", SYSTEM) => {
                let told = reply(200, "", &self.system());
                self.state =
                    self.to_come.pop_front().map_or_else(|| self.state.clone(), str::to_owned);
                told
            }
            ("GET", "/redfish/v1/Systems/1/ResetActionInfo") => {
                reply(200, "", r#"{"Parameters":[{"Name":"ResetType","AllowableValues":["On"]}]}"#)
            }
            ("POST", "/redfish/v1/Systems/1/Reset") => self.reset(body),
            _ => failure(404, "ResourceMissingAtURI", "no such thing"),
        }
    }

    fn end_sessions_if_it_is_time(&mut self, request: &Request) {
        let Some((name, left)) = &mut self.ends_sessions else { return };
        if *name != request.name() {
            return;
        }
        *left -= 1;
        if *left == 0 {
            self.ends_sessions = None;
            self.sessions.clear();
        }
    }

    fn log_in(&mut self, body: &str) -> Vec<u8> {
        let account: serde_json::Value = serde_json::from_str(body).unwrap();
        if account["UserName"] != USER || account["Password"] != PASSWORD {
            return failure(401, "ResourceAtUriUnauthorized", "who are you?");
        }
        if self.sessions.len() >= 4 {
            return failure(503, "SessionLimitExceeded", "too many sessions");
        }
        self.made += 1;
        let number = self.made;
        self.sessions.insert(number);
        let path = format!("/redfish/v1/SessionService/Sessions/{number}");
        let location = &self.location;
        let fields = format!("X-Auth-Token: token-{number}\r\nLocation: {location}{path}\r\n");
        let body = self.own_link.as_ref().map(|base| format!(r#"{{"@odata.id":"{base}{path}"}}"#));
        reply(201, &fields, &body.unwrap_or_else(|| "{}".to_owned()))
    }

    fn is_known(&self, head: &str) -> bool {
        self.sessions
            .iter()
            .any(|number| head.contains(&format!("X-Auth-Token: token-{number}\r\n")))
    }

    fn system(&self) -> String {
        let values = match &self.allowed {
            Some(values) => format!(r#""ResetType@Redfish.AllowableValues":{values}"#),
            None => format!(r#""@Redfish.ActionInfo":"{SYSTEM}/ResetActionInfo""#),
        };
        format!(
            r##"{{"PowerState":"{}","PowerRestorePolicy":"AlwaysOff","Actions":{{"#ComputerSystem.Reset":
            {{"target":"{SYSTEM}/Reset",{values}}}}}}}"##,
            self.state
        )
    }

    fn reset(&mut self, body: &str) -> Vec<u8> {
        let order: serde_json::Value = serde_json::from_str(body).unwrap();
        let wanted = match order["ResetType"].as_str() {
            Some("ForceOff") => "Off",
            Some("On") => "On",
            other => panic!("{other:?} was ordered"),
        };
        if self.is_stuck {
            return reply(204, "", "");
        }
        if self.state == wanted {
            return failure(409, "InvalidOperationForSystemState", "it is so already");
        }
        self.state = wanted.to_owned();
        reply(204, "", "")
    }
}

/// A failure as [DSP0266 §8.6] words it.
pub fn failure(status: u16, name: &str, message: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"error":{{"code":"Base.1.8.GeneralError","message":"see below","@Message.ExtendedInfo":[
        {{"MessageId":"Base.1.8.{name}","Message":{}}}]}}}}"#,
        serde_json::Value::from(message)
    );
    reply(status, "", &body)
}
