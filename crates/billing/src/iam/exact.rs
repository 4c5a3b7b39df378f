//! Whether a trust policy accepts any external id beside the right one: decided exactly, not by trying some.
//!
//! All that the policy asks of an id is whether it matches certain patterns. The ids fall into classes that match alike; each
//! class is reached by reading letter after letter, so that one id of each is enough to know all of them.

use std::collections::{HashSet, VecDeque};

use super::condition::compile;
use super::document::{Condition, Document};
use super::evaluate::Outcome;
use super::operator::{Operator, Test};
use super::pattern::{Pattern, Step, fold};
use super::trust::{EXTERNAL_ID, Trust};

/// An external id has 2 to 1,224 of these characters.
const LETTERS: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+=,.@:/-";
const SHORTEST: usize = 2;
const LONGEST: usize = 1_224;

/// How many classes are looked through before the question is given up.
const MOST_CLASSES: usize = 20_000;

/// What a trust policy does with ids beside the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherId {
    /// It accepts none.
    Refused,
    /// It accepts this one, a shortest of its kind, and why.
    Accepted {
        /// The id.
        id: String,
        /// Why, naming statement and condition.
        why: String,
    },
    /// It depends on what the document does not show.
    Undecided(String),
}

/// What one may ask of an id: whether it matches, and whether its case counts.
struct Atom {
    pattern: Pattern,
    folded: bool,
}

impl Atom {
    fn advance(&self, at: &[usize], c: char) -> Vec<usize> {
        let folded = if self.folded { fold(&c.to_string()).chars().next().unwrap_or(c) } else { c };
        self.pattern.advance(at, folded)
    }
}

/// Looks for an id beside `right` that the policy accepts.
pub(super) fn find_other(trust: &Trust<'_>, right: &str) -> OtherId {
    let atoms = match atoms(trust, right) {
        Ok(atoms) => atoms,
        Err(why) => return OtherId::Undecided(why),
    };
    let letters = letters(&atoms);
    let start: Vec<Vec<usize>> = atoms.iter().map(|atom| atom.pattern.start()).collect();
    let (mut seen, mut open, mut undecided) = (HashSet::new(), VecDeque::from([(start, String::new())]), None);
    while let Some((class, id)) = open.pop_front() {
        if id.len() >= SHORTEST && id != right {
            let decision = trust.decide(Some(&id));
            match decision.outcome {
                Outcome::Allowed => return OtherId::Accepted { id, why: decision.why },
                Outcome::Undecided => undecided = undecided.or(Some(decision.why)),
                Outcome::Denied => {}
            }
        }
        if id.len() == LONGEST {
            continue;
        }
        for &c in &letters {
            let next: Vec<_> = atoms.iter().zip(&class).map(|(atom, at)| atom.advance(at, c)).collect();
            let longer = format!("{id}{c}");
            // Ids that are too short to be presented are told from those that are not.
            if seen.insert((next.clone(), longer.len().min(SHORTEST))) {
                open.push_back((next, longer));
            }
        }
        if seen.len() > MOST_CLASSES {
            return OtherId::Undecided(
                "the policy distinguishes more external ids than can be looked through".to_owned(),
            );
        }
    }
    undecided.map_or(OtherId::Refused, OtherId::Undecided)
}

/// Everything that decides about an id, the right one's own pattern first.
fn atoms(trust: &Trust<'_>, right: &str) -> Result<Vec<Atom>, String> {
    let mut atoms = vec![Atom { pattern: Pattern::literal(right), folded: false }];
    for condition in trust.document.statements.iter().flat_map(|statement| &statement.conditions) {
        if refers_to_id(condition, trust.document) {
            return Err(format!("{condition}, which refers to the external id"));
        }
        let Operator::Compare(comparison) = condition.operator else { continue };
        if !condition.is_about(EXTERNAL_ID) {
            continue;
        }
        for value in &condition.values {
            let wildcards = comparison.test == Test::Like;
            let folded = matches!(comparison.test, Test::EqualsIgnoreCase | Test::Bool);
            if matches!(comparison.test, Test::Arn | Test::Other) {
                return Err(format!("{condition}: this operator does not compare texts"));
            }
            // A value that cannot be known leaves each decision about it open.
            if let Ok(pattern) = compile(value, (&trust.context(None), trust.document.variables), wildcards) {
                let pattern = if folded { pattern.folded() } else { pattern };
                atoms.push(Atom { pattern, folded });
            }
        }
    }
    Ok(atoms)
}

/// Whether a value is made from the presented id by a variable.
fn refers_to_id(condition: &Condition, document: &Document) -> bool {
    let variable = format!("${{{}", EXTERNAL_ID.to_ascii_lowercase());
    document.variables && condition.values.iter().any(|value| value.to_ascii_lowercase().contains(&variable))
}

/// The letters that make a difference, and one that stands for all others.
fn letters(atoms: &[Atom]) -> Vec<char> {
    let steps = atoms.iter().flat_map(|atom| atom.pattern.steps().iter().map(|step| (step, atom.folded)));
    let mut named: HashSet<char> = HashSet::new();
    for (step, folded) in steps {
        if let Step::One(c) = step {
            named.insert(*c);
            if folded {
                named.extend(c.to_uppercase());
            }
        }
    }
    let other = LETTERS.chars().find(|c| !named.contains(c));
    LETTERS.chars().filter(|c| named.contains(c) || Some(*c) == other).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::pattern::tests::Dice;
    use super::super::trust::tests::{allow, judged};
    use super::*;

    fn accepted(condition: &Value) -> Option<String> {
        match judged(&allow(condition)).other {
            OtherId::Accepted { id, .. } => Some(id),
            OtherId::Refused => None,
            OtherId::Undecided(why) => panic!("{condition}: {why}"),
        }
    }

    #[test]
    fn the_shortest_other_id_is_found() {
        for (operator, value, expected) in [
            ("StringLike", json!("123456*"), Some("1234560")),
            ("StringLike", json!("*123456"), Some("0123456")),
            ("StringLike", json!("123*456"), Some("1230456")),
            ("StringLike", json!("12?456"), Some("120456")),
            ("StringLike", json!("123456"), None),
            ("StringEquals", json!(["123456", "123457"]), Some("123457")),
            ("StringEquals", json!(["123456", "1"]), None),
            ("StringEqualsIgnoreCase", json!(["123456", "aB"]), Some("ab")),
            ("StringEquals", json!(["123456", "no blanks"]), None),
        ] {
            let found = accepted(&json!({ (operator): { "sts:ExternalId": value } }));
            assert_eq!(found.as_deref(), expected, "{operator} {value}");
        }
    }

    #[test]
    fn conditions_that_take_each_other_back_leave_the_right_one() {
        let both = json!({ "StringLike": { "sts:ExternalId": "12345?" }, "StringNotLike": { "sts:ExternalId": ["*[0-5]", "?????[7-9]"] } });
        assert!(accepted(&both).is_some(), "brackets are no wildcards");
        let others: Vec<String> = LETTERS.chars().filter(|c| *c != '6').map(|c| format!("12345{c}")).collect();
        let all_named =
            json!({ "StringLike": { "sts:ExternalId": "12345?" }, "StringNotEquals": { "sts:ExternalId": others } });
        assert_eq!(accepted(&all_named), None);
        let one_left = json!({ "StringLike": { "sts:ExternalId": "12345?" }, "StringNotEquals": { "sts:ExternalId": others[1..] } });
        assert_eq!(accepted(&one_left), Some(others[0].clone()));
    }

    /// Online, nothing but ids can be tried: those that are tried find every pattern that accepts the right one and more.
    #[test]
    fn no_wildcard_goes_unnoticed_by_the_wrong_ids_that_are_tried() {
        let right = "493817".parse::<crate::names::OrgId>().unwrap().external_id();
        let tried = right.forgeries(&[9; 16]);
        let text = right.as_ref();
        for start in 0..=text.len() {
            for end in start..=text.len() {
                let (head, tail) = (&text[..start], &text[end..]);
                let marks = "?".repeat(end - start);
                let patterns = if marks.is_empty() { vec!["*"] } else { vec!["*", marks.as_str()] };
                for pattern in patterns.into_iter().map(|middle| format!("{head}{middle}{tail}")) {
                    let glob = Pattern::glob(&pattern);
                    assert!(glob.matches(text) && tried.iter().any(|id| glob.matches(id.as_ref())), "{pattern}");
                }
            }
        }
    }

    /// Trying many ids never finds one where the exact answer says that there is none.
    #[test]
    fn trying_ids_never_contradicts() {
        let mut dice = Dice(7);
        let (mut none, mut some) = (0, 0);
        for _ in 0..150 {
            let value = |dice: &mut Dice| {
                let mut text: Vec<char> = "123456".chars().collect();
                for _ in 0..dice.below(3) {
                    let place = dice.below(text.len());
                    text[place] = ['*', '?', '1', '6'][dice.below(4)];
                }
                text.into_iter().collect::<String>()
            };
            let operator = ["StringLike", "StringNotLike", "StringEquals", "StringEqualsIgnoreCase"];
            let condition = json!({
                (operator[dice.below(4)]): { "sts:ExternalId": [value(&mut dice), value(&mut dice)] },
                "StringLike": { "sts:ExternalId": value(&mut dice) },
            });
            let findings = judged(&allow(&condition));
            let text = json!({ "Version": "2012-10-17", "Statement": allow(&condition) }).to_string();
            let document = Document::parse(super::super::document::PolicyKind::Trust, &text).unwrap();
            let asker = super::super::principal::Asker::new(super::super::trust::tests::OPERATOR).unwrap();
            let trust =
                Trust { document: &document, asker: &asker, session_name: &crate::names::SessionName::default() };
            let tried = |dice: &mut Dice| {
                let id = value(dice).replace(['*', '?'], ["", "1", "06"][dice.below(3)]);
                id.len() >= SHORTEST && id != "123456" && trust.decide(Some(&id)).outcome == Outcome::Allowed
            };
            let hit = (0..200).any(|_| tried(&mut dice));
            match findings.other {
                OtherId::Refused => {
                    none += 1;
                    assert!(!hit, "{condition} accepts another id");
                }
                OtherId::Accepted { id, .. } => {
                    some += 1;
                    assert_eq!(trust.decide(Some(&id)).outcome, Outcome::Allowed, "{condition} with {id}");
                }
                OtherId::Undecided(why) => panic!("{condition}: {why}"),
            }
        }
        assert!(none > 20 && some > 20, "{none} {some}: the dice test nothing");
    }
}
