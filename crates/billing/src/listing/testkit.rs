//! Fruit, and random questions about it: what the tests of the language ask about.

use std::borrow::Cow;

use super::{Condition, Field, Filter, Operator, Row};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FruitField {
    Name,
    Size,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fruit {
    pub(super) name: &'static str,
    pub(super) size: Option<&'static str>,
}

impl Fruit {
    pub(super) fn basket() -> Vec<Self> {
        [("apple", Some("2")), ("fig", Some("1")), ("pear", Some("3")), ("o'plum", None)]
            .map(|(name, size)| Self { name, size })
            .to_vec()
    }
}

impl Field for FruitField {
    const ALL: &'static [Self] = &[Self::Name, Self::Size];
    const KEY: &'static [Self] = &[Self::Name];

    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
        }
    }

    fn read(self, text: &str) -> Result<String, String> {
        let digit = text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit());
        if self == Self::Name || digit {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is no size; it is a digit"))
        }
    }
}

impl Row for Fruit {
    type Field = FruitField;

    fn cell(&self, field: FruitField) -> Option<Cow<'_, str>> {
        match field {
            FruitField::Name => Some(self.name.into()),
            FruitField::Size => self.size.map(Cow::Borrowed),
        }
    }
}

/// A small generator: the same seed asks the same.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub(super) fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Any filter of at most this depth.
    pub(super) fn filter(&mut self, depth: usize) -> Filter<FruitField> {
        let kind = if depth == 0 { 0 } else { self.below(3) };
        if kind == 0 {
            return Filter::Is(self.condition());
        }
        let inner: Vec<_> = (0..2 + self.below(2)).map(|_| self.filter(depth - 1)).collect();
        if kind == 1 { Filter::All(inner) } else { Filter::Any(inner) }
    }

    fn condition(&mut self) -> Condition<FruitField> {
        let operator = *self.one(&Operator::ALL);
        let field = *self.one(FruitField::ALL);
        let many = if operator.takes_several() { 1 + self.below(3) } else { 1 };
        let of = if field == FruitField::Name {
            ["apple", "fig", "o'plum", "", "'", "é", "a) or (b", "p", " "]
        } else {
            ["1", "2", "3", "4", "0", "2", "1", "3", "9"]
        };
        Condition { field, operator, values: (0..many).map(|_| (*self.one(&of)).to_owned()).collect() }
    }

    /// The same text with blanks wherever they change nothing.
    pub(super) fn spread(&mut self, text: &str) -> String {
        let (mut spread, mut quoted) = (String::from("  "), false);
        for character in text.chars() {
            quoted ^= character == '\'';
            if !quoted && matches!(character, '(' | ')' | ',' | ' ') {
                let blanks = [" ", "\t", "", "\n"];
                let (before, after) = (*self.one(&blanks), *self.one(&blanks));
                spread.extend([before, &character.to_string(), after]);
            } else {
                spread.push(character);
            }
        }
        spread + " "
    }

    /// Words, quotes and brackets in any order.
    pub(super) fn nonsense(&mut self) -> String {
        let words =
            ["name", "size", "eq", "in", "and", "or", "(", ")", ",", "'a'", "'1'", "'", " ", "é", "\u{0}", "foo", "''"];
        (0..self.below(14)).map(|_| [*self.one(&words), *self.one(&["", " "])].concat()).collect()
    }
}

/// Whether the filter holds, worked out another way: by what each condition's own comparison leaves.
pub(super) fn judged(filter: &Filter<FruitField>, fruit: &Fruit) -> bool {
    let judge = |condition: &Condition<FruitField>| {
        let cell = if condition.field == FruitField::Name { Some(fruit.name) } else { fruit.size };
        let values: Vec<&str> = condition.values.iter().map(String::as_str).collect();
        match (condition.operator.name(), cell) {
            ("ne" | "nin", None) => true,
            (_, None) => false,
            ("eq" | "in", Some(cell)) => values.contains(&cell),
            ("ne" | "nin", Some(cell)) => !values.contains(&cell),
            ("gt", Some(cell)) => cell.cmp(values[0]).is_gt(),
            ("ge", Some(cell)) => cell.cmp(values[0]).is_ge(),
            ("lt", Some(cell)) => cell.cmp(values[0]).is_lt(),
            ("le", Some(cell)) => cell.cmp(values[0]).is_le(),
            ("co", Some(cell)) => cell.matches(values[0]).next().is_some(),
            ("sw", Some(cell)) => cell.strip_prefix(values[0]).is_some(),
            (_, Some(cell)) => cell.strip_suffix(values[0]).is_some(),
        }
    };
    match filter {
        Filter::Is(condition) => judge(condition),
        Filter::All(all) => !all.iter().any(|filter| !judged(filter, fruit)),
        Filter::Any(any) => !any.iter().all(|filter| !judged(filter, fruit)),
    }
}
