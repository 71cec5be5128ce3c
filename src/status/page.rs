//! Lines and tables in the 80 columns of a terminal, in any script.

use std::{array, iter};

use unicode_width::UnicodeWidthChar;

use crate::settings::plain;

/// Longest line, in characters.
pub const WIDTH: usize = 80;

/// Where the text after a label begins.
pub const LABEL: usize = 15;

/// Where what does not fit in a row goes on.
pub const INDENT: usize = 4;

/// Between two columns.
pub const GAP: usize = 2;

/// Most lines of one text after a label.
pub const MOST_LINES: usize = 3;

/// What a text says, as a colour: Select Graphic Rendition, ECMA-48.
pub type Tone = Option<u8>;
pub const PLAIN: Tone = None;
pub const BAD: Tone = Some(31);
pub const GOOD: Tone = Some(32);
pub const ODD: Tone = Some(33);

/// Lines, as they are written.
pub struct Page {
    pub text: String,
    pub colour: bool,
}

impl Page {
    fn paint(&self, text: &str, tone: Tone) -> String {
        match tone.filter(|_| self.colour) {
            Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }

    pub fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A text after its label, in as many lines as it may take.
    pub fn fact(&mut self, label: &str, text: &str, tone: Tone) {
        let labels = iter::once(label).chain(iter::repeat(""));
        for (label, line) in labels.zip(wrap(&plain(text), WIDTH - LABEL, MOST_LINES)) {
            let line = self.paint(&line, tone);
            self.line(&format!("{label:LABEL$}{line}"));
        }
    }

    pub fn table<const N: usize>(&mut self, table: &Table<N>) {
        if table.rows.is_empty() {
            return;
        }
        self.line("");
        let titles = table.titles.map(|title| Cell::new(title, PLAIN));
        self.row(table, &titles, &[]);
        for Row { cells, notes } in &table.rows {
            self.row(table, cells, notes);
        }
    }

    /// The first note stands in the row if there is place for it, all others below it.
    fn row<const N: usize>(&mut self, table: &Table<N>, cells: &[Cell; N], notes: &[String]) {
        let mut line = String::new();
        let columns = cells.iter().zip(table.widths);
        for (cell, width) in columns.filter(|(_, width)| *width > 0) {
            let text = cut(&cell.text, width);
            let space = width - length(&text) + GAP;
            line += &self.paint(&text, cell.tone);
            line += &" ".repeat(space);
        }
        let left = WIDTH.saturating_sub(total(&table.widths) + GAP);
        let mut notes = notes.iter().map(|note| plain(note)).peekable();
        if let Some(note) = notes.next_if(|note| length(note) <= left) {
            line += &note;
        }
        self.line(&line);
        for note in notes {
            self.line(&format!("{:INDENT$}{}", "", cut(&note, WIDTH - INDENT)));
        }
    }
}

/// What stands in one column of a row.
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub fn new(text: &str, tone: Tone) -> Self {
        let text = plain(text);
        Self { text, tone }
    }
}

/// A row, and what is to be said about it beside its columns.
pub struct Row<const N: usize> {
    pub cells: [Cell; N],
    pub notes: Vec<String>,
}

/// Columns as wide as they must be; one in which nothing stands is left out.
pub struct Table<const N: usize> {
    titles: [&'static str; N],
    rows: Vec<Row<N>>,
    widths: [usize; N],
}

impl<const N: usize> Table<N> {
    pub fn new(titles: [&'static str; N], rows: Vec<Row<N>>) -> Self {
        let mut widths = array::from_fn(|column| {
            let cells = rows.iter().map(|row| length(&row.cells[column].text));
            match cells.max().unwrap_or(0) {
                0 => 0,
                widest => widest.max(length(titles[column])).min(WIDTH),
            }
        });
        while total(&widths) > WIDTH {
            // The widest gives way: that is where names and endpoints are.
            if let Some(widest) = widths.iter_mut().max() {
                *widest -= 1;
            }
        }
        Self {
            titles,
            rows,
            widths,
        }
    }
}

/// What the columns take.
pub fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0).count();
    widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
}

/// How many columns of a terminal a text takes.
pub fn length(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// Where the part of a text ends that takes at most `width` columns.
fn end_of(text: &str, width: usize) -> usize {
    let mut taken = 0;
    let is_over = |(_, c): &(usize, char)| {
        taken += c.width().unwrap_or_default();
        taken > width
    };
    let over = text.char_indices().find(is_over);
    over.map_or(text.len(), |(place, _)| place)
}

/// A text of at most `width` columns, of which the last one says that there were more.
fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    format!("{}…", &text[..end_of(text, width.saturating_sub(1))])
}

/// A text in at most `most` lines, broken at spaces where there are any, the last one cut.
pub fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while lines.len() + 1 < most && length(rest) > width {
        let (line, after) = divide(rest, width);
        lines.push(line.to_owned());
        rest = after;
    }
    lines.push(cut(rest, width));
    lines
}

/// The first line of a text that does not fit in it, and the rest.
fn divide(text: &str, width: usize) -> (&str, &str) {
    let place = |width| end_of(text, width);
    // A space right after the line ends it too.
    match text[..place(width + 1)].rfind(' ') {
        Some(space) if space > 0 => (&text[..space], &text[space + 1..]),
        _ => text.split_at(place(width)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_two_columns() {
        let text = "日本語 チェック";
        assert_eq!((length(text), length("ü\u{301}")), (15, 1));
        assert_eq!(cut(text, 8), "日本語 …");
        assert_eq!(wrap(text, 9, 2), ["日本語", "チェック"]);
    }

    #[test]
    fn long_text_is_wrapped_and_cut() {
        for (text, expected) in [
            ("", vec![""]),
            ("one two", vec!["one two"]),
            ("one two three", vec!["one two", "three"]),
            ("seventy two", vec!["seventy", "two"]),
            ("extraordinary", vec!["extraord", "inary"]),
            ("one two three four five", vec!["one two", "three f…"]),
            (" eleventh hour", vec![" elevent", "h hour"]),
        ] {
            assert_eq!(wrap(text, 8, 2), expected, "{text}");
        }
        assert_eq!(cut("grün und", 4), "grü…");
    }
}
