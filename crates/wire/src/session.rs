//! Statements that are about the session alone: clients send them unasked, and none of them reaches the charges.

use std::collections::BTreeMap;

use billing::sql::SETTINGS;

use crate::reply::{Fault, Standing};

/// Settings that may be set to anything, for nothing here depends on them.
const HARMLESS: [&str; 17] = [
    "application_name",
    "bytea_output",
    "client_min_messages",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "role",
    "search_path",
    "session_characteristics",
    "statement_timeout",
    "timezone",
    "transaction_isolation",
    "transaction_read_only",
];

/// Settings that may be set to what they are, as these begin.
const FIXED: [(&str, &str); 3] =
    [("client_encoding", "utf"), ("datestyle", "iso"), ("standard_conforming_strings", "on")];

/// The longest value of a setting.
const LONGEST: usize = 200;

/// What a statement about the session comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done; this is the tag to say so with.
    Done(&'static str),
    /// The value of a setting, under its name.
    Shown(String, String),
    /// Nothing was asked.
    Nothing,
    /// A prepared statement is forgotten; all, if none is named.
    Forget(Option<String>),
}

/// The session's own settings, and where its transaction stands. A transaction holds nothing: each statement sees what is newest.
#[derive(Debug)]
pub(crate) struct Session {
    set: BTreeMap<String, String>,
    pub(crate) standing: Standing,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self { set: BTreeMap::new(), standing: Standing::Idle }
    }

    /// Takes a statement that is about the session; none where it is not.
    pub(crate) fn take(&mut self, text: &str) -> Option<Result<Outcome, Fault>> {
        let text = bare(text);
        let words: Vec<&str> = text
            .split(|letter: char| letter.is_whitespace() || letter == '=')
            .filter(|word| !word.is_empty())
            .collect();
        let Some(first) = words.first() else { return Some(Ok(Outcome::Nothing)) };
        // Whatever comes behind another statement is not looked at here, and refused where queries are.
        if text.contains(';') {
            return None;
        }
        let rest = &words[1..];
        Some(match first.to_ascii_lowercase().as_str() {
            "begin" | "start" => Ok(self.stand(Standing::InTransaction, "BEGIN")),
            "commit" | "end" => {
                let tag = if self.standing == Standing::Failed { "ROLLBACK" } else { "COMMIT" };
                Ok(self.stand(Standing::Idle, tag))
            }
            "rollback" | "abort" if rest.iter().any(|word| word.eq_ignore_ascii_case("to")) => {
                Ok(self.stand(Standing::InTransaction, "ROLLBACK"))
            }
            "rollback" | "abort" => Ok(self.stand(Standing::Idle, "ROLLBACK")),
            _ if self.standing == Standing::Failed => Err(Fault::new(
                "25P02",
                "the transaction has failed: commands are ignored until it ends with `ROLLBACK`",
            )),
            "savepoint" => Ok(Outcome::Done("SAVEPOINT")),
            "release" => Ok(Outcome::Done("RELEASE")),
            "set" => self.set(rest),
            "reset" => Ok(self.reset(rest)),
            "show" => self.show(rest),
            "discard" => Ok(self.reset(&["all"])).map(|_| Outcome::Forget(None)),
            "deallocate" => Ok(forget(rest)),
            "close" | "unlisten" => Ok(Outcome::Done("CLOSE")),
            _ => return None,
        })
    }

    /// What a statement about the session would come to, without doing it.
    pub(crate) fn look(&self, text: &str) -> Option<Result<Outcome, Fault>> {
        Self { set: self.set.clone(), standing: self.standing }.take(text)
    }

    fn stand(&mut self, standing: Standing, tag: &'static str) -> Outcome {
        self.standing = standing;
        Outcome::Done(tag)
    }

    /// Takes what a client sets as it connects; what is not known is nobody's business.
    pub(crate) fn preset(&mut self, name: &str, value: &str) {
        if HARMLESS.contains(&name) && value.len() <= LONGEST {
            self.set.insert(name.to_owned(), value.to_owned());
        }
    }

    fn set(&mut self, words: &[&str]) -> Result<Outcome, Fault> {
        let mut words = words;
        if let [scope, rest @ ..] = words
            && ["session", "local"].contains(&scope.to_ascii_lowercase().as_str())
        {
            words = rest;
        }
        let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let (name, from) = match &lower[..] {
            ["time", "zone", ..] => ("timezone", 2),
            ["transaction" | "characteristics", ..] => return Ok(Outcome::Done("SET")),
            ["names", ..] => ("client_encoding", 1),
            [name, "to", ..] => (*name, 2),
            [name, ..] => (*name, 1),
            [] => return Err(Fault::new("42601", "`SET` names no setting")),
        };
        let value = words.get(from..).unwrap_or_default().join(" ");
        let value = value.trim_matches(|letter| letter == '\'' || letter == '"').to_owned();
        if let Some((_, must)) = FIXED.iter().find(|(known, _)| *known == name) {
            let same = value.to_ascii_lowercase().starts_with(must) || value.eq_ignore_ascii_case("default");
            return if same {
                Ok(Outcome::Done("SET"))
            } else {
                Err(Fault::new("0A000", format!("`{name}` can't be changed here")))
            };
        }
        if !HARMLESS.contains(&name) {
            return Err(Fault::new("42704", "there is no such setting that could be set"));
        }
        if value.len() > LONGEST {
            return Err(Fault::new("22023", "the setting's value is too long"));
        }
        if value.eq_ignore_ascii_case("default") {
            self.set.remove(name);
        } else {
            self.set.insert(name.to_owned(), value);
        }
        Ok(Outcome::Done("SET"))
    }

    fn reset(&mut self, words: &[&str]) -> Outcome {
        match words.first().map(|word| word.to_ascii_lowercase()) {
            Some(name) if name != "all" => drop(self.set.remove(&name)),
            _ => self.set.clear(),
        }
        Outcome::Done("RESET")
    }

    fn show(&self, words: &[&str]) -> Result<Outcome, Fault> {
        let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase().replace('"', "")).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let name = match &lower[..] {
            ["transaction", "isolation", "level"] => "transaction_isolation",
            ["time", "zone"] => "timezone",
            [name] => name,
            _ => return Err(Fault::new("42601", "`SHOW` takes the name of one setting")),
        };
        let own = self.set.get(name).map(String::as_str);
        let known = || SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        match own.or_else(known) {
            Some(value) => Ok(Outcome::Shown(name.to_owned(), value.to_owned())),
            None => Err(Fault::new("42704", "there is no such setting")),
        }
    }
}

fn forget(words: &[&str]) -> Outcome {
    let name = words.iter().rev().find(|word| !word.eq_ignore_ascii_case("prepare"));
    Outcome::Forget(name.filter(|name| !name.eq_ignore_ascii_case("all")).map(|name| name.trim_matches('"').to_owned()))
}

/// A statement without blanks, comments before it, and its end.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        text = match text {
            comment if comment.starts_with("--") => comment.split_once('\n').map_or("", |(_, rest)| rest).trim(),
            comment if comment.starts_with("/*") => comment.split_once("*/").map_or("", |(_, rest)| rest).trim(),
            text => return text.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(session: &mut Session, text: &str) -> Option<Result<Outcome, &'static str>> {
        session.take(text).map(|taken| taken.map_err(|fault| fault.code))
    }

    #[test]
    fn harmless_settings_are_answered() {
        let mut session = Session::new();
        for (text, tag) in [
            ("SET extra_float_digits = 3", "SET"),
            ("set application_name to 'psql'", "SET"),
            ("SET client_encoding TO 'UTF8'", "SET"),
            ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET"),
            ("SET TIME ZONE 'UTC';", "SET"),
            ("DEALLOCATE ALL", ""),
        ] {
            let taken = taken(&mut session, text).unwrap().unwrap();
            assert!(taken == Outcome::Done("SET") || tag.is_empty(), "{text}: {taken:?}");
        }
        let shown = |name: &str, value: &str| Some(Ok(Outcome::Shown(name.to_owned(), value.to_owned())));
        assert_eq!(taken(&mut session, "SHOW application_name"), shown("application_name", "psql"));
        assert_eq!(
            taken(&mut session, "show standard_conforming_strings;"),
            shown("standard_conforming_strings", "on")
        );
        assert_eq!(
            taken(&mut session, "SHOW TRANSACTION ISOLATION LEVEL"),
            shown("transaction_isolation", "repeatable read")
        );
        assert_eq!(taken(&mut session, "RESET ALL"), Some(Ok(Outcome::Done("RESET"))));
        assert_eq!(taken(&mut session, "SHOW application_name"), shown("application_name", ""));
    }

    #[test]
    fn what_is_not_harmless_is_refused_or_left_to_others() {
        let mut session = Session::new();
        for text in [
            "SET datafusion.execution.batch_size = 1",
            "SET client_encoding = 'LATIN1'",
            "SHOW datafusion",
            "SET",
            "SHOW ALL x",
        ] {
            assert!(taken(&mut session, text).unwrap().is_err(), "{text}");
        }
        for text in
            ["SELECT 1", "SET x = 1; DROP TABLE y", "COPY t TO 'x'", "SHOW a; SELECT 1", "BEGIN; DELETE FROM charges"]
        {
            assert_eq!(taken(&mut session, text), None, "{text}");
        }
        assert_eq!(taken(&mut session, " -- nothing\n /* at all */ ; "), Some(Ok(Outcome::Nothing)));
    }

    #[test]
    fn a_failed_transaction_waits_for_its_end() {
        let mut session = Session::new();
        session.take("BEGIN").unwrap().unwrap();
        session.standing = Standing::Failed;
        assert_eq!(taken(&mut session, "SHOW timezone"), Some(Err("25P02")));
        assert_eq!(taken(&mut session, "COMMIT"), Some(Ok(Outcome::Done("ROLLBACK"))));
        assert_eq!(session.standing, Standing::Idle);
    }
}
