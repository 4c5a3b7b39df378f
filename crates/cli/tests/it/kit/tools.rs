//! The programs that a customer's administrator would use, from the tests' Python environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::emulator;

/// A program of the environment, or of the machine where the environment has none of that name.
pub fn tool(name: &str) -> Command {
    let program = folder().join(name);
    if program.exists() { clean(&program) } else { clean(Path::new(name)) }
}

/// Terraform, as the environment's package carries it.
pub fn terraform() -> Command {
    let program = "import pathlib, sysconfig; print(pathlib.Path(sysconfig.get_path('purelib'), 'cloudrail/terraform_0_15/terraform'))";
    let path = succeeded(tool("python").args(["-c", program]));
    let mut command = clean(Path::new(path.trim()));
    command.env("CHECKPOINT_DISABLE", "1");
    command
}

/// A program that finds the environment's others and nothing of the machine's own settings.
fn clean(program: &Path) -> Command {
    let mut path = folder().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// A program with the credentials of an account's administrator in the emulator.
pub fn as_administrator(mut command: Command, account: &str) -> Command {
    let nowhere = "/nonexistent";
    command.envs([
        ("AWS_ENDPOINT_URL", emulator::url()),
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", nowhere),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_PAGER", ""),
    ]);
    command
}

/// What the AWS CLI answers to an administrator.
pub fn aws(account: &str, arguments: &[&str]) -> Value {
    let mut command = as_administrator(tool("aws"), account);
    let text = succeeded(command.args(arguments).args(["--output", "json"]));
    if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).expect("the AWS CLI prints JSON") }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

/// Runs a program that must succeed, and gives what it printed.
pub fn succeeded(command: &mut Command) -> String {
    let output = run(command);
    let (printed, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{printed}\n{talk}", output.status);
    printed.into_owned()
}

fn folder() -> PathBuf {
    emulator::python().parent().expect("a program is in a folder").to_owned()
}
