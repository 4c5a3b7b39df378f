//! The commands, one file each.

pub mod accounts;
pub mod audit;
pub mod check;
mod check_offline;
pub mod checks;
pub mod connect;
pub mod costs;
pub mod deliveries;
pub mod explain;
pub mod export;
pub mod external_id;
pub mod ingest;
pub mod jobs;
pub mod months;
pub mod operator;
pub mod org;
pub mod pause;
pub mod receipts;
pub mod reconcile;
pub mod reservations;
pub mod sample_bill;
pub mod secrets;
pub mod serve;
pub mod service_account;
pub mod setup;
pub mod sql;
pub mod token;

use std::process::ExitCode;

use crate::args::{Args, Command};

/// Runs the command that was asked for.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let global = &args.global;
    match args.command {
        Command::Serve(args) => serve::run(global, args).await,
        Command::Org(command) => org::run(global, command).await,
        Command::ServiceAccount(args) => service_account::run(global, args).await,
        Command::Operator(command) => operator::run(global, command).await,
        Command::Token(command) => token::run(global, command).await,
        Command::Audit(command) => audit::run(global, command).await,
        Command::Setup(command) => setup::run(global, command).await,
        Command::Connect(command) => connect::run(global, command).await,
        Command::Connects(args) => connect::list(global, args).await,
        Command::Disconnect(args) => connect::disconnect(global, args).await,
        Command::Check(args) => check::run(global, args).await,
        Command::Checks(args) => checks::run(global, args).await,
        Command::ExternalId(command) => external_id::run(global, command).await,
        Command::Pause(args) => pause::pause(global, args).await,
        Command::Resume(args) => pause::resume(global, args).await,
        Command::Ingest(args) => ingest::run(global, args).await,
        Command::Jobs(args) => jobs::run(global, args).await,
        Command::Months(args) => months::run(global, args).await,
        Command::Costs(args) => costs::run(global, args).await,
        Command::Reservations(args) => reservations::run(global, args).await,
        Command::Accounts(args) => accounts::run(global, args).await,
        Command::Sql(args) => sql::run(global, args).await,
        Command::Deliveries(args) => deliveries::run(global, args).await,
        Command::Reconcile(args) => reconcile::run(global, args).await,
        Command::Export(args) => export::run(global, args).await,
        Command::Receipts(args) => receipts::run(global, args).await,
        Command::SampleBill(args) => sample_bill::run(args),
        Command::Secrets(command) => secrets::run(global, command).await,
        Command::Explain(args) => explain::run(&args),
    }
}
