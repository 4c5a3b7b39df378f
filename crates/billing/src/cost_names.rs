//! The names of what can be asked of costs: metrics and dimensions, one table each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::quotable;

/// A name that no metric or dimension has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {what}; there are {known}")]
pub struct UnknownName {
    /// `metric` or `dimension`.
    pub what: &'static str,
    /// What was given.
    pub given: String,
    /// The names that there are, with commas.
    pub known: String,
}

/// What is summed. Amounts are in the bill's currency.
///
/// *Unblended* is what each charge costs its own account; *blended* spreads a rate over the payer's accounts.
/// *Nonamortized* counts a commitment's purchase when it is billed; *amortized* spreads it over what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// AWS's unblended cost, as it stands.
    CostNonamortizedUnblended,
    /// `EffectiveCost`.
    CostAmortizedUnblended,
    /// AWS's blended cost, as it stands.
    CostNonamortizedBlended,
    /// `EffectiveCost` where a commitment plays a part, blended cost elsewhere.
    CostAmortizedBlended,
    /// `ListCost` of everything billed, purchases of commitments among it.
    ListPriceNonamortized,
    /// `ListCost` without purchases: what the usage would have cost on demand.
    ListPriceAmortized,
    /// List price less unblended cost, both nonamortized.
    SavingsRateReductionNonamortized,
    /// List price less effective cost, both amortized.
    SavingsRateReductionAmortized,
    /// AWS's usage amount; only together with the dimension `usage_unit`.
    UsageAmount,
}

static METRICS: [(Metric, &str, &str); 9] = [
    (Metric::CostNonamortizedUnblended, "cost_nonamortized_unblended_adj", "Cost, unblended"),
    (Metric::CostAmortizedUnblended, "cost_amortized_unblended_adj", "Cost, amortized and unblended"),
    (Metric::CostNonamortizedBlended, "cost_nonamortized_blended_adj", "Cost, blended"),
    (Metric::CostAmortizedBlended, "cost_amortized_blended_adj", "Cost, amortized and blended"),
    (Metric::ListPriceNonamortized, "list_price_nonamortized_adj", "List price"),
    (Metric::ListPriceAmortized, "list_price_amortized_adj", "List price, amortized"),
    (Metric::SavingsRateReductionNonamortized, "savings_rate_reduction_nonamortized_adj", "Savings by rate reduction"),
    (
        Metric::SavingsRateReductionAmortized,
        "savings_rate_reduction_amortized_adj",
        "Savings by rate reduction, amortized",
    ),
    (Metric::UsageAmount, "usage_amount", "Usage"),
];

impl Metric {
    /// All metrics, in the order in which they are listed.
    pub fn all() -> impl Iterator<Item = Metric> {
        METRICS.iter().map(|(metric, ..)| *metric)
    }

    /// Its name on the wire.
    pub fn id(self) -> &'static str {
        self.row().1
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Metric, &'static str, &'static str) {
        METRICS.iter().find(|(metric, ..)| *metric == self).expect("the table has every metric")
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Metric {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = || METRICS.map(|(_, id, _)| id).join(", ");
        let found = METRICS.iter().find(|(_, id, _)| *id == text).map(|(metric, ..)| *metric);
        found.ok_or_else(|| UnknownName { what: "metric", given: quotable(text), known: known() })
    }
}

impl TryFrom<String> for Metric {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> String {
        metric.id().to_owned()
    }
}

/// What sums can be grouped and filtered by. Every value is text; a missing one is [`MISSING`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[expect(missing_docs, reason = "each variant's name is the name that the table gives it")]
pub enum Dimension {
    Vendor,
    VendorAccount,
    VendorAccountName,
    BillingAccount,
    BillEntity,
    BillSource,
    InvoiceId,
    Category,
    Service,
    Region,
    AvailabilityZone,
    UsageType,
    UsageUnit,
    ResourceType,
    InstanceType,
    InstanceTypeFamily,
    OperatingSystem,
    DatabaseEngine,
    LicenseModel,
    DeploymentOption,
    LineItemType,
    PurchaseOption,
    CommitmentId,
    CommitmentName,
    Description,
    ServiceFamily,
    ManufacturerName,
    /// A bill has millions: the cost API has it only for single charges.
    ResourceId,
    BillingCenterId,
    /// The units that the account lies in, as one path.
    AccountUnit,
    /// The unit at a level, 1 being right below the organization's root.
    AccountUnitLevel(u8),
    /// `account_tag_<key>`: the value of the account's own tag with that key.
    AccountTag(String),
    /// `tag_<key>`: the value of the tag with that key, as the customer typed it.
    Tag(String),
}

/// What stands for a value that a charge does not have.
pub const MISSING: &str = "None";

/// What a tag's dimension starts with.
const TAG: &str = "tag_";

/// What the dimension of an account's tag starts with.
const ACCOUNT_TAG: &str = "account_tag_";

static DIMENSIONS: [(Dimension, &str, &str); 35] = [
    (Dimension::Vendor, "vendor", "Cloud vendor"),
    (Dimension::VendorAccount, "vendor_account", "Account"),
    (Dimension::VendorAccountName, "vendor_account_name", "Account name"),
    (Dimension::BillingAccount, "billing_account", "Payer account"),
    (Dimension::BillEntity, "bill_entity", "Billing entity"),
    (Dimension::BillSource, "bill_source", "Bill connect"),
    (Dimension::InvoiceId, "invoice_id", "Invoice"),
    (Dimension::Category, "category", "Category"),
    (Dimension::Service, "service", "Service"),
    (Dimension::Region, "region", "Region"),
    (Dimension::AvailabilityZone, "availability_zone", "Availability zone"),
    (Dimension::UsageType, "usage_type", "Usage type"),
    (Dimension::UsageUnit, "usage_unit", "Usage unit"),
    (Dimension::ResourceType, "resource_type", "Resource type"),
    (Dimension::InstanceType, "instance_type", "Instance type"),
    (Dimension::InstanceTypeFamily, "instance_type_family", "Instance type family"),
    (Dimension::OperatingSystem, "operating_system", "Operating system"),
    (Dimension::DatabaseEngine, "database_engine", "Database engine"),
    (Dimension::LicenseModel, "license_model", "License model"),
    (Dimension::DeploymentOption, "deployment_option", "Deployment option"),
    (Dimension::LineItemType, "line_item_type", "Line item type"),
    (Dimension::PurchaseOption, "purchase_option", "Purchase option"),
    (Dimension::CommitmentId, "commitment_id", "Commitment"),
    (Dimension::CommitmentName, "commitment_name", "Commitment name"),
    (Dimension::Description, "description", "Description"),
    (Dimension::ServiceFamily, "service_family", "Service family"),
    (Dimension::ManufacturerName, "manufacturer_name", "Manufacturer"),
    (Dimension::ResourceId, "resource_id", "Resource"),
    (Dimension::BillingCenterId, "billing_center_id", "Billing center"),
    (Dimension::AccountUnit, "account_unit", "Account unit"),
    // AWS nests units at most five deep.
    (Dimension::AccountUnitLevel(1), "account_unit_1", "Account unit, level 1"),
    (Dimension::AccountUnitLevel(2), "account_unit_2", "Account unit, level 2"),
    (Dimension::AccountUnitLevel(3), "account_unit_3", "Account unit, level 3"),
    (Dimension::AccountUnitLevel(4), "account_unit_4", "Account unit, level 4"),
    (Dimension::AccountUnitLevel(5), "account_unit_5", "Account unit, level 5"),
];

impl Dimension {
    /// All dimensions but the tags, in the order in which they are listed.
    pub fn all() -> impl Iterator<Item = &'static Dimension> {
        DIMENSIONS.iter().map(|(dimension, ..)| dimension)
    }

    /// Its name on the wire.
    pub fn id(&self) -> String {
        match self {
            Self::Tag(key) => format!("{TAG}{key}"),
            Self::AccountTag(key) => format!("{ACCOUNT_TAG}{key}"),
            named => named.row().1.to_owned(),
        }
    }

    /// Its name for people.
    pub fn label(&self) -> String {
        match self {
            Self::Tag(key) => format!("Tag {key}"),
            Self::AccountTag(key) => format!("Account tag {key}"),
            named => named.row().2.to_owned(),
        }
    }

    /// Whether the cost API groups sums by it; if not, it is only for lists of single charges.
    pub fn groups(&self) -> bool {
        *self != Self::ResourceId
    }

    /// Whether its value is known of accounts, from their organization.
    pub fn is_of_account(&self) -> bool {
        matches!(self, Self::VendorAccountName | Self::AccountUnit | Self::AccountUnitLevel(_) | Self::AccountTag(_))
    }

    fn row(&self) -> &'static (Dimension, &'static str, &'static str) {
        DIMENSIONS.iter().find(|(dimension, ..)| dimension == self).expect("the table has every dimension")
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl FromStr for Dimension {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if let Some(key) = text.strip_prefix(TAG).filter(|key| !key.is_empty()) {
            return Ok(Self::Tag(key.to_owned()));
        }
        if let Some(key) = text.strip_prefix(ACCOUNT_TAG).filter(|key| !key.is_empty()) {
            return Ok(Self::AccountTag(key.to_owned()));
        }
        let known =
            || format!("{}, {ACCOUNT_TAG}<key>, {TAG}<key>", DIMENSIONS.each_ref().map(|(_, id, _)| *id).join(", "));
        let found = DIMENSIONS.iter().find(|(_, id, _)| *id == text).map(|(dimension, ..)| dimension.clone());
        found.ok_or_else(|| UnknownName { what: "dimension", given: quotable(text), known: known() })
    }
}

impl TryFrom<String> for Dimension {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> String {
        dimension.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for metric in Metric::all() {
            assert_eq!(metric.id().parse(), Ok(metric));
        }
        for dimension in Dimension::all() {
            assert_eq!(dimension.id().parse().as_ref(), Ok(dimension));
        }
        assert_eq!("account_tag_a b".parse(), Ok(Dimension::AccountTag("a b".to_owned())));
        assert_eq!(Dimension::AccountTag("a b".to_owned()).to_string(), "account_tag_a b");
        assert_eq!("tag_user:team".parse(), Ok(Dimension::Tag("user:team".to_owned())));
        assert_eq!(Dimension::Tag("user:team".to_owned()).to_string(), "tag_user:team");
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_there_are() {
        let error = "servise".parse::<Dimension>().unwrap_err().to_string();
        assert!(
            error.starts_with("`servise` is no dimension") && error.contains("service") && error.contains("tag_<key>"),
            "{error}"
        );
        for wrong in ["tag_", "account_tag_", "account_unit_0", "account_unit_6"] {
            assert!(wrong.parse::<Dimension>().is_err(), "{wrong}");
        }
        assert!("cost".parse::<Metric>().is_err());
    }
}
