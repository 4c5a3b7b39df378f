//! Who uses what: accounts, the entities that bill them, their invoices, and the words that people type into tags.

use crate::cells::Cells;
use crate::column::Col;
use crate::product::Product;
use crate::rng::Rng;
use crate::spec::Spec;

pub(crate) const AWS_INC: &str = "Amazon Web Services, Inc.";
const AWS_EMEA: &str = "Amazon Web Services EMEA SARL";

/// A usage account.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) entity: &'static str,
    /// What its people put into tags, and the cost category it falls into.
    team: &'static str,
    env: &'static str,
    unit: &'static str,
}

/// As people type them: with commas, quotes and other scripts, and once the word that the API has for no value.
const TEAMS: [&str; 6] = ["payments", "search", "data, platform", "フロントエンド", "R&D \"skunkworks\"", "None"];
const ENVS: [&str; 3] = ["prod", "staging", "dev"];
const UNITS: [&str; 4] = ["Retail", "Retail, Europe", "Corporate", ""];

/// Text that breaks readers and spreadsheets. All of it is legal in a tag value or description.
pub(crate) const HOSTILE: [&str; 10] = [
    "line one\nline two",
    "she said \"ship it\", twice",
    "\"quoted from end to end\"",
    "=HYPERLINK(\"http://example.com\",\"click\")",
    "+1 (555) 0100",
    "@SUM(A1:A9)",
    "-2+3",
    "Zürich – naïve café ☕",
    "carriage\r\nreturn, comma, \"quote\"\n",
    "tab\there; semicolon; 'single'",
];

/// The payer first, then members with ids of the seed's own.
pub(crate) fn accounts(spec: &Spec) -> Vec<Account> {
    let mut rng = Rng::new(spec.seed, 0);
    (0..spec.accounts)
        .map(|at| Account {
            id: if at == 0 {
                spec.payer_account.clone()
            } else {
                format!("{:06}{:06}", 210_000 + at, rng.below(1_000_000))
            },
            entity: if at % 2 == 0 { AWS_INC } else { AWS_EMEA },
            team: rng.pick(&TEAMS),
            env: rng.pick(&ENVS),
            unit: rng.pick(&UNITS),
        })
        .collect()
}

impl Account {
    pub(crate) fn is_european(&self) -> bool {
        self.entity == AWS_EMEA
    }

    /// Tags and cost categories of one resource: `mark` is the resource's own number, so that they stay the same.
    pub(crate) fn tag(&self, mark: u64, cells: &mut Cells) {
        cells.set(Col::CategoryUnit, self.unit);
        cells.set(Col::CategoryEnvironment, if self.env == "prod" { "Production" } else { "Non-production" });
        if mark.is_multiple_of(7) {
            return; // Nobody tagged it.
        }
        let pick = |from: u64| usize::try_from((mark >> 8) % from).expect("a remainder is small");
        cells.set(Col::TagTeam, self.team);
        cells.set(Col::TagEnv, self.env);
        cells.set_format(Col::TagName, format_args!("{}-{}", self.env, mark % 100));
        cells.set_format(Col::TagCostCentre, format_args!("{:04}", mark % 9000));
        if mark.is_multiple_of(5) {
            cells.set(Col::TagTeamUpper, TEAMS[pick(6)]);
            cells.set_format(Col::TagCreatedBy, format_args!("AssumedRole:AROA{:X}:deploy", mark >> 20));
        }
        if mark.is_multiple_of(11) {
            cells.set(Col::TagNotes, HOSTILE[pick(10)]);
            cells.set(Col::TagOwner, "o'brien@example.com");
        }
    }
}

/// Which of a month's invoices a line is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bill {
    /// The monthly invoice of the entity that serves the account.
    Monthly,
    /// The invoice that AWS makes on the day of a purchase.
    Purchase,
    /// What sellers on AWS Marketplace charge.
    Marketplace,
    /// A credit note.
    Refund,
}

impl Bill {
    /// `bill/BillType`
    pub(crate) fn bill_type(self) -> &'static str {
        match self {
            Self::Monthly | Self::Marketplace => "Anniversary",
            Self::Purchase => "Purchase",
            Self::Refund => "Refund",
        }
    }

    /// `bill/BillingEntity`
    pub(crate) fn billing_entity(self) -> &'static str {
        if self == Self::Marketplace { "AWS Marketplace" } else { "AWS" }
    }
}

/// A month's invoice ids; all blank while the month is open.
pub(crate) struct Invoices([String; 5]);

impl Invoices {
    pub(crate) fn open() -> Self {
        Self(Default::default())
    }

    pub(crate) fn closed(rng: &mut Rng) -> Self {
        let mut number = || 1_600_000_000 + rng.below(300_000_000);
        Self([
            number().to_string(),
            format!("EUINGB26-{}", number() % 10_000_000),
            number().to_string(),
            number().to_string(),
            format!("CN-{}", number()),
        ])
    }

    pub(crate) fn of(&self, bill: Bill, account: &Account) -> &str {
        let at = match bill {
            Bill::Monthly => usize::from(account.is_european()),
            Bill::Purchase => 2,
            Bill::Marketplace => 3,
            Bill::Refund => 4,
        };
        &self.0[at]
    }
}

/// `lineItem/LegalEntity` and `bill/InvoicingEntity`.
pub(crate) fn entities(account: &Account, bill: Bill, product: &Product) -> [&'static str; 2] {
    let invoicing = if bill == Bill::Marketplace { AWS_INC } else { account.entity };
    [product.seller.unwrap_or(account.entity), invoicing]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_twelve_digits_of_their_own_and_the_payer_is_first() {
        let spec = Spec { accounts: 50, ..Spec::default() };
        let ids: std::collections::BTreeSet<_> = accounts(&spec).into_iter().map(|account| account.id).collect();
        assert_eq!(ids.len(), 50);
        assert!(ids.iter().all(|id| id.len() == 12));
        assert_eq!(accounts(&spec)[0].id, spec.payer_account);
    }

    #[test]
    fn a_closed_month_has_an_invoice_a_bill_and_an_open_one_none() {
        let accounts = accounts(&Spec::default());
        let closed = Invoices::closed(&mut Rng::new(1, 1));
        let bills = [Bill::Monthly, Bill::Purchase, Bill::Marketplace, Bill::Refund];
        let ids: std::collections::BTreeSet<_> = bills.iter().map(|bill| closed.of(*bill, &accounts[0])).collect();
        assert_eq!(ids.len(), 4);
        assert_ne!(closed.of(Bill::Monthly, &accounts[0]), closed.of(Bill::Monthly, &accounts[1]));
        assert_eq!(Invoices::open().of(Bill::Purchase, &accounts[0]), "");
    }
}
