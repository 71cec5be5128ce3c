//! Markdown to the language of manual pages: as much of it as the README uses.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// All of it.
pub fn to_man(markdown: &str) -> String {
    let mut page = Page::default();
    for event in events(markdown) {
        page.take(event);
    }
    page.roff.to_roff()
}

/// The table whose first column has this title, alone.
pub fn table_to_man(markdown: &str, first: &str) -> String {
    let title = format!("| {first} |");
    let lines = markdown
        .lines()
        .skip_while(|line| !line.starts_with(&title));
    let lines: Vec<_> = lines.take_while(|line| line.starts_with('|')).collect();
    assert!(lines.len() > 2, "no table of {first}");
    to_man(&lines.join("\n"))
}

fn events(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES)
}

/// How words are set.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Face {
    #[default]
    Plain,
    Strong,
    Emphasis,
}

#[derive(Default)]
struct Page {
    roff: Roff,
    line: Vec<Inline>,
    face: Face,
    link: String,
    is_code: bool,
    /// How deep in lists.
    depth: usize,
    is_item_begun: bool,
    titles: Vec<String>,
    cells: Vec<Vec<Inline>>,
    is_head: bool,
}

impl Page {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => {
                for line in text.lines() {
                    self.roff.text([roman(line)]);
                }
            }
            Event::Text(text) => self.word(&text),
            Event::Code(text) => self.line.push(bold(installed(&text))),
            Event::SoftBreak | Event::HardBreak => self.flush(),
            other => panic!("the README has what no page can show yet: {other:?}"),
        }
    }

    fn word(&mut self, text: &str) {
        let text = text.to_owned();
        self.line.push(match self.face {
            Face::Plain => roman(text),
            Face::Strong => bold(text),
            Face::Emphasis => italic(text),
        });
    }

    fn start(&mut self, tag: &Tag) {
        match tag {
            Tag::Paragraph if self.is_item_begun => self.is_item_begun = false,
            Tag::Paragraph => self.control("PP", &[]),
            Tag::List(_) => {
                self.flush();
                if self.depth > 0 {
                    self.control("RS", &["2"]);
                }
                self.depth += 1;
            }
            Tag::Item => {
                self.control("IP", &["\\(bu", "2"]);
                self.is_item_begun = true;
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.control("PP", &[]);
                self.control("RS", &["4"]);
                self.control("nf", &[]);
                self.is_code = true;
            }
            Tag::Strong => self.face = Face::Strong,
            Tag::Emphasis => self.face = Face::Emphasis,
            Tag::Table(_) => self.titles.clear(),
            Tag::TableHead => self.is_head = true,
            Tag::Link { dest_url, .. } => self.link = dest_url.to_string(),
            Tag::Heading { .. } | Tag::TableRow | Tag::TableCell => {}
            other => panic!("the README has what no page can show yet: {other:?}"),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Item => {
                self.flush();
                self.is_item_begun = false;
            }
            TagEnd::List(_) => {
                self.depth -= 1;
                if self.depth > 0 {
                    self.control("RE", &[]);
                }
            }
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.control("fi", &[]);
                self.control("RE", &[]);
            }
            TagEnd::Strong | TagEnd::Emphasis => self.face = Face::Plain,
            TagEnd::Heading(HeadingLevel::H3) => {
                let title = text(&std::mem::take(&mut self.line));
                self.control("SS", &[&title]);
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                if self.is_head {
                    self.titles.push(text(&cell));
                } else {
                    self.cells.push(cell);
                }
            }
            TagEnd::Link if self.link.starts_with("http") => {
                self.word(&format!(" ({})", self.link.clone()));
            }
            TagEnd::TableHead => self.is_head = false,
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    /// The first cell is the tag; what stands between it and the last one is behind it, in parentheses.
    fn row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        let mut cells = cells.into_iter().zip(&self.titles);
        let (tag, _) = cells.next().expect("a table has columns");
        let (meaning, _) = cells.next_back().expect("a table has two columns");
        let mut line = tag;
        for (cell, title) in cells.filter(|(cell, _)| !cell.is_empty()) {
            let is_default = title == "default";
            line.push(roman(if is_default { " (default " } else { " (" }));
            line.extend(cell);
            line.push(roman(")"));
        }
        self.control("TP", &[]);
        self.roff.text(line);
        self.roff.text(meaning);
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }

    fn control(&mut self, name: &str, arguments: &[&str]) {
        self.roff.control(name, arguments.iter().copied());
    }
}

/// Where the package has an example.
fn installed(text: &str) -> String {
    if text.starts_with("examples/") {
        return format!("/usr/share/doc/heartbeat-rotation/{text}");
    }
    text.to_owned()
}

fn text(line: &[Inline]) -> String {
    let words = line.iter().map(|word| match word {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.as_str(),
        Inline::LineBreak => " ",
    });
    words.collect()
}
