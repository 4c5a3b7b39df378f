//! Assuming roles: who gets in with which external id, and what is said when not.

use aws::{AwsClient, AwsSettings, Credentials};
use billing::connection::{Access, Presented, RoleAccess};
use billing::names::OrgId;
use billing::probe::{Caller, Probe, Refusal, RefusalKind};
use serde_json::{Value, json};

use crate::kit::admin::Admin;
use crate::kit::world::{OPERATOR_ACCOUNT, OPERATOR_ARN, ROLE, World};

/// What came of assuming the world's role with no external id and with each wrong one.
async fn negative_probes(world: &World) -> Vec<Probe<Caller>> {
    let aws = world.aws().await;
    let mut probes = vec![aws.assume(&world.candidate, Presented::Absent).await];
    for forged in world.role().external_id.clone().forgeries(&[3; 16]) {
        probes.push(aws.assume(&world.candidate, Presented::Forged(&forged)).await);
    }
    probes
}

/// Fails unless exactly the probes named by `granted` got in; the first has no id, the others wrong ones.
async fn check_condition(condition: Value, granted: &[bool]) {
    let world = World::new().await;
    world.trust_if(condition.clone()).await;
    let probes = negative_probes(&world).await;
    let found: Vec<bool> = probes.iter().map(|probe| probe.granted().is_some()).collect();
    assert_eq!(found, granted, "{condition}: {probes:?}");
    let denied = probes.iter().filter_map(Probe::refusal).all(|refusal| refusal.kind == RefusalKind::Denied);
    assert!(denied, "{condition}: {probes:?}");
}

#[tokio::test]
async fn the_right_id_opens_a_session_of_the_role() {
    let world = World::new().await;
    let aws = world.aws().await;
    let operator = aws.operator().await;
    assert_eq!(operator.granted().map(|caller| caller.arn.as_str()), Some(OPERATOR_ARN));
    let id = world.role().external_id.clone();
    let assumed = aws.assume(&world.candidate, Presented::Right(&id)).await;
    let caller = assumed.granted().unwrap_or_else(|| panic!("{assumed:?}"));
    assert!(world.role().arn.is_session(&caller.arn), "{caller:?}");
    assert!(caller.arn.ends_with("/flexera-finops"), "the customer finds us by name: {caller:?}");
    assert_eq!(caller.account, world.payer.account);
}

#[tokio::test]
async fn a_denied_role_keeps_the_words_of_aws() {
    let world = World::new().await;
    for probe in negative_probes(&world).await {
        let refusal = probe.refusal().unwrap_or_else(|| panic!("{probe:?}")).clone();
        let request_id = refusal.request_id.clone();
        assert!(request_id.is_some_and(|id| !id.is_empty()), "{refusal:?}");
        let expected = Refusal {
            action: "sts:AssumeRole".to_owned(),
            resource: world.role().arn.to_string(),
            kind: RefusalKind::Denied,
            code: "AccessDenied".to_owned(),
            message: format!(
                "User: {OPERATOR_ARN} is not authorized to perform: sts:AssumeRole on resource: {}",
                world.role().arn
            ),
            request_id: refusal.request_id.clone(),
        };
        assert_eq!(refusal, expected);
    }
}

#[tokio::test]
async fn loose_conditions_let_strangers_in() {
    let world = World::new().await;
    let id = world.role().external_id.clone();
    let count = 1 + id.forgeries(&[3; 16]).len();
    let all = vec![true; count];
    check_condition(Value::Null, &all).await;
    let mut wrong_ids = all.clone();
    wrong_ids[0] = false;
    check_condition(json!({ "StringLike": { "sts:ExternalId": "*" } }), &wrong_ids).await;
    check_condition(json!({ "StringLikeIfExists": { "sts:ExternalId": "*" } }), &all).await;
}

#[tokio::test]
async fn a_condition_that_need_not_hold_lets_in_who_has_no_id() {
    let world = World::new().await;
    let id = world.role().external_id.clone();
    world.trust_if(json!({ "StringEqualsIfExists": { "sts:ExternalId": id.as_ref() } })).await;
    let found: Vec<bool> = negative_probes(&world).await.iter().map(|probe| probe.granted().is_some()).collect();
    let mut only_without = vec![false; found.len()];
    only_without[0] = true;
    assert_eq!(found, only_without);
}

#[tokio::test]
async fn a_condition_on_another_orgs_id_keeps_us_out() {
    let world = World::new().await;
    world.trust_if(json!({ "StringEquals": { "sts:ExternalId": "987654321" } })).await;
    let id = world.role().external_id.clone();
    let probe = world.aws().await.assume(&world.candidate, Presented::Right(&id)).await;
    assert_eq!(probe.refusal().map(|refusal| refusal.kind), Some(RefusalKind::Denied), "{probe:?}");
}

#[tokio::test]
async fn another_orgs_open_session_is_never_reused() {
    let world = World::new().await;
    world.bucket.put("bills/a.txt", "a").await;
    let aws = world.aws().await;
    let region = world.region();
    let mine = aws.list(&world.candidate, &region, "bills/").await;
    assert!(mine.granted().is_some(), "{mine:?}");
    // The same role, account, bucket and path, by an org whose id the role does not know.
    let mut other = world.candidate.clone();
    other.org = OrgId::try_from(987_654_321).unwrap();
    other.access = Access::Role(RoleAccess { external_id: other.org.external_id(), ..world.role().clone() });
    let theirs = aws.list(&other, &region, "bills/").await;
    let refusal = theirs.refusal().unwrap_or_else(|| panic!("{theirs:?}"));
    assert_eq!((refusal.kind, refusal.action.as_str()), (RefusalKind::Denied, "sts:AssumeRole"));
}

#[tokio::test]
async fn unknown_and_expired_credentials_are_our_own_fault() {
    let world = World::new().await;
    let unknown = Credentials::new("AKIAUNKNOWNUNKNOWN00", "secret", None, None, "test");
    let admin = Admin::of(OPERATOR_ACCOUNT);
    // Each test has its own role in the operator's account, as the account is shared.
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OPERATOR_ACCOUNT}:root") }, "Action": "sts:AssumeRole" },
    ] });
    let role = format!("brief-{}", world.payer.account);
    admin.role(&role, &trust).await;
    let brief = admin.brief_session(&role, 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    for (credentials, code) in [(unknown, "InvalidClientTokenId"), (brief, "ExpiredToken")] {
        let aws = AwsClient::new(AwsSettings { credentials: Some(credentials), ..world.settings() }).await;
        let id = world.role().external_id.clone();
        for probe in [aws.operator().await, aws.assume(&world.candidate, Presented::Right(&id)).await] {
            let refusal = probe.refusal().unwrap_or_else(|| panic!("{probe:?}"));
            assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::OwnCredentials, code), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn a_role_that_is_gone_looks_like_a_denial() {
    let world = World::new().await;
    let mut candidate = world.candidate.clone();
    let arn = world.role().arn.to_string().replace(ROLE, "no-such-role").parse().unwrap();
    candidate.access = Access::Role(RoleAccess { arn, ..world.role().clone() });
    let id = world.role().external_id.clone();
    let probe = world.aws().await.assume(&candidate, Presented::Right(&id)).await;
    assert_eq!(probe.refusal().map(|refusal| refusal.kind), Some(RefusalKind::Denied), "{probe:?}");
}
