//! Where the keys come from that seal secrets at rest: the environment, a named file, or a file made beside the store.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use app::seal::SecretKeys;
use secrecy::{ExposeSecret, SecretString};

use crate::args::Global;

/// The keys themselves: for the environment alone, because other users of a machine can see a command line.
const VARIABLE: &str = "BILLCONNECT_SECRET_KEYS";

/// The file that is made where nothing else is named: beside the store, not in it.
const FILE: &str = "secret.keys";

const HEAD: &str = "\
# Seals customers' secrets at rest. Whoever has this and the store can read them: keep them apart where you can
# (BILLCONNECT_SECRET_KEYS, or --secret-keys-file on another disk), and keep a copy, for nothing sealed opens without it.
# One `<id>:<32 bytes in base64>` a line; the first seals, the others only open. `billconnect secrets --help` says how to rotate.
";

/// The keys that are configured, or those of the file beside the store, which is made if there is none.
pub fn load(global: &Global) -> anyhow::Result<SecretKeys> {
    let given = std::env::var(VARIABLE).ok().filter(|list| !list.trim().is_empty()).map(SecretString::from);
    match (given, &global.secret_keys_file) {
        (Some(_), Some(_)) => {
            anyhow::bail!("both {VARIABLE} and --secret-keys-file name secret keys; leave one of them out")
        }
        (Some(list), None) => some(&list).with_context(|| format!("{VARIABLE} can't be used")),
        (None, Some(file)) => read(file),
        (None, None) => {
            let file = global.data.join(FILE);
            make(&file).with_context(|| format!("the secret keys' file `{}` can't be made", file.display()))?;
            read(&file)
        }
    }
}

fn some(list: &SecretString) -> anyhow::Result<SecretKeys> {
    let keys = SecretKeys::parse(list)?;
    anyhow::ensure!(keys.current().is_some(), "it holds no key; `billconnect secrets generate` prints one");
    Ok(keys)
}

fn read(file: &Path) -> anyhow::Result<SecretKeys> {
    let text = fs::read_to_string(file).map(SecretString::from);
    let text = text.with_context(|| format!("the secret keys' file `{}` can't be read", file.display()))?;
    let mode = fs::metadata(file).map(|about| about.permissions().mode()).unwrap_or_default();
    if mode & 0o077 != 0 {
        let file = file.display();
        tracing::warn!("others on this machine may read the secret keys' file `{file}`: chmod 600 it");
    }
    some(&text).with_context(|| format!("the secret keys' file `{}` can't be used", file.display()))
}

/// Makes the file with a new key, if there is none. Whoever looks meanwhile sees no file or the whole of it.
fn make(file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let draft = file.with_extension(format!("keys-{}", std::process::id()));
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(out, "{HEAD}{}", SecretKeys::generate()?.expose_secret())?;
    out.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => {
            let file = file.display();
            tracing::warn!("a new key that seals customers' secrets is in `{file}`: keep a copy apart from the store");
            Ok(())
        }
        // Another process was faster: its key is as good.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        make(&file).unwrap();
        let first = read(&file).unwrap();
        make(&file).unwrap();
        assert_eq!(read(&file).unwrap().ids(), first.ids(), "it is not made anew");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_without_keys_is_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty");
        fs::write(&file, "# nothing\n").unwrap();
        assert!(format!("{:#}", read(&file).unwrap_err()).contains("holds no key"));
        assert!(format!("{:#}", read(&folder.path().join("none")).unwrap_err()).contains("can't be read"));
    }
}
