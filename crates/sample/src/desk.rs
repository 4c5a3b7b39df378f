//! Where lines are made up: fills the cells that all lines share and hands each finished line on.

use std::collections::BTreeMap;

use crate::account::{Account, Bill, Invoices, entities};
use crate::catalogue::Region;
use crate::cells::Cells;
use crate::column::Col;
use crate::dec::Dec;
use crate::error::SampleError;
use crate::line::{Kind, LineType, Money};
use crate::month::Month;
use crate::plan::Plan;
use crate::product::Product;
use crate::rng::Rng;
use crate::spec::Spec;

/// A month to be written: fixed once it starts.
pub(crate) struct Scene {
    pub(crate) month: Month,
    pub(crate) index: usize,
    /// The text of each hour: formatted once, used by every line.
    pub(crate) stamps: Vec<String>,
    pub(crate) invoices: Invoices,
    pub(crate) plan: Plan,
}

impl Scene {
    pub(crate) fn new(spec: &Spec, index: usize) -> Result<Self, SampleError> {
        let months = spec.all_months();
        let month = months[index];
        // Streams for lines are numbered by year and month, from 200001 on; these stay below.
        let mut rng = Rng::new(spec.seed, 1000 + u64::try_from(index).expect("a count of months fits"));
        let open = index + 1 == months.len();
        let invoices = if open { Invoices::open() } else { Invoices::closed(&mut rng) };
        Ok(Self { month, index, stamps: month.stamps(), invoices, plan: Plan::new(spec, month)? })
    }

    pub(crate) fn hours(&self) -> u16 {
        self.month.hours()
    }

    pub(crate) fn whole_month(&self) -> (u16, u16) {
        (0, self.hours())
    }
}

/// What every line says about itself.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) line_type: LineType,
    /// Index of the usage account.
    pub(crate) account: usize,
    pub(crate) product: &'static Product,
    pub(crate) bill: Bill,
    /// Hours since the month began: first, and the one after the last.
    pub(crate) hours: (u16, u16),
}

/// A finished line, for the files and for the totals.
pub(crate) struct Entry<'a> {
    pub(crate) line_type: LineType,
    pub(crate) account: &'a str,
    pub(crate) product: &'a str,
    /// Start of usage, as the bill writes it.
    pub(crate) start: &'a str,
    pub(crate) invoice: &'a str,
    pub(crate) money: &'a Money,
    pub(crate) cells: &'a Cells,
}

/// Takes finished lines in order.
pub(crate) trait Sink {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), SampleError>;
}

/// Makes one month's lines.
pub(crate) struct Desk<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) accounts: &'a [Account],
    payer: &'a str,
    pub(crate) rng: Rng,
    pub(crate) cells: Cells,
    /// Of the line before, in case it repeats.
    line_id: String,
    sink: &'a mut dyn Sink,
    pub(crate) written: u64,
    /// Invoiced so far by account and product: what taxes and discounts at the month's end are worked out from.
    pub(crate) spend: BTreeMap<(usize, &'static str), Dec>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(spec: &'a Spec, accounts: &'a [Account], scene: &'a Scene, sink: &'a mut dyn Sink) -> Self {
        let rng = Rng::new(spec.seed, u64::from(scene.month.year) * 100 + u64::from(scene.month.month));
        let payer = &spec.payer_account;
        let (cells, line_id, spend) = (Cells::new(), String::new(), BTreeMap::new());
        Self { scene, accounts, payer, rng, cells, line_id, sink, written: 0, spend }
    }

    /// The account whose turn it is.
    pub(crate) fn turn(&self, at: usize) -> usize {
        at % self.accounts.len()
    }

    /// Clears the row and fills what every line has.
    pub(crate) fn begin(&mut self, head: &Head) {
        let (scene, account) = (self.scene, &self.accounts[head.account]);
        self.next_line_id();
        let cells = &mut self.cells;
        cells.clear();
        let [start, end] = [head.hours.0, head.hours.1].map(|hour| scene.stamps[usize::from(hour)].as_str());
        let [legal, invoicing] = entities(account, head.bill, head.product);
        let (first, last) = (&scene.stamps[0], &scene.stamps[usize::from(scene.hours())]);
        let texts = [
            (Col::LineItemId, self.line_id.as_str()),
            (Col::BillInvoiceId, scene.invoices.of(head.bill, account)),
            (Col::BillInvoicingEntity, invoicing),
            (Col::BillingEntity, head.bill.billing_entity()),
            (Col::BillType, head.bill.bill_type()),
            (Col::BillPayerAccountId, self.payer),
            (Col::BillingPeriodStartDate, first),
            (Col::BillingPeriodEndDate, last),
            (Col::UsageAccountId, &account.id),
            (Col::LineItemType, head.line_type.name()),
            (Col::UsageStartDate, start),
            (Col::UsageEndDate, end),
            (Col::ProductCode, head.product.code),
            (Col::CurrencyCode, "USD"),
            (Col::LegalEntity, legal),
            (Col::ProductName, head.product.name),
            (Col::ProductServicename, head.product.name),
            (Col::ProductServicecode, head.product.service_code),
        ];
        for (col, text) in texts {
            cells.set(col, text);
        }
        cells.set_format(Col::TimeInterval, format_args!("{start}/{end}"));
    }

    /// Usage type, operation, unit and product family, in a region.
    pub(crate) fn place(&mut self, region: &Region, usage: [&str; 4]) {
        let cells = &mut self.cells;
        cells.set_format(Col::UsageType, format_args!("{}{}", region.prefix, usage[0]));
        cells.set_format(Col::ProductUsagetype, format_args!("{}{}", region.prefix, usage[0]));
        let texts = [
            (Col::Operation, usage[1]),
            (Col::ProductOperation, usage[1]),
            (Col::PricingUnit, usage[2]),
            (Col::ProductFamily, usage[3]),
            (Col::ProductRegion, region.code),
            (Col::ProductRegionCode, region.code),
            (Col::ProductLocation, region.location),
            (Col::ProductLocationType, "AWS Region"),
            (Col::PricingCurrency, "USD"),
        ];
        for (col, text) in texts {
            cells.set(col, text);
        }
    }

    /// Writes the line's money and hands it on.
    pub(crate) fn emit(&mut self, head: &Head, money: &Money) -> Result<(), SampleError> {
        money.write(&mut self.cells);
        // Tax is not taxed, and pods cost nothing.
        if money.kind != Kind::Split && head.line_type != LineType::Tax {
            *self.spend.entry((head.account, head.product.code)).or_default() += money.charges(head.line_type).billed;
        }
        self.written += 1;
        let account = &self.accounts[head.account];
        self.sink.take(&Entry {
            line_type: head.line_type,
            account: &account.id,
            product: head.product.code,
            start: &self.scene.stamps[usize::from(head.hours.0)],
            invoice: self.scene.invoices.of(head.bill, account),
            money,
            cells: &self.cells,
        })
    }

    /// Ids repeat within a delivery, so now and then one does.
    fn next_line_id(&mut self) {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        if !self.line_id.is_empty() && self.rng.once_in(24) {
            return;
        }
        self.line_id.clear();
        while self.line_id.len() < 52 {
            let mut bits = self.rng.next();
            for _ in 0..13 {
                let at = usize::try_from(bits & 31).expect("five bits");
                self.line_id.push(char::from(ALPHABET[at]));
                bits >>= 5;
            }
        }
    }
}
