//! Which charges a question about costs counts.

use serde::{Deserialize, Serialize};

use crate::cost_names::Dimension;
use crate::listing::Operator;

/// The most conditions that one filter may have.
pub const MAX_CONDITIONS: usize = 500;
/// How deep conditions may be inside one another: an engine walks them recursively, on a stack that has an end.
pub const MAX_DEPTH: usize = 16;

/// A condition on dimensions. A charge without a value has the value [`MISSING`](crate::cost_names::MISSING).
///
/// The first five are those that a body of the cost API spells; the others only the [language of lists](crate::cost_words) has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// The dimension's value is exactly this.
    Equal {
        /// The dimension.
        dimension: Dimension,
        /// The whole value.
        value: String,
    },
    /// The dimension's value contains this, upper and lower case being different.
    Substring {
        /// The dimension.
        dimension: Dimension,
        /// The part.
        substring: String,
    },
    /// All hold; with none, true.
    And {
        /// The conditions.
        expressions: Vec<Filter>,
    },
    /// One holds; with none, false.
    Or {
        /// The conditions.
        expressions: Vec<Filter>,
    },
    /// It does not hold.
    Not {
        /// The condition.
        expression: Box<Filter>,
    },
    /// The dimension's value compares like this with values.
    #[serde(skip)]
    Is {
        /// The dimension.
        dimension: Dimension,
        /// How.
        operator: Operator,
        /// With what; at least one, and more only for [`Operator::In`] and [`Operator::Nin`].
        values: Vec<String>,
    },
    /// The charge has no value for the dimension.
    #[serde(skip)]
    Missing {
        /// The dimension.
        dimension: Dimension,
    },
}

impl Filter {
    /// How many conditions there are, and how deep the deepest lies.
    pub(crate) fn size(&self) -> (usize, usize) {
        let inside: &[Filter] = match self {
            Self::Is { values, .. } => return (values.len(), 1),
            Self::Equal { .. } | Self::Substring { .. } | Self::Missing { .. } => &[],
            Self::And { expressions } | Self::Or { expressions } => expressions,
            Self::Not { expression } => std::slice::from_ref(expression),
        };
        let sizes = inside.iter().map(Self::size);
        let (count, depth) = sizes.fold((0, 0), |(all, deepest), (count, depth)| (all + count, deepest.max(depth)));
        (count + 1, depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_as_the_contract_spells_them() {
        let text = r#"{"type":"and","expressions":[{"type":"equal","dimension":"service","value":"AmazonEC2"},
            {"type":"not","expression":{"type":"substring","dimension":"tag_user:team","substring":"x"}},{"type":"or","expressions":[]}]}"#;
        let filter: Filter = serde_json::from_str(text).unwrap();
        let Filter::And { expressions } = &filter else { panic!("{filter:?}") };
        assert_eq!(expressions[0], Filter::Equal { dimension: Dimension::Service, value: "AmazonEC2".to_owned() });
        assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&filter).unwrap()).unwrap(), filter);
        assert!(serde_json::from_str::<Filter>(r#"{"type":"equal","dimension":"nonsense","value":"x"}"#).is_err());
    }

    #[test]
    fn a_body_spells_no_more_than_the_contract() {
        for kind in ["is", "missing", "in"] {
            let text = format!(r#"{{"type":"{kind}","dimension":"service","operator":"Eq","values":["x"]}}"#);
            let error = serde_json::from_str::<Filter>(&text).unwrap_err().to_string();
            assert!(error.contains("unknown variant") && error.contains("`substring`"), "{error}");
        }
    }
}
