//! Rows under headers. A table that is wider than its terminal is cut where it hurts least: columns that may give, widest first, and then
//! whole columns from the right.

use super::{Look, Tone, columns, cut, one_line};

/// What stands between two columns.
const GAP: usize = 2;

/// Rows under headers.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    align: Align,
    least: usize,
}

/// Where a text stands within its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// What stands in one row of one column.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Column {
    /// A column that may give down to so many columns of the terminal where there is no room.
    #[must_use]
    pub const fn new(name: &'static str, align: Align, least: usize) -> Self {
        Self { name, align, least }
    }
}

impl Cell {
    /// A text, of whomever: what cannot be seen of it is made visible.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::toned(Tone::Plain, text)
    }

    /// The same in a tone.
    #[must_use]
    pub fn toned(tone: Tone, text: &str) -> Self {
        let text = one_line(text);
        Self { text, tone }
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub const fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell for each column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// The rows under their headers, each line with its end. No line is wider than the terminal.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let headers = self.columns.iter().map(|column| Cell {
            text: column.name.to_owned(),
            tone: Tone::Strong,
        });
        let headers: Vec<Cell> = headers.collect();
        let widths = self.widths(look.width);
        let mut text = String::new();
        self.line(&headers, &widths, look, &mut text);
        text.push_str(&self.body(&widths, look));
        text
    }

    /// The rows alone, as other programs read them.
    #[must_use]
    pub fn rows(&self, look: Look) -> String {
        self.body(&self.widths(look.width), look)
    }

    fn body(&self, widths: &[usize], look: Look) -> String {
        let mut text = String::new();
        for row in &self.rows {
            self.line(row, widths, look, &mut text);
        }
        text
    }

    /// The widths of the columns that are shown.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| columns(c.name)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(&cell.text));
            }
        }
        if let Some(width) = width {
            self.squeeze(&mut widths, width);
        }
        widths
    }

    fn squeeze(&self, widths: &mut Vec<usize>, width: usize) {
        let mut whole = widths.clone();
        loop {
            let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            let over = all.saturating_sub(width);
            if over == 0 {
                return;
            }
            let giving = widths.iter().zip(&self.columns).enumerate();
            let giving = giving.filter(|(_, (width, column))| **width > column.least);
            let widest = giving.max_by_key(|(_, (width, _))| **width);
            match widest.map(|(at, _)| at) {
                Some(at) => widths.iter_mut().skip(at).take(1).for_each(|one| *one -= 1),
                // The others have room again.
                None if widths.len() > 1 => {
                    whole.pop();
                    widths.clone_from(&whole);
                }
                None => return widths.iter_mut().for_each(|one| *one = (*one).min(width)),
            }
        }
    }

    fn line(&self, row: &[Cell], widths: &[usize], look: Look, text: &mut String) {
        let mut blank = 0;
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let shown = cut(&cell.text, *width);
            let pad = width.saturating_sub(columns(&shown));
            let (before, after) = match column.align {
                Align::Left => (0, pad),
                Align::Right => (pad, 0),
            };
            if !shown.is_empty() {
                // No line ends in blanks.
                text.extend(std::iter::repeat_n(' ', blank + before));
                text.push_str(&look.paint(cell.tone, &shown));
                blank = after + GAP;
            } else {
                blank += width + GAP;
            }
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column::new("NAME", Align::Left, 8),
            Column::new("STATE", Align::Left, 5),
            Column::new("LOAD", Align::Right, 5),
            Column::new("SYSTEM", Align::Left, 6),
        ]);
        let row = |name: &str, state, load: &str, system: &str| {
            let (name, load) = (Cell::new(name), Cell::new(load));
            vec![name, state, load, Cell::new(system)]
        };
        let good = Cell::toned(Tone::Good, "online");
        let bad = Cell::toned(Tone::Bad, "off 3m");
        table.push(row("web-01", good, "0.10", "Debian GNU/Linux 12"));
        table.push(row("long-name-of-a-database-01", bad, "10.25", ""));
        table
    }

    fn shown(width: Option<usize>) -> String {
        table().render(Look {
            width,
            colours: false,
        })
    }

    #[test]
    fn a_table_is_as_wide_as_it_must_be_and_no_wider_than_its_terminal() {
        insta::assert_snapshot!(shown(None), @"
        NAME                        STATE    LOAD  SYSTEM
        web-01                      online   0.10  Debian GNU/Linux 12
        long-name-of-a-database-01  off 3m  10.25
        ");
        insta::assert_snapshot!(shown(Some(50)), @"
        NAME               STATE    LOAD  SYSTEM
        web-01             online   0.10  Debian GNU/Linu…
        long-name-of-a-d…  off 3m  10.25
        ");
        insta::assert_snapshot!(shown(Some(20)), @"
        NAME          STATE
        web-01        online
        long-name-o…  off 3m
        ");
        for width in 0..80 {
            let text = shown(Some(width));
            let widest = text.lines().map(columns).max();
            assert!(widest <= Some(width), "{width}: {text}");
            assert_eq!(text.lines().count(), 3, "every row is there: {width}");
        }
    }

    #[test]
    fn a_header_is_bold_and_a_state_has_its_colour() {
        let text = table().render(Look {
            width: None,
            colours: true,
        });
        assert!(text.starts_with("\u{1b}[1mNAME\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[31moff 3m\u{1b}[0m"), "{text:?}");
        let plain = table().rows(Look::default());
        assert!(plain.starts_with("web-01 "), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let mut table = Table::new(vec![
            Column::new("A", Align::Left, 1),
            Column::new("B", Align::Left, 1),
        ]);
        table.push(vec![Cell::new("日本"), Cell::new("x")]);
        table.push(vec![Cell::new("a\tb"), Cell::new("y")]);
        let rows = table.rows(Look::default());
        assert_eq!(rows, "日本  x\na␉b   y\n");
    }
}
