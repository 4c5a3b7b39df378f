//! The client: one for the process, cheap to clone, handing out configured SDK clients to the rest of the room.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, IdentityCache, Region as SdkRegion, StalledStreamProtectionConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use billing::calls::CallCount;
use billing::connection::Candidate;
use billing::names::Region;
use billing::probe::{Caller, Probe, Refusal};
use billing::role::Partition;

use crate::calls::Calls;
use crate::operation::Operation;
use crate::refusal::{Question, Signer};
use crate::session::Sessions;
use crate::settings::AwsSettings;

/// How often one call is tried before its refusal is believed.
const MAX_ATTEMPTS: u32 = 3;

/// AWS, as our own credentials and the customers' roles let us see it.
#[derive(Clone)]
pub struct AwsClient {
    base: Arc<SdkConfig>,
    pub(crate) sessions: Arc<Sessions>,
    calls: Calls,
}

impl AwsClient {
    /// A client for `settings`. Asks AWS nothing yet; credentials are looked for at the first call.
    pub async fn new(settings: AwsSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .operation_attempt_timeout(settings.attempt_timeout)
            .build();
        let stalls = StalledStreamProtectionConfig::enabled().grace_period(settings.stall_grace).build();
        // One pool of connections for all services and sessions; it speaks plain HTTP too, where an endpoint says so.
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .stalled_stream_protection(stalls)
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
        if let Some(url) = settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(region) = settings.region {
            loader = loader.region(SdkRegion::new(region));
        }
        if let Some(credentials) = settings.credentials {
            loader = loader.credentials_provider(credentials);
        }
        Self { base: Arc::new(loader.load().await), sessions: Arc::default(), calls: Calls::default() }
    }

    /// How often AWS was called so far, and what came of it.
    pub fn calls(&self) -> Vec<CallCount> {
        self.calls.counts()
    }

    /// Who we are, by our own credentials.
    pub async fn operator(&self) -> Probe<Caller> {
        let client = self.sts(Partition::default(), "operator".to_owned());
        caller(&client, Signer::Operator, "*").await.map_err(|refusal| *refusal).into()
    }

    /// STS with our own credentials, in our own region where that lies in `partition`, or else in its home.
    pub(crate) fn sts(&self, partition: Partition, retry: String) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::from_conf(self.sts_config(partition, retry).build())
    }

    /// STS with credentials that act for `candidate`.
    pub(crate) fn sts_as(&self, candidate: &Candidate, session: Credentials) -> aws_sdk_sts::Client {
        let config = self.sts_config(candidate.partition(), retry_name(candidate));
        let config = config.credentials_provider(session).identity_cache(IdentityCache::no_cache());
        aws_sdk_sts::Client::from_conf(config.build())
    }

    fn sts_config(&self, partition: Partition, retry: String) -> aws_sdk_sts::config::Builder {
        // Regional STS, not the global endpoint: its tokens are good in every region, opt-in ones too.
        let own = self.base.region().filter(|region| Partition::of_region(region.as_ref()) == partition);
        let region = own.cloned().unwrap_or_else(|| SdkRegion::new(partition.home_region()));
        aws_sdk_sts::config::Builder::from(self.base.as_ref())
            .interceptor(self.calls.clone())
            .region(region)
            .retry_partition(RetryPartition::new(retry))
    }

    /// S3 in `region` with credentials that act for `candidate`.
    pub(crate) fn s3_as(&self, candidate: &Candidate, region: &Region, session: Credentials) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config(candidate, region, session).build())
    }

    fn s3_config(&self, candidate: &Candidate, region: &Region, session: Credentials) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::from(self.base.as_ref())
            .interceptor(self.calls.clone())
            .region(SdkRegion::new(region.to_string()))
            .credentials_provider(session)
            // The session cache is ours; the SDK's would keep every session that ever was.
            .identity_cache(IdentityCache::no_cache())
            // By default all connections in a region share one budget of retries: one customer's outage would spend the others'.
            .retry_partition(RetryPartition::new(retry_name(candidate)))
            // A directory bucket would make the SDK call `s3express:CreateSession`, which we do not ask for.
            .disable_s3_express_session_auth(true)
            .force_path_style(self.base.endpoint_url().is_some())
    }

    /// Organizations with the credentials of a session in `candidate`'s role.
    pub(crate) fn organizations_as(
        &self,
        candidate: &Candidate,
        session: Credentials,
    ) -> aws_sdk_organizations::Client {
        let config = aws_sdk_organizations::config::Builder::from(self.base.as_ref())
            .interceptor(self.calls.clone())
            .region(SdkRegion::new(global_region(candidate.partition())))
            .credentials_provider(session)
            .identity_cache(IdentityCache::no_cache())
            .retry_partition(RetryPartition::new(retry_name(candidate)));
        aws_sdk_organizations::Client::from_conf(config.build())
    }

    /// Cost Explorer with the credentials of a session in `candidate`'s role. Nothing is tried again: AWS may charge for an answer
    /// that never came.
    pub(crate) fn cost_explorer_as(&self, candidate: &Candidate, session: Credentials) -> aws_sdk_costexplorer::Client {
        let config = aws_sdk_costexplorer::config::Builder::from(self.base.as_ref())
            .interceptor(self.calls.clone())
            .region(SdkRegion::new(global_region(candidate.partition())))
            .credentials_provider(session)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled());
        aws_sdk_costexplorer::Client::from_conf(config.build())
    }
}

/// The region whose endpoint answers for the services that a partition has one of.
fn global_region(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => "us-east-1",
        Partition::AwsCn => "cn-northwest-1",
        Partition::AwsUsGov => "us-gov-west-1",
    }
}

/// The name of the retry budget that a connection's calls share, apart from everyone else's.
pub(crate) fn retry_name(candidate: &Candidate) -> String {
    format!("{}/{}", candidate.org, candidate.id())
}

/// Who `client`'s credentials are.
pub(crate) async fn caller(
    client: &aws_sdk_sts::Client,
    signer: Signer,
    resource: &str,
) -> Result<Caller, Box<Refusal>> {
    let question = Question { operation: Operation::GetCallerIdentity, resource: resource.to_owned(), signer };
    let answer = client.get_caller_identity().send().await.map_err(|error| question.refused(&error))?;
    Ok(Caller {
        account: answer.account().unwrap_or_default().to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
    use aws_sdk_s3::error::BoxError;
    use billing::connection::{Access, RoleAccess};
    use billing::names::{OrgId, SessionName};

    use super::*;

    /// Remembers where a request would have gone, and lets none go.
    #[derive(Debug, Clone, Default)]
    struct Spy(Arc<Mutex<Vec<String>>>);

    impl Intercept for Spy {
        fn name(&self) -> &'static str {
            "Spy"
        }

        fn read_before_transmit(
            &self,
            context: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            self.0.lock().unwrap().push(context.request().uri().to_owned());
            Err("no test talks to AWS".into())
        }
    }

    impl Spy {
        /// The host that the last request would have gone to.
        fn host(&self) -> String {
            let uri = self.0.lock().unwrap().pop().expect("a request was made");
            let (scheme, rest) = uri.split_once("://").unwrap();
            assert_eq!(scheme, "https", "{uri}");
            rest.split(['/', '?']).next().unwrap().to_owned()
        }
    }

    fn keys() -> Credentials {
        Credentials::new("AKIDEXAMPLE", "secret", None, None, "test")
    }

    fn candidate(bucket: &str) -> Candidate {
        let org: OrgId = "123456".parse().unwrap();
        Candidate {
            org,
            account: "123456789012".parse().unwrap(),
            bucket: bucket.parse().unwrap(),
            path: "bills".parse().unwrap(),
            access: Access::Role(RoleAccess {
                arn: "arn:aws:iam::123456789012:role/finops".parse().unwrap(),
                session_name: SessionName::default(),
                external_id: org.external_id(),
            }),
            effective_from: None,
            report: None,
        }
    }

    async fn client(region: &str) -> AwsClient {
        let region = Some(region.to_owned());
        AwsClient::new(AwsSettings { region, credentials: Some(keys()), ..AwsSettings::default() }).await
    }

    #[tokio::test]
    async fn sts_is_asked_in_a_region_of_the_roles_partition() {
        for (own, partition, host) in [
            ("eu-west-1", Partition::Aws, "sts.eu-west-1.amazonaws.com"),
            ("us-east-1", Partition::Aws, "sts.us-east-1.amazonaws.com"),
            ("eu-west-1", Partition::AwsCn, "sts.cn-north-1.amazonaws.com.cn"),
            ("eu-west-1", Partition::AwsUsGov, "sts.us-gov-west-1.amazonaws.com"),
        ] {
            let spy = Spy::default();
            let config = client(own).await.sts_config(partition, "test".to_owned()).interceptor(spy.clone());
            let client = aws_sdk_sts::Client::from_conf(config.build());
            client.get_caller_identity().send().await.unwrap_err();
            assert_eq!(spy.host(), host);
        }
    }

    #[tokio::test]
    async fn no_bucket_and_no_region_leads_to_a_host_that_is_not_aws() {
        let aws = client("us-east-1").await;
        // Names that have the shape of a host, of a directory bucket, an access point, an Outpost; a region that there is none of.
        let buckets =
            ["acme-bills", "evil.example", "169.254.169.254", "a.b.c", "x--use1-az4--x-s3", "x-s3alias", "x--op-s3"];
        for (bucket, region) in
            buckets.iter().flat_map(|bucket| ["eu-west-1", "evil-example-com"].map(|region| (bucket, region)))
        {
            let spy = Spy::default();
            let config = aws.s3_config(&candidate(bucket), &region.parse().unwrap(), keys()).interceptor(spy.clone());
            let client = aws_sdk_s3::Client::from_conf(config.build());
            client.list_objects_v2().bucket(*bucket).send().await.unwrap_err();
            if !spy.0.lock().unwrap().is_empty() {
                let host = spy.host();
                assert!(host.ends_with(".amazonaws.com"), "{bucket} in {region}: {host}");
            }
        }
    }

    #[test]
    fn what_could_name_another_host_is_no_region() {
        for wrong in [
            "evil.example",
            "eu-west-1.evil.example",
            "eu-west-1/",
            "eu-west-1@evil-a-b",
            "a-b-c:80",
            "-a-b",
            "a-b-",
            "A-b-c",
            "",
            "EU",
        ] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
    }
}
