//! The guide for the customer's administrator, `docs/setup.md`: words by hand, every policy and command from the model.

use super::wish::example;
use super::{Asked, Ending, Format, ORG_TAG, Setup};
use crate::policy::PUBLISHED;

const WORDS: &str = include_str!("guide.md");

fn asked() -> Asked {
    Asked {
        account: Some("123456789012".into()),
        bucket: "acme-bills".into(),
        path: "cur".into(),
        service: Some("https://bills.example.com".into()),
        template: Some("https://acme-templates.s3.amazonaws.com/billconnect.json".into()),
        ending: Ending::Connect,
        ..Asked::default()
    }
}

fn text(setup: &Setup, format: Format) -> String {
    let made = setup.artefact(format).expect("the example names all that a form needs");
    made.text().trim_end().to_owned()
}

/// The page; `{name}` in the words stands for what the model says.
fn guide() -> String {
    let setup = example(&asked());
    let why: Vec<String> = PUBLISHED
        .iter()
        .map(|statement| format!("| `{}` | {} | {} |", statement.sid, statement.actions.join(", "), statement.why))
        .collect();
    let forms = Format::ALL.map(|format| format!("| `{}` | {} |", format.name(), format.about()));
    WORDS
        .replace("{why}", &why.join("\n"))
        .replace("{forms}", &forms.join("\n"))
        .replace("{policy}", &text(&setup, Format::Policy))
        .replace("{tightened}", &text(&setup, Format::PolicyTightened))
        .replace("{trust}", &text(&setup, Format::Trust))
        .replace("{connect}", &text(&setup, Format::Connect))
        .replace("{link}", &text(&setup, Format::QuickCreate))
        .replace("{tag}", ORG_TAG)
}

#[test]
fn the_committed_page_is_the_guide() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/setup.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, guide()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == guide(), "docs/setup.md is stale: run `make docs`");
}

#[test]
fn the_words_state_no_policy_of_their_own() {
    for stated in ["\"Action\"", "s3:", "organizations:", "ce:", "sts:ExternalId"] {
        assert!(!WORDS.contains(stated), "{stated} comes from the model");
    }
}
