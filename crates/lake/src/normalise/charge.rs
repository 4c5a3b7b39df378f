//! The money of a line: which rule is the line's, and what the charge or charges come to that it makes.

use billing::focus::line_item_type::{LineItemRule, Money, Quantity, RULES, UNKNOWN, Unused};
use billing::focus::mapping::{LINE_ITEM_TYPE, SPLIT_PARENT, UNBLENDED_COST, USAGE_AMOUNT, WORDS};
use billing::money::Amount;

use super::error::{CellProblem, Fault};
use super::header::Header;
use super::row::Row;

/// Whether a charge is the line itself or one that splitting adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What the line states.
    Stated,
    /// What the line's commitment left unused.
    Unused,
}

/// What one charge comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) rule: &'static LineItemRule,
    pub(super) role: Role,
    /// A share of a cost that another line carries: no sum counts it.
    pub(super) split: bool,
    /// The cost that receipts are about: unblended, and in a FOCUS export billed cost.
    pub(super) compared: Option<Amount>,
    pub(super) billed: Amount,
    pub(super) effective: Amount,
    pub(super) list: Amount,
    pub(super) contracted: Amount,
    /// How much was used or bought; the rule says which.
    pub(super) quantity: Option<Amount>,
    pub(super) list_price: Option<Amount>,
    pub(super) contracted_price: Option<Amount>,
    pub(super) net_effective: Option<Amount>,
    pub(super) committed: Option<Amount>,
}

/// A charge, and the place of its row in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) at: usize,
    pub(super) charge: Charge,
}

impl Charge {
    /// A line whose columns are the lake's own: no rule of ours has a say in it.
    const STATED: Self = Self {
        rule: &STATED,
        role: Role::Stated,
        split: false,
        compared: None,
        billed: Amount::ZERO,
        effective: Amount::ZERO,
        list: Amount::ZERO,
        contracted: Amount::ZERO,
        quantity: None,
        list_price: None,
        contracted_price: None,
        net_effective: None,
        committed: None,
    };
}

/// Stands where a line has no line item type.
static STATED: LineItemRule = LineItemRule { name: "", ..UNKNOWN };

/// How the lines of one file become charges.
pub(super) enum ChargePlan {
    /// By the table of line item types.
    ByType(Box<TypePlan>),
    /// Each line is one charge and states what it costs; this is the place of its billed cost.
    Stated(usize),
}

impl ChargePlan {
    pub(super) fn new(header: &Header) -> Self {
        if header.family().has_line_item_types() {
            return Self::ByType(Box::new(TypePlan::new(header)));
        }
        // The header has it, or it would not have been read.
        Self::Stated(header.place(header.family().cost).unwrap_or_default())
    }

    /// The places of the amounts that charges are worked out from.
    pub(super) fn measures(&self) -> Vec<usize> {
        match self {
            Self::ByType(plan) => plan.measures(),
            Self::Stated(billed) => vec![*billed],
        }
    }

    /// The charge that the line states, and the one that it adds.
    #[inline]
    pub(super) fn charges(&self, row: &impl Row) -> Result<(Charge, Option<Charge>), Fault> {
        match self {
            Self::ByType(plan) => plan.charges(row),
            Self::Stated(billed) => Ok((Charge { compared: amount(row, *billed)?, ..Charge::STATED }, None)),
        }
    }
}

/// The table of line item types, with the places of its columns in one file.
pub(super) struct TypePlan {
    line_item_type: usize,
    unblended: usize,
    split_parent: Option<usize>,
    usage_amount: Option<usize>,
    rules: Vec<PlannedRule>,
    unknown: PlannedRule,
}

struct PlannedRule {
    rule: &'static LineItemRule,
    /// The column that must not be empty, where the rule names one and the file has it.
    only_with: Option<usize>,
    billed: Vec<usize>,
    effective: Vec<usize>,
    list: Vec<usize>,
    contracted: Vec<usize>,
    list_price: Vec<usize>,
    contracted_price: Vec<usize>,
    net_effective: Vec<usize>,
    committed: Vec<usize>,
    unused: Option<PlannedUnused>,
}

struct PlannedUnused {
    plus: Vec<usize>,
    minus: Vec<usize>,
    quantity: Vec<usize>,
}

impl TypePlan {
    fn new(header: &Header) -> Self {
        // A rule that needs a column which the file lacks holds for none of its lines.
        let possible = RULES.iter().filter(|rule| rule.only_with.is_none_or(|column| header.place(column).is_some()));
        // The header has both, or it would not have been read.
        let required = |column| header.place(column).unwrap_or_default();
        Self {
            line_item_type: required(LINE_ITEM_TYPE),
            unblended: required(UNBLENDED_COST),
            split_parent: header.place(SPLIT_PARENT),
            usage_amount: header.place(USAGE_AMOUNT),
            rules: possible.map(|rule| PlannedRule::new(rule, header)).collect(),
            unknown: PlannedRule::new(&UNKNOWN, header),
        }
    }

    fn measures(&self) -> Vec<usize> {
        let own = [Some(self.unblended), self.usage_amount].into_iter().flatten();
        own.chain(self.rules.iter().flat_map(PlannedRule::measures)).collect()
    }

    fn charges(&self, row: &impl Row) -> Result<(Charge, Option<Charge>), Fault> {
        let planned = self.rule(row);
        let split = self.split_parent.is_some_and(|place| !row.cell(place).is_empty());
        let unblended = amount(row, self.unblended)?;
        let cost = |places: &[usize]| match places {
            _ if split => Ok(Amount::ZERO),
            [place] if *place == self.unblended => Ok(unblended.unwrap_or_default()),
            places => Ok(first(row, places)?.unwrap_or_default()),
        };
        let quantity = match self.usage_amount {
            Some(place) if planned.rule.quantity != Quantity::None => amount(row, place)?,
            _ => None,
        };
        // What AWS states no price of has the one that makes its cost.
        let price = |places: &[usize], cost: Amount| match first_or_word(row, places)? {
            None => Ok(quantity.and_then(|quantity| cost.per(quantity))),
            stated => Ok(stated),
        };
        let (list, contracted) = (cost(&planned.list)?, cost(&planned.contracted)?);
        let stated = Charge {
            rule: planned.rule,
            role: Role::Stated,
            split,
            compared: unblended,
            billed: cost(&planned.billed)?,
            effective: cost(&planned.effective)?,
            list,
            contracted,
            quantity,
            list_price: price(&planned.list_price, list)?,
            contracted_price: price(&planned.contracted_price, contracted)?,
            net_effective: first(row, &planned.net_effective)?,
            committed: first_or_word(row, &planned.committed)?,
        };
        let unused = match &planned.unused {
            Some(unused) if !split => unused.charge(row, &stated)?,
            _ => None,
        };
        Ok((stated, unused))
    }

    fn rule(&self, row: &impl Row) -> &PlannedRule {
        let name = row.cell(self.line_item_type);
        let holds = |rule: &PlannedRule| rule.only_with.is_none_or(|place| !row.cell(place).is_empty());
        let found = self.rules.iter().find(|rule| rule.rule.name.as_bytes() == &*name && holds(rule));
        found.unwrap_or(&self.unknown)
    }
}

impl PlannedRule {
    fn new(rule: &'static LineItemRule, header: &Header) -> Self {
        let places = |columns: Money| header.places(columns);
        Self {
            rule,
            only_with: rule.only_with.and_then(|column| header.place(column)),
            billed: places(rule.billed),
            effective: places(rule.effective),
            list: places(rule.list),
            contracted: places(rule.contracted),
            list_price: places(rule.list_price),
            contracted_price: places(rule.contracted_price),
            net_effective: places(rule.net_effective),
            committed: places(rule.committed),
            unused: rule.unused.map(|unused| PlannedUnused::new(unused, header)),
        }
    }
}

impl PlannedRule {
    fn measures(&self) -> impl Iterator<Item = usize> {
        let Self {
            billed, effective, list, contracted, list_price, contracted_price, net_effective, committed, ..
        } = self;
        let stated = [billed, effective, list, contracted, list_price, contracted_price, net_effective, committed];
        let unused = self.unused.iter().flat_map(|unused| [&unused.plus, &unused.minus, &unused.quantity]);
        stated.into_iter().chain(unused).flatten().copied()
    }
}

impl PlannedUnused {
    fn new(unused: &Unused, header: &Header) -> Self {
        let places = |columns: Money| header.places(columns);
        Self { plus: places(unused.plus), minus: places(unused.minus), quantity: places(unused.quantity) }
    }

    fn charge(&self, row: &impl Row, stated: &Charge) -> Result<Option<Charge>, Fault> {
        let mut worth = Amount::ZERO;
        let overflow = |place| move || Fault::new(place, CellProblem::Overflow);
        for place in &self.plus {
            worth = worth.checked_add(amount(row, *place)?.unwrap_or_default()).ok_or_else(overflow(*place))?;
        }
        for place in &self.minus {
            worth = worth.checked_sub(amount(row, *place)?.unwrap_or_default()).ok_or_else(overflow(*place))?;
        }
        if worth <= Amount::ZERO {
            return Ok(None);
        }
        let committed = if self.quantity.is_empty() { Some(worth) } else { first_or_word(row, &self.quantity)? };
        Ok(Some(Charge {
            role: Role::Unused,
            // Not null: every charge counts in the sums of unblended cost, this one with nothing.
            compared: Some(Amount::ZERO),
            billed: Amount::ZERO,
            effective: worth,
            list: Amount::ZERO,
            contracted: Amount::ZERO,
            quantity: None,
            list_price: None,
            contracted_price: None,
            net_effective: None,
            committed,
            ..*stated
        }))
    }
}

/// The amount in a cell, `None` where it is empty.
#[inline]
pub(super) fn amount(row: &impl Row, place: usize) -> Result<Option<Amount>, Fault> {
    row.amount(place).map_err(|error| Fault::new(place, CellProblem::Amount(error)))
}

/// The first amount among these cells.
pub(super) fn first(row: &impl Row, places: &[usize]) -> Result<Option<Amount>, Fault> {
    for place in places {
        if let Some(amount) = amount(row, *place)? {
            return Ok(Some(amount));
        }
    }
    Ok(None)
}

/// The first amount among these cells, where a word that AWS writes for no number is none.
pub(super) fn first_or_word(row: &impl Row, places: &[usize]) -> Result<Option<Amount>, Fault> {
    for place in places {
        match amount(row, *place) {
            Ok(None) => {}
            Err(_) if WORDS.iter().any(|word| word.as_bytes() == &*row.cell(*place)) => {}
            found => return found,
        }
    }
    Ok(None)
}
