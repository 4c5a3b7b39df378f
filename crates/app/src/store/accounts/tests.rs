//! What is kept of an organization, from looks on given days.

use billing::organization::{UnitPath, UnitStep};
use time::macros::datetime;

use super::super::connects::tests::{connect, report};
use super::super::tests::store;
use super::*;

const PAYER: &str = "123456789012";

/// An account in units, called `ou-` and their name.
fn account(name: &str, units: &[&str]) -> AccountFacts {
    let step = |unit: &&str| UnitStep { id: format!("ou-{unit}"), name: (*unit).to_owned() };
    AccountFacts {
        name: name.to_owned(),
        unit: UnitPath(units.iter().map(step).collect()),
        tags: BTreeMap::from([("team".to_owned(), name.to_lowercase())]),
        state: AccountState::Active,
        joined_method: None,
        joined_at: None,
    }
}

/// An organization of these accounts.
fn seen(accounts: &[(&str, AccountFacts)]) -> SeenOrganization {
    let accounts = accounts.iter().map(|(id, facts)| (id.parse().unwrap(), facts.clone())).collect();
    let root = UnitFacts { name: "Root".to_owned(), parent: None, left: false };
    SeenOrganization { accounts, units: BTreeMap::from([("r-1".to_owned(), root)]), ..SeenOrganization::default() }
}

fn acme() -> Organization {
    Organization { id: "o-acme".to_owned(), management_account: PAYER.to_owned() }
}

/// A store with a connected payer in an org.
async fn connected() -> (Store, tempfile::TempDir, OrgId, BillConnectId) {
    let (store, folder) = store().await;
    let org = store.create_org("A").await.unwrap().id;
    store.insert_connect(&connect(org, PAYER), &report("2026-09-01T12:00:00Z")).await.unwrap();
    (store, folder, org, connect(org, PAYER).candidate.id())
}

/// Every account's spans as `id from..until name unit state`.
async fn shown(store: &Store, org: OrgId) -> Vec<String> {
    let known = store.known_accounts(org).await.unwrap();
    let lines = known.iter().flat_map(|(_, id, spans)| {
        spans.iter().map(move |Span { from, until, facts }| {
            let until = until.map_or("now".to_owned(), |until| until.to_string());
            format!("{} {from}..{until} {} {} {}", &id.as_ref()[..2], facts.name, facts.unit, facts.state.name())
        })
    });
    lines.collect()
}

#[tokio::test]
async fn a_moved_account_has_two_spans_and_one_that_stays_has_one() {
    let (store, _folder, org, id) = connected().await;
    let place = (org, &id);
    let before = seen(&[("111111111111", account("Web", &["Dev"])), ("222222222222", account("Db", &["Dev"]))]);
    let after = seen(&[("111111111111", account("Web", &["Prod", "Live"])), ("222222222222", account("Db", &["Dev"]))]);
    for (at, seen) in [
        (datetime!(2026-09-01 12:00 UTC), &before),
        (datetime!(2026-09-02 12:00 UTC), &before),
        // A day in UTC, whatever the clock's zone.
        (datetime!(2026-09-16 01:00 +2), &after),
    ] {
        assert!(store.keep_organization(place, (&acme(), seen), at).await.unwrap());
    }
    assert_eq!(
        shown(&store, org).await,
        [
            "11 2026-09-01..2026-09-15 Web /Dev active",
            "11 2026-09-15..now Web /Prod/Live active",
            "22 2026-09-01..now Db /Dev active"
        ]
    );
    let look = store.last_look(org, &id).await.unwrap().unwrap();
    assert_eq!((look.look.state, look.seen_at), (OrganizationState::Known, Some(datetime!(2026-09-15 23:00 UTC))));
}

#[tokio::test]
async fn an_account_that_is_gone_is_kept_and_may_come_back() {
    let (store, _folder, org, id) = connected().await;
    let (web, none) = (seen(&[("111111111111", account("Web", &["Dev"]))]), seen(&[]));
    for (day, seen) in [(1, &web), (5, &none), (6, &none), (9, &web)] {
        let at = datetime!(2026-09-01 12:00 UTC).replace_day(day).unwrap();
        store.keep_organization((org, &id), (&acme(), seen), at).await.unwrap();
    }
    assert_eq!(
        shown(&store, org).await,
        [
            "11 2026-09-01..2026-09-05 Web /Dev active",
            "11 2026-09-05..2026-09-09 Web /Dev left",
            "11 2026-09-09..now Web /Dev active"
        ]
    );
    // Of one that could not be found nothing is said.
    let elusive = SeenOrganization { elusive: ["111111111111".parse().unwrap()].into(), ..seen(&[]) };
    store.keep_organization((org, &id), (&acme(), &elusive), datetime!(2026-09-10 12:00 UTC)).await.unwrap();
    assert_eq!(shown(&store, org).await.len(), 3);
}

#[tokio::test]
async fn the_last_look_of_a_day_counts_for_the_day() {
    let (store, _folder, org, id) = connected().await;
    let (a, b) = (seen(&[("111111111111", account("A", &[]))]), seen(&[("111111111111", account("B", &[]))]));
    let keep = async |seen: &SeenOrganization, at| {
        store.keep_organization((org, &id), (&acme(), seen), at).await.unwrap();
        shown(&store, org).await
    };
    keep(&a, datetime!(2026-09-01 12:00 UTC)).await;
    let two = ["11 2026-09-01..2026-09-03 A / active", "11 2026-09-03..now B / active"];
    assert_eq!(keep(&b, datetime!(2026-09-03 12:00 UTC)).await, two);
    let one = ["11 2026-09-01..now A / active"];
    assert_eq!(keep(&a, datetime!(2026-09-03 13:00 UTC)).await, one, "it was undone on the same day");
    assert_eq!(keep(&b, datetime!(2026-09-03 14:00 UTC)).await, two);
    // A clock that goes back makes no row before those that there are.
    assert_eq!(keep(&a, datetime!(2026-09-02 12:00 UTC)).await, one);
}

#[tokio::test]
async fn what_went_wrong_takes_nothing_away() {
    let (store, _folder, org, id) = connected().await;
    let web = seen(&[("111111111111", account("Web", &["Dev"]))]);
    store.keep_organization((org, &id), (&acme(), &web), datetime!(2026-09-01 12:00 UTC)).await.unwrap();
    let revision = store.accounts_revision(org).await.unwrap();
    let look = Look { organization: None, state: OrganizationState::Throttled, problem: Some("slowly".to_owned()) };
    assert!(store.note_look((org, &id), &look, datetime!(2026-09-02 12:00 UTC)).await.unwrap());
    let last = store.last_looks(org).await.unwrap().pop().unwrap();
    assert_eq!(last.look, Look { organization: Some(acme()), ..look });
    assert_eq!(last.looked_at, datetime!(2026-09-02 12:00 UTC));
    assert_eq!(last.seen_at, Some(datetime!(2026-09-01 12:00 UTC)));
    assert_eq!(shown(&store, org).await.len(), 1);
    assert_eq!(store.accounts_revision(org).await.unwrap(), revision, "nothing changed");
    store.keep_organization((org, &id), (&acme(), &seen(&[])), datetime!(2026-09-03 12:00 UTC)).await.unwrap();
    assert_ne!(store.accounts_revision(org).await.unwrap(), revision);
    let revision = store.accounts_revision(org).await.unwrap();
    store.keep_organization((org, &id), (&acme(), &seen(&[])), datetime!(2026-09-04 12:00 UTC)).await.unwrap();
    assert_eq!(store.accounts_revision(org).await.unwrap(), revision, "all was as before");
}

#[tokio::test]
async fn one_orgs_accounts_are_its_own_and_go_with_the_connection() {
    let (store, _folder, org, id) = connected().await;
    let other = store.create_org("B").await.unwrap().id;
    let web = seen(&[("111111111111", account("Web", &["Dev"]))]);
    let at = datetime!(2026-09-01 12:00 UTC);
    assert!(!store.keep_organization((other, &id), (&acme(), &web), at).await.unwrap(), "it is not theirs");
    store.keep_organization((org, &id), (&acme(), &web), at).await.unwrap();
    assert_eq!(shown(&store, other).await, [""; 0]);
    assert_eq!(store.known_units(other).await.unwrap(), []);
    assert_eq!((store.known_units(org).await.unwrap().len(), store.last_looks(other).await.unwrap().len()), (1, 0));
    store.delete_connect(org, &id).await.unwrap();
    assert_eq!(shown(&store, org).await, [""; 0]);
    assert_eq!(store.last_looks(org).await.unwrap(), []);
    assert!(!store.keep_organization((org, &id), (&acme(), &web), at).await.unwrap(), "it was deleted meanwhile");
}
