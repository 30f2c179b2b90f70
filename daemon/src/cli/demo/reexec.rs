//! This program, started again as one of the demo's processes.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The program itself. The link is followed by the child, so it holds where the file's path does
/// not: after the file was replaced, or where another mount hides it.
const SELF: &str = "/proc/self/exe";

/// The hidden subcommands; each is one kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The first process of the namespace.
    Init,
    /// The one that goes through the stages.
    Runner,
    /// The HTTP upstream.
    Upstream,
    /// The daemon.
    Daemon,
    /// One request.
    Client,
}

impl Role {
    /// All roles.
    const ALL: [Self; 5] = [Self::Init, Self::Runner, Self::Upstream, Self::Daemon, Self::Client];

    /// The hidden subcommand's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Init => "__init",
            Self::Runner => "__run",
            Self::Upstream => "__upstream",
            Self::Daemon => "__daemon",
            Self::Client => "__client",
        }
    }

    /// The role that a first argument names.
    pub(super) fn of(argument: &std::ffi::OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|role| argument == role.name())
    }

    /// A command that starts a process of this role.
    pub(super) fn command(self) -> Command {
        let mut command = Command::new(SELF);
        command.arg0("wharf").arg(self.name());
        command
    }
}
