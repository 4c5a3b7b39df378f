//! Puts the rooms together from the command line's settings.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use anyhow::Context;
use app::audit::{Actor, Who};
use app::store::Store;
use app::{App, Settings};
use aws::AwsSettings;
use billing::names::OrgId;
use lake::{Lake, LakeSettings, Limits};

use crate::args::Global;
use crate::aws_account::Aws;
use crate::secret_keys;

/// Opens the store, the lake and AWS.
pub async fn open(global: &Global) -> anyhow::Result<App> {
    let folder = &global.data;
    // Bills are nobody else's to read on this machine.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder `{}` can't be made; name another with --data", folder.display()))?;
    let store = Store::open(&folder.join("billconnect.db")).await?.with_keys(secret_keys::load(global)?);
    let limits = global.limits.iter().fold(Limits::default(), |limits, setting| limits.with(*setting));
    let part_memory =
        usize::try_from(global.part_memory).context("`--part-memory` is more than this machine can address")?;
    let settings = LakeSettings { limits, part_memory, sql: global.sql.settings(), ..LakeSettings::default() };
    let lake = Lake::open(&folder.join("lake"), settings)?;
    let settings = AwsSettings {
        endpoint_url: global.aws_endpoint_url.clone(),
        attempt_timeout: global.aws_timeout,
        ..AwsSettings::default()
    };
    let aws = Arc::new(Aws::new(settings));
    let settings = Settings {
        operator_principal: global.operator_principal.clone(),
        copies_settle_after: Some(global.copies_settle_after),
    };
    Ok(App::new(store, lake, aws, settings))
}

/// Whoever runs the command, for the audit log: by the name that the system's environment has for them.
pub fn whoever_calls() -> Actor {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    Actor::local(Who::CommandLine(user.unwrap_or_else(|| "unknown".to_owned())))
}

/// Fails, saying what to do, where there is no such org.
pub async fn require_org(app: &App, org: OrgId) -> anyhow::Result<()> {
    let known = app.store().org(org).await?.is_some();
    anyhow::ensure!(known, "there is no org `{org}`; `billconnect org list` shows those there are");
    Ok(())
}
