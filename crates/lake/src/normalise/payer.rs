//! Whose bill it is, by its rows: where no manifest says it, each row must name the connection's payer account.

use billing::focus::family::Family;
use billing::focus::mapping::{Absent, Mapping};

use super::error::{CellProblem, Fault, IngestError};
use super::header::Header;
use super::plan::Delivered;
use super::row::Row;

/// Holds each row of a file to the payer account.
pub(super) struct PayerCheck {
    place: usize,
    payer: Vec<u8>,
}

impl PayerCheck {
    /// For a file with this header; `None` where the delivery's manifest has said whose bill it is.
    pub(super) fn new(file: &str, header: &Header, delivered: &Delivered) -> Result<Option<Self>, IngestError> {
        if !delivered.rows_prove_payer {
            return Ok(None);
        }
        let columns = payer_columns(header.family());
        if let Some(place) = columns.iter().find_map(|column| header.place(column)) {
            return Ok(Some(Self { place, payer: delivered.payer.clone().into_bytes() }));
        }
        let column = columns.first().map(|column| header.dialect().spell(column)).unwrap_or_default();
        Err(IngestError::NoPayer { file: file.to_owned(), column })
    }

    /// Whether the row is on the payer's bill.
    #[inline]
    pub(super) fn check(&self, row: &impl Row) -> Result<(), Fault> {
        if *row.cell(self.place) == *self.payer {
            return Ok(());
        }
        Err(Fault::new(self.place, CellProblem::OtherPayer))
    }
}

/// The columns that say who pays.
fn payer_columns(family: &'static Family) -> &'static [&'static str] {
    family.mappings.iter().find(|mapping| mapping.absent == Absent::Payer).map(Mapping::sources).unwrap_or_default()
}
