//! Savings plans: bought, paid, used and negated.

use std::sync::Arc;

use crate::account::Bill;
use crate::catalogue::{REGIONS, Region};
use crate::column::Col;
use crate::dec::Dec;
use crate::desk::{Desk, Head};
use crate::error::SampleError;
use crate::line::{Committed, LineType, Money, Part};
use crate::product::{COMPUTE_PLANS, EC2, ECS, LAMBDA, Product};
use crate::reservation::Habit;

/// What is sold: one for each payment option, each covering another service.
struct SavingsPlan {
    /// Offering type, its short form in usage types, payment option.
    terms: [&'static str; 3],
    covers: &'static Product,
    usage: [&'static str; 4],
    /// An hour of covered usage on demand and under the plan.
    on_demand: Dec,
    rate: Dec,
    /// The share of the commitment that is paid when the plan is bought.
    upfront: Dec,
    habit: Habit,
}

const PLANS: [SavingsPlan; 3] = [
    SavingsPlan {
        terms: ["ComputeSavingsPlans", "ComputeSP:1yrNoUpfront", "No Upfront"],
        covers: &EC2,
        usage: ["BoxUsage:m5.2xlarge", "RunInstances", "Hrs", "Compute Instance"],
        on_demand: Dec::of("0.384"),
        rate: Dec::of("0.2776"),
        upfront: Dec::ZERO,
        habit: Habit::Full,
    },
    SavingsPlan {
        terms: ["EC2InstanceSavingsPlans", "EC2SP:r6g.1yrPartialUpfront", "Partial Upfront"],
        covers: &ECS,
        usage: ["Fargate-vCPU-Hours:perCPU", "FargateTask", "hours", "Compute"],
        on_demand: Dec::of("0.04048"),
        rate: Dec::of("0.031352"),
        upfront: Dec::of("0.5"),
        habit: Habit::Partly,
    },
    SavingsPlan {
        terms: ["ComputeSavingsPlans", "ComputeSP:1yrAllUpfront", "All Upfront"],
        covers: &LAMBDA,
        usage: ["Lambda-Provisioned-GB-Second", "Invoke", "Lambda-GB-Second", "Serverless"],
        on_demand: Dec::of("0.0150000012"),
        rate: Dec::of("0.013200001"),
        upfront: Dec::of("1"),
        habit: Habit::Partly,
    },
];

/// A savings plan as one bill has it.
struct Holding<'a> {
    plan: &'a SavingsPlan,
    owner: usize,
    region: &'static Region,
    arn: Arc<str>,
    /// How many resources the hourly commitment is enough for.
    count: u64,
}

/// For each plan and slot at most `covers` lines, a negation and a fee.
pub(crate) fn write(desk: &mut Desk<'_>) -> Result<(), SampleError> {
    for (at, plan) in PLANS.iter().enumerate() {
        let owner = desk.turn(at);
        let arn = format!(
            "arn:aws:savingsplans::{}:savingsplan/6f0c3a1e-5a1d-4c53-9f7e-0000000000{at:02}",
            desk.accounts[owner].id
        );
        let holding = Holding { plan, owner, region: &REGIONS[at], arn: arn.into(), count: desk.scene.plan.covers };
        if desk.scene.index == 0 && plan.upfront > Dec::ZERO {
            holding.upfront(desk)?;
        }
        let scene = desk.scene;
        for (slot, hours) in scene.plan.slots.iter().enumerate() {
            let account = desk.turn(slot + at);
            let used = holding.usage(desk, account, *hours)?;
            holding.recurring(desk, *hours, used)?;
        }
    }
    Ok(())
}

impl Holding<'_> {
    /// What the plan commits to in an hour, and the part of it that was paid when it was bought.
    fn hourly(&self) -> [Dec; 2] {
        let commitment = self.plan.rate.times_whole(self.count);
        [commitment, commitment.times(self.plan.upfront)]
    }

    /// The line on the purchase's own invoice, in the month's first hour.
    fn upfront(&self, desk: &mut Desk<'_>) -> Result<(), SampleError> {
        let head = Head { bill: Bill::Purchase, ..self.fee_head(LineType::SavingsPlanUpfrontFee, (0, 1)) };
        desk.begin(&head);
        self.identify(desk);
        let fee = self.hourly()[1].times_whole(8760).to_cents();
        desk.cells.set_amount(Col::UsageAmount, Dec::whole(1));
        desk.cells.set_format(Col::LineItemDescription, format_args!("Upfront fee, {}", self.plan.terms[2]));
        let committed = self.committed(Part::Paid);
        desk.emit(&head, &Money { unblended: fee, blended: Some(fee), committed: Some(committed), ..Money::default() })
    }

    /// Covered usage of one account and the negation that cancels it; what of the commitment it used.
    fn usage(&self, desk: &mut Desk<'_>, account: usize, hours: (u16, u16)) -> Result<Dec, SampleError> {
        // What idles uses none of the commitment; the fee says so.
        let idle = if self.plan.habit == Habit::Full { 0 } else { desk.rng.below(self.count / 4 + 2).min(self.count) };
        let whole = Dec::whole(u64::from(hours.1 - hours.0));
        let (mut used, mut cost) = (Dec::ZERO, Dec::ZERO);
        for resource in 0..self.count - idle {
            // Long fractions: sums stay exact only in decimals.
            let part = self.plan.habit == Habit::Partly && desk.rng.once_in(5);
            let quantity = if part { whole.times(Dec::scaled(1 + desk.rng.below(999_999), 6)) } else { whole };
            let money = Money {
                unblended: quantity.times(self.plan.on_demand),
                blended: Some(quantity.times(self.plan.on_demand)),
                on_demand: Some(quantity.times(self.plan.on_demand)),
                plan_effective: Some(quantity.times(self.plan.rate)),
                committed: Some(self.committed(Part::Used(quantity.times(self.plan.rate)))),
                coverable: true,
                ..Money::default()
            };
            self.covered(desk, (account, hours, resource), (quantity, &money))?;
            cost += money.unblended;
            used += money.plan_effective.unwrap_or_default();
        }
        if idle < self.count {
            self.negation(desk, (account, hours), cost)?;
        }
        Ok(used)
    }

    /// Usage at its on-demand price; the negation takes that back, and the plan's price is in a column of its own.
    fn covered(
        &self,
        desk: &mut Desk<'_>,
        (account, hours, resource): (usize, (u16, u16), u64),
        (quantity, money): (Dec, &Money),
    ) -> Result<(), SampleError> {
        let head = self.usage_head(LineType::SavingsPlanCoveredUsage, account, hours);
        desk.begin(&head);
        self.identify_usage(desk);
        let mark = 1009 * (resource + 1);
        let cells = &mut desk.cells;
        cells.set_format(
            Col::ResourceId,
            format_args!("arn:aws:ecs:{}:{}:task/app/{mark:032x}", self.region.code, desk.accounts[account].id),
        );
        cells.set_amount(Col::UsageAmount, quantity);
        cells.set_amount(Col::UnblendedRate, self.plan.on_demand);
        cells.set_amount(Col::BlendedRate, self.plan.on_demand);
        cells.set_amount(Col::PricingPublicOnDemandRate, self.plan.on_demand);
        cells.set_amount(Col::PlanRate, self.plan.rate);
        cells.set_format(Col::LineItemDescription, format_args!("${} per {}", self.plan.on_demand, self.plan.usage[0]));
        desk.accounts[account].tag(mark, &mut desk.cells);
        desk.emit(&head, money)
    }

    /// One line for all of a slot's covered usage, as AWS sums them up.
    fn negation(
        &self,
        desk: &mut Desk<'_>,
        (account, hours): (usize, (u16, u16)),
        cost: Dec,
    ) -> Result<(), SampleError> {
        let head = self.usage_head(LineType::SavingsPlanNegation, account, hours);
        desk.begin(&head);
        self.identify_usage(desk);
        desk.cells.set_amount(Col::UnblendedRate, self.plan.on_demand);
        let text = format!(
            "SavingsPlanNegation used by AccountId : {} and UsageSku : {:0>16}",
            desk.accounts[account].id, self.count
        );
        desk.cells.set(Col::LineItemDescription, &text);
        desk.emit(&head, &Money { unblended: -cost, blended: Some(-cost), ..Money::default() })
    }

    /// The slot's fee: billed without what was paid upfront, committed with it.
    fn recurring(&self, desk: &mut Desk<'_>, hours: (u16, u16), used: Dec) -> Result<(), SampleError> {
        let head = self.fee_head(LineType::SavingsPlanRecurringFee, hours);
        let length = u64::from(hours.1 - hours.0);
        let [total, paid] = self.hourly().map(|hourly| hourly.times_whole(length));
        let fee = total - paid;
        desk.begin(&head);
        self.identify(desk);
        desk.cells.set_amount(Col::UsageAmount, Dec::whole(length));
        desk.cells.set_amount(Col::PlanAmortizedUpfrontCommitmentForBillingPeriod, paid);
        desk.cells.set_amount(Col::PlanRecurringCommitmentForBillingPeriod, fee);
        desk.cells
            .set_format(Col::LineItemDescription, format_args!("1 year {} {}", self.plan.terms[2], self.plan.terms[0]));
        let money = Money {
            unblended: fee,
            blended: Some(fee),
            total_commitment: Some(total),
            used_commitment: Some(used),
            committed: Some(self.committed(Part::Bought { bought: total, unused: total - used })),
            ..Money::default()
        };
        desk.emit(&head, &money)
    }

    fn committed(&self, part: Part) -> Committed {
        Committed { arn: Arc::clone(&self.arn), part }
    }

    /// Fees are under the product code of the plans, and fall on the account that bought.
    fn fee_head(&self, line_type: LineType, hours: (u16, u16)) -> Head {
        Head { line_type, account: self.owner, product: &COMPUTE_PLANS, bill: Bill::Monthly, hours }
    }

    /// Covered usage and its negation share account and invoice, which is where they must cancel.
    fn usage_head(&self, line_type: LineType, account: usize, hours: (u16, u16)) -> Head {
        Head { line_type, account, product: self.plan.covers, bill: Bill::Monthly, hours }
    }

    /// The covered service's own usage type, with the plan's name.
    fn identify_usage(&self, desk: &mut Desk<'_>) {
        desk.place(self.region, self.plan.usage);
        desk.cells.set(Col::PricingTerm, "OnDemand");
        self.name(desk);
    }

    /// A fee's usage type is the plan itself.
    fn identify(&self, desk: &mut Desk<'_>) {
        desk.place(self.region, [self.plan.terms[1], "", "Hrs", ""]);
        desk.cells.set(Col::PlanStartTime, "2026-08-01T00:00:00.000Z");
        desk.cells.set(Col::PlanEndTime, "2027-07-31T23:59:59.000Z");
        self.name(desk);
    }

    /// Every line of a plan carries its ARN: it is the only link between fee and usage.
    fn name(&self, desk: &mut Desk<'_>) {
        let texts = [
            (Col::PlanArn, &*self.arn),
            (Col::PlanOfferingType, self.plan.terms[0]),
            (Col::PlanPaymentOption, self.plan.terms[2]),
            (Col::PlanPurchaseTerm, "1yr"),
            (Col::PlanRegion, if self.plan.terms[0].starts_with("EC2") { self.region.code } else { "any" }),
        ];
        for (col, text) in texts {
            desk.cells.set(col, text);
        }
    }
}
