//! What standard output can show: its width and whether it takes colours.

use std::io::IsTerminal as _;

use super::Environment;

/// Narrower than this no table is of use; such a width is taken for a mistake.
const WIDTH_MIN: usize = 20;

/// How to print to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terminal {
    /// Columns; `None` where lines may be as long as they are, in a pipe or a file.
    pub(super) width: Option<usize>,
    /// Whether emphasis is wanted.
    pub(super) color: bool,
}

impl Terminal {
    /// Standard output as it is now. `COLUMNS` goes before what the terminal says.
    pub(super) fn of_stdout(environment: &Environment) -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let measured = || rustix::termios::tcgetwinsize(&stdout).ok();
        let columns = environment
            .columns
            .or_else(|| is_terminal.then(measured).flatten().map(|size| usize::from(size.ws_col)));
        Self {
            width: columns.filter(|&columns| columns >= WIDTH_MIN),
            color: is_terminal && !environment.no_color,
        }
    }

    /// `text` in bold, where there is emphasis.
    pub(super) fn bold(self, text: &str) -> String {
        if self.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
