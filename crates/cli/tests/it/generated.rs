//! Generated bills: whatever is delivered, in whatever order, is in the lake to the last digit, as an independent reader of the
//! files finds it.

mod bill;
mod connect;

use std::path::Path;
use std::process::Command;

use futures::{StreamExt as _, stream};
use sample::Month;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::bill::{Bill, KIND_COUNT};
use self::connect::Connect;
use crate::kit::emulator;
use crate::kit::server::{Install, Server};

/// The months of each bill connect: no more than one question about costs may span.
const MONTHS: u64 = 10;
/// Bill connects: one of each kind, unless `BILLCONNECT_GENERATED_CONNECTS` says how many. A hundred make a thousand bills.
const CONNECTS: u64 = KIND_COUNT;
/// The first month.
const FIRST: Month = Month { year: 2025, month: 1 };
/// How much is put into buckets at once.
const AT_ONCE: usize = 16;

/// All of them on one server.
struct Run {
    server: Server,
    connects: Vec<Connect>,
    folder: TempDir,
    seed: u64,
    /// The last round.
    last: usize,
}

impl Run {
    /// Orgs with bill connects, each with the bills that are given for it; everything written, nothing delivered.
    async fn of(bills: Vec<Vec<Bill>>, seed: u64) -> Self {
        let install = Install::at(emulator::url()).await.patient();
        // Nothing happens by itself, so that each round is one.
        let names = [
            "BILLCONNECT_POLL_INTERVAL",
            "BILLCONNECT_JOB_RETRY_AFTER",
            "BILLCONNECT_JOB_RETRY_AT_MOST",
            "BILLCONNECT_JOB_LEASE",
        ];
        let install = names.into_iter().fold(install, |install, name| install.with(name, "1h"));
        let install = install.with("BILLCONNECT_JOB_WORKERS", "2").with("BILLCONNECT_LOG", "warn");
        let server = Server::over(install);
        let folder = TempDir::new().unwrap();
        let operator = server.install().operator_token();
        let connects = bills.iter().map(|bills| Connect::new(&server, &operator, bills));
        let connects = stream::iter(connects).buffered(AT_ONCE).collect().await;
        let mut run = Self { server, connects, folder, seed, last: 0 };
        let (folder, half) = (run.folder.path(), run.connects.len().div_ceil(2));
        // Writing a thousand bills keeps both cores busy.
        std::thread::scope(|scope| {
            for connects in run.connects.chunks_mut(half) {
                scope.spawn(move || connects.iter_mut().for_each(|connect| connect.write(folder)));
            }
        });
        let rounds = run.connects.iter().flat_map(|connect| &connect.bills).map(|(_, rounds)| rounds.len());
        run.last = rounds.max().unwrap_or_default() - 1;
        run
    }

    /// Everything of one round, in random order.
    async fn deliver(&self, round: usize) {
        let rounds = self.connects.iter().flat_map(|connect| {
            let rounds = connect.bills.iter().filter_map(move |(bill, rounds)| Some((bill, rounds.get(round)?)));
            rounds.map(move |(bill, round)| (connect, bill, round))
        });
        let mut rounds: Vec<_> = rounds.collect();
        rounds.sort_by_key(|(_, bill, _)| (bill.seed ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
        let puts = rounds.into_iter().map(|(connect, _, round)| connect.put(round));
        stream::iter(puts).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Delivers a round, has it read, and compares.
    async fn round(&self, round: usize) -> Value {
        self.deliver(round).await;
        let looks = self.connects.iter().map(|connect| connect.look(&self.server, round));
        stream::iter(looks).buffer_unordered(AT_ONCE).collect::<()>().await;
        for connect in &self.connects {
            connect.settle(&self.server, round).await;
        }
        self.compare(round).await
    }

    /// Has the independent reader compare what this round concerns.
    async fn compare(&self, round: usize) -> Value {
        // Once, at the end: it is the slowest.
        let answers: Vec<Value> = if round == self.last {
            stream::iter(&self.connects).then(|connect| connect.costs(&self.server)).collect().await
        } else {
            Vec::new()
        };
        let lake = self.server.install().data().join("lake/orgs");
        let (mut bills, mut index) = (Vec::new(), Vec::new());
        for connect in &self.connects {
            for (bill, rounds) in &connect.bills {
                // In the end all are looked at once more, beside what the API says.
                let of_round = if round == self.last { rounds.last() } else { rounds.get(round) };
                let Some(of_round) = of_round.filter(|round| !round.files.is_empty()) else { continue };
                index.push(json!({
                    "family": bill.family(), "month": bill.month.to_string(), "files": of_round.files, "connect": connect.id(),
                    "charges": lake.join(connect.org.to_string()).join("charges"),
                }));
                bills.push(bill);
            }
        }
        if bills.is_empty() {
            return Value::Null;
        }
        let index = json!({ "bills": index, "answers": answers });
        let path = self.folder.path().join("index.json");
        std::fs::write(&path, index.to_string()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/generated_reader.py");
        let output = Command::new(emulator::python()).arg(script).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = answer["differences"].as_array().unwrap().iter().map(|of| {
            let bill = bills[usize::try_from(of["bill"].as_u64().unwrap()).unwrap()];
            format!("round {round}, {:?}: {}\n  alone: {}", bill.kind(), of["found"], command(bill))
        });
        let told: Vec<String> = told.collect();
        assert!(told.is_empty(), "{} of {} bills differ:\n{}", told.len(), bills.len(), told.join("\n"));
        answer
    }
}

/// What runs one bill alone.
fn command(bill: &Bill) -> String {
    format!("BILLCONNECT_GENERATED_BILL={}@{} cargo test -p billconnect --test it -- generated", bill.seed, bill.month)
}

/// The bills of a run by its seed, or the one that is named.
fn bills(seed: u64) -> Vec<Vec<Bill>> {
    if let Ok(alone) = std::env::var("BILLCONNECT_GENERATED_BILL") {
        let (seed, month) = alone.split_once('@').expect("<seed>@<year>-<month>");
        let (year, month) = month.split_once('-').expect("<year>-<month>");
        let month = Month { year: year.parse().unwrap(), month: month.parse().unwrap() };
        return vec![vec![Bill { seed: seed.parse().unwrap(), month }]];
    }
    let count = std::env::var("BILLCONNECT_GENERATED_CONNECTS").map_or(CONNECTS, |count| count.parse().unwrap());
    let bill = |connect: u64, number: u64| {
        let months = u16::from(FIRST.month) - 1 + u16::try_from(number).unwrap();
        let month = Month { year: FIRST.year + months / 12, month: u8::try_from(months % 12).unwrap() + 1 };
        let seed = (seed * 1_000_000 + connect * MONTHS + number) * KIND_COUNT + connect % KIND_COUNT;
        Bill { seed, month }
    };
    (0..count).map(|connect| (0..MONTHS).map(|number| bill(connect, number)).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_bills_equal_what_an_independent_reader_finds() {
    let seed = std::env::var("BILLCONNECT_GENERATED_SEED").map_or(2026, |seed| seed.parse().unwrap());
    println!("seed {seed}; another one: BILLCONNECT_GENERATED_SEED=<number>; more: BILLCONNECT_GENERATED_CONNECTS=100");
    let run = Run::of(bills(seed), seed).await;
    for round in 0..=run.last {
        println!("round {round}: {}", run.round(round).await);
    }
}
