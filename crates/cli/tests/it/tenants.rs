//! Tenants are apart: an org's token reaches that org's data and nothing else.

use reqwest::Method;
use serde_json::json;

use crate::kit::bill::Delivery;
use crate::kit::server::Server;
use crate::kit::story::Story;
use crate::kit::world::World;

/// Every route that has an org in its path. The API's own tests hold the list of its routes against its router.
fn routes(org: &str, connect: &str) -> Vec<(Method, String)> {
    let mut routes: Vec<(Method, String)> = api::route_list()
        .into_iter()
        .filter(|(_, path)| path.contains("{org"))
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
            assert_eq!((answer.status, &answer.json["name"]), (401, &json!("unauthorized")), "{method} {path} {token:?}");
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

#[tokio::test]
async fn two_orgs_with_the_same_payers_bill_stay_two_datasets() {
    let first = Story::new().await;
    Delivery::of(first.payer(), &[("Usage", "AmazonS3", "1.25")]).put(&first.world).await;
    assert_eq!(first.connect().await.status, 201);
    first.completed(1).await;

    // The payer lets a second org read the same bucket, through a role that requires that org's id.
    let Story { server, world, .. } = first;
    let (org, token) = second_org(&server, &world).await;
    let second = Story { server, org, token, world };
    assert_eq!(second.costs(&[]).await["rows"], json!([]), "nothing of the first org's shows");
    let mut body = second.body();
    body["aws_sts_role_arn"] = json!(format!("arn:aws:iam::{}:role/second", second.payer()));
    let path = format!("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role");
    assert_eq!(second.call(Method::POST, &path, Some(body)).await.status, 201);
    second.completed(1).await;
    assert_eq!(second.billed().await, "1.25");

    // A month that only the second reads anew leaves the first one's as it was.
    let folders: Vec<_> = std::fs::read_dir(second.server.install().data().join("lake/orgs")).unwrap().collect();
    assert_eq!(folders.len(), 2, "each org has a folder of its own");
}

async fn second_org(server: &Server, world: &World) -> (billing::names::OrgId, String) {
    let org = server.install().org("Second");
    let token = server.access_token(org, "admin").await;
    let trust = billing::policy::trust_policy(crate::kit::world::OPERATOR_ARN, &org.external_id());
    world.payer.role("second", &trust).await;
    let permissions = billing::policy::permission_policy(billing::role::Partition::Aws, &world.candidate.bucket);
    world.payer.set_permissions("second", &permissions).await;
    (org, token)
}
