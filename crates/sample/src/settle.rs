//! What closes a month: enterprise and private-rate discounts on what was spent, then tax on what is left.

use crate::account::Bill;
use crate::column::Col;
use crate::dec::Dec;
use crate::desk::{Desk, Head};
use crate::error::SampleError;
use crate::line::{LineType, Money};
use crate::product::{CLOUDWATCH, EC2, LAMBDA, Product, RDS, S3};

/// Line item type, product, share and description of each discount.
const DISCOUNTED: [(LineType, &Product, Dec, &str); 3] = [
    (LineType::EdpDiscount, &EC2, Dec::of("0.09"), "Enterprise program discount, 9%"),
    (LineType::EdpDiscount, &RDS, Dec::of("0.09"), "Enterprise program discount, 9%"),
    (LineType::PrivateRateDiscount, &S3, Dec::of("0.05"), "Private rate card 2026, \"S3, all regions\""),
];
/// What AWS charges tax on, one line for each account and product even where it is 0.
const TAXED: [&Product; 5] = [&EC2, &RDS, &S3, &LAMBDA, &CLOUDWATCH];

/// Exactly so many lines for each account.
pub(crate) const LINES_PER_ACCOUNT: u64 = 8;

/// Discounts first: tax is on what is left after them.
pub(crate) fn write(desk: &mut Desk<'_>) -> Result<(), SampleError> {
    for account in 0..desk.accounts.len() {
        for (line_type, product, share, text) in DISCOUNTED {
            let amount = -spent(desk, (account, product)).times(share);
            line(desk, (line_type, account, product), (amount, text))?;
        }
        for product in TAXED {
            let european = desk.accounts[account].is_european();
            let (rate, name) = if european { (Dec::of("0.2"), "VAT") } else { (Dec::of("0.0825"), "USSalesTax") };
            let amount = spent(desk, (account, product)).times(rate).to_cents();
            let text = format!("{name} for product code {}", product.code);
            line(desk, (LineType::Tax, account, product), (amount, &text))?;
        }
    }
    Ok(())
}

/// What was billed so far. A month of refunds may leave less than nothing, which is neither discounted nor taxed.
fn spent(desk: &Desk<'_>, (account, product): (usize, &Product)) -> Dec {
    desk.spend.get(&(account, product.code)).copied().unwrap_or_default().max(Dec::ZERO)
}

fn line(
    desk: &mut Desk<'_>,
    (line_type, account, product): (LineType, usize, &'static Product),
    (unblended, text): (Dec, &str),
) -> Result<(), SampleError> {
    let head = Head { line_type, account, product, bill: Bill::Monthly, hours: desk.scene.whole_month() };
    desk.begin(&head);
    // AWS states one unit, and no price, on lines that sum others up.
    desk.cells.set_amount(Col::UsageAmount, Dec::whole(1));
    desk.cells.set(Col::LineItemDescription, text);
    if line_type == LineType::Tax {
        desk.cells.set(Col::TaxType, text.split(' ').next().unwrap_or_default());
    }
    desk.emit(&head, &Money { unblended, blended: Some(unblended), ..Money::default() })
}
