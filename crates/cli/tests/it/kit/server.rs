//! The binary under test: its server as a child process, its command line, and plain HTTP to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use billing::names::OrgId;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use super::emulator;
use super::world::{OPERATOR_ARN, operator};

/// A data folder, and a server over it that ends when this does.
pub struct Server {
    /// Where it answers, `http://127.0.0.1:<port>`.
    pub url: String,
    http: reqwest::Client,
    install: Install,
    child: Child,
    log: Arc<Mutex<String>>,
}

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, or null where it is empty.
    pub json: Value,
}

/// An answer as it came, JSON or not.
#[derive(Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What `Content-Type` says; empty where it says nothing.
    pub content_type: String,
    /// The body.
    pub text: String,
}

/// A request's body.
#[derive(Debug)]
pub struct Body {
    /// What it says.
    pub text: String,
    /// What `Content-Type` says of it; none sends no such header.
    pub content_type: Option<&'static str>,
}

impl Body {
    /// What curl's `-d` sends.
    pub fn of_curl(text: String) -> Self {
        Self { text, content_type: Some("application/x-www-form-urlencoded") }
    }
}

/// One installation: the binary with a data folder of its own and the operator's credentials.
pub struct Install {
    data: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Install {
    /// An empty installation whose AWS is at `aws_url`: the emulator's address, or a proxy's before it.
    pub async fn at(aws_url: &str) -> Self {
        let own = operator().await;
        let environment = vec![
            ("AWS_ENDPOINT_URL", aws_url.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", own.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", own.secret_access_key().to_owned()),
            ("BILLCONNECT_OPERATOR_PRINCIPAL", OPERATOR_ARN.to_owned()),
            ("BILLCONNECT_POLL_INTERVAL", "1s".to_owned()),
            ("BILLCONNECT_JOB_LEASE", "2s".to_owned()),
            ("BILLCONNECT_JOB_RETRY_AFTER", "1s".to_owned()),
            ("BILLCONNECT_JOB_RETRY_AT_MOST", "1s".to_owned()),
        ];
        Self { data: TempDir::new().expect("a folder for data"), environment }
    }

    /// An empty installation that never asks AWS anything.
    pub fn offline() -> Self {
        Self { data: TempDir::new().expect("a folder for data"), environment: Vec::new() }
    }

    /// The same with a setting of the environment more.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The same, where nobody's failures to authenticate are too many.
    pub fn patient(self) -> Self {
        let many = "1000000";
        self.with("BILLCONNECT_FAILURES_PER_ADDRESS", many).with("BILLCONNECT_FAILURES_PER_ORG", many)
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A command line of the binary, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billconnect"));
        // What the machine happens to have of AWS's and our own variables must not decide a test.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("BILLCONNECT_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().cloned()).arg("--data").arg(self.data.path()).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command line to its end, whatever it answers.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs a command line that must succeed and print JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {talk}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?} printed no JSON: {error}"))
    }

    /// Makes an org.
    pub fn org(&self, name: &str) -> OrgId {
        let made = self.json(&["org", "create", "--name", name, "--json"]);
        made["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no org id in {made}"))
    }

    /// Makes an operator token.
    pub fn operator_token(&self) -> String {
        let made = self.json(&["operator", "token", "create", "--name", "test", "--json"]);
        made["operator_token"].as_str().unwrap_or_else(|| panic!("no operator token in {made}")).to_owned()
    }

    /// Makes a refresh token of an org.
    pub fn refresh_token(&self, org: OrgId, role: &str) -> String {
        let made = self.json(&["token", "create", "--org", &org.to_string(), "--role", role, "--json"]);
        made["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token in {made}")).to_owned()
    }
}

impl Server {
    /// Starts a server over an installation of its own, with the emulator for AWS.
    pub async fn start() -> Self {
        Self::over(Install::at(emulator::url()).await)
    }

    /// Starts a server over an installation; ready when this returns.
    pub fn over(install: Install) -> Self {
        let log = Arc::default();
        let (child, url) = spawn(&install, &log);
        Self { url, http: reqwest::Client::new(), install, child, log }
    }

    /// The installation, for command lines beside the running server.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// The most memory that it has ever had, in bytes, as Linux tells it.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs on Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib << 10
    }

    /// Kills the server without warning, as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts another server over the same data.
    pub fn restart(&mut self) {
        (self.child, self.url) = spawn(&self.install, &self.log);
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said on stderr.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic holds it").clone()
    }

    /// Sends a request as curl does, its body with `-d`. `bearer` is a token.
    pub async fn call(&self, method: Method, path: &str, bearer: Option<&str>, body: Option<String>) -> Answer {
        self.send(method, path, bearer, body.map(Body::of_curl)).await
    }

    /// Sends a request. `bearer` is a token.
    pub async fn send(&self, method: Method, path: &str, bearer: Option<&str>, body: Option<Body>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(Body { text, content_type }) = body {
            request = request.body(text);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("an answer in text");
        let json = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text)
                .unwrap_or_else(|error| panic!("{path}: {status} is not JSON ({error}): {text}")),
        };
        Answer { status, json }
    }

    /// Sends any bytes as curl does, and takes the answer as it comes. `bearer` is a token.
    pub async fn raw(&self, method: Method, path: &str, bearer: Option<&str>, body: Vec<u8>) -> RawAnswer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.body(body).header("content-type", "application/x-www-form-urlencoded");
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path} has no answer: {error}"));
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let (status, content_type) = (answer.status().as_u16(), content_type.unwrap_or_default().to_owned());
        RawAnswer { status, content_type, text: answer.text().await.expect("an answer in text") }
    }

    /// Exchanges a new refresh token of `org` for an access token.
    pub async fn access_token(&self, org: OrgId, role: &str) -> String {
        let refresh = self.install.refresh_token(org, role);
        let form = format!("grant_type=refresh_token&refresh_token={refresh}");
        let grant = self.call(Method::POST, "/oidc/token", None, Some(form)).await;
        grant.json["access_token"].as_str().unwrap_or_else(|| panic!("no access token: {grant:?}")).to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::print_stdout, reason = "the talk of a server belongs to the output of the test that started it")]
/// Starts `serve` on a free port and waits for the line that says where it listens.
fn spawn(install: &Install, log: &Arc<Mutex<String>>) -> (Child, String) {
    let mut command = install.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let stderr = BufReader::new(child.stderr.take().expect("its talk is piped"));
    let (say, hear) = mpsc::channel();
    let log = log.clone();
    thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")) {
                // Only the first such line has a listener.
                let _ = say.send(url.to_owned());
            }
            // Read on to the end, or the server would block on a full pipe; `cargo test` shows this with a failing test.
            println!("server: {line}");
            let mut log = log.lock().expect("no panic holds it");
            log.push_str(&line);
            log.push('\n');
        }
    });
    let url = hear.recv_timeout(Duration::from_mins(1));
    let url = url.unwrap_or_else(|error| panic!("the server did not say where it listens: {error}"));
    (child, url)
}
