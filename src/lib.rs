//! wxgate: a reverse proxy that signs WeChat mini-program users in.

pub mod admin;
pub mod auth;
pub mod cli;
pub mod config;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod gateway;
pub mod listener;
pub mod mock;
pub mod proxy;
pub mod rate;
pub mod session;
pub mod setting;
pub mod stamp;
pub mod telemetry;
pub mod tls;
pub mod upstream;
pub mod wechat;
