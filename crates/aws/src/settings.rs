//! How AWS is reached: endpoint, region, own credentials, patience.

use std::time::Duration;

pub use aws_credential_types::Credentials;

/// How AWS is reached. The default is the real AWS with the credentials that the machine has.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Where every AWS service answers instead of its own address: an emulator. S3 is then asked in path style.
    pub endpoint_url: Option<String>,
    /// The region whose STS we ask; without one, what the environment or profile says, else the partition's home region.
    pub region: Option<String>,
    /// Our own credentials; without them, the SDK's default chain finds some: environment, profile, web identity, container, instance.
    pub credentials: Option<Credentials>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one attempt at a call may take, up to the first byte of its answer's body.
    pub attempt_timeout: Duration,
    /// How long a body may stand still before it counts as broken.
    pub stall_grace: Duration,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            credentials: None,
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(30),
            stall_grace: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_can_be_logged_without_their_secrets() {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("a-session-token".into()), None, "test");
        let logged = format!("{:?}", AwsSettings { credentials: Some(credentials), ..AwsSettings::default() });
        assert!(!logged.contains("wJalrXUtnFEMI") && !logged.contains("a-session-token"), "{logged}");
    }
}
