//! The one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A notification is some hundred small pieces of memory that one thread makes and another lets go, which is what the
/// system's allocator is slowest at: with this one `bench ingest` takes about a quarter more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // A second installation only says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(tollhouse::cli::run(std::env::args_os()))
}
