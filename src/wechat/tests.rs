//! The client against a `WeChat` that says what it is told to say.

mod login;
mod quiet;
mod server;
mod setup;
mod token;
