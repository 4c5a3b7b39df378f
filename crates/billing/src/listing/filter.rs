//! What a filter says, and whether it holds for a value.

use std::fmt;

use super::{Field, Flaw, Row, parse};

/// A condition on a list's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<F> {
    /// All hold; there are at least two.
    All(Vec<Self>),
    /// One holds; there are at least two.
    Any(Vec<Self>),
    /// This one holds.
    Is(Condition<F>),
}

/// A field compared with a value, or with several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition<F> {
    /// What is compared.
    pub field: F,
    /// How.
    pub operator: Operator,
    /// With what: one value, or for [`Operator::In`] and [`Operator::Nin`] at least one.
    pub values: Vec<String>,
}

/// How a field is compared. Where it has nothing, only [`Operator::Ne`] and [`Operator::Nin`] hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Equal to one of several.
    In,
    /// Equal to none of several.
    Nin,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 11] =
        [Self::Eq, Self::Ne, Self::Gt, Self::Ge, Self::Lt, Self::Le, Self::Co, Self::Sw, Self::Ew, Self::In, Self::Nin];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::In => "in",
            Self::Nin => "nin",
        }
    }

    /// Whether it compares with several values in brackets.
    pub(crate) fn takes_several(self) -> bool {
        matches!(self, Self::In | Self::Nin)
    }

    /// Whether it compares with a part of a value, which then need not be a whole one.
    pub(super) fn takes_a_part(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }
}

impl<F: Field> Filter<F> {
    /// Reads a filter, or names what is wrong with it: every unknown name and every value that cannot be, up to the first place
    /// where it cannot be read on.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        parse::filter(text)
    }

    /// Whether it holds for `row`.
    pub fn holds<R: Row<Field = F>>(&self, row: &R) -> bool {
        match self {
            Self::All(all) => all.iter().all(|filter| filter.holds(row)),
            Self::Any(any) => any.iter().any(|filter| filter.holds(row)),
            Self::Is(condition) => condition.holds(row),
        }
    }
}

impl<F: Field> Condition<F> {
    fn holds<R: Row<Field = F>>(&self, row: &R) -> bool {
        let cell = row.cell(self.field);
        let cell = cell.as_deref();
        let one = self.values.first().map_or("", String::as_str);
        let among = || cell.is_some_and(|cell| self.values.iter().any(|value| value == cell));
        match self.operator {
            Operator::Eq | Operator::In => among(),
            Operator::Ne | Operator::Nin => !among(),
            Operator::Gt => cell.is_some_and(|cell| cell > one),
            Operator::Ge => cell.is_some_and(|cell| cell >= one),
            Operator::Lt => cell.is_some_and(|cell| cell < one),
            Operator::Le => cell.is_some_and(|cell| cell <= one),
            Operator::Co => cell.is_some_and(|cell| cell.contains(one)),
            Operator::Sw => cell.is_some_and(|cell| cell.starts_with(one)),
            Operator::Ew => cell.is_some_and(|cell| cell.ends_with(one)),
        }
    }
}

/// In the one form that all filters which say the same word for word have.
impl<F: Field> fmt::Display for Filter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inner, word) = match self {
            Self::Is(condition) => return condition.fmt(f),
            Self::All(all) => (all, " and "),
            Self::Any(any) => (any, " or "),
        };
        for (at, filter) in inner.iter().enumerate() {
            if at > 0 {
                f.write_str(word)?;
            }
            match (self, filter) {
                (_, Self::Is(_)) | (Self::Any(_), Self::All(_)) => filter.fmt(f)?,
                _ => write!(f, "({filter})")?,
            }
        }
        Ok(())
    }
}

impl<F: Field> fmt::Display for Condition<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |value: &String| format!("'{}'", value.replace('\'', "''"));
        let values = self.values.iter().map(quoted).collect::<Vec<_>>().join(",");
        write!(f, "{} {} ", self.field.name(), self.operator.name())?;
        if self.operator.takes_several() { write!(f, "({values})") } else { f.write_str(&values) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{Fruit, FruitField, Random, judged};
    use super::*;

    fn holds(filter: &str) -> Vec<&'static str> {
        let filter = Filter::<FruitField>::parse(filter).unwrap();
        Fruit::basket().into_iter().filter(|fruit| filter.holds(fruit)).map(|fruit| fruit.name).collect()
    }

    #[test]
    fn every_operator_says_what_its_name_says() {
        for (filter, names) in [
            ("name eq 'pear'", &["pear"][..]),
            ("name ne 'pear'", &["apple", "fig", "o'plum"]),
            ("size gt '2'", &["pear"]),
            ("size ge '2'", &["apple", "pear"]),
            ("size lt '2'", &["fig"]),
            ("size le '2'", &["apple", "fig"]),
            ("name co 'l'", &["apple", "o'plum"]),
            ("name sw 'p'", &["pear"]),
            ("name ew 'g'", &["fig"]),
            ("name in ('fig','pear')", &["fig", "pear"]),
            ("name nin ('fig','pear')", &["apple", "o'plum"]),
            ("name eq 'o''plum'", &["o'plum"]),
            // What has nothing is not equal to anything, and neither less nor more.
            ("size ne '2'", &["fig", "pear", "o'plum"]),
            ("size nin ('1','2')", &["pear", "o'plum"]),
            ("size co ''", &["apple", "fig", "pear"]),
        ] {
            assert_eq!(holds(filter), names, "{filter}");
        }
    }

    #[test]
    fn and_binds_closer_than_or_and_brackets_closer_than_both() {
        assert_eq!(holds("name eq 'fig' or name eq 'pear' and size eq '1'"), ["fig"]);
        assert_eq!(holds("(name eq 'fig' or name eq 'pear') and size eq '3'"), ["pear"]);
        assert_eq!(holds("name sw 'a' or name sw 'f' or name sw 'p' and size eq '9'"), ["apple", "fig"]);
    }

    #[test]
    fn what_is_written_is_read_back_and_means_the_same() {
        let mut random = Random::of(4);
        for round in 0..3000 {
            let filter = random.filter(4);
            let text = filter.to_string();
            assert_eq!(Filter::parse(&text), Ok(filter.clone()), "round {round}: {text}");
            let spread = random.spread(&text);
            assert_eq!(Filter::parse(&spread), Ok(filter.clone()), "round {round}: {spread}");
            for fruit in Fruit::basket() {
                assert_eq!(filter.holds(&fruit), judged(&filter, &fruit), "round {round}: {text}");
            }
        }
    }
}
