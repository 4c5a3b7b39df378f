//! Connecting a role: what is taken, and what is refused under which status. That AWS agrees is proven against the emulator.

use super::*;

/// Both generations: where, the right body, and the names of account, bucket, path, role and session name.
fn generations() -> [(String, Value, [&'static str; 5]); 2] {
    let first =
        ["aws_bill_account_id", "aws_bucket_name", "aws_bucket_path", "aws_sts_role_arn", "aws_sts_role_session_name"];
    let second = ["billAccountId", "bucketName", "bucketPath", "stsRoleArn", "stsRoleSessionName"];
    [(format!("{FIRST}/aws/iam_role"), first_body(), first), (format!("{SECOND}/aws/iam-role"), second_body(), second)]
}

#[tokio::test]
async fn no_answer_from_aws_is_502_with_the_checks_and_stores_nothing() {
    let api = Api::new().await;
    for (path, body, _) in generations() {
        let answer = api.post(&path, &body).await;
        answer.error(502, "bad_gateway");
        let checks = answer.json()["checks"].clone();
        assert!(checks.as_array().unwrap().iter().any(|line| line["verdict"] == "unknown"), "{checks}");
        assert_eq!(api.get(FIRST).await.text, "[]");
    }
}

#[tokio::test]
async fn the_content_type_and_unknown_headers_do_not_matter() {
    let api = Api::new().await;
    let (path, body, _) = &generations()[0];
    let kinds =
        [None, Some("application/json"), Some("application/x-www-form-urlencoded"), Some("text/plain"), Some("x")];
    for (kind, version) in kinds.into_iter().zip([None, Some("0.1"), Some("1.0"), Some("9"), None]) {
        let mut request = api.request("POST", path, &api.admin).header("x-account", "1").header("X_API_VERSION", "1.0");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(version) = version {
            request = request.header("api-version", version);
        }
        let answer = api.send(request.body(Body::from(body.to_string())).unwrap()).await;
        // The body was read and the role asked for: that is all that an AWS without an answer lets us see.
        answer.error(502, "bad_gateway");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_400() {
    let api = Api::new().await;
    let (path, ..) = &generations()[0];
    for (body, says) in [
        ("", "empty"),
        ("{", "not JSON"),
        ("[]", "an array"),
        ("\"x\"", "a text"),
        ("a=b", "not JSON"),
        ("null", "null"),
    ] {
        let request = api.request("POST", path, &api.admin).body(Body::from(body)).unwrap();
        let message = api.send(request).await.error(400, "bad_request");
        assert!(message.contains(says), "{body}: {message}");
    }
}

#[tokio::test]
async fn missing_and_mistyped_fields_are_400_and_all_are_named() {
    let api = Api::new().await;
    for (path, body, [account, bucket, path_name, role, session]) in generations() {
        let message = api.post(&path, &json!({})).await.error(400, "bad_request");
        for name in [account, bucket, path_name, role] {
            assert!(message.contains(&format!("`{name}` is missing")), "{message}");
        }
        assert!(!message.contains(session), "{message}");
        // What is there but cannot be is named together with what is missing.
        let wrong = with(body, json!({ account: 1, bucket: "No", path_name: null, role: "me", session: ["x"] }));
        let message = api.post(&path, &wrong).await.error(400, "bad_request");
        for name in [account, bucket, path_name, role, session] {
            assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
        }
        assert!(message.contains("5 fields are wrong"), "{message}");
    }
}

#[tokio::test]
async fn values_that_cannot_be_are_422_and_all_are_named() {
    let api = Api::new().await;
    for (path, body, [account, bucket, path_name, _, session]) in generations() {
        let wrong = with(body, json!({ account: "12345", bucket: "No_Bucket", path_name: "a/../b", session: "a b" }));
        let message = api.post(&path, &wrong).await.error(422, "unprocessable_entity");
        for name in [account, bucket, path_name, session] {
            assert!(message.contains(&format!("`{name}`: ")), "{name}: {message}");
        }
    }
}

#[tokio::test]
async fn only_the_orgs_own_external_id_is_taken() {
    let api = Api::new().await;
    let (path, body, _) = &generations()[1];
    let other = api.app.store().create_org("Other").await.unwrap().id.to_string();
    for id in [other.as_str(), "", "x", " "] {
        let answer =
            api.post(path, &with(body.clone(), json!({ "stsExternalId": id, "effectiveFrom": "1999-01" }))).await;
        let message = answer.error(422, "unprocessable_entity");
        assert!(message.contains("`stsExternalId`") && message.contains("`effectiveFrom`"), "{message}");
    }
    let own = with(body.clone(), json!({ "stsExternalId": api.org.to_string(), "effectiveFrom": "2025-10" }));
    api.post(path, &own).await.error(502, "bad_gateway");
}

#[tokio::test]
async fn a_role_that_is_none_is_422_with_the_report() {
    let api = Api::new().await;
    for (path, body, [_, _, _, role, _]) in generations() {
        let answer = api.post(&path, &with(body, json!({ role: "arn:aws:iam::123456789012:user/me" }))).await;
        assert!(answer.error(422, "unprocessable_entity").contains("role-arn-well-formed"));
        let line = answer.json()["checks"][0].clone();
        assert_eq!((&line["check"], &line["verdict"]), (&json!("role-arn-well-formed"), &json!("failed")));
        assert!(!line["remedy"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_account_that_is_connected_already_is_409() {
    let api = Api::new().await;
    api.connected("123456789012").await;
    for (path, body, _) in generations() {
        assert!(api.post(&path, &body).await.error(409, "conflict").contains("aws-123456789012"));
    }
}
