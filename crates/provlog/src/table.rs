//! Text tables with one rule below the head. Columns stay aligned over all pages.

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Row, TableStyle, Width,
};

/// Spaces between two columns.
const GAP: u16 = 2;
/// The least width to which a column is cut first.
const WIDTH_MIN: u16 = 12;
/// The least width if the table is still too wide after that.
const WIDTH_LEAST: u16 = 6;
/// The least width of text columns as long as extra columns are shown.
const WIDTH_GOOD: u16 = 24;
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    number: bool,
    yields: Yields,
}

/// What happens to a column when the terminal is too narrow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Yields {
    Never,
    IsCut,
    IsLeftOut,
}

impl Column {
    /// A column that is never cut: ids, times, single words.
    pub(crate) const fn whole(name: &'static str) -> Column {
        Column { name, number: false, yields: Yields::Never }
    }

    /// A column that is cut or left out as `width` says.
    pub(crate) const fn of(name: &'static str, width: answers::Width) -> Column {
        match width {
            answers::Width::Whole => Column::whole(name),
            answers::Width::Number => Column::number(name),
            answers::Width::Text => Column::text(name),
            answers::Width::Extra => Column::extra(name),
        }
    }

    /// Numbers, aligned to the right and never cut.
    pub(crate) const fn number(name: &'static str) -> Column {
        Column { name, number: true, yields: Yields::Never }
    }

    /// Texts of any length, cut if the terminal is too narrow.
    pub(crate) const fn text(name: &'static str) -> Column {
        Column { name, number: false, yields: Yields::IsCut }
    }

    /// Additional texts: cut before others, and left out before others become too short.
    pub(crate) const fn extra(name: &'static str) -> Column {
        Column { name, number: false, yields: Yields::IsLeftOut }
    }
}

/// A table that is printed page by page. A page keeps the widths of the one before, so that only one page
/// is in memory.
pub(crate) struct Table<'a> {
    columns: &'a [Column],
    terminal_columns: Option<usize>,
    /// The width of each column's text; 0 if it is left out. Empty before the first page.
    widths: Vec<u16>,
}

impl Table<'_> {
    /// A table that fits into a terminal; without a width nothing is cut.
    pub(crate) fn new(columns: &[Column], terminal_columns: Option<usize>) -> Table<'_> {
        Table { columns, terminal_columns, widths: vec![] }
    }

    /// The lines of the next page; the first page has the head. Cells must not hold control characters.
    pub(crate) fn page(&mut self, rows: Vec<Vec<String>>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
        // Disable breaks at words: text is cut exactly where the column ends.
        table.set_delimiter('\0');
        let first = self.widths.is_empty();
        if first {
            let mut head = Row::from(self.columns.iter().map(|column| column.name));
            head.max_height(1);
            table.set_header(head);
        }
        for cells in rows {
            let mut row = Row::from(cells.into_iter().map(Cell::new).collect::<Vec<_>>());
            row.max_height(1);
            table.add_row(row);
        }
        self.fit(&table.column_max_content_widths());
        // No gap follows the last visible column, so the rule ends where the head does.
        let last = self.widths.iter().rposition(|width| *width > 0);
        for (place, column) in self.columns.iter().enumerate() {
            let gap = if Some(place) == last { 0 } else { GAP };
            let width = self.widths[place].saturating_add(gap);
            // A page without rows and head has no columns.
            let Some(drawn) = table.column_mut(place) else { continue };
            drawn.set_padding((0, gap));
            drawn.set_constraint(match self.widths[place] {
                0 => ColumnConstraint::Hidden,
                _ => ColumnConstraint::Absolute(Width::Fixed(width)),
            });
            if column.number {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Sets or extends the widths for a page; `needed` is the longest text of each column.
    fn fit(&mut self, needed: &[u16]) {
        if self.widths.is_empty() {
            self.widths = match self.terminal_columns {
                Some(columns) => self.within(columns, needed),
                None => needed.to_vec(),
            };
            return;
        }
        for (place, column) in self.columns.iter().enumerate() {
            let fixed = self.terminal_columns.is_some() && column.yields != Yields::Never;
            let needed = needed.get(place).copied().unwrap_or_default();
            if !fixed {
                self.widths[place] = self.widths[place].max(needed);
            }
        }
    }

    /// Widths that fit into a terminal. If the columns that are never cut are too wide, the result is too.
    fn within(&self, columns: usize, needed: &[u16]) -> Vec<u16> {
        let mut widths = needed.to_vec();
        self.cut(&mut widths, columns, Yields::IsLeftOut, WIDTH_MIN);
        if self.cut(&mut widths, columns, Yields::IsCut, WIDTH_GOOD) {
            return widths;
        }
        let mut widths = needed.to_vec();
        for (width, column) in widths.iter_mut().zip(self.columns) {
            if column.yields == Yields::IsLeftOut {
                *width = 0;
            }
        }
        if !self.cut(&mut widths, columns, Yields::IsCut, WIDTH_MIN) {
            self.cut(&mut widths, columns, Yields::IsCut, WIDTH_LEAST);
        }
        widths
    }

    /// Narrows the widest columns with these `yields` down to `min`; returns whether the table now fits.
    fn cut(&self, widths: &mut [u16], columns: usize, yields: Yields, min: u16) -> bool {
        let kept = widths.iter().filter(|width| **width > 0);
        let all: usize = kept.map(|width| usize::from(width.saturating_add(GAP))).sum();
        let mut excess = all.saturating_sub(usize::from(GAP)).saturating_sub(columns);
        while excess > 0 {
            let places = (0..widths.len()).filter(|place| self.columns[*place].yields == yields);
            let Some(widest) = places.max_by_key(|place| widths[*place]) else { return false };
            if widths[widest] <= min {
                return false;
            }
            widths[widest] -= 1;
            excess -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [Column::text("Name"), Column::number("Event"), Column::whole("Id")];

    fn row(name: &str, event: &str, id: &str) -> Vec<String> {
        [name, event, id].map(str::to_owned).into()
    }

    #[test]
    fn columns_stand_straight_over_all_pages() {
        let mut table = Table::new(&COLUMNS, None);
        let first = table.page(vec![row("mira", "1", "a"), row("林 Zoë", "12", "b")]);
        let expected = "\
Name    Event  Id
─────────────────
mira        1  a
林 Zoë     12  b
";
        assert_eq!(first, expected);
        assert_eq!(table.page(vec![row("ole", "1234", "c")]), "ole      1234  c\n");
        let longer = table.page(vec![row("a name that is longer", "5", "d")]);
        assert_eq!(longer, "a name that is longer      5  d\n", "nothing is cut");
        assert_eq!(table.page(vec![]), "");
    }

    #[test]
    fn a_terminal_cuts_texts_and_never_ids() {
        let id = "2819c223-7f76-453a-919d-413861904646";
        let mut table = Table::new(&COLUMNS, Some(60));
        let page = table.page(vec![
            row("a name with words that are longer than that", "7", id),
            row("short", "8", id),
        ]);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines[2], format!("a name with wo…      7  {id}"));
        assert_eq!(lines[3], format!("short                8  {id}"));
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{page}");
        let next = table.page(vec![row("another name with many words", "9", id)]);
        assert_eq!(next, format!("another name w…      9  {id}\n"));
        // The terminal is narrower than an id: the line is too long, but the id is complete.
        let narrow = Table::new(&COLUMNS, Some(20)).page(vec![row("mira", "7", id)]);
        assert!(narrow.contains(id), "{narrow}");
    }

    #[test]
    fn what_only_helps_is_cut_first_and_left_out_before_names_get_short() {
        let columns =
            [Column::text("User name"), Column::extra("Display name"), Column::whole("Id")];
        let name = "a.user.with.a.long.name@fjord.example";
        let head = |terminal| {
            let row = [name, "One With A Long Display Name", "0123456789"].map(str::to_owned);
            let page = Table::new(&columns, Some(terminal)).page(vec![row.into()]);
            page.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(head(80)[2], format!("{name}  One With A Long Display Name  0123456789"));
        assert_eq!(head(63)[2], format!("{name}  One With A …  0123456789"));
        assert_eq!(head(50)[2], "a.user.with.a.long.name…  One With A …  0123456789");
        assert_eq!(head(49)[2], format!("{name}  0123456789"));
        assert_eq!(head(49)[0], "User name                              Id");
        assert_eq!(head(24)[2], "a.user.with…  0123456789");
        assert_eq!(head(20)[2], "a.user.…  0123456789");
        assert_eq!(head(10)[2], "a.use…  0123456789", "an id is whole, whatever the width");
    }

    #[test]
    fn the_rule_is_as_wide_as_the_head() {
        let columns = [Column::whole("Id"), Column::text("Name"), Column::extra("URL")];
        let check = |terminal: usize, head: &str| {
            let row = ["0123456789", "mira", "https://desk.fjord.example/7"].map(str::to_owned);
            let page = Table::new(&columns, Some(terminal)).page(vec![row.into()]);
            let lines: Vec<&str> = page.lines().collect();
            assert_eq!(lines[0], head);
            let widest = lines[2].chars().count();
            assert_eq!(lines[1].chars().count(), widest, "{page}");
        };
        check(80, "Id          Name  URL");
        check(20, "Id          Name");
    }
}
