//! Families of reports: the rules that read them, whatever the spelling and the packing of their files.

use super::export;
use super::line_item_type::{LineItemRule, RULES, UNKNOWN};
use super::mapping::{self, Mapping};
use crate::receipt::ComparedCost;

/// One family of reports.
#[derive(Debug)]
pub struct Family {
    /// Its name, for people.
    pub name: &'static str,
    /// One rule for each column of the lake, in the columns' order.
    pub mappings: &'static [Mapping],
    /// The columns without which a report says too little to be read at all.
    pub required: &'static [&'static str],
    /// The columns that sums are kept by: line item type, usage account, invoice.
    pub sum_key: [&'static str; 3],
    /// The column that is summed in the files.
    pub cost: &'static str,
    /// Which cost of the lake those sums are held against.
    pub compared: ComparedCost,
    /// The currency of a line.
    pub currency: &'static str,
}

/// Cost and Usage Reports, legacy and 2.0.
pub static CUR: Family = Family {
    name: "Cost and Usage Report",
    mappings: mapping::MAPPINGS,
    required: &mapping::REQUIRED,
    sum_key: [mapping::LINE_ITEM_TYPE, mapping::USAGE_ACCOUNT, mapping::INVOICE],
    cost: mapping::UNBLENDED_COST,
    compared: ComparedCost::Unblended,
    currency: mapping::CURRENCY,
};

/// FOCUS 1.0 and 1.2 exports. They have no line item types; the charge category takes their place.
pub static FOCUS: Family = Family {
    name: "FOCUS export",
    mappings: export::MAPPINGS,
    required: &export::REQUIRED,
    sum_key: [export::CHARGE_CATEGORY, "SubAccountId", "InvoiceId"],
    cost: export::BILLED_COST,
    compared: ComparedCost::Billed,
    currency: export::CURRENCY,
};

impl Family {
    /// Whether charges come about by the table of line item types.
    pub fn has_line_item_types(&self) -> bool {
        self.compared == ComparedCost::Unblended
    }

    /// Every source column that a rule reads by its name; a column may come several times.
    pub fn sources(&self) -> impl Iterator<Item = &'static str> + use<> {
        let by_type = self.has_line_item_types();
        let rules = RULES.iter().chain([&UNKNOWN]).filter(move |_| by_type);
        self.mappings.iter().flat_map(Mapping::sources).copied().chain(rules.flat_map(LineItemRule::sources))
    }

    /// Whether a rule reads this source column by its name; what none reads lands in a JSON object.
    pub fn reads(&self, column: &str) -> bool {
        self.sources().any(|source| source == column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::focus::columns::{self, Nulls};
    use crate::focus::mapping::{Absent, LineItemFact, Value};

    #[test]
    fn every_column_has_one_rule_and_in_the_columns_order() {
        let columns: Vec<_> = columns::all().map(|column| column.name).collect();
        for family in [&CUR, &FOCUS] {
            let targets: Vec<_> = family.mappings.iter().map(|mapping| mapping.target).collect();
            assert_eq!(targets, columns, "{}", family.name);
        }
    }

    #[test]
    fn a_column_that_is_never_null_says_what_absent_means() {
        for (mapping, column) in [&CUR, &FOCUS].iter().flat_map(|family| family.mappings.iter().zip(columns::all())) {
            let by_itself = matches!(mapping.value, Value::Always(_) | Value::LineItem(_));
            if column.nulls == Nulls::Never && !by_itself {
                assert_ne!(mapping.absent, Absent::Null, "{}", mapping.target);
            }
        }
    }

    #[test]
    fn what_a_charge_needs_is_read_by_a_rule() {
        for family in [&CUR, &FOCUS] {
            for column in family.required.iter().chain(&family.sum_key).chain([&family.cost, &family.currency]) {
                assert!(family.reads(column), "{column}");
            }
        }
        assert!(!CUR.reads("product/storageClass") && !CUR.reads("reservation/ModificationStatus"));
    }

    #[test]
    fn a_focus_export_has_no_line_item_types() {
        let by_type = |mapping: &&Mapping| {
            matches!(mapping.value, Value::LineItem(fact) if fact != LineItemFact::IsSplitCost)
                || matches!(mapping.value, Value::Service(_) | Value::Commitment(_))
        };
        assert!(FOCUS.mappings.iter().find(by_type).is_none());
    }
}
