//! A customer's world in the emulator: a payer account, a bucket, and a role set up exactly as we ask for.

use std::sync::atomic::{AtomicU32, Ordering};

use aws::{AwsClient, AwsSettings, Credentials};
use billing::connection::{Access, Candidate, RoleAccess};
use billing::names::{OrgId, Region, SessionName};
use billing::policy;
use billing::role::Partition;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::admin::{Admin, Bucket};
use super::emulator;

/// The account that we, the operator, live in.
pub const OPERATOR_ACCOUNT: &str = "999999999999";

/// The principal that customers trust.
pub const OPERATOR_ARN: &str = "arn:aws:iam::999999999999:user/billconnect";

/// The customer's role.
pub const ROLE: &str = "billing-reader";

/// One customer, apart from every other test's.
pub struct World {
    /// The payer account's administrator.
    pub payer: Admin,
    /// The bucket that the bill is delivered to.
    pub bucket: Bucket,
    /// What the customer asks us to connect.
    pub candidate: Candidate,
    operator: Credentials,
}

impl World {
    /// A customer of an org of its own, set up rightly, with a bucket in `us-east-1` and bills below `bills/`.
    pub async fn new() -> Self {
        let number = u64::from(next());
        Self::of(OrgId::try_from(OrgId::MIN + number).expect("a small number above the least"), "us-east-1").await
    }

    /// A customer of `org` with a bucket in `region`.
    pub async fn of(org: OrgId, region: &str) -> Self {
        Self::with_account(org, &format!("2{:011}", next()), region).await
    }

    /// A customer of `org` with this payer account.
    pub async fn with_account(org: OrgId, account: &str, region: &str) -> Self {
        let operator = operator().await;
        let payer = Admin::of(account);
        let bucket = payer.bucket(&format!("bills-{account}"), region).await;
        let candidate = Candidate {
            org,
            account: account.parse().expect("12 digits"),
            bucket: bucket.name.parse().expect("a sound name"),
            path: "bills".parse().expect("a sound path"),
            access: Access::Role(RoleAccess {
                arn: format!("arn:aws:iam::{account}:role/{ROLE}").parse().expect("a sound ARN"),
                session_name: SessionName::default(),
                external_id: org.external_id(),
            }),
            effective_from: None,
            report: None,
        };
        payer.role(ROLE, &policy::trust_policy(OPERATOR_ARN, &org.external_id())).await;
        let world = Self { payer, bucket, candidate, operator };
        world.with_all_permissions().await;
        world
    }

    /// How the customer's role is got into.
    pub fn role(&self) -> &RoleAccess {
        self.candidate.role().expect("this customer made a role")
    }

    /// The bucket's region.
    pub fn region(&self) -> Region {
        self.bucket.region.parse().expect("a sound region")
    }

    /// Settings that reach the emulator with the operator's credentials.
    pub fn settings(&self) -> AwsSettings {
        AwsSettings {
            endpoint_url: Some(emulator::url().to_owned()),
            region: Some("us-east-1".to_owned()),
            credentials: Some(self.operator.clone()),
            ..AwsSettings::default()
        }
    }

    /// A client that reaches the emulator with the operator's credentials.
    pub async fn aws(&self) -> AwsClient {
        AwsClient::new(self.settings()).await
    }

    /// Gives the role the permissions that we ask for.
    pub async fn with_all_permissions(&self) {
        let policy = policy::permission_policy(Partition::Aws, &self.candidate.bucket);
        self.payer.set_permissions(ROLE, &policy).await;
    }

    /// Makes the trust policy the one that we ask for.
    pub async fn trust_rightly(&self) {
        self.payer.set_trust(ROLE, &policy::trust_policy(OPERATOR_ARN, &self.role().external_id)).await;
    }

    /// Replaces the trust policy's condition; `null` takes it away.
    pub async fn trust_if(&self, condition: Value) {
        let mut trust = policy::trust_policy(OPERATOR_ARN, &self.role().external_id);
        trust["Statement"][0]["Condition"] = condition;
        if trust["Statement"][0]["Condition"].is_null() {
            trust["Statement"][0].as_object_mut().expect("a statement").remove("Condition");
        }
        self.payer.set_trust(ROLE, &trust).await;
    }

    /// Takes one action away from what the role may do.
    pub async fn without(&self, action: &str) {
        let mut policy = policy::permission_policy(Partition::Aws, &self.candidate.bucket);
        let statements = policy["Statement"].as_array_mut().expect("statements");
        for statement in statements.iter_mut() {
            statement["Action"].as_array_mut().expect("actions").retain(|held| held != action);
        }
        // IAM takes no statement that names no action.
        statements.retain(|statement| statement["Action"].as_array().is_some_and(|actions| !actions.is_empty()));
        self.payer.set_permissions(ROLE, &policy).await;
    }
}

/// The operator's credentials: one user for the whole test process, who may assume roles and nothing else.
pub async fn operator() -> Credentials {
    static OPERATOR: OnceCell<Credentials> = OnceCell::const_new();
    let make = async || {
        let may_assume = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }],
        });
        Admin::of(OPERATOR_ACCOUNT).user("billconnect", &may_assume).await
    };
    OPERATOR.get_or_init(make).await.clone()
}

/// A number that no other test of this process has.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
