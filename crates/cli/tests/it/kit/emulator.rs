//! One `MiniStack` for the whole test process: started by the first test that needs it, gone when the process is.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The emulator's address, `http://127.0.0.1:<port>`.
pub fn url() -> &'static str {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    &EMULATOR.get_or_init(Emulator::start).url
}

struct Emulator {
    url: String,
    /// Kept for its standard input: the launcher ends when that closes, as it does however this process ends.
    _child: Child,
}

impl Emulator {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kit/emulator.py");
        let python = python();
        let mut child = Command::new(&python)
            .arg(script)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("`{}` does not start ({error}): {SETUP}", python.display()));
        let mut said = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut said).expect("its output is text");
        let url = said.trim().strip_prefix("AWS_ENDPOINT_URL=");
        let url = url.unwrap_or_else(|| panic!("the emulator said not where it listens but `{said}`: {SETUP}"));
        Self { url: url.to_owned(), _child: child }
    }
}

const SETUP: &str = "make the environment with `python3 -m venv .venv && .venv/bin/pip install -r crates/cli/tests/it/requirements.txt`, \
                     or name a Python that has these packages in `BILLCONNECT_PYTHON`";

/// The Python that has the test's packages: `BILLCONNECT_PYTHON`, or the workspace's `.venv`.
pub fn python() -> PathBuf {
    let named = std::env::var_os("BILLCONNECT_PYTHON").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"))
}
