//! Servers behind us: choose, forward, stream.
