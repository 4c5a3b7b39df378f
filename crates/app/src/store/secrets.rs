//! Sealed secrets: the keys of IAM users, each sealed for its own row, and sealing them anew when the key changes.

use std::collections::{BTreeMap, BTreeSet};

use billing::connection::{Access, Candidate};
use billing::keys::{AccessKeyId, KeyError, SecretAccessKey};
use billing::names::{BillConnectId, OrgId};
use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{ReadRow, Store, StoreError, key, query};
use crate::seal::{NONCE, Place, SealError, Sealed, SecretKeys};

const ID: &str = "access_key_id";
const SECRET: &str = "secret_access_key";

/// What came of sealing every secret anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// How many secrets there are, all sealed with the current key now.
    pub secrets: usize,
    /// The id of the current key.
    pub current: String,
    /// The ids of configured keys that nothing is sealed with any more.
    pub unused: BTreeSet<String>,
}

impl Store {
    /// Opens every sealed secret once, so that a key that is missing or wrong shows before it is needed.
    ///
    /// Where a key opens some of what bears its id, it is the right one: the rest was altered, is told to the log, and keeps
    /// nobody else back.
    pub async fn prove_secrets(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut keys: BTreeMap<String, Result<(), SealError>> = BTreeMap::new();
        for (org, id, field, sealed) in all(&mut connection).await? {
            let opened = self.keys.open(Place { org, connect: &id, field: &field }, &sealed).map(drop);
            if let Err(error) = &opened {
                tracing::error!(%org, connect = %id, %error, "a secret does not open");
            }
            let known = keys.entry(sealed.key).or_insert_with(|| opened.clone());
            if opened.is_ok() {
                *known = opened;
            }
        }
        Ok(keys.into_values().collect::<Result<(), _>>()?)
    }

    /// Seals every secret anew with the current key, all or none, and leaves no copy under another key in the file.
    pub async fn rotate_secrets(&self) -> Result<Rotated, StoreError> {
        let current = self.keys.current().ok_or(SealError::NoKeys)?.to_owned();
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let secrets = all(&mut transaction).await?;
        for (org, id, field, sealed) in &secrets {
            let place = Place { org: *org, connect: id, field };
            let secret = self.keys.open(place, sealed)?;
            let sealed = self.keys.seal(place, secret.expose_secret())?;
            write(&mut transaction, place, sealed).await?;
        }
        transaction.commit().await?;
        // The write-ahead log still has the pages as they were.
        query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        let mut unused = self.keys.ids();
        unused.remove(&current);
        Ok(Rotated { secrets: secrets.len(), current, unused })
    }
}

/// Every org's sealed secrets with their places: for the operator alone, who holds the keys.
async fn all(connection: &mut SqliteConnection) -> Result<Vec<(OrgId, BillConnectId, String, Sealed)>, StoreError> {
    let rows = query("SELECT * FROM sealed_secrets ORDER BY org_id, connect_id, field").fetch_all(connection).await?;
    let read = |row: &SqliteRow| {
        let place = (row.org("org_id")?, row.text("connect_id")?, row.try_get("field")?);
        Ok((place.0, place.1, place.2, sealed(row, ["key_id", "nonce", "sealed"])?))
    };
    rows.iter().map(read).collect()
}

/// Keeps the keys of the candidate's user, sealed, in place of what was kept before. Nothing where it has none.
pub(super) async fn write_keys(
    connection: &mut SqliteConnection,
    keys: &SecretKeys,
    candidate: &Candidate,
) -> Result<(), StoreError> {
    let Access::User(user) = &candidate.access else { return Ok(()) };
    let (org, id) = (candidate.org, candidate.id());
    for (field, secret) in [(ID, user.access_key_id.as_ref()), (SECRET, user.secret_access_key.expose_secret())] {
        let place = Place { org, connect: &id, field };
        write(connection, place, keys.seal(place, secret)?).await?;
    }
    Ok(())
}

async fn write(connection: &mut SqliteConnection, place: Place<'_>, sealed: Sealed) -> Result<(), StoreError> {
    let upsert = query(
        "INSERT INTO sealed_secrets (org_id, connect_id, field, key_id, nonce, sealed) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (org_id, connect_id, field) DO UPDATE
         SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed",
    );
    let upsert = upsert.bind(key(place.org)).bind(place.connect.to_string()).bind(place.field.to_owned());
    upsert.bind(sealed.key).bind(sealed.nonce.to_vec()).bind(sealed.bytes).execute(connection).await?;
    Ok(())
}

/// Opens the keys of the user that a row was selected with.
pub(super) fn open_keys(
    row: &SqliteRow,
    keys: &SecretKeys,
    (org, connect): (OrgId, &BillConnectId),
) -> Result<(AccessKeyId, SecretAccessKey), StoreError> {
    let open = |field, columns| {
        let opened = keys.open(Place { org, connect, field }, &sealed(row, columns)?);
        opened.map_err(StoreError::from)
    };
    let id = open(ID, ["id_key", "id_nonce", "id_sealed"])?;
    let secret = open(SECRET, ["secret_key", "secret_nonce", "secret_sealed"])?;
    let unreadable = |column| move |error: KeyError| StoreError::Unreadable { column, why: error.to_string() };
    let id = id.expose_secret().parse().map_err(unreadable(ID))?;
    Ok((id, secret.try_into().map_err(unreadable(SECRET))?))
}

fn sealed(row: &SqliteRow, [key, nonce, bytes]: [&'static str; 3]) -> Result<Sealed, StoreError> {
    let missing = |column| StoreError::Unreadable { column, why: "the keys of an IAM user are not there".to_owned() };
    let id: Option<String> = row.try_get(key)?;
    let given: &[u8] = row.try_get::<Option<&[u8]>, _>(nonce)?.unwrap_or_default();
    let nonce = <[u8; NONCE]>::try_from(given).map_err(|_| missing(nonce))?;
    let bytes: Option<Vec<u8>> = row.try_get(bytes)?;
    Ok(Sealed { key: id.ok_or_else(|| missing(key))?, nonce, bytes: bytes.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use billing::connection::{BillConnect, UserAccess};
    use billing::role::Partition;
    use secrecy::SecretString;

    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    const PLANTED: [&str; 2] = ["AKIAIOSFODNN7PLANTED", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYPLANTEDKEY"];

    /// Keys by their ids, each 32 times its byte.
    fn keys(list: &[(&str, u8)]) -> SecretKeys {
        let entry = |(id, byte): &(&str, u8)| format!("{id}:{} ", STANDARD.encode([*byte; 32]));
        SecretKeys::parse(&SecretString::from(list.iter().map(entry).collect::<String>())).unwrap()
    }

    /// A bill connect by an IAM user with the planted keys.
    fn user(org: OrgId, account: &str) -> BillConnect {
        let mut connect = connect(org, account);
        connect.candidate.access = Access::User(UserAccess {
            access_key_id: PLANTED[0].parse().unwrap(),
            secret_access_key: SecretString::from(PLANTED[1]).try_into().unwrap(),
            partition: Partition::AwsCn,
        });
        connect
    }

    async fn kept(store: &Store, account: &str) -> BillConnect {
        let org = store.create_org("Acme").await.unwrap().id;
        let connect = user(org, account);
        store.insert_connect(&connect, &report("2026-10-01T12:00:00Z")).await.unwrap();
        connect
    }

    /// Whether any file of the folder has the bytes of `text`.
    fn holds(folder: &std::path::Path, text: &[u8]) -> bool {
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.any(|bytes| bytes.windows(text.len()).any(|window| window == text))
    }

    #[tokio::test]
    async fn a_users_keys_come_back_and_are_in_no_file() {
        let (store, folder) = store().await;
        let store = store.with_keys(keys(&[("2026", 1)]));
        let connect = kept(&store, "123456789012").await;
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        assert_eq!(store.connect(org, &id).await.unwrap().as_ref(), Some(&connect));
        assert_eq!(store.connects_to_poll().await.unwrap(), std::slice::from_ref(&connect));
        assert!(holds(folder.path(), b"acme-bills"), "the search must be able to find something");
        for planted in PLANTED {
            assert!(!holds(folder.path(), &planted.as_bytes()[4..]), "{planted} is in a file");
        }
        store.delete_connect(org, &id).await.unwrap();
        assert_eq!(query("SELECT * FROM sealed_secrets").fetch_all(&store.pool).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_sealed_value_opens_in_no_other_row_or_field() {
        let (store, _folder) = store().await;
        let store = store.with_keys(keys(&[("2026", 1)]));
        let (mine, other) = (kept(&store, "123456789012").await, kept(&store, "123456789012").await);
        let (org, id) = (mine.candidate.org, mine.candidate.id());
        let statements = [
            "UPDATE sealed_secrets SET (key_id, nonce, sealed) =
                 (SELECT key_id, nonce, sealed FROM sealed_secrets AS o WHERE o.org_id = $2 AND o.field = sealed_secrets.field)
             WHERE org_id = $1 AND field = 'secret_access_key'",
            "UPDATE sealed_secrets SET (key_id, nonce, sealed) =
                 (SELECT key_id, nonce, sealed FROM sealed_secrets AS o WHERE o.org_id = $1 AND o.field = 'secret_access_key')
             WHERE org_id = $1 AND field = 'access_key_id' AND $2 > 0",
        ];
        for statement in statements {
            store.connect(org, &id).await.unwrap().unwrap();
            let moved = query(statement).bind(key(org)).bind(key(other.candidate.org));
            assert_eq!(moved.execute(&store.pool).await.unwrap().rows_affected(), 1);
            let error = store.connect(org, &id).await.unwrap_err();
            assert!(matches!(error, StoreError::Seal(SealError::Wrong { .. })), "{error}");
            assert_eq!(store.connects_to_poll().await.unwrap(), std::slice::from_ref(&other), "it keeps no other back");
            assert!(store.prove_secrets().await.is_ok(), "the key is the right one for the others");
            assert!(store.update_connect(&mine, &mine, &report("2026-10-01T12:00:00Z")).await.unwrap(), "sent again");
        }
    }

    #[tokio::test]
    async fn rotation_seals_all_anew_and_names_what_is_not_needed_any_more() {
        let (store, folder) = store().await;
        let old = store.clone().with_keys(keys(&[("2025", 1)]));
        let connect = kept(&old, "123456789012").await;
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let row = query("SELECT sealed FROM sealed_secrets WHERE field = 'secret_access_key'");
        let before: Vec<u8> = row.fetch_one(&old.pool).await.unwrap().get("sealed");

        let both = store.clone().with_keys(keys(&[("2026", 2), ("2025", 1)]));
        let rotated = both.rotate_secrets().await.unwrap();
        assert_eq!((rotated.secrets, rotated.current.as_str()), (2, "2026"));
        assert_eq!(rotated.unused, BTreeSet::from(["2025".to_owned()]));
        let new = store.clone().with_keys(keys(&[("2026", 2)]));
        new.prove_secrets().await.unwrap();
        assert_eq!(new.connect(org, &id).await.unwrap(), Some(connect));
        assert!(!holds(folder.path(), &before), "a copy under the old key is left in a file");

        let missing = old.connect(org, &id).await.unwrap_err().to_string();
        assert!(missing.contains("`2026` is not configured"), "{missing}");
        let wrong = store.clone().with_keys(keys(&[("2026", 1)])).prove_secrets().await.unwrap_err().to_string();
        assert!(wrong.contains("`2026`") && wrong.contains("another key"), "{wrong}");
        assert!(store.rotate_secrets().await.unwrap_err().to_string().contains("no secret key is configured"));
    }

    #[tokio::test]
    async fn a_rotation_that_lacks_a_key_changes_nothing() {
        let (store, _folder) = store().await;
        let old = store.clone().with_keys(keys(&[("2025", 1)]));
        kept(&old, "123456789012").await;
        let error = store.clone().with_keys(keys(&[("2026", 2)])).rotate_secrets().await.unwrap_err();
        assert!(error.to_string().contains("`2025`"), "{error}");
        old.prove_secrets().await.unwrap();
    }

    #[tokio::test]
    async fn without_a_key_nothing_is_kept() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let connect = user(org, "123456789012");
        assert!(store.insert_connect(&connect, &report("2026-10-01T12:00:00Z")).await.is_err());
        assert_eq!(store.connects(org).await.unwrap(), []);
    }
}
