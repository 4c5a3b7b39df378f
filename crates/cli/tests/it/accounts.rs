//! The accounts that bills are about: an organization's tree as it is seen, what is in the way of seeing it, and its history.

use std::collections::BTreeMap;

use app::store::Store;
use billing::names::BillConnectId;
use billing::organization::{AccountFacts, AccountState, SeenOrganization, UnitPath, UnitStep};
use billing::probe::Organization;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::kit::bill::Delivery;
use crate::kit::proxy::{Fault, Proxy, Refused};
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};

/// What Organizations says when it is asked too often.
const TOO_MANY: Fault = Fault::Refuse(Refused(
    400,
    "TooManyRequestsException",
    "AWS Organizations can't complete your request because another request is in progress.",
));

/// What it says to a member account, and to a role without the permission.
const DENIED: Fault =
    Fault::Refuse(Refused(400, "AccessDeniedException", "You don't have permissions to access this resource."));

fn path(story: &Story, rest: &str) -> String {
    format!("/finops-onboarding/v1/orgs/{}/{rest}", story.org)
}

/// How the one organization was last looked at.
async fn organization(story: &Story) -> Value {
    story.get(&path(story, "organizations")).await["values"][0].clone()
}

/// Waits until the organization stands so, and gives what is in the way.
async fn stands(story: &Story, state: &str) -> String {
    wait(state, async || organization(story).await["state"] == state).await;
    organization(story).await["problem"].as_str().unwrap_or_default().to_owned()
}

/// The accounts that the API lists, as `name unit state tags`.
async fn accounts(story: &Story, query: &str) -> Vec<String> {
    let listed = story.get(&path(story, &format!("accounts{query}"))).await;
    let line = |account: &Value| {
        let text = |name: &str| account[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("name"), text("unit"), text("state"), account["tags"])
    };
    listed["values"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn the_tree_is_seen_by_itself_and_followed() {
    let install = Install::at(crate::kit::emulator::url()).await.with("BILLCONNECT_ACCOUNTS_EVERY", "1s");
    let story = Story::on(Server::over(install)).await;
    let payer = &story.world.payer;
    let root = payer.root().await;
    let production = payer.unit(&root, "Production").await;
    let web = payer.unit(&production, "Web").await;
    let shop = payer.member("shop", json!([{ "Key": "team", "Value": "web" }])).await;
    let old = payer.member("old", json!([])).await;
    payer.move_account(&shop, (&root, &web)).await;

    Delivery::good(story.payer()).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    assert_eq!(stands(&story, "known").await, "");
    let mut seen = accounts(&story, "").await;
    seen.sort();
    assert_eq!(
        seen,
        ["Master Account / active {}", "old / active {}", r#"shop /Production/Web active {"team":"web"}"#]
    );
    let units = story.get(&path(&story, "account-units")).await;
    let shown: Vec<_> =
        units["values"].as_array().unwrap().iter().map(|unit| (&unit["name"], &unit["accounts"])).collect();
    assert_eq!(shown, [(&json!("Root"), &json!(2)), (&json!("Production"), &json!(0)), (&json!("Web"), &json!(1))]);
    assert_eq!(accounts(&story, "?asOf=2020-01-01").await, [""; 0], "nothing was known then");

    // What changes shows at the next look. On one day the last look counts, so there is no history yet.
    payer.organizations("CloseAccount", json!({ "AccountId": old })).await;
    payer.move_account(&shop, (&web, &production)).await;
    wait("the move", async || {
        accounts(&story, "").await.iter().any(|line| line.starts_with("shop /Production active"))
    })
    .await;
    assert!(accounts(&story, "").await.contains(&"old / suspended {}".to_owned()));
    let past = story.get(&path(&story, &format!("accounts/{shop}/history"))).await;
    assert_eq!(past["values"].as_array().unwrap().len(), 1);
    story.completed(1).await;

    // On the command line.
    let org = story.org.to_string();
    let tree = story.server.install().run(&["accounts", "--org", &org, "--tree"]);
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains(&format!("  Production\n    {shop}  shop\n    Web")), "{tree}");
    let json = story.server.install().json(&["accounts", "--org", &org, "--json"]);
    assert_eq!((json["accounts"].as_array().unwrap().len(), &json["organizations"][0]["state"]), (3, &json!("known")));
    // Another org, also one with a connection of its own, sees none of it.
    let other = story.server.install().org("Other");
    let token = story.server.access_token(other, "viewer").await;
    for rest in ["accounts", "account-units", "organizations"] {
        let path = format!("/finops-onboarding/v1/orgs/{other}/{rest}");
        let answer = story.server.call(Method::GET, &path, Some(&token), None).await;
        assert_eq!((answer.status, &answer.json["values"]), (200, &json!([])), "{rest}");
    }
    let theirs = format!("/finops-onboarding/v1/orgs/{other}/accounts/{shop}/history");
    assert_eq!(story.server.call(Method::GET, &theirs, Some(&token), None).await.status, 404);
}

#[tokio::test]
async fn what_is_in_the_way_is_told_apart_and_keeps_no_bill_waiting() {
    const MEMBER: &str = r#"{"Organization":{"Id":"o-theirs","MasterAccountId":"999988887777"}}"#;
    /// The state that follows, from which faults of which calls, and what is said of it.
    type Way<'a> = (&'a str, &'a [(&'a str, Fault)], &'a str);
    let none = Refused(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
    let ways: [Way<'_>; 4] = [
        ("denied", &[(".ListRoots", DENIED)], "`organizations:ListRoots` is denied"),
        (
            "not-management-account",
            &[(".DescribeOrganization", Fault::Answer(MEMBER)), (".ListAccounts", DENIED)],
            "Connect account 999988887777",
        ),
        ("not-in-organization", &[(".DescribeOrganization", Fault::Refuse(none))], "nothing needs to be done"),
        ("unavailable", &[(".ListRoots", Fault::HangUp)], "asked again by itself"),
    ];
    for (state, faults, says) in ways {
        let proxy = Proxy::start().await;
        let story = Story::behind(&proxy).await;
        for (target, fault) in faults {
            let target = format!("AWSOrganizationsV20161128{target}\r\n");
            proxy.stand(move |request| request.contains(&target), *fault);
        }
        Delivery::good(story.payer()).put(&story.world).await;
        assert_eq!(story.connect().await.status, 201, "{state}");
        let problem = stands(&story, state).await;
        assert!(problem.contains(says), "{problem}");
        story.completed(1).await;
        assert_eq!(story.billed().await, "10", "{state}");
        let told = story.server.install().run(&["accounts", "--org", &story.org.to_string()]);
        assert!(told.status.success() && String::from_utf8_lossy(&told.stderr).contains(says), "{told:?}");
    }
}

#[tokio::test]
async fn throttles_are_waited_out_and_every_page_is_asked_for() {
    const FIRST: &str = r#"{"Accounts":[{"Id":"111111111111","Name":"first","Status":"ACTIVE"}],"NextToken":"more"}"#;
    const SECOND: &str =
        r#"{"Accounts":[{"Id":"222222222222","Name":"second","State":"CLOSED","Status":"SUSPENDED"}]}"#;
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await;
    // MiniStack has no pages: these two stand for its answer.
    let below = |request: &str| request.contains("V20161128.ListAccountsForParent\r\n");
    proxy.stand(move |request| below(request) && request.contains("\"NextToken\":\"more\""), Fault::Answer(SECOND));
    proxy.stand(move |request| below(request) && !request.contains("NextToken"), Fault::Answer(FIRST));
    proxy.stand(|request| request.contains("V20161128.ListTagsForResource\r\n"), Fault::Answer(r#"{"Tags":[]}"#));
    // Three at a time: the SDK tries a call that often before it says so.
    for _ in 0..6 {
        proxy.plan("V20161128.ListRoots", TOO_MANY);
    }
    Delivery::good(story.payer()).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    assert!(stands(&story, "throttled").await.contains("asked again by itself"));
    story.completed(1).await;
    assert_eq!(stands(&story, "known").await, "");
    assert_eq!(accounts(&story, "").await, ["first / active {}", "second / closed {}"]);
    let first = story.get(&path(&story, "accounts?limit=1")).await;
    let next = first["nextPage"].as_str().unwrap();
    assert_eq!(story.get(next).await["values"][0]["name"], "second");
}

/// Keeps what a look at `at` would have seen: the payer in this unit, called like it.
async fn seen(story: &Story, unit: &str, at: OffsetDateTime) {
    let kept = Store::open(&story.server.install().data().join("billconnect.db")).await.unwrap();
    let step = UnitStep { id: format!("ou-{unit}"), name: unit.to_owned() };
    let facts = AccountFacts {
        name: format!("called {unit}"),
        unit: UnitPath(vec![step]),
        tags: BTreeMap::from([("team".to_owned(), unit.to_lowercase())]),
        state: AccountState::Active,
        joined_method: None,
        joined_at: None,
    };
    let accounts = BTreeMap::from([(story.payer().parse().unwrap(), facts)]);
    let seen = SeenOrganization { accounts, ..SeenOrganization::default() };
    let organization = Organization { id: "o-acme".to_owned(), management_account: story.payer().to_owned() };
    let connect = BillConnectId::of(&story.world.candidate.account);
    assert!(kept.keep_organization((story.org, &connect), (&organization, &seen), at).await.unwrap());
    kept.close().await;
}

/// What September cost by `dimension`, as `value: cost`.
async fn costs(story: &Story, dimension: &str, accounts_as_of: &str) -> Vec<String> {
    let body = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["cost_nonamortized_unblended_adj"], "dimensions": [dimension],
        "start_at": "2026-09", "end_at": "2026-10", "accounts_as_of": accounts_as_of,
    });
    let path = format!("/bill-analysis/orgs/{}/costs/aggregated", story.org);
    let answer = story.call(Method::POST, &path, Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let row = |row: &Value| {
        let cost = &row["metrics"]["cost_nonamortized_unblended_adj"];
        format!("{}: {cost}", row["dimensions"][dimension].as_str().unwrap())
    };
    answer.json["rows"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn a_move_in_the_middle_of_a_month_shows_in_its_costs() {
    let story = Story::new().await;
    // What is kept here is all that is known.
    story.world.without("organizations:List*").await;
    let mut delivery =
        Delivery::of(story.payer(), &[("Usage", "AmazonS3", "7.5"), ("Usage", "AmazonS3", "2.50000000001")]);
    let (first, second) = delivery.parts[0].split_at(delivery.parts[0].find("line1").unwrap());
    delivery.parts[0] = format!("{first}{}", second.replace("2026-09-02", "2026-09-20"));
    delivery.put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    stands(&story, "denied").await;
    story.completed(1).await;
    assert_eq!(costs(&story, "account_unit", "usage_day").await, ["None: 10.00000000001"], "nothing is known yet");

    seen(&story, "Dev", datetime!(2026-09-05 12:00 UTC)).await;
    seen(&story, "Prod", datetime!(2026-09-15 12:00 UTC)).await;
    for (dimension, when, expect) in [
        ("account_unit", "usage_day", ["/Dev: 7.5", "/Prod: 2.50000000001"].as_slice()),
        ("account_unit", "today", &["/Prod: 10.00000000001"]),
        ("account_unit_1", "2026-09-14", &["Dev: 10.00000000001"]),
        ("vendor_account_name", "usage_day", &["called Dev: 7.5", "called Prod: 2.50000000001"]),
        ("account_tag_team", "usage_day", &["dev: 7.5", "prod: 2.50000000001"]),
        ("vendor_account", "usage_day", &[&format!("{}: 10.00000000001", story.payer())]),
    ] {
        assert_eq!(costs(&story, dimension, when).await, expect, "{dimension} {when}");
    }
    let history = story.get(&path(&story, &format!("accounts/{}/history", story.payer()))).await;
    let spans: Vec<_> =
        history["values"].as_array().unwrap().iter().map(|span| (&span["since"], &span["until"])).collect();
    assert_eq!(spans, [(&json!("2026-09-05"), &json!("2026-09-15")), (&json!("2026-09-15"), &Value::Null)]);

    let org = story.org.to_string();
    let by = ["costs", "--org", &org, "--by", "account_unit", "--json"];
    let rows = |more: &[&str]| story.server.install().json(&[&by, more].concat())["rows"].as_array().unwrap().len();
    assert_eq!((rows(&[]), rows(&["--accounts-as-of", "today"])), (2, 1));
}
