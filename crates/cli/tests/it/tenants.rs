//! Tenants are apart: an org's token reaches that org's data and nothing else.

use billing::names::OrgId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::server::Server;
use crate::kit::story::Story;
use crate::kit::world::World;

/// Every route of an org: those whose path says `{org}`. The API's own tests hold the list of its routes against its router.
fn routes(org: &str, connect: &str) -> Vec<(Method, String)> {
    let mut routes: Vec<(Method, String)> = api::route_list()
        .into_iter()
        .filter(|(_, path)| path.contains("{org}"))
        .map(|(method, path)| {
            let mut filled = String::new();
            for segment in path.split('/').skip(1) {
                filled.push('/');
                filled.push_str(match segment {
                    "{org}" => org,
                    other if other.starts_with('{') => connect,
                    other => other,
                });
            }
            (Method::from_bytes(method.as_bytes()).unwrap(), filled)
        })
        .collect();
    routes.sort_by(|left, right| left.1.cmp(&right.1));
    assert!(routes.len() >= 12, "{routes:?}");
    routes
}

#[tokio::test]
async fn another_orgs_token_gets_403_and_no_token_401_on_every_route() {
    let story = Story::new().await;
    let other = story.server.install().org("Other");
    let connect = format!("aws-{}", story.payer());
    let unknown = "987654321012345678";
    let mut texts = std::collections::BTreeSet::new();
    for org in [other.to_string(), unknown.to_owned(), "12".to_owned()] {
        for (method, path) in routes(&org, &connect) {
            let answer = story.call(method.clone(), &path, Some(json!({}))).await;
            assert_eq!((answer.status, &answer.json["name"]), (403, &json!("forbidden")), "{method} {path}");
            texts.insert(answer.json["message"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(texts.len(), 1, "one text, whether or not the org exists: {texts:?}");
    for (method, path) in routes(&story.org.to_string(), &connect) {
        let refresh = story.server.install().refresh_token(story.org, "admin");
        for token in [None, Some(""), Some("bca_wrong"), Some(refresh.as_str())] {
            let answer = story.server.call(method.clone(), &path, token, Some("{}".to_owned())).await;
            assert_eq!(
                (answer.status, &answer.json["name"]),
                (401, &json!("unauthorized")),
                "{method} {path} {token:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_connect() {
    let story = Story::new().await;
    let viewer = story.server.access_token(story.org, "viewer").await;
    let base = format!("/api/onboarding/orgs/{}/bill_connects", story.org);
    assert_eq!(story.server.call(Method::GET, &base, Some(&viewer), None).await.status, 200);
    let body = Some(story.body().to_string());
    let answer = story.server.call(Method::POST, &format!("{base}/aws/iam_role"), Some(&viewer), body).await;
    assert_eq!(answer.status, 403, "{}", answer.json);
}

/// Puts another org's admin in the place of the one who asks, and gives the one who asked.
fn trade_places(story: &mut Story, (org, token): (OrgId, String)) -> (OrgId, String) {
    (std::mem::replace(&mut story.org, org), std::mem::replace(&mut story.token, token))
}

/// What an org is told that each service cost, and the deliveries that this comes from.
async fn told(story: &Story) -> (Value, Value) {
    let costs = story.costs(&["service"]).await;
    let rows = costs["rows"].as_array().expect("rows");
    let cost = |row: &Value| {
        let (service, cost) = (&row["dimensions"]["service"], &row["metrics"]["cost_nonamortized_unblended_adj"]);
        json!([service, cost.to_string()])
    };
    (rows.iter().map(cost).collect(), costs["deliveries"].clone())
}

#[tokio::test]
async fn two_orgs_with_the_same_payers_bill_stay_two_datasets() {
    let mut story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1.25")]).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let (rows, deliveries) = told(&story).await;
    assert_eq!(rows, json!([["AmazonS3", "1.25"]]));
    assert_eq!(deliveries.as_array().map(Vec::len), Some(1), "{deliveries}");

    // The payer lets a second org read the same bucket, through a role that requires that org's id.
    let second = second_org(&story.server, &story.world).await;
    let first = trade_places(&mut story, second);
    assert_eq!(told(&story).await, (json!([]), Value::Null), "nothing of the first org's shows");
    let mut body = story.body();
    body["aws_sts_role_arn"] = json!(format!("arn:aws:iam::{}:role/second", story.payer()));
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
    assert_eq!(story.call(Method::POST, &path, Some(body)).await.status, 201);
    story.completed(1).await;
    assert_eq!(told(&story).await.0, json!([["AmazonS3", "1.25"]]));

    // A newer delivery of the same payer's same month, which only the second org's role can read.
    story.world.without("s3:ListBucket").await;
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    let (new_rows, new_deliveries) = told(&story).await;
    assert_eq!(new_rows, json!([["AmazonEC2", "0.0000000181"], ["AmazonS3", "20"]]));
    assert_eq!(story.status_errors().await, [""; 0]);
    let second = trade_places(&mut story, first);
    story.fails_with("s3:ListBucket").await;
    assert_eq!(told(&story).await, (rows, deliveries.clone()), "the first org's month is as it was");
    assert_ne!(deliveries, new_deliveries);
    assert_eq!(story.imports().await.len(), 1, "the second org's imports are not the first one's");
    trade_places(&mut story, second);
    assert_eq!(story.imports().await.len(), 2);
    let folders: Vec<_> = std::fs::read_dir(story.server.install().data().join("lake/orgs")).unwrap().collect();
    assert_eq!(folders.len(), 2, "each org has a folder of its own");
}

async fn second_org(server: &Server, world: &World) -> (OrgId, String) {
    let org = server.install().org("Second");
    let token = server.access_token(org, "admin").await;
    let trust = billing::policy::trust_policy(crate::kit::world::OPERATOR_ARN, &org.external_id());
    world.payer.role("second", &trust).await;
    let permissions = billing::policy::permission_policy(billing::role::Partition::Aws, &world.candidate.bucket);
    world.payer.set_permissions("second", &permissions).await;
    (org, token)
}
