//! The steps about what months came from: listing deliveries, comparing two, and letting old ones go.

use billing::comparison::{Breakdown, Comparison, Lines};
use billing::delivery::DeliveryId;
use billing::history::PastDelivery;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use lake::{Pruned, Pruning};

use crate::App;
use crate::error::AppError;

/// Which months are meant; by default all of the org's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Months {
    /// Only those of this connection.
    pub connect: Option<BillConnectId>,
    /// Only this one of each connection.
    pub period: Option<BillingPeriod>,
}

impl Months {
    /// Whether this month is among them.
    pub fn include(&self, connect: &BillConnectId, period: BillingPeriod) -> bool {
        self.connect.as_ref().is_none_or(|wanted| wanted == connect)
            && self.period.is_none_or(|wanted| wanted == period)
    }
}

/// Which two deliveries of a month are compared, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// The one; by default the one before the other.
    pub from: Option<DeliveryId>,
    /// The other; by default what the month comes from now.
    pub to: Option<DeliveryId>,
    /// What the lines are by.
    pub by: Vec<Breakdown>,
    /// Which lines are listed.
    pub lines: Lines,
}

impl App {
    /// Every delivery that months came from: by connection and month, the newest first.
    pub async fn deliveries(&self, org: OrgId, months: &Months) -> Result<Vec<PastDelivery>, AppError> {
        Ok(self.lake.org(org).deliveries(months.connect.as_ref(), months.period).await?)
    }

    /// What changed from one delivery of a month to another.
    pub async fn compare_deliveries(&self, org: OrgId, asked: &Compared) -> Result<Comparison, AppError> {
        let Compared { connect, period, from, to, by, lines } = asked;
        let lake = self.lake.org(org);
        Ok(lake.compare((connect, *period), (from.as_ref(), to.as_ref()), (by, *lines)).await?)
    }

    /// Removes, or says that it would remove, what of the org's old deliveries need not be kept.
    pub async fn prune(&self, org: OrgId, pruning: Pruning) -> Result<Vec<Pruned>, AppError> {
        Ok(self.lake.org(org).prune(&self.retention, pruning).await?)
    }
}
