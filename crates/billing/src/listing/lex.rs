//! The words of a filter or an order, each with the place where it stands.

use std::fmt;

use super::Flaw;
use crate::names::quotable;

/// One word, and which character it begins with, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub(crate) at: usize,
    pub(crate) what: What<'t>,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What<'t> {
    /// A name or an operator, or what stands in its place.
    Word(&'t str),
    /// What stood between single quotes.
    Text(String),
    Open,
    Close,
    Comma,
    /// Nothing more.
    End,
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{}`", quotable(word)),
            Self::Text(text) => write!(f, "the value `'{}'`", quotable(text)),
            Self::Open => f.write_str("`(`"),
            Self::Close => f.write_str("`)`"),
            Self::Comma => f.write_str("`,`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Cuts a text into words; the last one is always [`What::End`].
pub(crate) fn lex(text: &str) -> Result<Vec<Token<'_>>, Flaw> {
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (what, length) = match first {
            '(' => (Some(What::Open), 1),
            ')' => (Some(What::Close), 1),
            ',' => (Some(What::Comma), 1),
            '\'' => {
                let (value, length) = quoted(rest).ok_or_else(|| unclosed(at))?;
                (Some(What::Text(value)), length)
            }
            blank if blank.is_whitespace() => (None, blank.len_utf8()),
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'');
                let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
                (Some(What::Word(word)), word.len())
            }
        };
        tokens.extend(what.map(|what| Token { at, what }));
        at += rest[..length].chars().count();
        rest = &rest[length..];
    }
    tokens.push(Token { at, what: What::End });
    Ok(tokens)
}

/// The value that begins with a quote, and how many bytes it takes with both its quotes; `None` where it has no end.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut length = 1;
    loop {
        let end = length + text[length..].find('\'')?;
        value.push_str(&text[length..end]);
        length = end + 1;
        if !text[length..].starts_with('\'') {
            return Some((value, length));
        }
        value.push('\'');
        length += 1;
    }
}

fn unclosed(at: usize) -> Flaw {
    let message = "the value that begins here has no closing quote; a quote within a value is written twice";
    Flaw { at, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_places_in_characters() {
        let tokens = lex("né in('o''x' ,'')").unwrap();
        let expected = [
            (1, What::Word("né")),
            (4, What::Word("in")),
            (6, What::Open),
            (7, What::Text("o'x".to_owned())),
            (14, What::Comma),
            (15, What::Text(String::new())),
            (17, What::Close),
            (18, What::End),
        ];
        assert_eq!(tokens, expected.map(|(at, what)| Token { at, what }));
    }

    #[test]
    fn a_value_without_an_end_is_told_where_it_begins() {
        for text in ["a eq 'b", "a eq 'b''", "a eq 'b''''", "a eq '"] {
            assert_eq!(lex(text).unwrap_err().at, 6, "{text}");
        }
        assert!(lex("").unwrap()[0].what == What::End);
    }
}
