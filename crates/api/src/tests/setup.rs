//! The setup over HTTP: every form, with its content type, and each wrong parameter named.

use billing::setup::Format;

use super::*;

const SETUP: &str = "/finops-onboarding/v1/orgs/{org}/setup?bucketName=acme-bills&bucketPath=cur%2Fmain";

#[tokio::test]
async fn without_a_format_every_artefact_is_listed() {
    let api = Api::new().await;
    let answer = api.get(SETUP).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!((&json["kind"], &json["orgId"]), (&json!("finops:setup"), &json!(api.org)));
    assert_eq!(json["externalIds"], json!([api.org.to_string()]));
    let values = json["values"].as_array().unwrap();
    let formats: Vec<&str> = values.iter().map(|value| value["format"].as_str().unwrap()).collect();
    assert_eq!(formats, Format::ALL.map(Format::name));
    for value in values {
        assert_eq!(value["files"].is_null(), value["format"] == "quick-create", "{value}");
        assert_eq!(value["unavailable"].is_null(), value["format"] != "quick-create", "{value}");
    }
}

#[tokio::test]
async fn each_format_comes_as_what_it_is() {
    let api = Api::new().await;
    for format in Format::ALL {
        let name = format.name();
        let link = "&templateUrl=https%3A%2F%2Ft.s3.amazonaws.com%2Ft.json";
        let answer = api.get(&format!("{SETUP}&format={name}{link}")).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert!(answer.header("content-type").starts_with(format.media_type()), "{name}");
        assert!(answer.text.contains("acme-bills") || format == Format::Trust, "{name}: {}", answer.text);
    }
    let trust = api.get(&format!("{SETUP}&format=trust")).await.json();
    assert_eq!(
        trust,
        billing::policy::trust_policy("arn:aws:iam::999999999999:user/billconnect", &api.org.external_id())
    );
    let tight = api.get(&format!("{SETUP}&format=cli&tightened=true")).await.text;
    assert!(tight.contains("cur/main/*"), "{tight}");
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let api = Api::new().await;
    let base = SETUP.split('?').next().unwrap();
    let message = api.get(&format!("{base}?format=yaml&tightened=maybe&unknown=x")).await.error(400, "bad_request");
    for name in ["`format`", "`tightened`", "`bucketName`"] {
        assert!(message.contains(name), "{name}: {message}");
    }
    let wrong = format!("{base}?bucketName=B&with=cur&roleName=a%20b&serviceUrl=http%3A%2F%2Fevil");
    let message = api.get(&wrong).await.error(422, "unprocessable_entity");
    for name in ["`bucketName`", "`bucketPath`", "`roleName`", "`serviceUrl`"] {
        assert!(message.contains(name), "{name}: {message}");
    }
    let message = api.get(&format!("{SETUP}&format=quick-create")).await.error(422, "unprocessable_entity");
    assert!(message.contains("`templateUrl`"), "{message}");
}
