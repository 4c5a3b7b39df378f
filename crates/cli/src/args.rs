//! The command line: what can be asked, with the help that explains it.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use app::jobs::JobSettings;
use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{
    accounts, audit, check, checks, connect, costs, deliveries, explain, export, external_id, ingest, jobs, months,
    operator, org, pause, receipts, reconcile, reservations, sample_bill, secrets, serve, service_account, setup, sql,
    token,
};
use crate::traces::TraceArgs;

/// From an AWS role to an exact, queryable bill.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  billconnect org create --name Acme                        make an org; its id is its external id
  billconnect token create --org 123456789 --role admin     make a refresh token for it
  billconnect setup aws --org 123456789 --bucket acme-bills print the policies and the request for the customer
  billconnect serve                                         answer HTTP and read bills as AWS delivers them
  billconnect costs --org 123456789 --by service            what it cost

Data goes to stdout, talk to stderr; exit status 0 is success, 1 a failure, 2 a wrong command line.
AWS credentials and region come from the usual places (AWS_PROFILE, AWS_ACCESS_KEY_ID, instance roles, …).";

/// What every command takes.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// The folder of the store and the lake; made if there is none.
    #[arg(long, global = true, env = "BILLCONNECT_DATA", default_value = "billconnect-data", value_name = "DIR")]
    pub data: PathBuf,
    /// The principal that customers' trust policies name; by default, who the AWS credentials are.
    #[arg(long, global = true, env = "BILLCONNECT_OPERATOR_PRINCIPAL", value_name = "ARN")]
    pub operator_principal: Option<String>,
    /// A file with the keys that seal customers' secrets at rest; `BILLCONNECT_SECRET_KEYS` may hold them instead. By default,
    /// `secret.keys` in the data folder, which is made.
    #[arg(long, global = true, env = "BILLCONNECT_SECRET_KEYS_FILE", value_name = "FILE")]
    pub secret_keys_file: Option<PathBuf>,
    /// Where all of AWS answers instead of its own addresses: an emulator.
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub aws_endpoint_url: Option<String>,
    /// How long AWS may take to begin an answer, a number with `s`, `m` or `h`; a call is tried three times.
    #[arg(long, global = true, env = "BILLCONNECT_AWS_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub aws_timeout: Duration,
    /// A limit on what a bill's files may be, as `name=value`; give several by giving this several times.
    #[arg(
        long = "bill-limit",
        global = true,
        env = "BILLCONNECT_BILL_LIMIT",
        value_delimiter = ',',
        value_name = "NAME=VALUE",
        long_help = limit_help()
    )]
    pub limits: Vec<lake::Setting>,
    /// The memory that one file of a bill may take while it is read, about; two are read at once.
    #[arg(long, global = true, env = "BILLCONNECT_PART_MEMORY", default_value = "40MiB", value_parser = lake::parse_bytes, value_name = "BYTES")]
    pub part_memory: u64,
    /// How long nothing must have come into a copied bucket's folder that has no manifest before its files are read as whole: a
    /// number with `s`, `m` or `h`, longer than the copying ever rests between two files of one delivery.
    #[arg(long, global = true, env = "BILLCONNECT_COPIES_SETTLE_AFTER", default_value = "1h", value_parser = duration)]
    pub copies_settle_after: Duration,
    #[command(flatten)]
    pub sql: SqlLimits,
    /// What is logged to stderr, as `level` or `target=level,…`; `info` for `serve` and `warn` for all else if left out. What
    /// AWS's SDK says below `info` is never logged, for it tells access key ids.
    #[arg(long, global = true, env = "BILLCONNECT_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    #[command(flatten)]
    pub traces: TraceArgs,
    /// How log lines look.
    #[arg(long, global = true, env = "BILLCONNECT_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

fn limit_help() -> String {
    format!(
        "A limit on what a bill's files may be, as `name=value` like `field-bytes=4MiB`; give several by giving this several times, or \
         with commas between them. A file beyond a limit is refused, and the month stays as it was. The limits, and what they are by default:\n\n{}\n",
        lake::Limits::help()
    )
}

/// What statements in SQL may use.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "a flag is called as its field")]
pub struct SqlLimits {
    /// How long a statement in SQL may take, its answer's way to whoever asked included.
    #[arg(long, global = true, env = "BILLCONNECT_SQL_WITHIN", default_value = "1m", value_parser = duration)]
    sql_within: Duration,
    /// The memory of one statement in SQL, in MiB; beyond it, what can goes to disk.
    #[arg(long, global = true, env = "BILLCONNECT_SQL_MEMORY", default_value = "128", value_name = "MIB")]
    sql_memory: NonZeroU32,
    /// The most rows that a statement in SQL may answer.
    #[arg(long, global = true, env = "BILLCONNECT_SQL_ROWS", default_value = "1000000", value_name = "COUNT")]
    sql_rows: NonZeroU32,
    /// How many statements in SQL are answered at once.
    #[arg(long, global = true, env = "BILLCONNECT_SQL_AT_ONCE", default_value = "4", value_name = "COUNT")]
    sql_at_once: NonZeroU32,
    /// How many of them may be one org's.
    #[arg(long, global = true, env = "BILLCONNECT_SQL_AT_ONCE_OF_ORG", default_value = "2", value_name = "COUNT")]
    sql_at_once_of_org: NonZeroU32,
}

impl SqlLimits {
    /// What they say, as the lake takes it.
    pub fn settings(&self) -> lake::SqlSettings {
        let count = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
        lake::SqlSettings {
            within: self.sql_within,
            memory: count(self.sql_memory) << 20,
            rows: count(self.sql_rows),
            at_once: count(self.sql_at_once),
            at_once_of_org: count(self.sql_at_once_of_org),
            ..lake::SqlSettings::default()
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Command {
    /// Whether this process will read bills, which takes the most memory of all that there is to do.
    pub fn reads_bills(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Ingest(_))
    }
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer HTTP, and read bills as AWS delivers them.
    Serve(serve::Args),
    /// Make, list and delete orgs.
    #[command(subcommand)]
    Org(org::Command),
    /// Make, change and delete service accounts and their secrets.
    ServiceAccount(service_account::Args),
    /// Make, list and revoke operator tokens.
    #[command(subcommand)]
    Operator(operator::Command),
    /// Make, list and revoke refresh tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Show who did what, and whether the log of it is as it was written.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print what a customer needs to grant access.
    #[command(subcommand)]
    Setup(setup::Command),
    /// Connect a bill: prove that it may be read, and keep the connection.
    #[command(subcommand)]
    Connect(connect::Command),
    /// List an org's connections.
    Connects(connect::ListArgs),
    /// Delete a connection and all that was read through it.
    Disconnect(connect::DisconnectArgs),
    /// Prove a connection without storing anything, or prove a stored one anew.
    Check(check::Args),
    /// Show what was proven of a connection, now or before.
    Checks(checks::Args),
    /// Give an org a second external id, and see its roles go over to it.
    #[command(subcommand)]
    ExternalId(external_id::Command),
    /// Stop reading through a connection until it is resumed.
    Pause(pause::Args),
    /// Read through a paused connection again.
    Resume(pause::Args),
    /// Read what AWS has delivered and is not in the lake yet.
    Ingest(ingest::Args),
    /// Show which months are to be read, are being read and were read, and how far that is.
    Jobs(jobs::Args),
    /// Show how far the reading of each month is, or have months read again.
    Months(months::Args),
    /// Show costs.
    Costs(costs::Args),
    /// Show what reservations and savings plans bought, what of it was used, and what that covered.
    Reservations(reservations::Args),
    /// Show the accounts that bills are about: names, units and tags as of any day.
    Accounts(accounts::Args),
    /// Ask an org's charges in SQL.
    Sql(sql::Args),
    /// Show what months come from and came from, and what changed.
    Deliveries(deliveries::Args),
    /// Hold files, lake and answers of every month against each other, to the last digit.
    Reconcile(reconcile::Args),
    /// Write a month's charges as a FOCUS 1.2 file, Parquet or CSV.
    Export(export::Args),
    /// Show what each published month proved: files equal lake, to the last digit.
    Receipts(receipts::Args),
    /// Write a deterministic sample bill, and beside it the totals that a right reader must find.
    SampleBill(sample_bill::Args),
    /// Make and change the keys that seal customers' secrets at rest.
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Explain a check, or all of them.
    Explain(explain::Args),
}

/// How the reading of months is kept going.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// How long whoever reads a month may be silent until another process may take it over.
    #[arg(long, env = "BILLCONNECT_JOB_LEASE", default_value = "60s", value_parser = duration)]
    job_lease: Duration,
    /// The pause before a month that could not be read is tried again; it doubles from try to try.
    #[arg(long, env = "BILLCONNECT_JOB_RETRY_AFTER", default_value = "30s", value_parser = duration)]
    job_retry_after: Duration,
    /// The longest pause between two tries.
    #[arg(long, env = "BILLCONNECT_JOB_RETRY_AT_MOST", default_value = "1h", value_parser = duration)]
    job_retry_at_most: Duration,
    /// After how many tries a month is given up until something newer is delivered or somebody asks for it.
    #[arg(long, env = "BILLCONNECT_JOB_ATTEMPTS", default_value = "20", value_name = "COUNT")]
    job_attempts: NonZeroU32,
    /// How many months are read side by side, each of another connection.
    #[arg(long, env = "BILLCONNECT_JOB_WORKERS", default_value = "2", value_name = "COUNT")]
    job_workers: NonZeroU32,
    /// How long a reading may stand still until it is begun anew.
    #[arg(long, env = "BILLCONNECT_JOB_STALLED_AFTER", default_value = "15m", value_parser = duration)]
    job_stalled_after: Duration,
    /// How often files that were never published are looked for, and how old they must be to be removed.
    #[arg(long, env = "BILLCONNECT_SWEEP_EVERY", default_value = "6h", value_parser = duration)]
    sweep_every: Duration,
}

impl JobArgs {
    /// What they say, as the steps take it.
    pub fn settings(&self) -> JobSettings {
        JobSettings {
            workers: usize::try_from(self.job_workers.get()).unwrap_or(usize::MAX),
            lease: self.job_lease,
            retry_after: self.job_retry_after,
            retry_at_most: self.job_retry_at_most,
            attempts: self.job_attempts.get(),
            stalled_after: self.job_stalled_after,
            sweep_every: self.sweep_every,
        }
    }
}

/// Reads a number with a unit: `500ms`, `90s`, `15m`, `2h`, `90d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: it is a number with `ms`, `s`, `m`, `h` or `d`, like `15m`");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let count: u64 = count.parse().map_err(|_| wrong())?;
    match count.checked_mul(millis) {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_are_read_or_explained() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(duration("90d"), Ok(Duration::from_hours(90 * 24)));
        for wrong in ["", "m", "15", "0s", "-1s", "15 m", "99999999999999999999h", "１s", "5é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
