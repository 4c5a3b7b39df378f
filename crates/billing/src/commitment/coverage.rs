//! Coverage: of the usage that a commitment could cover, at public on-demand prices, the share that one did.

use std::collections::BTreeMap;

use super::{Commitment, CommitmentKind, percentage, plus};
use crate::money::Amount;
use crate::reconcile::SumOverflow;

/// Usage of a service that reservations or savings plans are sold for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverable {
    /// AWS's code for the service.
    pub service: &'static str,
    /// What its usage types have in them; the region stands before it.
    pub usage_type: &'static str,
}

const fn coverable(service: &'static str, usage_type: &'static str) -> Coverable {
    Coverable { service, usage_type }
}

/// The usage that commitments are sold for. Spot usage is not among it: AWS prices that dynamically, and no commitment covers it.
pub const COVERABLE: &[Coverable] = &[
    coverable("AmazonEC2", "BoxUsage"),
    coverable("AmazonEC2", "DedicatedUsage"),
    coverable("AmazonEC2", "HostUsage"),
    coverable("AmazonECS", "Fargate"),
    coverable("AmazonEKS", "Fargate"),
    coverable("AWSLambda", "Lambda-GB-Second"),
    coverable("AWSLambda", "Lambda-Provisioned"),
    coverable("AmazonSageMaker", "ml."),
    coverable("AmazonRDS", "InstanceUsage"),
    coverable("AmazonRDS", "Multi-AZUsage"),
    coverable("AmazonRDS", "Multi-AZClusterUsage"),
    coverable("AmazonElastiCache", "NodeUsage"),
    coverable("AmazonMemoryDB", "NodeUsage"),
    coverable("AmazonRedshift", "Node:"),
    coverable("AmazonES", "ESInstance"),
];

/// Usage that could be covered, or was: a sum of charges of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverableUsage {
    /// AWS's code for the service.
    pub service: Option<String>,
    /// The region's code.
    pub region: Option<String>,
    /// The instance type, where it is of an instance.
    pub instance_type: Option<String>,
    /// What covered it, if anything did: the sort and the id.
    pub by: Option<(CommitmentKind, String)>,
    /// Its public on-demand price.
    pub list: Amount,
}

/// What could be covered of one service, region and instance type, and what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// AWS's code for the service.
    pub service: Option<String>,
    /// The region's code.
    pub region: Option<String>,
    /// The instance type, where it is of an instance.
    pub instance_type: Option<String>,
    /// What nothing covered, at public on-demand prices.
    pub on_demand: Amount,
    /// What reservations covered.
    pub reservations: Amount,
    /// What savings plans covered.
    pub savings_plans: Amount,
}

impl Coverage {
    /// All three together; `None` where that needs more than 38 digits.
    pub fn coverable(&self) -> Option<Amount> {
        self.covered()?.checked_add(self.on_demand)
    }

    /// What reservations and savings plans covered.
    pub fn covered(&self) -> Option<Amount> {
        self.reservations.checked_add(self.savings_plans)
    }

    /// The percentage that was covered.
    pub fn percentage(&self) -> Option<Amount> {
        percentage(self.covered()?, self.coverable()?)
    }
}

/// The instance type that a charge is about: the one it states, or what stands behind the colon of its usage type.
pub fn instance_type(stated: Option<&str>, usage_type: Option<&str>) -> Option<String> {
    let behind = || usage_type.and_then(|usage| usage.split_once(':')).map(|(_, behind)| behind);
    // `perCPU` is no instance; every instance type has a size behind a point.
    stated.filter(|text| !text.is_empty()).or_else(behind).filter(|text| text.contains('.')).map(str::to_owned)
}

/// An instance type without its size: `db.r6g` of `db.r6g.large`. Reservations of one size cover others of the same family.
pub fn instance_family(instance_type: &str) -> &str {
    instance_type.rsplit_once('.').map_or(instance_type, |(family, _)| family)
}

/// By service, region and instance type.
pub(super) fn sums(usage: &[CoverableUsage]) -> Result<Vec<Coverage>, SumOverflow> {
    let mut all = BTreeMap::new();
    for used in usage {
        let key = (used.service.clone(), used.region.clone(), used.instance_type.clone());
        let known = all.entry(key).or_insert_with(|| Coverage {
            service: used.service.clone(),
            region: used.region.clone(),
            instance_type: used.instance_type.clone(),
            on_demand: Amount::ZERO,
            reservations: Amount::ZERO,
            savings_plans: Amount::ZERO,
        });
        let sum = match used.by {
            None => &mut known.on_demand,
            Some((CommitmentKind::Reservation, _)) => &mut known.reservations,
            Some((CommitmentKind::SavingsPlan, _)) => &mut known.savings_plans,
        };
        *sum = plus(*sum, used.list)?;
    }
    Ok(all.into_values().collect())
}

/// The public on-demand price of what a commitment could have covered: a reservation, the usage of its service, region and instance
/// family; a savings plan, that of the services which it covered any of, but for what reservations took before it.
pub(super) fn coverable_by(commitment: &Commitment, usage: &[CoverableUsage]) -> Result<Amount, SumOverflow> {
    let facts = &commitment.facts;
    let own = |used: &&CoverableUsage| used.by.as_ref().is_some_and(|(_, id)| *id == commitment.id);
    let services: Vec<_> = usage.iter().filter(own).map(|used| &used.service).collect();
    let family = facts.instance_type.as_deref().map(instance_family);
    let counts = |used: &&CoverableUsage| match commitment.kind {
        _ if own(used) => true,
        CommitmentKind::Reservation => {
            used.service == facts.service
                && used.region == facts.region
                && used.instance_type.as_deref().map(instance_family) == family
        }
        CommitmentKind::SavingsPlan => {
            let reserved = matches!(used.by, Some((CommitmentKind::Reservation, _)));
            !reserved && services.contains(&&used.service)
        }
    };
    usage.iter().filter(counts).try_fold(Amount::ZERO, |sum, used| plus(sum, used.list))
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, Measure};
    use super::*;

    fn usage(place: [&str; 3], by: Option<(CommitmentKind, &str)>, list: &str) -> CoverableUsage {
        let [service, region, instance_type] = place.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        let by = by.map(|(kind, id)| (kind, id.to_owned()));
        CoverableUsage { service, region, instance_type, by, list: list.parse().unwrap() }
    }

    fn commitment(kind: CommitmentKind, id: &str, place: [&str; 3]) -> Commitment {
        let [service, region, instance_type] = place.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        Commitment {
            id: id.to_owned(),
            kind,
            connect: "aws-123456789012".parse().unwrap(),
            facts: Facts { service, region, instance_type, ..Facts::default() },
            quantity: None,
            cost: Measure::default(),
            billed: Amount::ZERO,
            covered: Amount::ZERO,
            coverable: Amount::ZERO,
        }
    }

    #[test]
    fn each_commitment_is_held_against_what_it_could_cover() {
        let (reservation, plan) = (Some((CommitmentKind::Reservation, "r")), Some((CommitmentKind::SavingsPlan, "s")));
        let all = [
            usage(["AmazonEC2", "eu-west-1", "m5.large"], reservation, "10"),
            usage(["AmazonEC2", "eu-west-1", "m5.xlarge"], None, "5"),
            usage(["AmazonEC2", "eu-west-1", "c5.large"], plan, "7"),
            usage(["AmazonEC2", "us-east-1", "m5.large"], None, "3"),
            usage(["AWSLambda", "us-east-1", ""], None, "100"),
        ];
        let place = ["AmazonEC2", "eu-west-1", "m5.large"];
        let coverable = |kind, id, place| coverable_by(&commitment(kind, id, place), &all).unwrap().to_string();
        assert_eq!(coverable(CommitmentKind::Reservation, "r", place), "15", "its family in its region");
        assert_eq!(coverable(CommitmentKind::Reservation, "idle", place), "15");
        assert_eq!(
            coverable(CommitmentKind::SavingsPlan, "s", ["", "", ""]),
            "15",
            "EC2 in all regions but the reserved"
        );
        assert_eq!(coverable(CommitmentKind::SavingsPlan, "idle", ["", "", ""]), "0", "what it is for does not show");
        let sums = sums(&all).unwrap();
        assert_eq!(sums.len(), 5);
        let shares: Vec<_> = sums.iter().map(|sum| sum.percentage().unwrap().to_string()).collect();
        assert_eq!(shares, ["0", "100", "100", "0", "0"], "{sums:?}");
    }

    #[test]
    fn instance_types_are_stated_or_stand_in_the_usage_type() {
        assert_eq!(instance_type(Some("m5.large"), Some("BoxUsage:m5.xlarge")).as_deref(), Some("m5.large"));
        assert_eq!(instance_type(None, Some("EU-HeavyUsage:cache.r6g.large")).as_deref(), Some("cache.r6g.large"));
        assert_eq!(instance_type(None, Some("Fargate-vCPU-Hours:perCPU")), None);
        assert_eq!(instance_type(None, None), None);
        assert_eq!((instance_family("db.r6g.large"), instance_family("odd")), ("db.r6g", "odd"));
    }
}
