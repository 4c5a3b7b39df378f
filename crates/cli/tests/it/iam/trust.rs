//! Trust policies by the hundred: what is judged offline and what the server stores, against an independent evaluator.

use billing::iam::{Asker, Document, OtherId, Outcome, PolicyKind, Safety, Trust};
use billing::names::{ExternalId, OrgId, SessionName};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::generate::{COLLEAGUE, STRANGER, policies};
use super::judge::{Question, decide};
use crate::kit::emulator;
use crate::kit::server::{Install, Server};
use crate::kit::world::{OPERATOR_ARN, ROLE, World};

/// How many policies are generated.
const COUNT: usize = 350;

/// How many roles are connected at the same time.
const AT_ONCE: usize = 6;

/// What the independent evaluator says of a trust policy.
#[derive(Debug, Clone)]
struct Ruling {
    policy: Value,
    questions: Vec<Question>,
    allowed: Vec<bool>,
    right: String,
}

impl Ruling {
    /// The ids that let the operator in, or none at all.
    fn ways_in(&self) -> Vec<Option<&str>> {
        let ours =
            self.questions.iter().zip(&self.allowed).filter(|(q, allowed)| q.principal == OPERATOR_ARN && **allowed);
        ours.map(|(question, _)| question.id.as_deref()).collect()
    }

    /// Whether the operator gets in with the right id and in no other way.
    fn is_safe(&self) -> bool {
        self.ways_in() == [Some(self.right.as_str())]
    }

    /// Whether the policy trusts another id by name. No request that an operator could think of shows that: only the document does.
    fn hides_another(&self, tried: &[Option<String>]) -> bool {
        let ways_in = self.ways_in();
        let hidden = |id: Option<&str>| !tried.iter().any(|tried| tried.as_deref() == id);
        ways_in.contains(&Some(self.right.as_str()))
            && ways_in.iter().all(|id| *id == Some(&self.right) || hidden(*id))
            && ways_in.len() > 1
    }
}

/// What the server asks AWS beside the right id: nothing, and each wrong one.
fn tried(id: &ExternalId) -> Vec<Option<String>> {
    let forged = id.forgeries(&[3; 16]);
    forged.iter().map(|forged| Some(forged.as_ref().to_owned())).chain([None]).collect()
}

/// The ids that the policy itself speaks of, wildcards filled in.
fn spoken_of(policy: &Value) -> Vec<String> {
    match policy {
        Value::String(text) => vec![text.replace(['*', '?'], "x"), text.replace('*', "")],
        Value::Array(all) => all.iter().flat_map(spoken_of).collect(),
        Value::Object(members) => members.values().flat_map(spoken_of).collect(),
        _ => Vec::new(),
    }
}

fn is_an_id(text: &str) -> bool {
    text.len() >= 2 && !text.contains(['*', '?', ' '])
}

/// What is judged offline of a policy, for this asker.
fn offline<T>(policy: &Value, principal: &str, judge: impl FnOnce(&Trust<'_>) -> T) -> T {
    let document = Document::parse(PolicyKind::Trust, &policy.to_string()).unwrap();
    let (asker, session_name) = (Asker::new(principal).unwrap(), SessionName::default());
    judge(&Trust { document: &document, asker: &asker, session_name: &session_name })
}

/// The generated policies for an org, each with the independent evaluator's rulings.
fn rulings(org: OrgId) -> Vec<Ruling> {
    let right = org.external_id();
    let asked: Vec<(Value, Vec<Question>)> = policies(right.as_ref(), COUNT)
        .into_iter()
        .map(|policy| {
            let mut ids = tried(&right);
            ids.push(Some(right.as_ref().to_owned()));
            ids.extend(spoken_of(&policy).into_iter().filter(|text| is_an_id(text)).map(Some));
            if let OtherId::Accepted { id, .. } = offline(&policy, OPERATOR_ARN, |trust| trust.judge(&right).other) {
                ids.push(Some(id));
            }
            ids.sort();
            ids.dedup();
            let mut questions: Vec<Question> =
                ids.into_iter().map(|id| Question { principal: OPERATOR_ARN, id }).collect();
            for principal in [COLLEAGUE, STRANGER] {
                questions.push(Question { principal, id: Some(right.as_ref().to_owned()) });
                questions.push(Question { principal, id: None });
            }
            (policy, questions)
        })
        .collect();
    let allowed = decide(&asked);
    assert_eq!(allowed.len(), COUNT);
    let right = right.as_ref().to_owned();
    let rulings = asked.into_iter().zip(allowed);
    rulings.map(|((policy, questions), allowed)| Ruling { policy, questions, allowed, right: right.clone() }).collect()
}

#[test]
fn an_independent_evaluator_agrees_on_every_trust_policy() {
    let org: OrgId = "123456".parse().unwrap();
    let (mut safe, mut questions) = (0, 0);
    for ruling in rulings(org) {
        for (question, allowed) in ruling.questions.iter().zip(&ruling.allowed) {
            let decision = offline(&ruling.policy, question.principal, |trust| trust.decide(question.id.as_deref()));
            let expected = if *allowed { Outcome::Allowed } else { Outcome::Denied };
            assert_eq!(decision.outcome, expected, "{question:?}: {decision:?}\n{:#}", ruling.policy);
            questions += 1;
        }
        let findings = offline(&ruling.policy, OPERATOR_ARN, |trust| trust.judge(&org.external_id()));
        let expected = if ruling.is_safe() { Safety::Safe } else { Safety::Unsafe };
        assert_eq!(findings.safety(), expected, "{findings:#?}\n{:#}", ruling.policy);
        safe += usize::from(ruling.is_safe());
    }
    println!("{COUNT} policies, {safe} of them safe; {questions} requests");
    assert!(safe >= 50 && COUNT - safe >= 200, "{safe} safe ones test too little");
}

/// The sets of policies that a story connects, and what came of them.
#[derive(Debug, Default)]
struct Tally {
    stored: usize,
    refused: usize,
    by_name: usize,
}

#[tokio::test]
async fn no_unsafe_role_is_ever_stored_and_no_safe_one_refused() {
    let server = Server::over(Install::at(emulator::url()).await.with("BILLCONNECT_POLL_INTERVAL", "1h"));
    let org = server.install().org("Acme");
    let token = server.access_token(org, "admin").await;
    let all = rulings(org);
    // IAM takes `NotPrincipal` in no trust policy, so no role has one.
    let (unheard_of, all): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|ruling| ruling.policy.to_string().contains("NotPrincipal"));
    assert!(unheard_of.len() >= 10 && all.len() >= 300, "{} and {}", unheard_of.len(), all.len());
    let workers = (0..AT_ONCE).map(|worker| {
        let (server, token) = (&server, token.as_str());
        let share: Vec<&Ruling> = all.iter().skip(worker).step_by(AT_ONCE).collect();
        async move {
            let mut tally = Tally::default();
            let mut world = World::of(org, "us-east-1").await;
            for ruling in share {
                if connect(server, token, (&world, ruling), &mut tally).await {
                    // An account is connected once.
                    world = World::of(org, "us-east-1").await;
                }
            }
            tally
        }
    });
    let tallies = join_all(workers).await;
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    let (stored, refused, by_name) =
        (sum(|tally| tally.stored), sum(|tally| tally.refused), sum(|tally| tally.by_name));
    println!("{stored} stored, {refused} refused, {by_name} stored whose documents name another id too");
    assert!(stored >= 40 && refused >= 200, "{stored} and {refused} test too little");
    let listed =
        server.call(Method::GET, &format!("/api/onboarding/orgs/{org}/bill_connects"), Some(&token), None).await;
    assert_eq!(listed.json.as_array().map(Vec::len), Some(stored + by_name), "what was refused is not stored");
}

/// Puts the policy on the world's role and sends the published request; whether it was stored.
async fn connect(server: &Server, token: &str, (world, ruling): (&World, &Ruling), tally: &mut Tally) -> bool {
    world.payer.set_trust(ROLE, &ruling.policy).await;
    let candidate = &world.candidate;
    let body = json!({
        "aws_bill_account_id": candidate.account, "aws_bucket_name": candidate.bucket, "aws_bucket_path": candidate.path,
        "aws_sts_role_arn": world.role().arn,
    });
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", candidate.org);
    let answer = server.call(Method::POST, &path, Some(token), Some(body.to_string())).await;
    let expected = match (ruling.is_safe(), ruling.hides_another(&tried(&candidate.org.external_id()))) {
        (true, _) => (201, &mut tally.stored),
        (false, true) => (201, &mut tally.by_name),
        (false, false) => (422, &mut tally.refused),
    };
    assert_eq!(answer.status, expected.0, "{:?}\n{:#}\n{:#}", ruling.ways_in(), ruling.policy, answer.json);
    *expected.1 += 1;
    if answer.status == 422 {
        let checks = answer.json["checks"].as_array().unwrap();
        let about_trust = ["role-assumable", "external-id-required", "external-id-exact"];
        let failed = checks.iter().filter(|line| line["verdict"] == "failed");
        let names: Vec<&str> = failed.filter_map(|line| line["check"].as_str()).collect();
        assert!(!names.is_empty() && names.iter().all(|name| about_trust.contains(name)), "{names:?}");
    }
    answer.status == 201
}
