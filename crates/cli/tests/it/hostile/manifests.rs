//! Hostile manifests: what they list, and what they are.

use serde_json::{Value, json};

use super::case::{Case, Month};

/// A manifest with one field changed.
fn changed(name: &str, field: &'static str, value: Value, says: &[&str]) -> Case {
    Case::listed(name, says, move |_, mut manifest| {
        manifest[field] = value.clone();
        manifest.to_string().into_bytes()
    })
}

/// A manifest that lists these files, where `*` is the month's folder.
fn listing(name: &str, keys: &'static [&'static str], says: &[&str]) -> Case {
    Case::listed(name, says, |month, mut manifest| {
        manifest["reportKeys"] = keys.iter().map(|key| json!(key.replace('*', &month.folder()))).collect();
        manifest.to_string().into_bytes()
    })
}

/// A manifest that is these bytes.
fn plain(name: &str, bytes: Vec<u8>, says: &[&str]) -> Case {
    Case::listed(name, says, move |_, _| bytes.clone())
}

pub fn cases() -> Vec<Case> {
    let no_manifest = "is not a manifest that is read here";
    let mut cases = vec![
        listing(
            "a file outside the path",
            &["secret/R-00001.csv.gz"],
            &["`secret/R-00001.csv.gz`, which lies outside"],
        ),
        listing("a file above the path", &["bills/../secret/R-00001.csv.gz"], &["lies outside"]),
        listing(
            "a file of another report",
            &["bills/Q/20260901-20261001/R-00001.csv.gz"],
            &["lies outside its report's folder"],
        ),
        listing("a file by its address", &["https://example.com/R-00001.csv.gz"], &["lies outside"]),
        listing("a file of this machine", &["file:///etc/passwd"], &["lies outside"]),
        listing("a file without a name", &[""], &["lies outside"]),
        listing("a folder", &["*/"], &["20"]),
        listing("a file twice", &["*/R-00001.csv.gz", "*/R-00001.csv.gz"], &["R-00001.csv.gz` twice"]),
        listing(
            "a file twice, once with a slash",
            &["*/R-00001.csv.gz", "/*/R-00001.csv.gz"],
            &["R-00001.csv.gz` twice"],
        ),
        listing("a file that is not there", &["*/R-00009.csv.gz"], &["R-00009.csv.gz"]),
        listing("itself", &["*/R-Manifest.json"], &["R-Manifest.json` is none of the formats"]),
        listing("no files", &[], &["it lists no files"]),
        changed("another payer", "account", json!("210987654321"), &["bills account 210987654321"]),
        changed("a payer with a letter", "account", json!("11111111111l"), &["bills account 11111111111l"]),
        changed("a payer that is a number", "account", json!(1), &[no_manifest]),
        changed("no payer", "account", json!(null), &[no_manifest]),
        changed("another charset", "charset", json!("UTF-16"), &["charset `UTF-16`"]),
        changed("another compression", "compression", json!("7z"), &["compression `7z`"]),
        changed(
            "another month",
            "billingPeriod",
            json!({ "start": "20000201T000000.000Z", "end": "20000301T000000.000Z" }),
            &["2000-02"],
        ),
        changed(
            "a month of two",
            "billingPeriod",
            json!({ "start": "20260901T000000.000Z", "end": "20261101T000000.000Z" }),
            &["is not one month"],
        ),
        changed(
            "a month backwards",
            "billingPeriod",
            json!({ "start": "20261001T000000.000Z", "end": "20260901T000000.000Z" }),
            &["is not one month"],
        ),
        changed(
            "a month of no calendar",
            "billingPeriod",
            json!({ "start": "99999901T000000.000Z", "end": "\u{1F4C5}" }),
            &["is not one month"],
        ),
        changed("files that are numbers", "reportKeys", json!([1, 2]), &[no_manifest]),
        changed("files that are one text", "reportKeys", json!("R-00001.csv.gz"), &[no_manifest]),
        plain("an empty manifest", Vec::new(), &[no_manifest]),
        plain("a manifest of null", b"null".to_vec(), &[no_manifest]),
        plain("a manifest of a list", b"[]".to_vec(), &[no_manifest]),
        plain("a manifest without fields", b"{}".to_vec(), &[no_manifest]),
        plain("a manifest cut off", b"{\"account\": \"1".to_vec(), &[no_manifest]),
        plain("a manifest that is not UTF-8", b"{\"account\": \"\xff\"}".to_vec(), &[no_manifest]),
        plain("a manifest in UTF-16", "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect(), &[no_manifest]),
        plain("a manifest of nothing but brackets", vec![b'['; 100_000], &[no_manifest]),
        plain("a manifest of nothing but zeros", vec![0; 100_000], &[no_manifest]),
        plain("a manifest of 9 MiB", vec![b' '; 9 << 20], &["which is no manifest"]),
        plain("a manifest of a web page", b"<html></html>".to_vec(), &[no_manifest]),
    ];
    cases.push(Case::listed("a field twice", &[no_manifest], |_, manifest| {
        manifest.to_string().replacen('{', "{\"account\":\"210987654321\",", 1).into_bytes()
    }));
    cases.push(Case::listed("thousands of files", &["R-00002.csv.gz"], |month: &Month, mut manifest| {
        manifest["reportKeys"] = json!(month.keys(5_000, ".csv.gz"));
        manifest.to_string().into_bytes()
    }));
    cases.push(Case::listed("a field of 100 kB", &["format `", "is not read"], |_, mut manifest| {
        manifest["contentType"] = json!("x".repeat(100_000));
        manifest.to_string().into_bytes()
    }));
    cases
}
