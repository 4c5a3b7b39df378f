//! The printer: data on stdout, talk on stderr. Nothing else prints.

use std::io::{IsTerminal, Write as _};

use comfy_table::{ContentArrangement, Table, presets};

use serde::Serialize;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Args, Command, LogFormat};
use crate::traces::SpanLayer;

/// Prints data.
pub fn data(text: &str) {
    // A reader that went away (`| head`) is no error worth a panic.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints data that has its own line ends.
pub fn text(text: &str) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Prints data as JSON for programs.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints talk.
pub fn talk(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A table that fits the terminal; plain text where there is none.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// Starts the log, on stderr, and keeps spans for traces where they are to be sent.
pub fn start_log(args: &Args, traces: Option<SpanLayer>) {
    // A server's log has each answer's id; a command's talk is not drowned by it.
    let usual = if matches!(args.command, Command::Serve(_)) { "info" } else { "warn" };
    let asked = args.global.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(asked).unwrap_or_else(|error| {
        talk(&format!("warning: the log filter `{asked}` is not understood ({error}); logging `{usual}`"));
        EnvFilter::new(usual)
    });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let discreet = filter_fn(is_discreet);
    match args.global.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).finish().with(discreet).with(traces).init(),
        LogFormat::Json => log.json().finish().with(discreet).with(traces).init(),
    }
}

/// Has panics told as usual, but without their words while a customer's file is read: they may repeat it.
pub fn discreet_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !lake::is_decoding() {
            return usual(panic);
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%place, "the reader of a bill's file panicked; its words are left out, for they may be the file's");
    }));
}

/// Whether this can be logged, whoever asks for it: below `info`, AWS's SDK tells the access key ids that it signs with.
fn is_discreet(about: &Metadata<'_>) -> bool {
    *about.level() <= Level::INFO || !about.target().starts_with("aws_")
}
