//! Commands, one file each.

pub mod decrypt;
