//! The command-line tool's binary: reads the arguments and the environment, and hands them down.

use std::process::ExitCode;

use wharfd::cli::{self, Environment, Invocation};

fn main() -> ExitCode {
    let environment = Environment {
        socket: std::env::var_os("WHARF_SOCKET").filter(|path| !path.is_empty()),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        columns: std::env::var_os("COLUMNS")
            .and_then(|columns| columns.to_str()?.parse().ok())
            .filter(|&columns| columns > 0),
    };
    cli::run(&Invocation { arguments: std::env::args_os().skip(1).collect(), environment })
}
