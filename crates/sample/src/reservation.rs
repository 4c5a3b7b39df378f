//! Reservations: bought (`Fee`), paid by the month (`RIFee`), and used or not (`DiscountedUsage`).

use std::sync::Arc;

use crate::account::Bill;
use crate::catalogue::{REGIONS, Region};
use crate::column::Col;
use crate::compute::{self, Instance};
use crate::dec::Dec;
use crate::desk::{Desk, Head};
use crate::error::SampleError;
use crate::line::{Committed, Kind, LineType, Money, Part};
use crate::product::{CACHE, EC2, Product, RDS};

/// How much of a commitment gets used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Nothing is left over, so no Unused charge is added.
    Full,
    /// Something is left over, now and then nothing.
    Partly,
    /// Nobody runs what was reserved: all of the fee is unused.
    Idle,
}

/// What is sold: one for each payment option, and one that nobody uses.
struct Reservation {
    product: &'static Product,
    instance: &'static Instance,
    /// Usage type without its first word, operation, product family.
    usage: [&'static str; 3],
    /// Payment option and offering class, as the pricing columns spell them.
    purchase: [&'static str; 2],
    /// Prices an hour: recurring, the upfront fee spread over the term, on demand.
    hourly: [Dec; 3],
    habit: Habit,
    /// Bought in the sample's first month; else before it.
    is_new: bool,
}

/// Reserved and on-demand instances share a usage type; only the line item type tells them apart.
const EC2_USAGE: [&str; 3] = ["BoxUsage", "RunInstances:0002", "Compute Instance"];

const RESERVATIONS: [Reservation; 4] = [
    Reservation {
        product: &EC2,
        instance: &compute::M5_LARGE,
        usage: EC2_USAGE,
        purchase: ["No Upfront", "standard"],
        hourly: [Dec::of("0.0605"), Dec::ZERO, Dec::of("0.096")],
        habit: Habit::Full,
        is_new: false,
    },
    Reservation {
        product: &RDS,
        instance: &compute::DB_R6G_LARGE,
        usage: ["InstanceUsage", "CreateDBInstance:0014", "Database Instance"],
        purchase: ["Partial Upfront", "standard"],
        hourly: [Dec::of("0.0716"), Dec::of("0.0719178082"), Dec::of("0.225")],
        habit: Habit::Partly,
        is_new: true,
    },
    Reservation {
        product: &EC2,
        instance: &compute::C6I_XLARGE,
        usage: EC2_USAGE,
        purchase: ["All Upfront", "convertible"],
        hourly: [Dec::ZERO, Dec::of("0.1049086758"), Dec::of("0.17")],
        habit: Habit::Partly,
        is_new: true,
    },
    Reservation {
        product: &CACHE,
        instance: &compute::CACHE_R6G_LARGE,
        usage: ["NodeUsage", "CreateCacheCluster:0002", "Cache Instance"],
        purchase: ["All Upfront", "standard"],
        hourly: [Dec::ZERO, Dec::of("0.1289954338"), Dec::of("0.206")],
        habit: Habit::Idle,
        is_new: false,
    },
];

/// A reservation as one bill has it.
struct Holding<'a> {
    terms: &'a Reservation,
    owner: usize,
    region: &'static Region,
    arn: Arc<str>,
    /// AWS's number for the purchase; a number in a text column.
    subscription: String,
    /// How many instances it covers.
    count: u64,
}

/// The lines of all reservations: at most one for each of `covers` instances, slot and reservation that is not idle.
pub(crate) fn write(desk: &mut Desk<'_>) -> Result<(), SampleError> {
    for (at, terms) in RESERVATIONS.iter().enumerate() {
        let owner = desk.turn(at);
        let region = &REGIONS[at % REGIONS.len()];
        let service = terms.product.code.trim_start_matches("Amazon").to_lowercase();
        let account = &desk.accounts[owner].id;
        let arn = format!("arn:aws:{service}:{}:{account}:reserved-instances/ri-2026-{at:04}", region.code);
        let count = desk.scene.plan.covers;
        let subscription = format!("{}", 9_870_001_230 + at);
        let holding = Holding { terms, owner, region, arn: arn.into(), subscription, count };
        if terms.is_new && desk.scene.index == 0 {
            holding.upfront(desk)?;
        }
        let used = holding.usage(desk)?;
        holding.monthly(desk, &used)?;
    }
    Ok(())
}

/// Used in a month: hours, amortised upfront fee, recurring fee.
#[derive(Default)]
struct Used([Dec; 3]);

impl Holding<'_> {
    /// The line on the purchase's own invoice. Only the ARN tells it from any other `Fee`.
    fn upfront(&self, desk: &mut Desk<'_>) -> Result<(), SampleError> {
        // AWS states the whole month, not the hour of the purchase.
        let head = self.head(LineType::Fee, desk.scene.whole_month());
        desk.begin(&Head { bill: Bill::Purchase, ..head });
        self.identify(desk, "HeavyUsage");
        desk.cells.set_amount(Col::UsageAmount, Dec::whole(self.count));
        let text = format!("Sign up charge for subscription: {}, planId: 2158911", self.subscription);
        desk.cells.set(Col::LineItemDescription, &text);
        let fee = self.upfront_value();
        desk.cells.set_amount(Col::UnblendedRate, Dec::ZERO);
        // On this line AWS states the hours of the whole term.
        desk.cells.set_amount(Col::ReservationTotalReservedUnits, Dec::whole(self.count * 365 * 24));
        let money = Money {
            kind: Kind::ReservationUpfront,
            unblended: fee,
            blended: Some(fee),
            committed: Some(self.committed(Part::Paid)),
            ..Money::default()
        };
        desk.emit(&Head { bill: Bill::Purchase, ..head }, &money)
    }

    /// The hourly share of the upfront fee over a year, to whole cents.
    fn upfront_value(&self) -> Dec {
        self.terms.hourly[1].times_whole(8760 * self.count).to_cents()
    }

    /// Lines for what runs under the reservation, in any account of the organization; what they used of it.
    fn usage(&self, desk: &mut Desk<'_>) -> Result<Used, SampleError> {
        let scene = desk.scene;
        let mut used = Used::default();
        for (at, hours) in scene.plan.slots.iter().enumerate() {
            let running = match self.terms.habit {
                Habit::Full => self.count,
                Habit::Partly => self.count - desk.rng.below(self.count / 3 + 2).min(self.count),
                Habit::Idle => 0,
            };
            for instance in 0..running {
                // A part of an hour leaves the rest of it unused.
                let partly = self.terms.habit == Habit::Partly && desk.rng.once_in(9);
                let whole = Dec::whole(u64::from(hours.1 - hours.0));
                let quantity = if partly { whole.times(Dec::of("0.35")) } else { whole };
                let account = desk.turn(self.owner + at + usize::try_from(instance).expect("at most 64"));
                self.covered(desk, (account, *hours, instance), (quantity, &mut used))?;
            }
        }
        Ok(used)
    }

    /// One resource in one slot: it costs nothing on the invoice, and its share of the reservation in truth.
    fn covered(
        &self,
        desk: &mut Desk<'_>,
        (account, hours, instance): (usize, (u16, u16), u64),
        (quantity, used): (Dec, &mut Used),
    ) -> Result<(), SampleError> {
        let head = Head { account, ..self.head(LineType::DiscountedUsage, hours) };
        let [recurring, upfront, on_demand] = self.terms.hourly.map(|rate| quantity.times(rate));
        desk.begin(&head);
        self.identify(desk, self.terms.usage[0]);
        // Instances keep their ids from slot to slot, and so their tags.
        let mark = 977 * (instance + 1);
        let cells = &mut desk.cells;
        cells.set_format(Col::ResourceId, format_args!("i-0{:016x}", mark.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        cells.set_format(Col::AvailabilityZone, format_args!("{}a", self.region.code));
        cells.set_amount(Col::UsageAmount, quantity);
        cells.set_amount(Col::NormalizationFactor, self.terms.instance.factor);
        cells.set_amount(Col::NormalizedUsageAmount, quantity.times(self.terms.instance.factor));
        cells.set_amount(Col::UnblendedRate, Dec::ZERO);
        cells.set_format(
            Col::LineItemDescription,
            format_args!("{}, {} reserved instance applied", self.region.location, self.terms.instance.name),
        );
        cells.set_amount(Col::PricingPublicOnDemandRate, self.terms.hourly[2]);
        cells.set_amount(Col::ReservationAmortizedUpfrontCostForUsage, upfront);
        cells.set_amount(Col::ReservationNetAmortizedUpfrontCostForUsage, upfront.times(Dec::of("0.91")));
        cells.set_amount(Col::ReservationRecurringFeeForUsage, recurring);
        cells.set_amount(Col::ReservationNetRecurringFeeForUsage, recurring.times(Dec::of("0.91")));
        self.terms.instance.describe(cells);
        desk.accounts[account].tag(mark, &mut desk.cells);
        used.0 = [used.0[0] + quantity, used.0[1] + upfront, used.0[2] + recurring];
        let effective = Some(upfront + recurring);
        let money = Money {
            on_demand: Some(on_demand),
            reservation_effective: effective,
            committed: Some(self.committed(Part::Used(quantity))),
            coverable: true,
            ..Money::default()
        };
        desk.emit(&head, &money)
    }

    /// The month's fee, with what was left unused of it.
    fn monthly(&self, desk: &mut Desk<'_>, used: &Used) -> Result<(), SampleError> {
        let head = self.head(LineType::RiFee, desk.scene.whole_month());
        let bought = self.count * u64::from(desk.scene.hours());
        let [fee, amortised, _] = self.terms.hourly.map(|rate| rate.times_whole(bought));
        // Unused is what was bought less what was used, never worked out on its own: the two must add up.
        let idle = Dec::whole(bought) - used.0[0];
        desk.begin(&head);
        self.identify(desk, "HeavyUsage");
        let cells = &mut desk.cells;
        cells.set_amount(Col::UsageAmount, Dec::whole(bought));
        cells.set_amount(Col::UnblendedRate, self.terms.hourly[0]);
        cells.set_format(
            Col::LineItemDescription,
            format_args!("USD {} hourly fee per {} instance", self.terms.hourly[0], self.terms.instance.name),
        );
        cells.set_amount(Col::ReservationAmortizedUpfrontFeeForBillingPeriod, amortised);
        cells.set_amount(Col::ReservationUpfrontValue, self.upfront_value());
        cells.set_amount(Col::ReservationTotalReservedUnits, Dec::whole(bought));
        cells.set_amount(
            Col::ReservationTotalReservedNormalizedUnits,
            Dec::whole(bought).times(self.terms.instance.factor),
        );
        cells.set_amount(Col::ReservationUnusedQuantity, idle);
        cells.set_amount(Col::ReservationUnusedNormalizedUnitQuantity, idle.times(self.terms.instance.factor));
        cells.set(Col::ReservationStartTime, "2026-01-15T00:00:00.000Z");
        cells.set(Col::ReservationEndTime, "2027-01-15T00:00:00.000Z");
        cells.set(Col::ReservationModificationStatus, "Original");
        let money = Money {
            unblended: fee,
            blended: Some(fee),
            unused_upfront: Some(amortised - used.0[1]),
            unused_recurring: Some(fee - used.0[2]),
            committed: Some(self.committed(Part::Bought { bought: Dec::whole(bought), unused: idle })),
            ..Money::default()
        };
        desk.emit(&head, &money)
    }

    fn committed(&self, part: Part) -> Committed {
        Committed { arn: Arc::clone(&self.arn), part }
    }

    /// Fees fall on the account that bought.
    fn head(&self, line_type: LineType, hours: (u16, u16)) -> Head {
        Head { line_type, account: self.owner, product: self.terms.product, bill: Bill::Monthly, hours }
    }

    /// The cells that name the reservation on each of its lines.
    fn identify(&self, desk: &mut Desk<'_>, usage: &str) {
        let usage_type = format!("{usage}:{}", self.terms.instance.name);
        desk.place(self.region, [&usage_type, self.terms.usage[1], "Hrs", self.terms.usage[2]]);
        let cells = &mut desk.cells;
        let texts = [
            (Col::ReservationArn, &*self.arn),
            (Col::ReservationSubscriptionId, &self.subscription),
            (Col::PricingTerm, "Reserved"),
            (Col::PricingLeaseContractLength, "1yr"),
            (Col::PricingPurchaseOption, self.terms.purchase[0]),
            (Col::PricingOfferingClass, self.terms.purchase[1]),
        ];
        for (col, text) in texts {
            cells.set(col, text);
        }
        cells.set_amount(Col::ReservationNumberOfReservations, Dec::whole(self.count));
        cells.set(Col::ReservationUnitsPerReservation, "1.0");
        cells.set_amount(Col::ReservationNormalizedUnitsPerReservation, self.terms.instance.factor);
    }
}
