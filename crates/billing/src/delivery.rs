//! Deliveries: one manifest's worth of one month, and what pins it.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::names::{AccountId, BillConnectId, NameError};
use crate::period::BillingPeriod;

/// Stands for the manifest's `ETag` where there is no manifest.
pub const LISTED: &str = "listed";

/// Which delivery of a month this is: changes whenever AWS delivers anew, stays while it does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id of the delivery that a manifest (its whole text) describes.
    ///
    /// AWS reuses assembly ids when it overwrites a report, so the manifest's bytes and the parts' `ETag`s count, not its name.
    /// Without a manifest, `manifest_etag` is [`LISTED`] and the listing alone counts.
    pub fn of(manifest_etag: &str, parts: &[PartHead]) -> Self {
        let mut hash = Sha256::new();
        hash.update(manifest_etag);
        for part in parts {
            for field in [part.key.as_str(), part.etag.as_str(), &part.size.to_string()] {
                hash.update([0]);
                hash.update(field);
            }
        }
        let mut hex = String::new();
        for byte in &hash.finalize()[..16] {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self(hex)
    }
}

impl FromStr for DeliveryId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(hex) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("a delivery id", text, "it has 32 digits of 0-9 and a-f; the list of deliveries names them"))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for DeliveryId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// One data file of a delivery, pinned by its `ETag`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHead {
    /// The object's key in the bucket.
    pub key: String,
    /// The object's `ETag`, as S3 spells it (with quotes).
    pub etag: String,
    /// The object's size in bytes, packed.
    pub size: u64,
}

/// What is known of a delivery before its parts are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryHead {
    /// The connection it came through.
    pub connect: BillConnectId,
    /// The payer account that the connection was made for.
    pub payer: AccountId,
    /// The month that it bills.
    pub period: BillingPeriod,
    /// Which delivery of the month it is.
    pub delivery_id: DeliveryId,
    /// The report's name.
    pub report_name: String,
    /// The key of the manifest that describes it. Of a month without a manifest, as a copied bucket may have it: the folder,
    /// ending in `/`, whose listing stands for one.
    pub manifest_key: String,
    /// The data files, in the manifest's order.
    pub parts: Vec<PartHead>,
    /// When AWS made it: the manifest's last modification, or what the listing tells of it.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
}

impl DeliveryHead {
    /// Whether a manifest says what it is. Where none does, the rows alone say whose bill they are.
    pub fn has_manifest(&self) -> bool {
        !self.manifest_key.ends_with('/')
    }

    /// The size of all parts together, packed, in bytes.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_changes_with_its_manifest_and_with_any_part() {
        let part = PartHead { key: "a".into(), etag: "\"1\"".into(), size: 1 };
        let changed = PartHead { etag: "\"2\"".into(), ..part.clone() };
        let id = DeliveryId::of("m", std::slice::from_ref(&part));
        assert_eq!(id, DeliveryId::of("m", std::slice::from_ref(&part)));
        assert_ne!(id, DeliveryId::of("n", &[part]));
        assert_ne!(id, DeliveryId::of("m", &[changed]));
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "d", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg"] {
            assert!(wrong.parse::<DeliveryId>().is_err(), "{wrong}");
        }
    }
}
