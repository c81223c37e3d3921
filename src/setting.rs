//! The words a config is made of: how each is read, refused and written.
//!
//! A word reads itself from a [`Value`] and never stops at the first fault; what it says about a
//! fault never shows what might be a secret.

mod declare;
mod fault;
mod lines;
mod listen;
mod network;
mod origin;
mod print;
mod quantity;
mod read;
mod schema;
mod secret;
mod value;
mod word;

pub(crate) use declare::{choice, defaults, field, section, text};
pub use fault::{Fault, Reader};
pub use lines::{HeaderLine, HeaderLines};
pub use listen::ListenAddress;
pub use network::Network;
pub use origin::{Origin, ServerAddress};
pub use print::Printed;
pub use quantity::Size;
pub use read::{needed, offered};
pub use schema::{Setting, Shape};
pub use secret::{Secret, is_variable_name};
pub use value::{Kind, Place, Value, closest, looks_secret, shown, star, without_user};

#[cfg(test)]
mod tests;
