//! A proxy before the emulator that breaks what passes through it, as told: cut bodies, stalls, refusals, silence, delays.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::emulator;
use super::story::wait;

/// What is to go wrong.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The service answers with this JSON, and the request never reaches it.
    Answer(&'static str),
    /// The connection closes without an answer.
    HangUp,
    /// The request waits until [`Proxy::lift`], and passes then.
    Hold,
    /// The connection closes after so many bytes of the answer's body.
    CutAfter(usize),
    /// The connection stays open after so many bytes of the answer's body, and nothing more comes.
    StallAfter(usize),
    /// The service answers with an error, and the request never reaches it.
    Refuse(Refused),
    /// No answer comes at all.
    Silence,
}

/// An error answer of AWS: status, code and message. It is written as the service that was asked writes it.
#[derive(Debug, Clone, Copy)]
pub struct Refused(pub u16, pub &'static str, pub &'static str);

/// What S3 says when it is asked too often.
pub const SLOW_DOWN: Fault = Fault::Refuse(Refused(503, "SlowDown", "Please reduce your request rate."));

/// A running proxy. It lives as long as the test's runtime.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    planned: VecDeque<(String, Fault)>,
    standing: Vec<(Meets, Fault)>,
    seen: Vec<String>,
    answers: Vec<String>,
    /// How many requests met a fault that stands.
    met: usize,
    /// Tells the requests that are held to go on.
    lifted: watch::Sender<()>,
}

/// Whether a request, its head and body as text, is one that a fault meets.
type Meets = Box<dyn Fn(&str) -> bool + Send>;

impl Proxy {
    /// Starts a proxy that lets everything pass.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A side that hangs up early is what these tests are about.
                tokio::spawn(pass(client, shared.clone()));
            }
        });
        Self { url, state }
    }

    /// Plans a fault for the next request whose head contains `needle`; plans are used up in order.
    pub fn plan(&self, needle: &str, fault: Fault) {
        self.state.lock().expect("no panic holds it").planned.push_back((needle.to_owned(), fault));
    }

    /// Has every request that `meets` answers for, by its head and body, meet this fault, until [`Proxy::lift`].
    pub fn stand(&self, meets: impl Fn(&str) -> bool + Send + 'static, fault: Fault) {
        self.state.lock().expect("no panic holds it").standing.push((Box::new(meets), fault));
    }

    /// How many requests so far met a fault that stood in the way.
    pub fn met(&self) -> usize {
        self.state.lock().expect("no panic holds it").met
    }

    /// Ends all that stands in the way, and lets pass what is held.
    pub fn lift(&self) {
        let mut state = self.state.lock().expect("no panic holds it");
        state.standing.clear();
        state.lifted.send_replace(());
    }

    /// Waits until a server behind this proxy has looked at the path `bills` several more times, in full at least once.
    pub async fn several_polls(&self) {
        let looked = || self.seen("prefix=bills%2F ").len();
        let before = looked();
        wait("several polls", async || looked() >= before + 4).await;
    }

    /// The secrets of every session that passed through: secret keys and session tokens.
    pub fn session_secrets(&self) -> Vec<String> {
        let state = self.state.lock().expect("no panic holds it");
        let of = |answer: &String, name: &str| {
            let rest = answer.split_once(&format!("<{name}>"))?.1;
            Some(rest.split_once("</")?.0.to_owned())
        };
        let secrets =
            state.answers.iter().flat_map(|answer| [of(answer, "SecretAccessKey"), of(answer, "SessionToken")]);
        secrets.flatten().collect()
    }

    /// The heads of the requests so far that contain `needle`.
    pub fn seen(&self, needle: &str) -> Vec<String> {
        let state = self.state.lock().expect("no panic holds it");
        state.seen.iter().filter(|head| head.contains(needle)).cloned().collect()
    }
}

/// One connection: one request, its answer, and what goes wrong with it.
async fn pass(mut client: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let (head, mut body) = read_head(&mut client).await?;
    // What billconnect sends is small; it only ever reads much.
    let missing = content_length(&head).saturating_sub(body.len()) as u64;
    (&mut client).take(missing).read_to_end(&mut body).await?;
    let (fault, mut lifted) = {
        let mut state = state.lock().expect("no panic holds it");
        state.seen.push(head.clone());
        let hit = state.planned.iter().position(|(needle, _)| head.contains(needle.as_str()));
        let planned = hit.and_then(|index| state.planned.remove(index)).map(|(_, fault)| fault);
        let whole = head.clone() + &String::from_utf8_lossy(&body);
        let standing = state.standing.iter().find(|(meets, _)| meets(&whole)).map(|(_, fault)| *fault);
        state.met += usize::from(standing.is_some());
        (planned.or(standing), state.lifted.subscribe())
    };
    match fault {
        Some(Fault::Refuse(refused)) => return client.write_all(refused.answer(&head).as_bytes()).await,
        Some(Fault::Answer(json)) => return client.write_all(answer("200 OK", JSON, json).as_bytes()).await,
        Some(Fault::HangUp) => return Ok(()),
        Some(Fault::Silence) => hang(client).await,
        // Where the proxy is gone, so is the test.
        Some(Fault::Hold) => lifted.changed().await.map_err(std::io::Error::other)?,
        _ => {}
    }
    let upstream = emulator::url().trim_start_matches("http://");
    let mut server = TcpStream::connect(upstream).await?;
    // One request a connection: the end of the answer is then the end of the stream.
    let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    server.write_all(format!("{line}\r\nconnection: close\r\n{rest}").as_bytes()).await?;
    server.write_all(&body).await?;
    let (_, mut to_client) = client.split();
    let (mut from_server, _) = server.split();
    match fault {
        Some(Fault::CutAfter(bytes) | Fault::StallAfter(bytes)) => {
            let (answer, first) = read_head(&mut from_server).await?;
            to_client.write_all(answer.as_bytes()).await?;
            let at_once = first.len().min(bytes);
            to_client.write_all(&first[..at_once]).await?;
            tokio::io::copy(&mut from_server.take((bytes - at_once) as u64), &mut to_client).await?;
            to_client.flush().await?;
            if matches!(fault, Some(Fault::StallAfter(_))) { hang(client).await } else { Ok(()) }
        }
        // Calls of STS, whose answers are short.
        _ if head.starts_with("POST / ") => {
            let mut answer = Vec::new();
            from_server.read_to_end(&mut answer).await?;
            state.lock().expect("no panic holds it").answers.push(String::from_utf8_lossy(&answer).into_owned());
            to_client.write_all(&answer).await
        }
        _ => tokio::io::copy(&mut from_server, &mut to_client).await.map(|_| ()),
    }
}

/// Keeps a connection open and says nothing, until the test's runtime ends.
async fn hang(client: TcpStream) -> ! {
    let never: std::convert::Infallible = std::future::pending().await;
    drop(client);
    match never {}
}

/// Reads up to the blank line that ends a head; what was read of the body comes beside it.
async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&read).into_owned(), body));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn content_length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

impl Refused {
    /// The answer to the request with this head as it goes over the wire.
    fn answer(self, head: &str) -> String {
        let Self(status, code, message) = self;
        let status = format!("{status} {code}");
        if head.contains("x-amz-target: ") {
            let body = serde_json::json!({ "__type": code, "message": message });
            return answer(&status, JSON, &body.to_string());
        }
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let asked_sts = head.starts_with("POST / ");
        let body = if asked_sts { format!("<ErrorResponse>{error}</ErrorResponse>") } else { error };
        answer(&status, "application/xml", &body)
    }
}

const JSON: &str = "application/x-amz-json-1.1";

/// An answer as it goes over the wire.
fn answer(status: &str, content_type: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close");
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
