//! Looking at the payer account: its organization, its accounts, its reservations, and what a role holds too much.

use aws::{AwsClient, AwsSettings};
use billing::probe::{Probe, Refusal, RefusalKind};
use billing::reservation::PageQuestion;
use serde_json::json;
use time::macros::date;

use crate::kit::proxy::{Fault, Proxy, Refused};
use crate::kit::world::{ROLE, World};

/// The page that is asked for first.
fn page() -> PageQuestion {
    PageQuestion::first(date!(2026 - 09 - 15))
}

#[track_caller]
fn kind<T: std::fmt::Debug>(probe: &Probe<T>) -> RefusalKind {
    probe.refusal().unwrap_or_else(|| panic!("{probe:?}")).kind
}

/// A world whose AWS lies behind a proxy.
async fn behind_a_proxy() -> (World, Proxy, AwsClient) {
    let (world, proxy) = (World::new().await, Proxy::start().await);
    let aws = AwsClient::new(AwsSettings { endpoint_url: Some(proxy.url.clone()), ..world.settings() }).await;
    (world, proxy, aws)
}

#[tokio::test]
async fn the_published_permissions_open_the_payer_account() {
    let world = World::new().await;
    let aws = world.aws().await;
    let organization = aws.organization(&world.candidate).await;
    let manager = organization.granted().map(|organization| organization.management_account.as_str());
    assert_eq!(manager, Some(world.payer.account.as_str()), "{organization:?}");
    let accounts = aws.accounts(&world.candidate).await;
    assert_eq!(accounts.granted().map(|page| (page.seen, page.more)), Some((1, false)), "{accounts:?}");
    let reservations = aws.reservations(&world.candidate, &page()).await;
    assert!(reservations.granted().is_some(), "{reservations:?}");
}

#[tokio::test]
async fn each_missing_permission_is_denied_by_its_name() {
    for missing in ["organizations:Describe*", "organizations:List*", "ce:GetReservationUtilization"] {
        let world = World::new().await;
        world.without(missing).await;
        let (aws, candidate) = (world.aws().await, &world.candidate);
        let answers: [(&str, Option<Refusal>); 3] = [
            ("organizations:DescribeOrganization", aws.organization(candidate).await.refusal().cloned()),
            ("organizations:ListAccounts", aws.accounts(candidate).await.refusal().cloned()),
            ("ce:GetReservationUtilization", aws.reservations(candidate, &page()).await.refusal().cloned()),
        ];
        for (action, refusal) in answers {
            let expected = action.starts_with(missing.trim_end_matches('*')).then_some((RefusalKind::Denied, action));
            let found = refusal.as_ref().map(|refusal| (refusal.kind, refusal.action.as_str()));
            assert_eq!(found, expected, "without `{missing}`: {refusal:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_in_use_is_told_from_what_is_denied() {
    let (world, proxy, aws) = behind_a_proxy().await;
    let candidate = &world.candidate;
    let none = Refused(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
    proxy.plan("AWSOrganizationsV20161128.DescribeOrganization", Fault::Refuse(none));
    assert_eq!(kind(&aws.organization(candidate).await), RefusalKind::NotInUse);
    let denied = Refused(400, "AccessDeniedException", "You don't have permissions to access this resource.");
    proxy.plan("AWSOrganizationsV20161128.ListAccounts", Fault::Refuse(denied));
    assert_eq!(kind(&aws.accounts(candidate).await), RefusalKind::Denied);
    let disabled = Refused(400, "AccessDeniedException", "User not enabled for cost explorer access");
    proxy.plan("GetReservationUtilization", Fault::Refuse(disabled));
    assert_eq!(kind(&aws.reservations(candidate, &page()).await), RefusalKind::NotInUse);
    let empty =
        Refused(400, "DataUnavailableException", "Data is not available. Please try to adjust the time period.");
    proxy.plan("GetReservationUtilization", Fault::Refuse(empty));
    assert_eq!(kind(&aws.reservations(candidate, &page()).await), RefusalKind::NoData);
}

#[tokio::test]
async fn a_role_that_holds_too_much_shows_it_and_nothing_else() {
    let (world, proxy, aws) = behind_a_proxy().await;
    let (candidate, region) = (&world.candidate, world.region());
    let tried = aws.unpublished(candidate, &region).await;
    let tried = tried.granted().unwrap_or_else(|| panic!("{tried:?}"));
    assert_eq!(tried.len(), 5);
    assert!(
        tried.iter().all(|(_, probe)| probe.refusal().is_some_and(|refusal| refusal.kind == RefusalKind::Denied)),
        "{tried:?}"
    );

    let wide =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" }] });
    world.payer.set_permissions(ROLE, &wide).await;
    let tried = aws.unpublished(candidate, &region).await;
    let tried = tried.granted().unwrap_or_else(|| panic!("{tried:?}"));
    let held: Vec<&str> =
        tried.iter().filter(|(_, probe)| probe.granted().is_some()).map(|(read, _)| read.action()).collect();
    assert_eq!(held, ["s3:GetBucketPolicy", "s3:GetBucketAcl", "s3:GetEncryptionConfiguration"]);

    // Each time a session of its own: it is not the one that bills are read with.
    let keys = |needle: &str| -> Vec<String> {
        let heads = proxy.seen(needle);
        let key = |head: &String| head.split_once("Credential=").unwrap().1.split_once('/').unwrap().0.to_owned();
        heads.iter().map(key).collect()
    };
    aws.list(candidate, &region, "bills/").await;
    let (attempts, listings) = (keys("x-id=ListBuckets"), keys("delimiter="));
    assert_eq!((attempts.len(), listings.len()), (2, 1));
    assert!(!attempts.contains(&listings[0]), "the session that tries too much reads bills");
}
