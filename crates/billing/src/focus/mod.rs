//! FOCUS: the columns of the lake, and how a line of AWS's bill becomes charges in them, all as data.

pub mod columns;
pub mod line_item_type;
pub mod mapping;
pub mod page;
pub mod services;
