//! `start_of_month(at)` and its like: the hour, day or month that an instant lies in. The engine's own function asks a table of
//! time zones about each row; charges are in UTC, where it is sums.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde::{Deserialize, Serialize};

/// A length of time that begins with a whole number of itself, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Hour,
    Day,
    Month,
}

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

impl Unit {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the unit began that the instant `at` lies in, in microseconds since 1970.
    pub(crate) fn start(self, at: i64) -> i64 {
        match self {
            Self::Hour => at - at.rem_euclid(HOUR),
            Self::Day => at - at.rem_euclid(DAY),
            Self::Month => {
                let day = at.div_euclid(DAY);
                (day - day_of_month(day)) * DAY
            }
        }
    }
}

/// Which day of its month a day is, both from 0; days are counted from 1970.
///
/// Years are taken to begin in March, so that the leap day is the last of one, and are told within an era of 400.
fn day_of_month(day: i64) -> i64 {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5
}

/// When the unit began that the instant `at` lies in, a column of UTC microseconds.
pub(crate) fn start_of(unit: Unit, at: Expr) -> Expr {
    static FUNCTIONS: LazyLock<[Arc<ScalarUDF>; 3]> =
        LazyLock::new(|| [Unit::Hour, Unit::Day, Unit::Month].map(|unit| Arc::new(StartOf::new(unit).into())));
    FUNCTIONS[unit as usize].call(vec![at])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StartOf {
    unit: Unit,
    signature: Signature,
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl StartOf {
    fn new(unit: Unit) -> Self {
        Self { unit, signature: Signature::exact(vec![instant()], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for StartOf {
    fn name(&self) -> &'static str {
        match self.unit {
            Unit::Hour => "start_of_hour",
            Unit::Day => "start_of_day",
            Unit::Month => "start_of_month",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(instant())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [at] = &args.args[..] else {
            return exec_err!("`{}` takes one instant", self.name());
        };
        let at = at.to_array(args.number_rows)?;
        let starts: TimestampMicrosecondArray =
            at.as_primitive::<TimestampMicrosecondType>().unary(|at| self.unit.start(at));
        Ok(ColumnarValue::Array(Arc::new(starts.with_timezone("UTC")) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use time::{Duration, OffsetDateTime, Time};

    use super::*;

    fn micros(at: OffsetDateTime) -> i64 {
        i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap()
    }

    #[test]
    fn every_day_of_four_centuries_is_in_the_calendars_month() {
        let mut at = datetime!(1850-01-01 13:14:15.000001 UTC);
        while at.year() < 2251 {
            let day = at.replace_time(Time::MIDNIGHT);
            let month = day.replace_day(1).unwrap();
            assert_eq!(Unit::Month.start(micros(at)), micros(month), "{at}");
            assert_eq!(Unit::Day.start(micros(at)), micros(day), "{at}");
            assert_eq!(Unit::Hour.start(micros(at)), micros(day + Duration::hours(13)), "{at}");
            at += Duration::DAY;
        }
    }

    #[test]
    fn a_unit_begins_with_its_first_microsecond_and_not_before() {
        let leap = micros(datetime!(2028-03-01 0:00 UTC));
        assert_eq!(Unit::Month.start(leap), leap);
        assert_eq!(Unit::Month.start(leap - 1), micros(datetime!(2028-02-01 0:00 UTC)));
    }
}
