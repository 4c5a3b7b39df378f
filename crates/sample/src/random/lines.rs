//! The lines of a random bill: of any type, in any order, with what each type may and may not state.

use crate::account::{Account, Bill, HOSTILE, Invoices, accounts, entities};
use crate::catalogue::REGIONS;
use crate::cells::Cells;
use crate::column::Col;
use crate::dec::Dec;
use crate::desk::Entry;
use crate::error::SampleError;
use crate::format::Packing;
use crate::line::{Kind, LineType, Money};
use crate::product::{CLOUDFRONT, COMPUTE_PLANS, EC2, EKS, LAMBDA, MARKETPLACE_LOGS, Product, RDS, S3, SUPPORT};
use crate::random::respell::respell;
use crate::rng::Rng;
use crate::spec::Spec;

const PRODUCTS: [&Product; 9] =
    [&EC2, &RDS, &S3, &LAMBDA, &EKS, &CLOUDFRONT, &SUPPORT, &COMPUTE_PLANS, &MARKETPLACE_LOGS];

const BILLS: [Bill; 4] = [Bill::Monthly, Bill::Purchase, Bill::Marketplace, Bill::Refund];

/// Amounts that csv may spell in other ways, and rates in whose place AWS has been seen to write words.
const AMOUNTS: [Col; 9] = [
    Col::UnblendedCost,
    Col::BlendedCost,
    Col::PricingPublicOnDemandCost,
    Col::ReservationEffectiveCost,
    Col::ReservationUnusedAmortizedUpfrontFeeForBillingPeriod,
    Col::ReservationUnusedRecurringFee,
    Col::PlanEffectiveCost,
    Col::PlanTotalCommitmentToDate,
    Col::PlanUsedCommitment,
];
const WORDY: [Col; 3] = [Col::NormalizationFactor, Col::UnblendedRate, Col::BlendedRate];

/// Takes a finished line.
pub(super) type Take<'t> = &'t mut dyn FnMut(&Entry<'_>) -> Result<(), SampleError>;

/// Makes up lines.
pub(super) struct Lines<'s> {
    spec: &'s Spec,
    accounts: Vec<Account>,
    /// Of a closed month, of an open one.
    invoices: [Invoices; 2],
    /// Once in so many lines, the invoice is blank; never, and always.
    blank: u64,
    stamps: Vec<String>,
    rng: Rng,
    cells: Cells,
    pub(super) written: u64,
}

/// Where a line is: account, product, bill, hours, and whether its invoice is known.
#[derive(Clone, Copy)]
struct Place {
    account: usize,
    product: &'static Product,
    bill: Bill,
    hours: (usize, usize),
    open: usize,
}

impl<'s> Lines<'s> {
    pub(super) fn new(spec: &'s Spec, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 2);
        let invoices = [Invoices::closed(&mut rng), Invoices::open()];
        // Some bills print instants as a database does.
        let stamps = if rng.once_in(4) {
            let printed = |stamp: String| stamp.replace('T', " ").replace('Z', "+00:00");
            spec.first_month.stamps().into_iter().map(printed).collect()
        } else {
            spec.first_month.stamps()
        };
        let blank = rng.pick(&[1, 3, u64::MAX]);
        Self { spec, accounts: accounts(spec), invoices, blank, stamps, rng, cells: Cells::new(), written: 0 }
    }

    /// Writes a line, or two that belong together.
    pub(super) fn write(&mut self, take: Take<'_>) -> Result<(), SampleError> {
        let place = self.place();
        let line_type = self.rng.pick(&LineType::ALL);
        match line_type {
            LineType::SavingsPlanCoveredUsage => {
                let money = self.money(line_type);
                self.line((line_type, place), &money, take)?;
                // Mostly what covers is negated whole; what is not must show in the sums all the same.
                let left = if self.rng.once_in(8) { self.amount() } else { money.unblended };
                if self.rng.once_in(12) {
                    return Ok(());
                }
                let negation = Money { unblended: -left, blended: Some(-left), ..Money::default() };
                self.line((LineType::SavingsPlanNegation, place), &negation, take)
            }
            LineType::Usage if self.rng.once_in(4) => {
                let split = Money {
                    kind: Kind::Split,
                    blended: Some(Dec::ZERO),
                    on_demand: Some(Dec::ZERO),
                    ..Money::default()
                };
                self.line((line_type, place), &split, take)
            }
            _ => {
                let money = self.money(line_type);
                self.line((line_type, place), &money, take)
            }
        }
    }

    fn place(&mut self) -> Place {
        let hours = self.stamps.len() - 1;
        let start = self.rng.index(hours);
        let whole = self.rng.once_in(5);
        Place {
            account: self.rng.index(self.accounts.len()),
            product: self.rng.pick(&PRODUCTS),
            bill: self.rng.pick(&BILLS),
            hours: if whole { (0, hours) } else { (start, start + 1) },
            open: usize::from(self.rng.once_in(self.blank)),
        }
    }

    /// An amount of a few or of many digits; 15 of them at the most, which is what a double keeps.
    fn amount(&mut self) -> Dec {
        match self.rng.below(6) {
            0 => Dec::ZERO,
            1 => Dec::scaled(self.rng.below(1_000_000), 2),
            2 => Dec::scaled(1 + self.rng.below(999_999), 12),
            3 => Dec::scaled(self.rng.below(99_999_999_999), 9),
            4 => Dec::whole(self.rng.below(5000)),
            _ => Dec::scaled(self.rng.below(999_999_999), 6),
        }
    }

    /// One that may be left out. Two of these can be added up and still have 15 digits.
    fn maybe(&mut self) -> Option<Dec> {
        (!self.rng.once_in(5)).then(|| Dec::scaled(self.rng.below(9_999_999_999), 8))
    }

    /// What a line of this type states; what a reader of other types must not look at is there now and then as well.
    fn money(&mut self, line_type: LineType) -> Money {
        use LineType as T;
        let amount = self.amount();
        let relief = matches!(
            line_type,
            T::Credit
                | T::Refund
                | T::Discount
                | T::BundledDiscount
                | T::EdpDiscount
                | T::PrivateRateDiscount
                | T::SavingsPlanNegation
        );
        let odd = self.rng.once_in(10);
        let signed = if relief ^ odd { -amount } else { amount };
        let unblended = if line_type == T::DiscountedUsage && !self.rng.once_in(6) { Dec::ZERO } else { signed };
        let mut money = Money { unblended, blended: Some(unblended), on_demand: self.maybe(), ..Money::default() };
        let stray = self.rng.once_in(6);
        if line_type == T::DiscountedUsage || stray {
            money.reservation_effective = self.maybe();
        }
        if line_type == T::RiFee || stray {
            (money.unused_upfront, money.unused_recurring) = (self.maybe(), self.maybe());
        }
        if line_type == T::SavingsPlanCoveredUsage || stray {
            money.plan_effective = self.maybe();
        }
        if line_type == T::SavingsPlanRecurringFee || stray {
            (money.total_commitment, money.used_commitment) = (self.maybe(), self.maybe());
        }
        if line_type == T::Fee && self.rng.once_in(2) {
            money.kind = Kind::ReservationUpfront;
        }
        money
    }

    fn line(
        &mut self,
        (line_type, place): (LineType, Place),
        money: &Money,
        take: Take<'_>,
    ) -> Result<(), SampleError> {
        self.cells.clear();
        self.say(line_type, place);
        self.decorate(line_type, (place, money));
        money.write(&mut self.cells);
        if self.spec.format.packing() != Packing::Parquet {
            self.respell();
        }
        self.written += 1;
        let account = &self.accounts[place.account];
        take(&Entry {
            line_type,
            account: &account.id,
            product: place.product.code,
            start: &self.stamps[place.hours.0],
            invoice: self.invoices[place.open].of(place.bill, account),
            money,
            cells: &self.cells,
        })
    }

    /// What every line says.
    fn say(&mut self, line_type: LineType, place: Place) {
        let (account, region) = (&self.accounts[place.account], self.rng.index(REGIONS.len()));
        let [start, end] = [place.hours.0, place.hours.1].map(|hour| self.stamps[hour].as_str());
        let [legal, invoicing] = entities(account, place.bill, place.product);
        let last = &self.stamps[self.stamps.len() - 1];
        let texts = [
            (Col::BillInvoiceId, self.invoices[place.open].of(place.bill, account)),
            (Col::BillInvoicingEntity, invoicing),
            (Col::BillingEntity, place.bill.billing_entity()),
            (Col::BillType, place.bill.bill_type()),
            (Col::BillPayerAccountId, &self.spec.payer_account),
            (Col::BillingPeriodStartDate, &self.stamps[0]),
            (Col::BillingPeriodEndDate, last),
            (Col::UsageAccountId, &account.id),
            (Col::LineItemType, line_type.name()),
            (Col::UsageStartDate, start),
            (Col::UsageEndDate, end),
            (Col::ProductCode, place.product.code),
            (Col::CurrencyCode, "USD"),
            (Col::LegalEntity, legal),
            (Col::ProductName, place.product.name),
            (Col::ProductRegionCode, REGIONS[region].code),
            (Col::ProductLocation, REGIONS[region].location),
            (Col::PricingUnit, "Hrs"),
            (Col::UsageType, "BoxUsage:m5.large"),
            (Col::LineItemDescription, self.rng.pick(&HOSTILE)),
        ];
        for (col, text) in texts {
            self.cells.set(col, text);
        }
        // Ids repeat within a delivery.
        let id = self.rng.below(40);
        self.cells.set_format(Col::LineItemId, format_args!("line{id:048}"));
    }

    /// What some lines say.
    fn decorate(&mut self, line_type: LineType, (place, money): (Place, &Money)) {
        let mark = self.rng.next();
        self.accounts[place.account].tag(mark, &mut self.cells);
        let cells = &mut self.cells;
        cells.set_amount(Col::UsageAmount, Dec::scaled(mark % 1_000_000, 4));
        let reservation = matches!(line_type, LineType::DiscountedUsage | LineType::RiFee);
        if reservation || money.kind == Kind::ReservationUpfront {
            cells.set_format(
                Col::ReservationArn,
                format_args!("arn:aws:ec2:us-east-1:1:reserved-instances/{}", mark % 5),
            );
        }
        if line_type.name().starts_with("SavingsPlan") {
            cells.set_format(Col::PlanArn, format_args!("arn:aws:savingsplans::1:savingsplan/{}", mark % 5));
        }
        if money.kind == Kind::Split {
            cells.set_format(Col::SplitParentResourceId, format_args!("i-{:017x}", mark % 9));
            cells.set_amount(Col::SplitCost, Dec::scaled(mark % 1_000_000, 6));
            cells.set_amount(Col::SplitUnusedCost, Dec::scaled(mark % 1000, 6));
        }
    }

    /// Spells amounts in other ways, and puts words where no number is.
    fn respell(&mut self) {
        for col in AMOUNTS {
            if self.rng.once_in(3) {
                let text = String::from_utf8_lossy(self.cells.get(col)).into_owned();
                if let Some(other) = respell(&text, &mut self.rng) {
                    self.cells.set(col, &other);
                }
            }
        }
        for col in WORDY {
            if self.rng.once_in(6) {
                let word = self.rng.pick(&["None", "NA", "N/A", "convertible"]);
                self.cells.set(col, word);
            }
        }
    }
}
