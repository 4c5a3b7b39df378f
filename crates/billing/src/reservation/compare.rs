//! Cost Explorer's word beside the bill's: both about the same days, with what explains a gap between them.

use time::OffsetDateTime;

use super::{Reading, Reservation, Utilization};
use crate::commitment::{Commitment, CommitmentKind, CommitmentUse, Days, short};
use crate::money::Amount;
use crate::names::BillConnectId;

/// A reservation as both tell of it over the same days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideBySide {
    /// What AWS's console calls the reservation.
    pub lease_id: String,
    /// The days.
    pub days: Days,
    /// Cost Explorer's word, if it named the reservation.
    pub explorer: Option<Utilization>,
    /// The bill's, if it names the reservation and states its hours.
    pub bill: Option<Utilization>,
    /// What lies between them.
    pub gap: Gap,
}

/// What lies between two words about a reservation: Cost Explorer's less the bill's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gap {
    /// Hours bought.
    pub purchased_hours: Amount,
    /// Hours used.
    pub total_actual_hours: Amount,
    /// Hours unused.
    pub unused_hours: Amount,
    /// What explains it; nothing where both say the same.
    pub reasons: Vec<Reason>,
}

/// Why Cost Explorer and the bill differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The bill goes only so far.
    BilledUntil(OffsetDateTime),
    /// The bill states the fee once a month, and it is spread evenly; the days are part of a month.
    FeeSpread,
    /// Not all of Cost Explorer's pages are read.
    Partial,
    /// Cost Explorer does not name it.
    NotInExplorer,
    /// The bill does not name it.
    NotInBill,
    /// The bill's format does not state unused hours.
    HoursNotBilled,
    /// None of these: the two count it differently.
    Otherwise,
}

impl Reason {
    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BilledUntil(_) => "bill-not-delivered",
            Self::FeeSpread => "fee-spread",
            Self::Partial => "partial",
            Self::NotInExplorer => "not-in-cost-explorer",
            Self::NotInBill => "not-in-bill",
            Self::HoursNotBilled => "hours-not-billed",
            Self::Otherwise => "counted-differently",
        }
    }

    /// It, in a sentence.
    pub fn told(&self) -> String {
        match self {
            Self::BilledUntil(until) => format!(
                "the bill that AWS has delivered goes until {} {:02}:{:02} UTC, and Cost Explorer knows of more",
                until.date(),
                until.hour(),
                until.minute()
            ),
            Self::FeeSpread => {
                "AWS bills a reservation's fee on the first of the month for all of it; over part of a month it is \
                                spread evenly here, and what was used counts by its own hour"
                    .to_owned()
            }
            Self::Partial => {
                "not all of Cost Explorer's pages are read: one is read a day, because AWS charges for each".to_owned()
            }
            Self::NotInExplorer => {
                "Cost Explorer did not name it: it had ended or was not bought yet, or is another account's".to_owned()
            }
            Self::NotInBill => {
                "the bill does not name it: it is of another payer, or of days that are not delivered".to_owned()
            }
            Self::HoursNotBilled => "the bill's format does not state unused hours; compare costs".to_owned(),
            Self::Otherwise => {
                "Cost Explorer's data is prepared up to a day after the hour, and revised; AWS counts it differently \
                                from its own bill"
                    .to_owned()
            }
        }
    }
}

/// Both, for each reservation of the reading's service that either names. `bill` is about the reading's days.
pub fn side_by_side(connect: &BillConnectId, reading: &Reading, bill: &CommitmentUse) -> Vec<SideBySide> {
    let billed: Vec<&Commitment> = bill.commitments.iter().filter(|it| counts(it, connect, reading)).collect();
    let told = &reading.reservations;
    let seen = bill.seen_until.get(connect).copied();
    let mut rows: Vec<SideBySide> = told
        .iter()
        .map(|reservation| {
            let same = billed.iter().find(|billed| is_same(reservation, billed));
            row(reading, (Some(reservation), same.copied()), seen)
        })
        .collect();
    let alone = billed.iter().filter(|billed| !told.iter().any(|reservation| is_same(reservation, billed)));
    rows.extend(alone.map(|billed| row(reading, (None, Some(billed)), seen)));
    rows
}

fn counts(commitment: &Commitment, connect: &BillConnectId, reading: &Reading) -> bool {
    commitment.kind == CommitmentKind::Reservation
        && commitment.connect == *connect
        && commitment.facts.service.as_deref() == Some(reading.service.code())
}

/// Whether both are the same purchase: by AWS's number for it, or by what its console calls it.
fn is_same(reservation: &Reservation, billed: &Commitment) -> bool {
    let number = billed.facts.subscription.as_deref();
    let numbered = number.is_some_and(|number| number == reservation.subscription_id);
    numbered || (!reservation.lease_id.is_empty() && short(&billed.id) == reservation.lease_id)
}

fn row(
    reading: &Reading,
    (told, billed): (Option<&Reservation>, Option<&Commitment>),
    seen: Option<OffsetDateTime>,
) -> SideBySide {
    let explorer = told.map(|told| told.utilization);
    let hours = billed.and_then(|billed| billed.quantity);
    let bill = hours.map(|hours| Utilization::of(hours.bought, hours.used, hours.unused));
    let lease_id = match told {
        Some(told) if !told.lease_id.is_empty() => told.lease_id.clone(),
        Some(told) => told.subscription_id.clone(),
        None => billed.map_or_else(String::new, |billed| billed.short_id().to_owned()),
    };
    let mut gap = between(explorer, bill);
    let differs = ![gap.purchased_hours, gap.total_actual_hours, gap.unused_hours].iter().all(|hours| hours.is_zero());
    if told.is_none() {
        gap.reasons.push(if reading.complete { Reason::NotInExplorer } else { Reason::Partial });
    }
    match (billed, bill) {
        (None, _) => gap.reasons.push(Reason::NotInBill),
        (Some(_), None) => gap.reasons.push(Reason::HoursNotBilled),
        _ => {}
    }
    if told.is_some() && (differs || billed.is_none()) {
        gap.reasons.extend(seen.filter(|seen| *seen < reading.days.end()).map(Reason::BilledUntil));
    }
    if differs && explorer.is_some() && bill.is_some() {
        // Only what was bought is spread; what was used counts by its own hour in both.
        gap.reasons.extend((!gap.purchased_hours.is_zero() && is_part(reading.days)).then_some(Reason::FeeSpread));
        if gap.reasons.is_empty() {
            gap.reasons.push(Reason::Otherwise);
        }
    }
    SideBySide { lease_id, days: reading.days, explorer, bill, gap }
}

/// Whether days are not whole months.
fn is_part(days: Days) -> bool {
    days.from.day() != 1 || days.until.day() != 1
}

fn between(explorer: Option<Utilization>, bill: Option<Utilization>) -> Gap {
    let (Some(explorer), Some(bill)) = (explorer, bill) else { return Gap::default() };
    let less = |left: Amount, right: Amount| left.checked_sub(right).unwrap_or_default();
    Gap {
        purchased_hours: less(explorer.purchased_hours, bill.purchased_hours),
        total_actual_hours: less(explorer.total_actual_hours, bill.total_actual_hours),
        unused_hours: less(explorer.unused_hours, bill.unused_hours),
        reasons: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;
    use crate::commitment::{Facts, Measure};
    use crate::reservation::{Asked, Page, PageQuestion, Service, readings};

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn connect() -> BillConnectId {
        "aws-123456789012".parse().unwrap()
    }

    fn told(id: &str, bought: &str, used: &str, unused: &str) -> Reservation {
        let utilization = Utilization::of(amount(bought), amount(used), amount(unused));
        Reservation { lease_id: id.to_owned(), utilization, ..Reservation::default() }
    }

    fn reading(reservations: Vec<Reservation>, next: Option<&str>) -> Reading {
        let at = datetime!(2026-09-15 6:00 UTC);
        let question = PageQuestion { service: Service::Ec2, days: PageQuestion::days_before(at.date()), after: None };
        let page = Page { reservations, next: next.map(str::to_owned) };
        readings(&[Asked {
            at,
            by: serde_json::from_str("\"somebody\"").unwrap(),
            question,
            page: Some(page),
            trouble: None,
        }])
        .remove(0)
    }

    fn billed(id: &str, hours: Option<[&str; 2]>) -> Commitment {
        let measure = |[used, unused]: [&str; 2]| Measure {
            bought: amount(used).checked_add(amount(unused)).unwrap(),
            used: amount(used),
            unused: amount(unused),
        };
        Commitment {
            id: format!("arn:aws:ec2:eu-west-1:123456789012:reserved-instances/{id}"),
            kind: CommitmentKind::Reservation,
            connect: connect(),
            facts: Facts { service: Some("AmazonEC2".to_owned()), ..Facts::default() },
            quantity: hours.map(measure),
            cost: Measure::default(),
            billed: Amount::ZERO,
            covered: Amount::ZERO,
            coverable: Amount::ZERO,
        }
    }

    fn bill(commitments: Vec<Commitment>, until: OffsetDateTime) -> CommitmentUse {
        CommitmentUse { commitments, seen_until: [(connect(), until)].into(), ..CommitmentUse::default() }
    }

    const WHOLE: OffsetDateTime = datetime!(2026-09-15 0:00 UTC);

    fn names(row: &SideBySide) -> Vec<&'static str> {
        row.gap.reasons.iter().map(Reason::name).collect()
    }

    #[test]
    fn where_both_say_the_same_there_is_no_gap_and_no_reason() {
        let rows = side_by_side(
            &connect(),
            &reading(vec![told("a", "168", "160", "8")], None),
            &bill(vec![billed("a", Some(["160", "8"]))], WHOLE),
        );
        let [row] = rows.try_into().unwrap();
        assert_eq!((row.gap.clone(), row.explorer), (Gap::default(), row.bill));
        assert_eq!(row.days.from, date!(2026 - 09 - 08));
    }

    #[test]
    fn each_gap_has_what_explains_it() {
        let reading_of = |next| reading(vec![told("a", "168", "160", "8")], next);
        let row = |reading: &Reading, bill: &CommitmentUse| side_by_side(&connect(), reading, bill).remove(0);
        let late = row(&reading_of(None), &bill(vec![billed("a", Some(["90", "6"]))], datetime!(2026-09-12 4:00 UTC)));
        assert_eq!(names(&late), ["bill-not-delivered", "fee-spread"]);
        assert_eq!(late.gap.total_actual_hours, amount("70"));
        assert!(late.gap.reasons[0].told().contains("2026-09-12 04:00 UTC"));
        let other = row(&reading_of(None), &bill(vec![billed("a", Some(["150", "18"]))], WHOLE));
        assert_eq!(names(&other), ["counted-differently"]);
        let none = row(&reading_of(None), &bill(vec![], WHOLE));
        assert_eq!((names(&none), none.bill), (vec!["not-in-bill"], None));
        let silent = row(&reading_of(None), &bill(vec![billed("a", None)], WHOLE));
        assert_eq!(names(&silent), ["hours-not-billed"]);
        let rows = side_by_side(&connect(), &reading(vec![], None), &bill(vec![billed("a", Some(["1", "2"]))], WHOLE));
        assert_eq!(names(&rows[0]), ["not-in-cost-explorer"]);
        let rows =
            side_by_side(&connect(), &reading(vec![], Some("more")), &bill(vec![billed("a", Some(["1", "2"]))], WHOLE));
        assert_eq!((names(&rows[0]), rows[0].lease_id.as_str()), (vec!["partial"], "a"));
    }

    #[test]
    fn another_connections_reservations_are_not_held_against_it() {
        let theirs = Commitment { connect: "aws-999999999999".parse().unwrap(), ..billed("a", Some(["1", "2"])) };
        assert_eq!(side_by_side(&connect(), &reading(vec![], None), &bill(vec![theirs], WHOLE)), []);
    }

    #[test]
    fn a_purchase_is_known_by_its_number_too() {
        let facts = Facts {
            service: Some("AmazonEC2".to_owned()),
            subscription: Some("9870001230".to_owned()),
            ..Facts::default()
        };
        let numbered = Commitment { facts, ..billed("other", Some(["160", "8"])) };
        let explorer = Reservation { subscription_id: "9870001230".to_owned(), ..told("a", "168", "160", "8") };
        let rows = side_by_side(&connect(), &reading(vec![explorer], None), &bill(vec![numbered], WHOLE));
        assert_eq!((rows.len(), &rows[0].gap), (1, &Gap::default()));
    }
}
