//! The test kit: a real emulator of AWS over the network, a customer's world in it, and the binary under test.

pub mod admin;
pub mod bill;
pub mod contract;
pub mod emulator;
pub mod monthly;
pub mod organizations;
pub mod proxy;
pub mod samples;
pub mod secret;
pub mod server;
pub mod story;
pub mod tools;
pub mod world;
