//! Reservations and savings plans: what the lake works out from a sample bill is what its independent writer knows, to the last digit.

use sample::{Format, Mode, Spec};
use serde_json::{Value, json};

use crate::exact::exact;
use crate::kit::samples::deliver;
use crate::kit::story::Story;

/// An org with two months of a sample bill in this format, and the writer's own totals.
async fn sampled(format: Format) -> (Story, Value) {
    let story = Story::new().await;
    let spec = Spec {
        months: 2,
        rows_per_month: 600,
        mode: Mode::Overwrite,
        format,
        path_prefix: "bills".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.bucket.name.clone(),
        ..Spec::default()
    };
    let totals = deliver(&story, &spec).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(2).await;
    (story, totals)
}

/// What the command says of a month, or of days.
fn asked(story: &Story, days: &[&str]) -> Value {
    let org = story.org.to_string();
    story.server.install().json(&[&["reservations", "--json", "--org", &org], days].concat())
}

/// The bill's figures beside the writer's, by name.
fn pairs<'a>(found: &'a Value, known: &'a Value) -> [(&'static str, &'a Value, &'a Value); 7] {
    [
        ("bought", &found["quantity"]["bought"], &known["bought"]),
        ("used", &found["quantity"]["used"], &known["used"]),
        ("unused", &found["quantity"]["unused"], &known["unused"]),
        ("used cost", &found["cost"]["used"], &known["used_cost"]),
        ("unused cost", &found["cost"]["unused"], &known["unused_cost"]),
        ("billed", &found["billed"], &known["billed"]),
        ("covered", &found["covered"], &known["covered"]),
    ]
}

fn agree(found: &Value, totals: &Value, what: &str) {
    let commitments = found["commitments"].as_array().unwrap();
    let known = totals["commitments"].as_object().unwrap();
    assert_eq!(commitments.len(), known.len(), "{what}: {found:#}");
    assert_eq!(known.len(), 7, "four reservations and three savings plans");
    for commitment in commitments {
        let id = commitment["id"].as_str().unwrap();
        for (name, ours, theirs) in pairs(commitment, &known[id]) {
            assert_eq!(exact(ours), exact(theirs), "{what}: {name} of {id}: {commitment:#} {:#}", known[id]);
        }
    }
    // By service, over all regions and instance types.
    let mut sums = std::collections::BTreeMap::<&str, [billing::money::Amount; 2]>::new();
    for row in found["coverage"].as_array().unwrap() {
        let covered = exact(&row["reservations"]).checked_add(exact(&row["savings_plans"])).unwrap();
        let all = covered.checked_add(exact(&row["on_demand"])).unwrap();
        let sum = sums.entry(row["service"].as_str().unwrap()).or_default();
        *sum = [sum[0].checked_add(all).unwrap(), sum[1].checked_add(covered).unwrap()];
    }
    let known = totals["coverage"].as_object().unwrap();
    assert_eq!(sums.keys().copied().collect::<Vec<_>>(), known.keys().map(String::as_str).collect::<Vec<_>>());
    for (service, sums) in sums {
        let theirs = [exact(&known[service]["coverable"]), exact(&known[service]["covered"])];
        assert_eq!(sums, theirs, "{what}: coverage of {service}");
    }
}

#[tokio::test]
async fn a_sample_bills_commitments_are_the_known_ones() {
    let (story, totals) = sampled(Format::default()).await;
    for (month, known) in totals["months"].as_object().unwrap() {
        agree(&asked(&story, &["--month", month]), known, month);
    }
    let both = asked(&story, &["--from", "2026-08-01", "--until", "2026-10-01"]);
    agree(&both, &totals["overall"], "both months");
    let newest = asked(&story, &[]);
    assert_eq!((newest["from"].as_str(), newest["until"].as_str()), (Some("2026-09-01"), Some("2026-10-01")));
    let full = both["commitments"].as_array().unwrap().iter().find(|it| it["instance_type"] == "m5.large").unwrap();
    assert_eq!(full["utilization"], 100);
    let idle = both["commitments"].as_array().unwrap().iter().find(|it| it["service"] == "AmazonElastiCache").unwrap();
    assert_eq!((&idle["utilization"], &idle["starts"]), (&Value::from(0), &Value::from("2026-01-15T00:00:00.000Z")));
}

#[tokio::test]
async fn another_format_says_the_same_of_them() {
    let (story, totals) = sampled(Format::Cur2Parquet).await;
    agree(&asked(&story, &["--month", "2026-08"]), &totals["months"]["2026-08"], "CUR 2.0");
}

#[tokio::test]
async fn a_table_csv_and_the_empty_state() {
    let story = Story::new().await;
    let org = story.org.to_string();
    let run = |more: &[&str]| {
        let output = story.server.install().run(&[&["reservations", "--org", &org], more].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, printed, talk) = run(&[]);
    assert_eq!((status, printed.as_str()), (Some(0), ""));
    assert!(talk.contains("no month is published"), "{talk}");
    let (status, _, talk) = run(&["--from", "2026-09-08", "--until", "2026-09-08"]);
    assert!(status == Some(1) && talk.contains("`--from` must be a day before `--until`"), "{talk}");
    let (status, _, talk) = run(&["--from", "yesterday", "--until", "2026-09-08"]);
    assert!(status == Some(2) && talk.contains("is no day"), "{talk}");

    let story = story.published().await;
    let run = |more: &[&str]| {
        let output = story.server.install().run(&[&["reservations", "--org", &org], more].concat());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(run(&[]).contains("the bill names no reservation and no savings plan from 2026-09-01 to 2026-09-30"));
    assert_eq!(run(&["--csv"]).lines().count(), 1, "a header alone");
}

/// A group of Cost Explorer's answer: a reservation of the sample's, and hours.
fn group(lease: &str, hours: [&str; 3]) -> Value {
    json!({
        "Key": "SUBSCRIPTION_ID", "Value": format!("number of {lease}"),
        "Attributes": {
            "leaseId": lease, "accountId": "123456789012", "accountName": "payments", "region": "eu-west-1",
            "instanceType": "m5.large", "numberOfInstances": "3", "scope": "Region", "tenancy": "Shared",
            "subscriptionType": "No Upfront", "startDateTime": "2026-01-15T00:00:00.000Z",
            "endDateTime": "2027-01-15T00:00:00.000Z",
        },
        "Utilization": {
            "PurchasedHours": hours[0], "TotalActualHours": hours[1], "UnusedHours": hours[2], "UtilizationPercentage": "62.5",
        },
    })
}

impl Story {
    async fn explored(&self) -> Value {
        let path = format!("/finops-onboarding/v1/orgs/{}/reservation-utilization", self.org);
        self.get(&path).await["values"][0].clone()
    }

    /// What Cost Explorer was asked of this story's account.
    async fn explorer_questions(&self) -> Vec<Value> {
        let played = self.world.payer.cost_explorer("PlayedReservationUtilization", &json!({})).await;
        played["Requests"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn one_page_a_day_is_read_kept_counted_and_shown() {
    let story = Story::new().await;
    let pages = json!([[group("ri-1", ["504", "315", "189"])], [group("ri-2", ["1", "1", "0"])]]);
    story.world.payer.cost_explorer("PlayReservationUtilization", &json!({ "Pages": pages })).await;
    let story = story.published().await;
    // Connecting asked, and its page is the day's: neither later polls nor checks ask again.
    let id = format!("aws-{}", story.payer());
    story.get(&format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/{id}/validation", story.org)).await;
    let [question] = story.explorer_questions().await.try_into().unwrap();
    assert_eq!(question["GroupBy"], json!([{ "Type": "DIMENSION", "Key": "SUBSCRIPTION_ID" }]));
    let explored = story.explored().await;
    assert_eq!((&explored["pages"], &explored["estimatedCharge"]), (&json!(1), &json!(0.01)));
    let reading = &explored["readings"][0];
    assert_eq!(
        (&reading["service"], &reading["complete"], &reading["pages"]),
        (&json!("AmazonEC2"), &json!(false), &json!(1))
    );
    assert_eq!(explored["readings"].as_array().unwrap().len(), 1);
    assert!(explored.get("trouble").is_none() && explored["nextAt"].as_str() > explored["askedAt"].as_str());

    let week = story.get(&format!("/reserved_instances/orgs/{}/clouds/aws", story.org)).await;
    let expected = json!([{
        "lease_id": "ri-1", "account_id": "123456789012", "account_name": "payments", "region": "eu-west-1",
        "instance_type": "m5.large", "number_of_instances": 3, "scope": "Region", "tenancy": "Shared",
        "offering_type": "No Upfront", "start_datetime": "2026-01-15T00:00:00.000Z",
        "end_datetime": "2027-01-15T00:00:00.000Z",
        "utilization": {
            "purchased_hours": 504, "total_actual_hours": 315, "unused_hours": 189, "utilization_percentage": 62.5,
        },
    }]);
    assert_eq!(week, expected);
    let beside = &explored["besideTheBill"][0];
    assert_eq!(beside["gap"]["reasons"][0]["reason"], "not-in-bill", "{beside:#}");
    let org = story.org.to_string();
    let shown = story.server.install().run(&["reservations", "--org", &org]);
    let shown = String::from_utf8([shown.stdout, shown.stderr].concat()).unwrap();
    for part in ["USD 0.01", "partial, goes on tomorrow", "ri-1", "not-in-bill"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test]
async fn what_keeps_cost_explorer_away_is_told_apart_and_keeps_no_bill_away() {
    for (code, message, cause) in [
        ("AccessDeniedException", "User: x is not authorized to perform: ce:GetReservationUtilization", "denied"),
        ("AccessDeniedException", "User not enabled for cost explorer access", "not-enabled"),
        ("LimitExceededException", "You made too many calls in a short period of time.", "throttled"),
        ("DataUnavailableException", "The requested data is unavailable.", "no-data"),
    ] {
        let story = Story::new().await;
        let error = json!({ "Error": { "Code": code, "Message": message } });
        story.world.payer.cost_explorer("PlayReservationUtilization", &error).await;
        let story = story.published().await;
        let explored = story.explored().await;
        assert_eq!(explored["trouble"]["cause"], cause, "{explored:#}");
        assert!(explored["trouble"]["message"].as_str().unwrap().contains(code));
        assert!(!explored["trouble"]["remedy"].as_str().unwrap().is_empty());
        assert_eq!((&explored["pages"], &explored["estimatedCharge"]), (&json!(0), &json!(0)), "none came");
        let week = story.get(&format!("/reserved_instances/orgs/{}/clouds/aws", story.org)).await;
        assert_eq!(week, json!([]));
    }
}

#[tokio::test]
async fn where_cost_explorer_and_the_bill_disagree_the_gap_shows() {
    let story = Story::new().await;
    // The sample's first reservation, of EC2, all of whose hours are used; Cost Explorer says otherwise.
    let pages = json!([[group("ri-2026-0000", ["168", "100", "68"])]]);
    story.world.payer.cost_explorer("PlayReservationUtilization", &json!({ "Pages": pages })).await;
    let week_ago = time::OffsetDateTime::now_utc() - time::Duration::days(7);
    let year = u16::try_from(week_ago.year()).unwrap();
    let first_month = sample::Month { year, month: week_ago.month().into() };
    let spec = Spec {
        months: 2,
        rows_per_month: 600,
        first_month,
        path_prefix: "bills".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.bucket.name.clone(),
        ..Spec::default()
    };
    deliver(&story, &spec).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(2).await;
    let explored = story.explored().await;
    let rows = explored["besideTheBill"].as_array().unwrap();
    let row = rows.iter().find(|row| row["leaseId"] == "ri-2026-0000").unwrap();
    let days = ["from", "until"].map(|name| row[name].as_str().unwrap());
    let billed = asked(&story, &["--from", days[0], "--until", days[1]]);
    let all = billed["commitments"].as_array().unwrap();
    let own = all.iter().find(|it| it["id"].as_str().unwrap().ends_with("ri-2026-0000")).unwrap();
    let bought = exact(&own["quantity"]["bought"]);
    assert_eq!((exact(&row["bill"]["purchasedHours"]), exact(&row["bill"]["unusedHours"])), (bought, exact(&json!(0))));
    let gap = exact(&json!(100)).checked_sub(bought).unwrap();
    assert_eq!((exact(&row["gap"]["totalActualHours"]), exact(&row["gap"]["unusedHours"])), (gap, exact(&json!(68))));
    assert!(!row["gap"]["reasons"].as_array().unwrap().is_empty(), "{row:#}");
    // The other one of EC2, of which Cost Explorer says nothing though it told all.
    let other = rows.iter().find(|row| row["leaseId"] == "ri-2026-0002").unwrap();
    assert_eq!(other["gap"]["reasons"][0]["reason"], "not-in-cost-explorer");
    assert!(other.get("costExplorer").is_none(), "{other:#}");

    // The first generation's clients are told Cost Explorer's word on EC2 and the bill's on what it was not asked about yet.
    let week = story.get(&format!("/reserved_instances/orgs/{}/clouds/aws", story.org)).await;
    let leases: Vec<&str> = week.as_array().unwrap().iter().map(|row| row["lease_id"].as_str().unwrap()).collect();
    assert_eq!(leases, ["ri-2026-0000", "ri-2026-0003", "ri-2026-0001"], "{week:#}");
    let path = format!("/finops-onboarding/v1/orgs/{}/commitments", story.org);
    let api = story.get(&format!("{path}?from={}&until={}", days[0], days[1])).await;
    assert_eq!(api["values"].as_array().unwrap().len(), all.len());
    let wrong = story.call(reqwest::Method::GET, &format!("{path}?from=soon&billMonth=202609"), None).await;
    assert_eq!(wrong.status, 400);
    for part in ["`from`: it must be a day", "`until` is missing", "not both"] {
        assert!(wrong.json["message"].as_str().unwrap().contains(part), "{part}: {}", wrong.json);
    }
}
