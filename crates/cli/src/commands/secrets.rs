//! `billconnect secrets`: the keys that seal customers' secrets at rest, and sealing anew when they change.

use std::process::ExitCode;

use app::seal::SecretKeys;
use secrecy::ExposeSecret;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
The keys come from BILLCONNECT_SECRET_KEYS, or from the file that --secret-keys-file names, or else from `secret.keys` beside the
store, which is made with a first key. The first key seals; the others only open what they sealed before.

To change the key:
  1. billconnect secrets generate     put what it prints before the key that there is, and restart the server
  2. billconnect secrets rotate       seals everything with the first key and says which keys are not needed any more
  3. take those out, and restart the server")]
pub enum Command {
    /// Print a new random key, as an entry of the list of keys. It is kept nowhere.
    Generate,
    /// Seal every secret anew with the first key.
    Rotate,
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Generate => out::data(SecretKeys::generate()?.expose_secret()),
        Command::Rotate => {
            let rotated = world::open(global).await?.rotate_secrets(&world::whoever_calls()).await?;
            out::data(&format!("{} secrets are sealed with the key `{}`", rotated.secrets, rotated.current));
            let unused = rotated.unused.into_iter().collect::<Vec<_>>().join("`, `");
            out::talk(&if unused.is_empty() {
                "there is no other key to take out".to_owned()
            } else {
                format!("nothing is sealed with `{unused}` any more: take that out of the list of keys")
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}
