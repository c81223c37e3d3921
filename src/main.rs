//! Arguments → command → exit code.

use std::process::ExitCode;

/// Small blocks of one size are what sessions and requests are made of: it keeps them closer
/// together than the system's allocator does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wxgate::cli::main()
}
