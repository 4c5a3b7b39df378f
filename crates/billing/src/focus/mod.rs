//! FOCUS: the columns of the lake, and how a line of AWS's bill becomes charges in them, all as data.

pub mod columns;
pub mod dialect;
pub mod export;
pub mod family;
pub mod line_item_type;
pub mod mapping;
pub mod page;
pub mod regions;
pub mod resource_types;
pub mod services;
