//! Cost Explorer's word on reservations, what it cost, and the bill's beside it.

use app::reservations::Explored;
use billing::reservation::{Reading, Reason, SideBySide, Utilization, charge};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{money, out};

/// Shows what each connection's Cost Explorer said last, and where it and the bill differ.
pub(super) fn show(all: &[Explored]) {
    if all.is_empty() {
        out::talk("Cost Explorer: nothing is connected yet; `billconnect connect` does that");
        return;
    }
    let header = ["bill connect", "Cost Explorer", "service", "days", "pages", "pages in all", "estimated charge"];
    let mut table = out::table(&header);
    for explored in all {
        let newest = explored.readings.first();
        table.add_row([
            explored.connect.to_string(),
            state(explored),
            newest.map(|reading| reading.service.code().to_owned()).unwrap_or_default(),
            newest.map(|reading| format!("{} to {}", reading.days.from, last_day(reading))).unwrap_or_default(),
            newest.map(|reading| reading.pages.to_string()).unwrap_or_default(),
            explored.pages.pages.to_string(),
            format!("USD {}", money::cents(charge(explored.pages.pages))),
        ]);
    }
    out::data(&table.to_string());
    out::talk("AWS charges its customer a cent for each page of Cost Explorer's answers: one is read a day");
    for explored in all {
        if let Some(trouble) = &explored.trouble {
            let cause = trouble.cause;
            out::talk(&format!("`{}`: {} ({}); {}", explored.connect, cause.name(), trouble.message, cause.remedy()));
        }
    }
    beside(all);
}

fn beside(all: &[Explored]) {
    let rows: Vec<&SideBySide> = all.iter().flat_map(|explored| &explored.beside).collect();
    if rows.is_empty() {
        return;
    }
    let header = ["reservation", "days", "Cost Explorer used", "of", "bill used", "of", "gap in used hours", "because"];
    let mut table = out::table(&header);
    for row in &rows {
        let hours = |of: Option<Utilization>, pick: fn(Utilization) -> billing::money::Amount| {
            of.map(pick).map(money::cents).unwrap_or_default()
        };
        table.add_row([
            row.lease_id.clone(),
            format!("{} until {}", row.days.from, row.days.until),
            hours(row.explorer, |hours| hours.total_actual_hours),
            hours(row.explorer, |hours| hours.purchased_hours),
            hours(row.bill, |hours| hours.total_actual_hours),
            hours(row.bill, |hours| hours.purchased_hours),
            money::signed_cents(row.gap.total_actual_hours),
            row.gap.reasons.iter().map(Reason::name).collect::<Vec<_>>().join(", "),
        ]);
    }
    out::data(&table.to_string());
    let mut told: Vec<String> = Vec::new();
    for reason in rows.iter().flat_map(|row| &row.gap.reasons) {
        let line = format!("{}: {}", reason.name(), reason.told());
        if !told.contains(&line) {
            out::talk(&line);
            told.push(line);
        }
    }
}

fn state(explored: &Explored) -> String {
    match (&explored.trouble, explored.readings.first()) {
        (Some(trouble), _) => trouble.cause.name().to_owned(),
        (None, None) => "not asked yet".to_owned(),
        (None, Some(reading)) if reading.complete => format!("read {}", reading.read_at.date()),
        (None, Some(_)) => "partial, goes on tomorrow".to_owned(),
    }
}

fn last_day(reading: &Reading) -> time::Date {
    reading.days.until.previous_day().unwrap_or(reading.days.until)
}

/// The same for programs, with every digit and every reading.
pub(super) fn to_json(all: &[Explored]) -> Value {
    let one = |explored: &Explored| {
        let trouble = explored.trouble.as_ref().map(|trouble| {
            json!({
                "cause": trouble.cause.name(), "message": trouble.message, "remedy": trouble.cause.remedy(),
            })
        });
        json!({
            "connect": explored.connect, "asked_at": explored.asked_at.map(stamp),
            "next_at": explored.next_at.map(stamp), "pages": explored.pages.pages,
            "pages_this_month": explored.pages.since, "estimated_charge_usd": charge(explored.pages.pages),
            "trouble": trouble, "readings": explored.readings.iter().map(reading).collect::<Vec<_>>(),
            "beside_the_bill": explored.beside.iter().map(row).collect::<Vec<_>>(),
        })
    };
    all.iter().map(one).collect()
}

fn reading(reading: &Reading) -> Value {
    json!({
        "service": reading.service.code(), "from": reading.days.from.to_string(),
        "until": reading.days.until.to_string(), "read_at": stamp(reading.read_at), "pages": reading.pages,
        "complete": reading.complete, "reservations": reading.reservations,
    })
}

fn row(row: &SideBySide) -> Value {
    let reason = |reason: &Reason| json!({ "reason": reason.name(), "told": reason.told() });
    json!({
        "lease_id": row.lease_id, "from": row.days.from.to_string(), "until": row.days.until.to_string(),
        "cost_explorer": row.explorer, "bill": row.bill,
        "gap": {
            "purchased_hours": row.gap.purchased_hours, "total_actual_hours": row.gap.total_actual_hours,
            "unused_hours": row.gap.unused_hours, "reasons": row.gap.reasons.iter().map(reason).collect::<Vec<_>>(),
        },
    })
}

fn stamp(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
