//! The rooms: which may use which, and which libraries belong to one room alone.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Each room with the rooms that it may use.
const MAY_USE: [(&str, &[&str]); 8] = [
    ("billing", &[]),
    ("sample", &[]),
    ("aws", &["billing"]),
    ("lake", &["billing"]),
    ("app", &["billing", "lake"]),
    ("api", &["app", "billing"]),
    ("wire", &["app", "billing"]),
    ("cli", &["api", "app", "aws", "billing", "lake", "sample", "wire"]),
];

/// Libraries, by the start of their names, with the rooms that may link them.
const BELONGS_TO: [(&str, &[&str]); 13] = [
    ("aws-", &["aws"]),
    // Samples come in Parquet too, and are written without the lake's help.
    ("arrow", &["lake", "sample"]),
    ("parquet", &["lake", "sample"]),
    ("datafusion", &["lake"]),
    ("deltalake", &["lake"]),
    ("object_store", &["lake"]),
    ("axum", &["api"]),
    ("tower", &["api"]),
    ("hyper", &["api"]),
    ("sqlx", &["app"]),
    ("sqlparser", &["lake"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
];

/// What keeps `billing` pure.
const NOT_IN_BILLING: [&str; 4] = ["tokio", "futures", "async-trait", "getrandom"];

#[test]
fn no_room_uses_what_it_may_not() {
    let mut wrong = Vec::new();
    let rooms = rooms();
    assert_eq!(rooms.len(), MAY_USE.len(), "a room is not in the table: {:?}", rooms.keys());
    for (room, uses) in &rooms {
        let (_, may_use) = MAY_USE.iter().find(|(name, _)| name == room).expect("the room is in the table");
        for used in uses {
            let library = || BELONGS_TO.iter().find(|(start, _)| used.starts_with(start));
            let allowed = match used.strip_prefix("billconnect-") {
                Some(other) => may_use.contains(&other),
                None if room == "billing" && NOT_IN_BILLING.contains(&used.as_str()) => false,
                None => library().is_none_or(|(_, belongs)| belongs.contains(&room.as_str())),
            };
            if !allowed {
                wrong.push(format!("{room} -> {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that may not be: {wrong:?}");
}

/// What each room depends on, tests aside.
fn rooms() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers JSON");
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter().map(|package| {
        let room = text(&package["name"]);
        let room = room.strip_prefix("billconnect-").unwrap_or("cli").to_owned();
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        let uses = all.filter(|dependency| dependency["kind"] != "dev").map(|dependency| text(&dependency["name"]));
        (room, uses.collect())
    });
    packages.collect()
}
