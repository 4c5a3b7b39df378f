//! `billconnect serve`: answers HTTP, and reads bills as AWS delivers them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use app::App;
use app::organization::OrganizationSettings;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::deliveries::RetentionArgs;
use crate::args::{Global, JobArgs};
use crate::{out, world};

/// How often the log says where the audit log stands.
const HEADS_EVERY: Duration = Duration::from_hours(24);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Speaks plain HTTP: put a TLS-terminating proxy in front of anything but loopback.\nExample:\n  billconnect serve --listen 127.0.0.1:8080 --poll-interval 15m"
)]
pub struct Args {
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, env = "BILLCONNECT_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// How often new deliveries are looked for: a number with `s`, `m` or `h`.
    #[arg(long, env = "BILLCONNECT_POLL_INTERVAL", default_value = "15m", value_parser = crate::args::duration)]
    poll_interval: Duration,
    /// Every connection is proven again at least this often, spread over the last third of it; it should be well above the
    /// poll interval.
    #[arg(long, env = "BILLCONNECT_PROVE_EVERY", default_value = "24h", value_parser = crate::args::duration)]
    prove_every: Duration,
    /// Every organization is looked at again at least this often, spread like the proofs; a day is the finest time that is kept.
    #[arg(long, env = "BILLCONNECT_ACCOUNTS_EVERY", default_value = "24h", value_parser = crate::args::duration)]
    accounts_every: Duration,
    #[command(flatten)]
    jobs: JobArgs,
    /// A proxy whose `X-Forwarded-For` is believed, as an address or a network like `10.0.0.0/8`; give several by giving this
    /// several times. From anybody else that header is not looked at.
    #[arg(long = "trusted-proxy", env = "BILLCONNECT_TRUSTED_PROXY", value_delimiter = ',', value_name = "NETWORK")]
    trusted_proxies: Vec<api::Network>,
    /// How many failures to authenticate one address may make a minute before it is told to wait (429). Requests with a valid
    /// token always pass.
    #[arg(long, env = "BILLCONNECT_FAILURES_PER_ADDRESS", default_value_t = api::LimitSettings::PER_ADDRESS)]
    failures_per_address: NonZeroU32,
    /// The same against the routes of one org, from all addresses together.
    #[arg(long, env = "BILLCONNECT_FAILURES_PER_ORG", default_value_t = api::LimitSettings::PER_ORG)]
    failures_per_org: NonZeroU32,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    sql: SqlArgs,
}

/// Where Postgres clients are answered.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "a flag is called as its field")]
struct SqlArgs {
    /// The address where Postgres clients are answered, with an access token as the password; nowhere if left out.
    #[arg(long, env = "BILLCONNECT_SQL_LISTEN", value_name = "ADDRESS")]
    sql_listen: Option<SocketAddr>,
    /// The certificate that they see, PEM; needed where the address is not loopback.
    #[arg(long, env = "BILLCONNECT_SQL_CERTIFICATE", value_name = "FILE", requires = "sql_key")]
    sql_certificate: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, env = "BILLCONNECT_SQL_KEY", value_name = "FILE", requires = "sql_certificate")]
    sql_key: Option<PathBuf>,
    /// How many clients there may be at once.
    #[arg(long, env = "BILLCONNECT_SQL_SESSIONS", default_value = "100", value_name = "COUNT")]
    sql_sessions: usize,
}

impl SqlArgs {
    /// Begins to answer Postgres clients, where they are to be; ends only with an error.
    async fn serve(self, app: &Arc<App>) -> anyhow::Result<Option<JoinHandle<Result<(), wire::WireError>>>> {
        let Some(address) = self.sql_listen else { return Ok(None) };
        let tls = match (&self.sql_certificate, &self.sql_key) {
            (Some(certificate), Some(key)) => Some(wire::Tls::open(certificate, key)?),
            _ => None,
        };
        let settings = wire::WireSettings { tls, sessions: self.sql_sessions, ..wire::WireSettings::default() };
        settings.check(address.ip()).context("`--sql-certificate` and `--sql-key` name them")?;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("`{address}` can't be listened on; name a free address with --sql-listen"))?;
        out::talk(&format!("answering Postgres clients on {}", listener.local_addr()?));
        Ok(Some(tokio::spawn(wire::serve(listener, Arc::clone(app), settings))))
    }
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?.proving_every(args.prove_every).retaining(args.retention.into());
    let organizations = OrganizationSettings { every: args.accounts_every, ..OrganizationSettings::default() };
    let app = Arc::new(app.running_jobs(args.jobs.settings()).looking_at_organizations(organizations));
    // Better now than when the first customer's bill is due.
    app.store().prove_secrets().await?;
    let limits = api::LimitSettings {
        per_address: args.failures_per_address,
        per_org: args.failures_per_org,
        trusted: args.trusted_proxies,
    };
    let http = api::HttpSettings { limits, ..api::HttpSettings::default() };
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("`{}` can't be listened on; name a free address with --listen", args.listen))?;
    out::talk(&format!("listening on http://{}", listener.local_addr()?));
    let router = api::router(Arc::clone(&app), http);
    let sql = args.sql.serve(&app).await?;
    // A task of its own: what an ingest computes must not keep the next connection waiting.
    let noting = Arc::clone(&app);
    let noting = tokio::spawn(async move { note_heads(&noting).await });
    let mut polling = tokio::spawn(async move { app.poll(args.poll_interval).await });
    tokio::select! {
        served = api::serve(listener, router, stopped()) => served?,
        ended = ended(sql) => anyhow::bail!("the SQL listener ended by itself: {ended}"),
        // A server that no longer reads bills is worse than one that is restarted.
        ended = &mut polling => anyhow::bail!("the poll ended by itself: {ended:?}"),
    }
    // An ingest that is cut off here is one that a crash cuts off: its month stays, and it is taken up again.
    polling.abort();
    noting.abort();
    Ok(ExitCode::SUCCESS)
}

/// How a listener ended; where there is none, it never does.
async fn ended(listener: Option<JoinHandle<Result<(), wire::WireError>>>) -> String {
    match listener {
        Some(listener) => match listener.await {
            Ok(Err(error)) => error.to_string(),
            other => format!("{other:?}"),
        },
        None => std::future::pending().await,
    }
}

/// Writes into the server's log, at its start and once a day, where the audit log stands: what is changed or cut off later
/// then shows to `billconnect audit verify --head`.
async fn note_heads(app: &App) {
    let mut due = tokio::time::interval(HEADS_EVERY);
    loop {
        due.tick().await;
        match app.audit_heads().await {
            Ok(heads) => heads.iter().for_each(|head| tracing::info!(%head, "the audit log stands here")),
            Err(error) => tracing::error!(%error, "the audit log can't be read"),
        }
    }
}

/// Ends when the process is asked to stop.
async fn stopped() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "SIGTERM can't be listened for");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
}
