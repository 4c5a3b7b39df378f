//! FOCUS: the columns of the lake, and how a line of AWS's bill becomes charges in them, all as data.

pub mod columns;
