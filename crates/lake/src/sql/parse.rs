//! From a statement's text to the one query that it asks: bounded before it is parsed, and nothing but a query.

use std::collections::HashMap;

use billing::sql::{Place, SqlFault, SqlProblem};
use datafusion::sql::sqlparser::ast::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Ident, Query};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// The longest text of a statement, in bytes.
pub(crate) const LONGEST: usize = 64 << 10;

/// The most words, numbers and signs of a statement.
const MOST_TOKENS: usize = 6_000;

/// How deep brackets may nest.
const DEEPEST: usize = 50;

/// Parses `text`. `names` are the columns that a statement may spell in any case, by their lower-case form.
pub(crate) fn parse(text: &str, names: &HashMap<String, String>) -> Result<Box<Query>, SqlProblem> {
    if text.len() > LONGEST {
        let message = format!("the statement has more than the {LONGEST} bytes that are taken");
        return Err(SqlProblem::new(SqlFault::TooLarge, message));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        SqlProblem::new(
            SqlFault::Syntax,
            "the statement is no SQL: a quote or comment is not closed, or a sign is unknown",
        )
        .at(place(error.location))
    })?;
    let counted = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
    if counted > MOST_TOKENS {
        let message = format!("the statement has more than the {MOST_TOKENS} words and signs that are taken");
        return Err(SqlProblem::new(SqlFault::TooLarge, message));
    }
    let tokens = spelled(tokens, names);
    let mut parser = Parser::new(&dialect).with_recursion_limit(DEEPEST).with_tokens_with_locations(tokens);
    let mut statements = parser.parse_statements().map_err(|error| syntax(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (None, _) => Err(SqlProblem::new(SqlFault::Syntax, "the statement is empty").hint("send one `SELECT`")),
        (Some(Parsed::Query(query)), true) => Ok(query),
        (Some(_), true) => Err(SqlProblem::new(SqlFault::NotAllowed, "only a query is answered: `SELECT` or `WITH`")
            .hint("everything here is read only")),
        (Some(_), false) => {
            Err(SqlProblem::new(SqlFault::NotAllowed, "several statements at once are not answered").hint("send one"))
        }
    }
}

/// Gives unquoted names of columns the spelling that the column has.
fn spelled(mut tokens: Vec<TokenWithSpan>, names: &HashMap<String, String>) -> Vec<TokenWithSpan> {
    for token in &mut tokens {
        if let Token::Word(word) = &mut token.token
            && word.quote_style.is_none()
            && let Some(name) = names.get(&word.value.to_ascii_lowercase())
        {
            word.value.clone_from(name);
            word.quote_style = Some('"');
        }
    }
    tokens
}

/// What the parser expected and where, without what it found there.
fn syntax(error: &ParserError) -> SqlProblem {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return SqlProblem::new(SqlFault::TooLarge, format!("the statement nests deeper than {DEEPEST} levels"));
        }
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
    };
    let expected = text.split_once("Expected: ").map(|(_, rest)| rest);
    let expected = expected.and_then(|rest| rest.split_once(", found").map(|(expected, _)| expected));
    let message = match expected {
        Some(expected) if expected.len() < 100 => format!("a syntax error: expected {expected}"),
        _ => "a syntax error".to_owned(),
    };
    let number = |label: &str| {
        let digits = text.rsplit_once(label)?.1.trim_start();
        digits[..digits.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
    };
    let place = number("Line:").zip(number("Column:")).map(|(line, column)| Place { line, column });
    SqlProblem::new(SqlFault::Syntax, message).at(place)
}

/// Where something is; nothing for what has no place.
pub(crate) fn place(location: Location) -> Option<Place> {
    let Location { line, column } = location;
    (line > 0).then_some(Place { line, column })
}

/// Where a name is.
pub(crate) fn place_of(ident: &Ident) -> Option<Place> {
    place(ident.span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, SqlProblem> {
        let names = HashMap::from([("billedcost".to_owned(), "BilledCost".to_owned())]);
        parse(text, &names).map(|query| query.to_string())
    }

    #[test]
    fn columns_may_be_spelled_in_any_case() {
        assert_eq!(
            parsed("select BILLEDCOST as billedcost, 'billedcost' from t").unwrap(),
            "SELECT \"BilledCost\" AS \"BilledCost\", 'billedcost' FROM t"
        );
        assert_eq!(parsed("select \"billedcost\" from t;").unwrap(), "SELECT \"billedcost\" FROM t");
    }

    #[test]
    fn what_is_no_single_query_is_refused() {
        for (text, fault) in [
            ("", SqlFault::Syntax),
            (";", SqlFault::Syntax),
            ("SELECT 1; SELECT 2", SqlFault::NotAllowed),
            ("DROP TABLE charges", SqlFault::NotAllowed),
            ("EXPLAIN SELECT 1", SqlFault::NotAllowed),
            ("SELECT 'secret", SqlFault::Syntax),
        ] {
            assert_eq!(parsed(text).unwrap_err().fault, fault, "{text}");
        }
        let long = format!("SELECT '{}'", "x".repeat(LONGEST));
        let many = format!("SELECT {}", vec!["1"; MOST_TOKENS].join(","));
        let deep = format!("SELECT {}1{}", "(".repeat(60), ")".repeat(60));
        for text in [long, many, deep] {
            assert_eq!(parsed(&text).unwrap_err().fault, SqlFault::TooLarge);
        }
    }

    #[test]
    fn errors_say_where_and_never_repeat_the_text() {
        let problem = parsed("SELECT a\nFROM bcr_secret WHERE ORDER bcr_secret").unwrap_err();
        assert_eq!(problem.place.map(|place| place.line), Some(2), "{problem}");
        assert!(!problem.to_string().contains("bcr_"), "{problem}");
    }
}
