//! What a viewer sees of reservations and savings plans.

use app::commitments::BilledCommitments;
use app::reservations::Explored;
use billing::commitment::Days;
use billing::reservation::Reservation;

use super::Viewer;
use crate::error::ApiError;

impl Viewer {
    /// What the bill says of commitments over `days`, or over the newest month; `None` where nothing is published.
    pub(crate) async fn commitments(&self, days: Option<Days>) -> Result<Option<(Days, BilledCommitments)>, ApiError> {
        let days = match days {
            Some(days) => Some(days),
            None => self.app.newest_month(self.org).await?,
        };
        let Some(days) = days else { return Ok(None) };
        Ok(Some((days, self.app.commitments(self.org, days).await?)))
    }

    /// What Cost Explorer says of each connection's reservations.
    pub(crate) async fn explored(&self) -> Result<Vec<Explored>, ApiError> {
        Ok(self.app.explored(self.org).await?)
    }

    /// The reservations of seven days, in the words of the first generation.
    pub(crate) async fn rolling_week(&self) -> Result<Vec<Reservation>, ApiError> {
        Ok(self.app.rolling_week(self.org).await?)
    }
}
