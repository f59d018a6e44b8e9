//! The binary: parses the command line, runs it on a thread with a deep stack, and chooses the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Scripts nest deeper than the main thread's stack allows.
    let thread = std::thread::Builder::new().stack_size(neurhai::script::STACK).spawn(neurhai::cli::main);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(status)) => ExitCode::from(status),
        _ => ExitCode::from(1),
    }
}
