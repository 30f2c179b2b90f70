//! Compact tables: columns as wide as they need to be, two spaces between them.

use super::terminal::Terminal;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that is being filled.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column, in their order.
    pub(super) fn push<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells.into());
    }

    /// The table as lines, cut at the terminal's width.
    pub(super) fn render(&self, terminal: Terminal) -> String {
        let header: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().chain([&header]);
                cells.filter_map(|row| row.get(at)).map(|cell| length(cell)).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let padded =
                cells.iter().zip(&widths).zip(&self.columns).map(|((cell, &width), column)| {
                    let room = " ".repeat(width.saturating_sub(length(cell)));
                    match column.1 {
                        Side::Left => format!("{cell}{room}"),
                        Side::Right => format!("{room}{cell}"),
                    }
                });
            cut(padded.collect::<Vec<_>>().join("  ").trim_end(), terminal.width)
        };
        let mut text = terminal.bold(&line(&header));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&line(row));
            text.push('\n');
        }
        text
    }
}

/// `line`, at most `width` columns of it; that something is missing is shown.
pub(super) fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if length(line) > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        Some(_) | None => line.to_owned(),
    }
}

/// Columns that a text takes; all that the daemon says is of single width.
fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("ROUTE", Side::Left), ("IDLE", Side::Right)]);
        table.push(["http://10.213.0.1:8080".to_owned(), "3".to_owned()]);
        table.push(["api".to_owned(), "12345".to_owned()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let expected = "\
ROUTE                    IDLE
http://10.213.0.1:8080      3
api                     12345
";
        assert_eq!(table().render(Terminal::default()), expected);
    }

    #[test]
    fn lines_are_cut_at_the_terminal_s_width() {
        let terminal = Terminal { width: Some(24), color: false };
        let text = table().render(terminal);
        assert_eq!(text.lines().nth(1), Some("http://10.213.0.1:8080 …"));
        assert!(text.lines().all(|line| length(line) <= 24));
    }

    #[test]
    fn the_header_alone_is_emphasised() {
        let text = table().render(Terminal { width: None, color: true });
        assert!(text.starts_with("\u{1b}[1mROUTE"));
        assert_eq!(text.matches('\u{1b}').count(), 2);
    }
}
