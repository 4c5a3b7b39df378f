//! What the engine says of a statement, as whoever sent it may hear it: nothing of the lake's insides, and nothing of the
//! statement's own words that may be a secret.

use std::collections::HashSet;

use arrow::error::ArrowError;
use billing::sql::{SqlFault, SqlProblem};
use datafusion::common::SchemaError;
use datafusion::common::utils::datafusion_strsim::normalized_levenshtein;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::{functions, heads};
use crate::error::LakeError;

/// A statement, for what is said of it.
pub(crate) struct Asked<'a> {
    pub(crate) text: &'a str,
    pub(crate) query: &'a Query,
    /// The names of columns and views.
    pub(crate) names: &'a HashSet<String>,
}

/// What an error means to whoever sent the statement. What is not about the statement stays what it is, and is only logged.
pub(crate) fn told(error: DataFusionError, asked: &Asked<'_>) -> LakeError {
    let problem = match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => too_large(),
        DataFusionError::SchemaError(error, _) => schema(error, asked),
        DataFusionError::Plan(text) => planned(text, asked),
        DataFusionError::NotImplemented(text) => {
            SqlProblem::new(SqlFault::NotAllowed, format!("this is not answered: {}", asked.redacted(text)))
        }
        DataFusionError::Execution(text) if !tells_of_files(text) => {
            SqlProblem::new(SqlFault::Data, asked.redacted(text))
        }
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => SqlProblem::new(SqlFault::Data, "a division by zero")
                .hint("`x / nullif(y, 0)` is null where `y` is zero"),
            ArrowError::ArithmeticOverflow(_) => SqlProblem::new(SqlFault::Data, "a number does not fit its type"),
            ArrowError::CastError(text)
            | ArrowError::ParseError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::InvalidArgumentError(text) => SqlProblem::new(SqlFault::Data, asked.redacted(text)),
            // What is spilled is bounded too, and the engine tells of it as of a disk's error.
            ArrowError::IoError(text, _) if text.contains("spilling") => too_large(),
            _ => return LakeError::Query(Box::new(error)),
        },
        // A regular expression that is none, or is too large.
        DataFusionError::External(_) => {
            SqlProblem::new(SqlFault::Data, "a pattern or a value of the statement can't be worked with")
        }
        _ => return LakeError::Query(Box::new(error)),
    };
    LakeError::Sql(problem)
}

fn too_large() -> SqlProblem {
    SqlProblem::new(SqlFault::TooLarge, "the statement needs more memory than one gets")
        .hint("ask for fewer rows or groups, or for a shorter time")
}

fn tells_of_files(text: &str) -> bool {
    text.contains("://") || text.contains('/') || text.contains(".parquet")
}

fn schema(error: &SchemaError, asked: &Asked<'_>) -> SqlProblem {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let valid = valid_fields.iter().map(|field| field.name.as_str()).filter(|name| asked.names.contains(*name));
            let near = nearest(&field.name, valid.clone().chain(asked.names.iter().map(String::as_str)));
            let problem = SqlProblem::new(SqlFault::NoColumn, "there is no such column");
            let problem = problem.at(heads::place_of_column(asked.query, &field.name));
            match near {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("`SELECT * FROM charges LIMIT 1` shows the columns that there are"),
            }
        }
        SchemaError::AmbiguousReference { field } => {
            SqlProblem::new(SqlFault::NoColumn, "several tables have a column of this name")
                .at(heads::place_of_column(asked.query, &field.name))
                .hint("write `table.column`")
        }
        SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => {
            SqlProblem::new(SqlFault::NoColumn, "two columns have the same name")
                .hint("give one another name with `AS`")
        }
    }
}

fn planned(text: &str, asked: &Asked<'_>) -> SqlProblem {
    if text.contains("not found") && text.starts_with("table ") {
        return SqlProblem::new(SqlFault::NoTable, "there is no such table")
            .hint("a query's name is known only where it is defined");
    }
    SqlProblem::new(SqlFault::Data, asked.redacted(text))
}

/// The name that is most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "");
    let wanted = plain(name);
    let scored = names.map(|name| (normalized_levenshtein(&wanted, &plain(name)), name));
    let best = scored.max_by(|(one, a), (other, b)| one.total_cmp(other).then(b.cmp(a)));
    best.filter(|(score, _)| *score >= 0.6).map(|(_, name)| name)
}

impl Asked<'_> {
    /// The engine's words without those that only the statement has: names that nothing here has, and texts in quotes.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.lines().next().unwrap_or_default().to_owned();
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, self.text).tokenize().unwrap_or_default();
        let mut own: Vec<String> = tokens.into_iter().filter_map(|token| self.own_word(token)).collect();
        // The longest first: one may begin with another.
        own.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in own {
            text = text.replace(&word, "…");
            text = text.replace(&word.to_ascii_lowercase(), "…");
        }
        let mut text = billing::told::told_whole(&text);
        if text.len() > 300 {
            text = text.chars().take(300).collect();
        }
        text.trim_end_matches('.').to_owned()
    }

    fn own_word(&self, token: Token) -> Option<String> {
        let word = match token {
            Token::Word(word) => {
                let known = (word.keyword != Keyword::NoKeyword && word.quote_style.is_none())
                    || self.names.contains(&word.value)
                    || self.names.iter().any(|name| name.eq_ignore_ascii_case(&word.value))
                    || functions::standing(&word.value.to_ascii_lowercase()) != functions::Standing::Unknown;
                if known {
                    return None;
                }
                word.value
            }
            Token::SingleQuotedString(text)
            | Token::DoubleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::NationalStringLiteral(text)
            | Token::HexStringLiteral(text)
            | Token::UnicodeStringLiteral(text) => text,
            Token::DollarQuotedString(text) => text.value,
            _ => return None,
        };
        (word.len() > 2).then_some(word)
    }
}
