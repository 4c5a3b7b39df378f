//! `billconnect`: the composition root. It alone reads the environment, prints, exits, and names the concrete AWS client.

mod args;
mod aws_account;
mod commands;
mod csv;
mod memory;
mod money;
mod out;
mod progress;
mod secret_keys;
mod traces;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.command.reads_bills() {
        memory::give_back_soon();
    }
    // Two TLS providers are linked; without a default one, the first connection would panic.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nothing installs a provider before main");
    let traces = match args.global.traces.exporter() {
        Ok(traces) => traces,
        Err(error) => {
            out::talk(&format!("error: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let (layer, exporter) = traces.unzip();
    out::start_log(&args, layer);
    out::discreet_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::talk(&format!("error: the async runtime can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(traced(exporter, commands::run(args))) {
        Ok(code) => code,
        Err(error) => {
            out::talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs something while its spans are sent, where they are to be, and then what is left of them.
async fn traced<T>(exporter: Option<traces::Exporter>, run: impl Future<Output = T>) -> T {
    let exporting = exporter.map(traces::Exporter::start);
    let done = run.await;
    if let Some(exporting) = exporting {
        exporting.finish().await;
    }
    done
}
