//! In which order a list's values come.

use std::cmp::Ordering;
use std::fmt;

use super::lex::{Token, What, lex};
use super::{Field, Flaw, Row, field};

/// Which way a field is ordered. What has nothing in it comes before what has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Asc,
    /// The greatest first.
    Desc,
}

/// Fields, the first of them first. [`Field::KEY`] always ends it, so no two values are in the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<F>(Vec<(F, Direction)>);

/// Where a value stands in an order: its cells in the order's fields.
pub(super) type Key = Vec<Option<String>>;

impl Direction {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

impl<F: Field> Order<F> {
    /// These fields, and then what is left of [`Field::KEY`].
    pub fn by(fields: &[(F, Direction)]) -> Self {
        let mut all = fields.to_vec();
        for key in F::KEY {
            if !all.iter().any(|(field, _)| field == key) {
                all.push((*key, Direction::Asc));
            }
        }
        Self(all)
    }

    /// Reads fields with commas between them, each alone or with `asc` or `desc` after it; or names what is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let tokens = lex(text).map_err(|flaw| vec![flaw])?;
        let (mut fields, mut flaws) = (Vec::<(F, Direction)>::new(), Vec::new());
        for part in tokens[..tokens.len() - 1].split(|token| token.what == What::Comma) {
            let end = part.last().map_or_else(|| tokens[0].at, |last| last.at);
            match read::<F>(part, end) {
                Ok((field, _)) if fields.iter().any(|(known, _)| *known == field) => {
                    flaws.push(Flaw { at: part[0].at, message: format!("`{}` is named twice", field.name()) });
                }
                Ok(read) => fields.push(read),
                Err(flaw) => flaws.push(flaw),
            }
        }
        if flaws.is_empty() { Ok(Self::by(&fields)) } else { Err(flaws) }
    }

    /// Where `row` stands.
    pub(super) fn key<R: Row<Field = F>>(&self, row: &R) -> Key {
        self.0.iter().map(|(field, _)| row.cell(*field).map(std::borrow::Cow::into_owned)).collect()
    }

    /// Which of two keys of this order comes first.
    pub(super) fn compare(&self, one: &Key, other: &Key) -> Ordering {
        let fields = self.0.iter().zip(one.iter().zip(other));
        let each = fields.map(|((_, direction), (one, other))| match direction {
            Direction::Asc => one.cmp(other),
            Direction::Desc => other.cmp(one),
        });
        each.fold(Ordering::Equal, Ordering::then)
    }

    /// How many cells a key has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One field and its direction; `end` is where an error points to that has no word of its own.
fn read<F: Field>(part: &[Token<'_>], end: usize) -> Result<(F, Direction), Flaw> {
    let wrong = |at, message: String| Err(Flaw { at, message });
    let (name, direction) = match part {
        [name] | [name, Token { what: What::Word("asc"), .. }] => (name, Direction::Asc),
        [name, Token { what: What::Word("desc"), .. }] => (name, Direction::Desc),
        [_, other, ..] => {
            return wrong(other.at, format!("expected `asc`, `desc`, `,` or the end, found {}", other.what));
        }
        [] => return wrong(end, "expected the name of a field, found nothing".to_owned()),
    };
    match name.what {
        What::Word(word) => Ok((field(name.at, word)?, direction)),
        ref other => wrong(name.at, format!("expected the name of a field, found {other}")),
    }
}

impl<F: Field> fmt::Display for Order<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (field, direction)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{} {}", field.name(), direction.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{Fruit, FruitField};
    use super::*;

    fn ordered(text: &str) -> Vec<&'static str> {
        let order = Order::<FruitField>::parse(text).unwrap();
        let mut basket = Fruit::basket();
        basket.sort_by(|one, other| order.compare(&order.key(one), &order.key(other)));
        basket.into_iter().map(|fruit| fruit.name).collect()
    }

    #[test]
    fn values_come_in_the_order_that_is_asked_for() {
        assert_eq!(ordered("name"), ["apple", "fig", "o'plum", "pear"]);
        assert_eq!(ordered("name desc"), ["pear", "o'plum", "fig", "apple"]);
        assert_eq!(ordered("size asc"), ["o'plum", "fig", "apple", "pear"], "what has none comes first");
        assert_eq!(ordered(" size  desc , name "), ["pear", "apple", "fig", "o'plum"]);
    }

    #[test]
    fn an_order_ends_with_what_tells_values_apart() {
        assert_eq!(Order::<FruitField>::parse("size desc").unwrap().to_string(), "size desc,name asc");
        assert_eq!(Order::<FruitField>::parse("name desc").unwrap().to_string(), "name desc");
    }

    #[test]
    fn every_wrong_part_is_named() {
        let flaws = |text: &str| {
            let flaws = Order::<FruitField>::parse(text).unwrap_err();
            flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            flaws("colour,name down,size,size desc"),
            "at character 1: there is no field `colour`; fields are `name`, `size`; \
             at character 13: expected `asc`, `desc`, `,` or the end, found `down`; at character 23: `size` is named twice"
        );
        for wrong in ["", ",", "name,", "name asc desc", "'name'", "name('x')", "name 'asc'", "(name)"] {
            assert!(!flaws(wrong).is_empty(), "{wrong}");
        }
    }
}
