//! The one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A notification is some hundred small pieces of memory that one thread makes and another lets go, which is what the
/// system's allocator is slowest at: with this one `bench ingest` takes about a quarter more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    take_memory_in_small_pages();
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

/// The allocator asks for huge pages. With them every 2 MiB that was touched in one place counts in full: an open page took 32 kB instead of
/// 16, the idle process 50 MB instead of 28, and nothing was faster (`bench pages`, `bench ingest`).
fn take_memory_in_small_pages() {
    #[cfg(target_os = "linux")]
    {
        // Where the system does not let us, it costs memory and nothing else.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}
