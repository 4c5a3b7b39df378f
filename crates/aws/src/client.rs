//! The client: one for the process, cheap to clone, handing out configured SDK clients to the rest of the room.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, IdentityCache, Region as SdkRegion, StalledStreamProtectionConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use billing::connection::Candidate;
use billing::names::Region;
use billing::probe::{Caller, Probe, Refusal};
use billing::role::Partition;

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
        Self { base: Arc::new(loader.load().await), sessions: Arc::default() }
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
            .region(region)
            .retry_partition(RetryPartition::new(retry))
    }

    /// S3 in `region` with credentials that act for `candidate`.
    pub(crate) fn s3_as(&self, candidate: &Candidate, region: &Region, session: Credentials) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(self.base.as_ref())
            .region(SdkRegion::new(region.to_string()))
            .credentials_provider(session)
            // The session cache is ours; the SDK's would keep every session that ever was.
            .identity_cache(IdentityCache::no_cache())
            // By default all connections in a region share one budget of retries: one customer's outage would spend the others'.
            .retry_partition(RetryPartition::new(retry_name(candidate)))
            // A directory bucket would make the SDK call `s3express:CreateSession`, which we do not ask for.
            .disable_s3_express_session_auth(true)
            .force_path_style(self.base.endpoint_url().is_some());
        aws_sdk_s3::Client::from_conf(config.build())
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
