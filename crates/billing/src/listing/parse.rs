//! Reads a filter: a parser by descent that is bounded in depth, and goes on after a wrong name to find all of them.

use super::filter::{Condition, Filter, Operator};
use super::lex::{Token, What, lex};
use super::{Field, Flaw, MAX_CONDITIONS, MAX_DEPTH, field, listed};

/// Nothing can be read after this; what is wrong is among the flaws.
pub(crate) struct Stop;

/// What has not been read yet, and what was wrong so far.
pub(crate) struct Parser<'t> {
    tokens: std::vec::IntoIter<Token<'t>>,
    pub(crate) next: Token<'t>,
    pub(crate) flaws: Vec<Flaw>,
    /// How many values were compared with so far.
    values: usize,
}

/// Reads a whole filter.
pub(super) fn filter<F: Field>(text: &str) -> Result<Filter<F>, Vec<Flaw>> {
    let mut parser = Parser::new(text).map_err(|flaw| vec![flaw])?;
    let read = parser.any(0).and_then(|filter| {
        if parser.next.what == What::End { Ok(filter) } else { Err(parser.expected("`and`, `or` or the end")) }
    });
    match read {
        Ok(Some(filter)) if parser.flaws.is_empty() => Ok(filter),
        _ => Err(parser.flaws),
    }
}

impl<'t> Parser<'t> {
    /// At the start of a text.
    pub(crate) fn new(text: &'t str) -> Result<Self, Flaw> {
        let mut tokens = lex(text)?.into_iter();
        let next = tokens.next().unwrap_or(Token { at: 1, what: What::End });
        Ok(Self { tokens, next, flaws: Vec::new(), values: 0 })
    }

    pub(crate) fn take(&mut self) -> Token<'t> {
        let end = Token { at: self.next.at, what: What::End };
        std::mem::replace(&mut self.next, self.tokens.next().unwrap_or(end))
    }

    pub(crate) fn flaw(&mut self, at: usize, message: String) {
        self.flaws.push(Flaw { at, message });
    }

    pub(crate) fn expected(&mut self, what: &str) -> Stop {
        self.flaw(self.next.at, format!("expected {what}, found {}", self.next.what));
        Stop
    }

    pub(crate) fn takes_word(&mut self, word: &str) -> bool {
        let found = self.next.what == What::Word(word);
        if found {
            self.take();
        }
        found
    }

    /// Conditions with `or` between them. `None` where one of them is flawed.
    fn any<F: Field>(&mut self, depth: usize) -> Result<Option<Filter<F>>, Stop> {
        let mut any = vec![self.all(depth)?];
        while self.takes_word("or") {
            any.push(self.all(depth)?);
        }
        Ok(joined(any, Filter::Any))
    }

    /// Conditions with `and` between them.
    fn all<F: Field>(&mut self, depth: usize) -> Result<Option<Filter<F>>, Stop> {
        let mut all = vec![self.one(depth)?];
        while self.takes_word("and") {
            all.push(self.one(depth)?);
        }
        Ok(joined(all, Filter::All))
    }

    /// One condition, or several in brackets.
    fn one<F: Field>(&mut self, depth: usize) -> Result<Option<Filter<F>>, Stop> {
        if self.next.what != What::Open {
            return Ok(self.condition()?.map(Filter::Is));
        }
        if depth == MAX_DEPTH {
            self.flaw(self.next.at, format!("brackets lie at most {MAX_DEPTH} deep inside one another"));
            return Err(Stop);
        }
        self.take();
        let filter = self.any(depth + 1)?;
        if self.next.what != What::Close {
            return Err(self.expected("`and`, `or` or `)`"));
        }
        self.take();
        Ok(filter)
    }

    fn condition<F: Field>(&mut self) -> Result<Option<Condition<F>>, Stop> {
        let What::Word(name) = self.next.what else { return Err(self.expected("the name of a field")) };
        let known = field::<F>(self.next.at, name).map_err(|flaw| self.flaws.push(flaw)).ok();
        self.take();
        let operator = self.operator()?;
        let texts = if operator.takes_several() { self.several(operator)? } else { vec![self.text()?] };
        let values: Vec<Option<String>> =
            texts.into_iter().map(|(at, text)| self.value(known, (operator, at), text)).collect();
        let values = values.into_iter().collect::<Option<Vec<String>>>();
        Ok(known.zip(values).map(|(field, values)| Condition { field, operator, values }))
    }

    /// The word for how to compare.
    pub(crate) fn operator(&mut self) -> Result<Operator, Stop> {
        let operator = match self.next.what {
            What::Word(word) => Operator::ALL.into_iter().find(|operator| operator.name() == word),
            _ => None,
        };
        let Some(operator) = operator else {
            let names = listed(Operator::ALL.iter().map(|operator| operator.name()));
            let (at, found) = (self.next.at, &self.next.what);
            let message = format!("expected an operator, found {found}; operators are {names}");
            self.flaw(at, message);
            return Err(Stop);
        };
        self.take();
        Ok(operator)
    }

    /// A value that is compared with, in the field's own form.
    fn value<F: Field>(&mut self, field: Option<F>, (operator, at): (Operator, usize), text: String) -> Option<String> {
        let Some(field) = field.filter(|_| !operator.takes_a_part()) else { return Some(text) };
        field.read(&text).map_err(|why| self.flaw(at, format!("`{}`: {why}", field.name()))).ok()
    }

    /// Values in brackets.
    pub(crate) fn several(&mut self, operator: Operator) -> Result<Vec<(usize, String)>, Stop> {
        if self.next.what != What::Open {
            let name = operator.name();
            return Err(self.expected(&format!("`(` and the values, as in `{name} ('a','b')`")));
        }
        self.take();
        let mut values = vec![self.text()?];
        while self.next.what == What::Comma {
            self.take();
            values.push(self.text()?);
        }
        if self.next.what != What::Close {
            return Err(self.expected("`,` or `)`"));
        }
        self.take();
        Ok(values)
    }

    pub(crate) fn text(&mut self) -> Result<(usize, String), Stop> {
        if !matches!(self.next.what, What::Text(_)) {
            return Err(self.expected("a value between single quotes"));
        }
        self.values += 1;
        if self.values > MAX_CONDITIONS {
            self.flaw(self.next.at, format!("a filter compares with at most {MAX_CONDITIONS} values"));
            return Err(Stop);
        }
        match self.take() {
            Token { at, what: What::Text(text) } => Ok((at, text)),
            _ => Err(Stop),
        }
    }
}

/// Several conditions as one; one is itself.
fn joined<F>(filters: Vec<Option<Filter<F>>>, join: fn(Vec<Filter<F>>) -> Filter<F>) -> Option<Filter<F>> {
    let mut filters = filters.into_iter().collect::<Option<Vec<_>>>()?;
    if filters.len() == 1 { filters.pop() } else { Some(join(filters)) }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{FruitField, Random};
    use super::*;

    fn flaws(text: &str) -> Vec<String> {
        filter::<FruitField>(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_error_says_where_what_was_found_and_what_would_do() {
        let operators = "operators are `eq`, `ne`, `gt`, `ge`, `lt`, `le`, `co`, `sw`, `ew`, `in`, `nin`";
        for (text, told) in [
            ("name eq 'a' and", "at character 16: expected the name of a field, found the end".to_owned()),
            ("name foo 'a'", format!("at character 6: expected an operator, found `foo`; {operators}")),
            ("name", format!("at character 5: expected an operator, found the end; {operators}")),
            ("name EQ 'a'", format!("at character 6: expected an operator, found `EQ`; {operators}")),
            ("name eq a", "at character 9: expected a value between single quotes, found `a`".to_owned()),
            ("name eq 'a' xor", "at character 13: expected `and`, `or` or the end, found `xor`".to_owned()),
            ("name eq 'a')", "at character 12: expected `and`, `or` or the end, found `)`".to_owned()),
            ("(name eq 'a'", "at character 13: expected `and`, `or` or `)`, found the end".to_owned()),
            (
                "name in 'a'",
                "at character 9: expected `(` and the values, as in `in ('a','b')`, found the value `'a'`".to_owned(),
            ),
            ("name in ('a' 'b')", "at character 14: expected `,` or `)`, found the value `'b'`".to_owned()),
            ("name in ()", "at character 10: expected a value between single quotes, found `)`".to_owned()),
            ("", "at character 1: expected the name of a field, found the end".to_owned()),
            ("'a' eq 'b'", "at character 1: expected the name of a field, found the value `'a'`".to_owned()),
            ("né eq 'a'", "at character 1: there is no field `né`; fields are `name`, `size`".to_owned()),
            ("size eq 'big'", "at character 9: `size`: `big` is no size; it is a digit".to_owned()),
        ] {
            assert_eq!(flaws(text), [told], "{text}");
        }
    }

    #[test]
    fn every_wrong_name_and_value_is_told() {
        let told = flaws("colour eq 'red' and size in ('x','1','y') or taste sw 's' and name");
        let places: Vec<&str> = told.iter().filter_map(|flaw| flaw.split(':').next()).collect();
        assert_eq!(
            places,
            ["at character 1", "at character 30", "at character 38", "at character 46", "at character 67"]
        );
    }

    #[test]
    fn part_of_a_value_need_not_be_a_whole_one() {
        assert!(filter::<FruitField>("size sw 'big'").is_ok());
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = |depth| format!("{}name eq 'a'{}", "(".repeat(depth), ")".repeat(depth));
        assert!(filter::<FruitField>(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(flaws(&deep(MAX_DEPTH + 1)), ["at character 17: brackets lie at most 16 deep inside one another"]);
        assert_eq!(flaws(&"(".repeat(1_000_000)).len(), 1);
        let long = |count| vec!["name eq 'a'"; count].join(" or ");
        assert!(filter::<FruitField>(&long(MAX_CONDITIONS)).is_ok());
        assert!(flaws(&long(MAX_CONDITIONS + 1))[0].contains("at most 500 values"));
        let many = format!("name in ({})", vec!["'a'"; MAX_CONDITIONS + 1].join(","));
        assert!(flaws(&many)[0].contains("at most 500 values"));
    }

    #[test]
    fn whatever_is_sent_is_read_or_explained_within_its_bounds() {
        let mut random = Random::of(7);
        for round in 0..20_000 {
            let text = random.nonsense();
            if let Err(flaws) = filter::<FruitField>(&text) {
                let end = text.chars().count() + 1;
                assert!(!flaws.is_empty(), "round {round}: {text}");
                assert!(flaws.iter().all(|flaw| (1..=end).contains(&flaw.at)), "round {round}: {text}: {flaws:?}");
            }
        }
    }
}
