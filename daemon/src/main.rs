//! The daemon's binary: reads the command line and the environment, and hands both down as data.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line or the configuration is at fault.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use wharfd::config::{DEFAULT_FILE, Inputs, Loaded, reference};
use wharfd::run;
use wharfd::systemd;

/// What is exited with when the command line or the configuration is at fault.
const FAULTY: u8 = 2;

/// Owns this host's upstream TCP connections and leases them to local processes.
#[derive(Debug, Parser)]
#[command(name = "wharfd", version, group = clap::ArgGroup::new("task"))]
struct Arguments {
    /// Configuration files, the weaker first; conf.d/*.toml beside them is read after them.
    #[arg(long, value_name = "FILE", num_args = 1.., default_value = DEFAULT_FILE)]
    config: Vec<PathBuf>,

    /// Set one key over all files and variables, such as pool.max_total=100.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,

    /// Check the configuration, name every fault with its line, and exit.
    #[arg(long, group = "task")]
    check: bool,

    /// Print the effective configuration and where each value comes from, and exit.
    #[arg(long, group = "task")]
    print_config: bool,

    /// Print every key at its default, explained, and exit; this is configs/wharf.toml.
    #[arg(long, group = "task")]
    print_reference: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as pool.max_total=100")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.print_reference {
        return print(&reference());
    }
    let environment = match our_environment(std::env::vars_os()) {
        Ok(environment) => environment,
        Err(name) => return refuse(&format!("{name}: is not UTF-8")),
    };
    let inputs = Inputs { files: arguments.config, environment, flags: arguments.set };
    let loaded = match inputs.load() {
        Ok(loaded) => loaded,
        Err(faults) => return refuse(&faults.to_string()),
    };
    if arguments.print_config {
        return print(&loaded.to_toml());
    }
    if arguments.check {
        return print(&confirmation(&loaded));
    }
    let systemd = systemd::Environment::read(|name| std::env::var_os(name));
    match run::run(inputs, loaded, &systemd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("wharfd: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn print(answer: &str) -> ExitCode {
    match io::stdout().write_all(answer.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The variables with our prefix; an error names one that is not text.
fn our_environment(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, String> {
    let ours = all.filter(|(name, _)| name.as_encoded_bytes().starts_with(b"WHARF_"));
    ours.map(|(name, value)| {
        let shown = name.to_string_lossy().into_owned();
        Ok((
            name.into_string().map_err(|_| shown.clone())?,
            value.into_string().map_err(|_| shown)?,
        ))
    })
    .collect()
}

/// Tells what is at fault with the configuration, and exits.
fn refuse(faults: &str) -> ExitCode {
    complain(faults);
    ExitCode::from(FAULTY)
}

fn complain(text: &str) {
    // Nothing is left to tell it to if standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

fn confirmation(loaded: &Loaded) -> String {
    let files: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    let routes = match loaded.config.routes.len() {
        0 => "no [[route]] yet, so every lease will be refused".to_owned(),
        1 => "1 route".to_owned(),
        count => format!("{count} routes"),
    };
    format!("{}: ok, {routes}\n", files.join(", "))
}
