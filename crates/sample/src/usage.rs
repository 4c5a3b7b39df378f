//! Metered usage by the hour, with pods and marketplace usage among it.

use crate::account::{Bill, HOSTILE};
use crate::catalogue::{OFFERS, Offer, Quantity, REGIONS, Region, Resource};
use crate::column::Col;
use crate::dec::Dec;
use crate::desk::{Desk, Head};
use crate::error::SampleError;
use crate::line::{Kind, LineType, Money};
use crate::product::{EKS, MARKETPLACE_LOGS};
use crate::rng::Rng;

/// Every so many lines one is about a pod, and one was sold by a marketplace seller.
const POD_EVERY: u64 = 40;
const MARKETPLACE_EVERY: u64 = 90;

/// How the usage types begin that reservations and savings plans are sold for.
const COVERABLE: [&str; 7] =
    ["BoxUsage:", "InstanceUsage:", "Multi-AZUsage:", "NodeUsage:", "Node:", "Fargate-", "Lambda-GB-Second"];

/// `count` lines, spread evenly over the hours of the month.
pub(crate) fn write(desk: &mut Desk<'_>, count: u64) -> Result<(), SampleError> {
    let weighted: Vec<&Offer> = OFFERS.iter().flat_map(|offer| std::iter::repeat_n(offer, offer.weight)).collect();
    for at in 0..count {
        let hour = u16::try_from(at * u64::from(desk.scene.hours()) / count).expect("an hour of the month");
        let account = desk.rng.index(desk.accounts.len());
        let place = (account, (hour, hour + 1));
        if at % POD_EVERY == 7 {
            pod(desk, place, at)?;
        } else if at % MARKETPLACE_EVERY == 11 {
            marketplace(desk, place)?;
        } else {
            let offer = desk.rng.pick(&weighted);
            metered(desk, place, offer)?;
        }
    }
    Ok(())
}

/// Whose usage, and in which hour.
type Place = (usize, (u16, u16));

/// Ordinary usage: most of a bill.
fn metered(desk: &mut Desk<'_>, (account, hours): Place, offer: &Offer) -> Result<(), SampleError> {
    // The lower of two draws: most usage is in the first regions.
    let region = &REGIONS[desk.rng.index(REGIONS.len()).min(desk.rng.index(REGIONS.len()))];
    let quantity = quantity(&mut desk.rng, offer.quantity);
    let public = offer.rate.times(region.price);
    let (rate, on_demand) = (agreed_rate(desk, offer, public), quantity.times(public));
    let unblended = quantity.times(rate);
    // A blank blended cost is legal, and not the same as 0.
    let blended = if desk.rng.once_in(30) { None } else { Some(unblended) };
    let head = Head { line_type: LineType::Usage, account, product: offer.product, bill: Bill::Monthly, hours };
    desk.begin(&head);
    desk.place(region, offer.usage);
    resource(desk, account, (offer, region));
    describe(desk, offer, (rate, region));
    let cells = &mut desk.cells;
    cells.set_amount(Col::UsageAmount, quantity);
    cells.set_amount(Col::UnblendedRate, rate);
    cells.set_amount(Col::NetUnblendedRate, rate.times(Dec::of("0.91")));
    cells.set_amount(Col::PricingPublicOnDemandRate, public);
    if blended.is_some() {
        cells.set_amount(Col::BlendedRate, rate);
    }
    discounts(desk, on_demand - unblended, unblended);
    let coverable = COVERABLE.iter().any(|start| offer.usage[0].starts_with(start));
    desk.emit(&head, &Money { unblended, blended, on_demand: Some(on_demand), coverable, ..Money::default() })
}

/// Private prices for storage, and now and then something within the free tier.
fn agreed_rate(desk: &mut Desk<'_>, offer: &Offer, public: Dec) -> Dec {
    match offer.quantity {
        Quantity::Requests if desk.rng.once_in(12) => Dec::ZERO,
        Quantity::Stored if offer.product.code == "AmazonS3" => public.times(Dec::of("0.95")),
        _ => public,
    }
}

/// What the discount columns say is already in the unblended cost (private rates) or in lines of its own (enterprise):
/// a reader that subtracted them once more would be wrong.
fn discounts(desk: &mut Desk<'_>, private: Dec, unblended: Dec) {
    let edp = unblended.times(Dec::of("0.09"));
    if !private.is_zero() {
        desk.cells.set_amount(Col::DiscountPrivateRateDiscount, -private);
    }
    desk.cells.set_amount(Col::DiscountEdpDiscount, -edp);
    desk.cells.set_amount(Col::DiscountTotalDiscount, -(edp + private));
}

fn quantity(rng: &mut Rng, quantity: Quantity) -> Dec {
    match quantity {
        // Something started or ended within the hour.
        Quantity::Hours if rng.once_in(10) => Dec::scaled(1 + rng.below(999_999), 6),
        Quantity::Hours => Dec::whole(1),
        Quantity::Stored => Dec::scaled(1 + rng.below(9_000_000_000), 10),
        // Mostly little, sometimes much.
        Quantity::Moved => {
            let most = rng.pick(&[1_000, 10_000_000, 400_000_000]);
            Dec::scaled(1 + rng.below(most), 7)
        }
        // Down to one request, so that costs get as small as 10⁻⁷ and are printed in scientific notation.
        Quantity::Requests => {
            let most = rng.pick(&[1, 900, 250_000]);
            Dec::whole(1 + rng.below(most))
        }
        Quantity::Items => Dec::whole(1 + rng.below(40)),
    }
}

/// One of a few dozen resources of its kind, with tags that stay the same.
fn resource(desk: &mut Desk<'_>, account: usize, (offer, region): (&Offer, &Region)) {
    let number = desk.rng.below(36);
    let label = u64::try_from(account * 64).expect("few accounts") + number;
    let mark = Rng::new(label, u64::try_from(offer.usage[0].len()).expect("short")).next();
    let (id, cells) = (&desk.accounts[account].id, &mut desk.cells);
    match offer.resource {
        Resource::Id(prefix) => cells.set_format(Col::ResourceId, format_args!("{prefix}{mark:016x}")),
        Resource::Arn(service, kind) => {
            let code = region.code;
            cells.set_format(Col::ResourceId, format_args!("arn:aws:{service}:{code}:{id}:{kind}/{mark:012x}"));
        }
    }
    if let Some(instance) = offer.instance {
        instance.describe(cells);
        let zone = ["a", "b", "c"][usize::try_from(mark % 3).expect("below three")];
        cells.set_format(Col::AvailabilityZone, format_args!("{}{zone}", region.code));
        if offer.product.code == "AmazonEC2" {
            cells.set(Col::ProductOperatingSystem, "Linux");
            cells.set(Col::ProductTenancy, "Shared");
            cells.set(Col::ProductPreInstalledSw, "NA");
            cells.set(Col::ProductCapacitystatus, "Used");
        } else {
            cells.set(Col::ProductDatabaseEngine, "PostgreSQL");
            cells.set(Col::ProductEngineCode, "14");
            cells.set(Col::ProductDeploymentOption, "Single-AZ");
        }
        cells.set(Col::ProductLicenseModel, "No License required");
    }
    desk.accounts[account].tag(mark, &mut desk.cells);
}

/// Descriptions and the product and pricing columns. Hostile text is where a person or a seller could have typed it.
fn describe(desk: &mut Desk<'_>, offer: &Offer, (rate, region): (Dec, &Region)) {
    let hostile = desk.rng.once_in(60).then(|| desk.rng.pick(&HOSTILE));
    // A price keeps its SKU.
    let mark = Rng::new(7, u64::try_from(offer.usage[0].len() + region.prefix.len()).expect("short")).next();
    let cells = &mut desk.cells;
    if let Some(text) = hostile {
        cells.set(Col::LineItemDescription, text);
    } else {
        let [usage, _, unit, _] = offer.usage;
        cells.set_format(Col::LineItemDescription, format_args!("${rate} per {unit}, {usage} in {}", region.location));
    }
    cells.set(Col::PricingTerm, "OnDemand");
    cells.set_format(Col::ProductSku, format_args!("{mark:016X}"));
    cells.set_format(Col::PricingRateCode, format_args!("{mark:016X}.JRTCKXETXF.6YS6EN2CT7"));
    cells.set_format(Col::PricingRateId, format_args!("{}", mark >> 28));
    match offer.usage[3] {
        "Storage" => {
            cells.set(Col::ProductVolumeType, "General Purpose");
            cells.set(Col::ProductStorageMedia, "SSD-backed");
            cells.set(Col::ProductDurability, "99.999999999%");
        }
        "Data Transfer" => {
            let texts = [
                (Col::ProductFromLocation, region.location),
                (Col::ProductFromLocationType, "AWS Region"),
                (Col::ProductFromRegionCode, region.code),
                (Col::ProductToLocation, "External"),
                (Col::ProductToLocationType, "Other"),
                (Col::ProductTransferType, "AWS Outbound"),
            ];
            for (col, text) in texts {
                cells.set(col, text);
            }
        }
        _ => {}
    }
}

/// What a seller charges by use. AWS states no public price for it.
fn marketplace(desk: &mut Desk<'_>, (account, hours): Place) -> Result<(), SampleError> {
    let (quantity, rate) = (Dec::scaled(1 + desk.rng.below(500_000), 4), Dec::of("0.10"));
    let head = Head { line_type: LineType::Usage, account, product: &MARKETPLACE_LOGS, bill: Bill::Marketplace, hours };
    desk.begin(&head);
    desk.place(&REGIONS[0], ["MP:IngestedGB-Units", "Hourly", "Units", "SaaS"]);
    desk.cells.set_amount(Col::UsageAmount, quantity);
    desk.cells.set_amount(Col::UnblendedRate, rate);
    desk.cells.set(Col::LineItemDescription, "AWS Marketplace software usage|us-east-1|Gigabytes of logs, ingested");
    let unblended = quantity.times(rate);
    desk.emit(&head, &Money { unblended, blended: Some(unblended), ..Money::default() })
}

/// A pod's share of its instance, which carries the cost: the line itself costs nothing.
fn pod(desk: &mut Desk<'_>, (account, hours): Place, at: u64) -> Result<(), SampleError> {
    let region = &REGIONS[1];
    let kind = ["EKS-EC2-vCPU-Hours", "EKS-EC2-GB-Hours"][usize::try_from(at / POD_EVERY % 2).expect("below two")];
    let (share, node) = (Dec::scaled(1 + desk.rng.below(900_000), 6), desk.rng.below(8));
    let head = Head { line_type: LineType::Usage, account, product: &EKS, bill: Bill::Monthly, hours };
    desk.begin(&head);
    desk.place(region, [kind, "EKSPod-EC2", "vCPU-Hours", "Compute"]);
    let id = &desk.accounts[account].id;
    // Pods of one node share its id as parent, which is what AWS groups them by.
    let pod = format!("arn:aws:eks:{}:{id}:pod/main/default/api-{node}/5f2b{node:032x}", region.code);
    let cells = &mut desk.cells;
    cells.set(Col::ResourceId, &pod);
    cells.set_format(Col::SplitParentResourceId, format_args!("i-0{:016x}", Rng::new(node, 9).next()));
    cells.set_amount(Col::UsageAmount, share);
    cells.set(Col::LineItemDescription, "EKS split cost allocation");
    let cost = share.times(Dec::of("0.0384"));
    let unused = cost.times(Dec::of("0.2"));
    let split = [
        (Col::SplitActualUsage, share.times(Dec::of("0.8"))),
        (Col::SplitReservedUsage, share),
        (Col::SplitUsage, share),
        (Col::SplitUsageRatio, share.times(Dec::of("0.5"))),
        (Col::SplitCost, cost),
        (Col::SplitNetCost, cost.times(Dec::of("0.91"))),
        (Col::SplitUnusedCost, unused),
        (Col::SplitNetUnusedCost, unused.times(Dec::of("0.91"))),
        (Col::SplitPublicOnDemandCost, cost),
        (Col::SplitPublicOnDemandUnusedCost, unused),
    ];
    for (col, amount) in split {
        cells.set_amount(col, amount);
    }
    // All its own costs are 0; what it would cost is in the split columns only.
    desk.emit(
        &head,
        &Money { kind: Kind::Split, blended: Some(Dec::ZERO), on_demand: Some(Dec::ZERO), ..Money::default() },
    )
}
