//! The audit log: who did what to what, from where, and what came of it, in chains of hashes that show tampering.
//!
//! Every org has a chain of its own, and the operator's acts have one. An entry's hash covers the entry and the hash of the
//! entry before it, so that changing, removing or slipping in an entry breaks the chain from there on; cutting off its end
//! shows to whoever has noted a later [`Head`].

mod words;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::App;
use crate::store::StoreError;

pub use words::{Act, Actor, Log, Outcome, Subject, Who};

/// The longest subject or reason that is kept, in characters: what callers send may be quoted in them.
const LONGEST: usize = 500;
/// How many entries are verified at a time.
const PAGE: u32 = 1000;

/// A SHA-256 hash, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first entry of a chain has in place of the hash before it.
    pub(crate) const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An entry that is about to be written.
pub(crate) struct NewEntry {
    pub(crate) log: Log,
    pub(crate) at: OffsetDateTime,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) request: Option<String>,
    pub(crate) act: &'static str,
    pub(crate) subject: String,
    pub(crate) outcome: &'static str,
    pub(crate) note: Option<String>,
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose log it is in.
    pub log: Log,
    /// Its number in that log, from 1.
    pub seq: i64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request: Option<String>,
    /// What was done.
    pub act: String,
    /// To what.
    pub subject: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// Why, or what else is worth knowing.
    pub note: Option<String>,
    /// The hash of the entry before.
    pub previous: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// What an entry's hash is taken over: these fields as JSON without blanks, keys in this (their alphabetical) order, absent
/// ones `null`.
#[derive(Serialize)]
struct Canonical<'a> {
    act: &'a str,
    actor: &'a str,
    address: Option<&'a str>,
    at: i64,
    log: String,
    note: Option<&'a str>,
    outcome: &'a str,
    previous: String,
    request: Option<&'a str>,
    seq: i64,
    subject: &'a str,
}

impl Entry {
    /// The hash that an entry saying this has.
    pub(crate) fn computed_hash(&self) -> Hash {
        let canonical = Canonical {
            act: &self.act,
            actor: &self.actor,
            address: self.address.as_deref(),
            at: self.at,
            log: self.log.to_string(),
            note: self.note.as_deref(),
            outcome: &self.outcome,
            previous: self.previous.to_string(),
            request: self.request.as_deref(),
            seq: self.seq,
            subject: &self.subject,
        };
        Hash(Sha256::digest(serde_json::to_vec(&canonical).expect("texts and numbers turn into JSON")).into())
    }

    /// Where the chain stands with this entry as its last.
    pub fn head(&self) -> Head {
        Head { log: self.log, seq: self.seq, hash: self.hash }
    }
}

/// Where a chain stood at some time: noted elsewhere, it shows later that nothing up to there was changed or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose log.
    pub log: Log,
    /// The number of its last entry.
    pub seq: i64,
    /// That entry's hash.
    pub hash: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.log, self.seq, self.hash)
    }
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no head of an audit log: it is `<org or operator>:<number>:<64 hexadecimal digits>`")]
pub struct NoHead(String);

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let wrong = || NoHead(text.chars().take(100).collect());
        let mut parts = text.splitn(3, ':');
        let (Some(log), Some(seq), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let log = if log == "operator" { Log::Operator } else { Log::Org(log.parse().map_err(|_| wrong())?) };
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, digits) in bytes.iter_mut().zip(hash.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self { log, seq, hash: Hash(bytes) })
    }
}

/// What verifying found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Where every chain stands now.
    pub heads: Vec<Head>,
    /// What is not as it was written, as sentences; empty where all is.
    pub flaws: Vec<String>,
}

impl App {
    /// Writes down that `actor` did, or tried, `act`.
    pub async fn audit(&self, actor: &Actor, act: Act, subject: Subject, outcome: Outcome) -> Result<(), StoreError> {
        let (outcome, note) = outcome.parts();
        let entry = NewEntry {
            log: subject.log,
            at: OffsetDateTime::now_utc(),
            actor: actor.who.to_string(),
            address: actor.address.map(|address| address.to_string()),
            request: actor.request.clone(),
            act: act.name(),
            subject: short(&subject.name),
            outcome,
            note: note.as_deref().map(short),
        };
        self.store.append_audit(entry).await
    }

    /// The newest entries of a log that are older than number `before`, newest first.
    pub async fn audit_log(&self, log: Log, before: Option<i64>, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.store.audit_before(log, before.unwrap_or(i64::MAX), limit).await
    }

    /// Where every chain stands now.
    pub async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        let mut heads = Vec::new();
        for log in self.store.audit_logs().await? {
            heads.extend(self.store.audit_before(log, i64::MAX, 1).await?.first().map(Entry::head));
        }
        Ok(heads)
    }

    /// Reads every chain from its start, and whether it holds what the noted heads say.
    pub async fn verify_audit(&self, noted: &[Head]) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        let mut logs = self.store.audit_logs().await?;
        logs.extend(noted.iter().map(|head| head.log));
        logs.sort_unstable();
        logs.dedup();
        for log in logs {
            let noted: Vec<&Head> = noted.iter().filter(|head| head.log == log).collect();
            let head = self.verify_log(log, &noted, &mut verified.flaws).await?;
            verified.heads.extend(head);
        }
        Ok(verified)
    }

    async fn verify_log(&self, log: Log, noted: &[&Head], flaws: &mut Vec<String>) -> Result<Option<Head>, StoreError> {
        let mut last: Option<Head> = None;
        loop {
            let page = self.store.audit_after(log, last.map_or(0, |head| head.seq), PAGE).await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                flaws.extend(flaws_of(last, &entry));
                let differs = |head: &&&Head| head.seq == entry.seq && head.hash != entry.hash;
                flaws.extend(noted.iter().filter(differs).map(|head| {
                    format!(
                        "`{head}` was noted, but entry {} of the log `{log}` has the hash {}: it was written anew",
                        entry.seq, entry.hash
                    )
                }));
                last = Some(entry.head());
            }
        }
        let end = last.map_or(0, |head| head.seq);
        let beyond = noted.iter().filter(|head| head.seq > end);
        flaws.extend(
            beyond.map(|head| {
                format!("`{head}` was noted, but the log `{log}` ends with entry {end}: its end was cut off")
            }),
        );
        Ok(last)
    }
}

/// What is wrong with an entry that comes after `last` in its chain.
fn flaws_of(last: Option<Head>, entry: &Entry) -> Vec<String> {
    let (seq, log) = (entry.seq, entry.log);
    let mut flaws = Vec::new();
    let expected = last.map_or(1, |head| head.seq + 1);
    if seq != expected {
        flaws.push(format!("the log `{log}` has no entry {expected}: after it comes {seq}"));
    } else if entry.previous != last.map_or(Hash::NONE, |head| head.hash) {
        flaws.push(format!("entry {seq} of the log `{log}` does not follow from the entry before it"));
    }
    if entry.computed_hash() != entry.hash {
        flaws.push(format!("entry {seq} of the log `{log}` was changed: its hash does not fit what it says"));
    }
    flaws
}

/// The text without control characters, cut to what is kept.
fn short(text: &str) -> String {
    let mut kept = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST) {
        let shown = if character.is_control() { ' ' } else { character };
        // Writing to a text never fails.
        let _ = kept.write_char(shown);
    }
    if characters.next().is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, previous: Hash) -> Entry {
        let mut entry = Entry {
            log: Log::Operator,
            seq,
            at: 1_000_000,
            actor: "server".into(),
            address: None,
            request: None,
            act: "org.create".into(),
            subject: "123456".into(),
            outcome: "done".into(),
            note: None,
            previous,
            hash: Hash::NONE,
        };
        entry.hash = entry.computed_hash();
        entry
    }

    #[test]
    fn the_hash_is_what_anyone_can_compute() {
        let text = r#"{"act":"org.create","actor":"server","address":null,"at":1000000,"log":"operator","note":null,"outcome":"done","previous":"0000000000000000000000000000000000000000000000000000000000000000","request":null,"seq":1,"subject":"123456"}"#;
        assert_eq!(entry(1, Hash::NONE).hash, Hash(Sha256::digest(text).into()));
    }

    #[test]
    fn a_chain_holds_and_every_change_shows() {
        let first = entry(1, Hash::NONE);
        let second = entry(2, first.hash);
        assert!(flaws_of(None, &first).is_empty() && flaws_of(Some(first.head()), &second).is_empty());
        let changed = Entry { outcome: "refused".into(), ..second.clone() };
        assert!(flaws_of(Some(first.head()), &changed)[0].contains("was changed"));
        assert!(flaws_of(None, &second)[0].contains("no entry 1"));
        let elsewhere = entry(2, Hash([1; 32]));
        assert!(flaws_of(Some(first.head()), &elsewhere)[0].contains("does not follow"));
    }

    #[test]
    fn heads_are_read_back() {
        let head = entry(7, Hash([0xab; 32])).head();
        assert_eq!(head.to_string().parse(), Ok(head));
        let org: Head = format!("123456789:1:{}", head.hash).parse().unwrap();
        assert_eq!(org.log, Log::Org("123456789".parse().unwrap()));
        for wrong in [
            "",
            "operator",
            "operator:0:00",
            &format!("operator:0:{}", head.hash),
            &format!("12:1:{}", head.hash),
            "operator:1:zz",
        ] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_callers_send_is_kept_short_and_in_one_line() {
        assert_eq!(short("a\nb\u{1b}[0m"), "a b [0m");
        assert_eq!(short(&"é".repeat(600)).chars().count(), LONGEST + 1);
    }
}
