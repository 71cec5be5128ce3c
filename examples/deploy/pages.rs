//! The manual pages: a template each, and what its `@` lines ask for.

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use heartbeat::cli::Args;

use super::markdown;

/// Bytes in a line.
const WIDTH: usize = 80;

const README: &str = include_str!("../../README.md");

/// heartbeat(8).
pub fn heartbeat() -> String {
    page(include_str!("man/heartbeat.8"))
}

/// heartbeat.conf(5).
pub fn heartbeat_conf() -> String {
    page(include_str!("man/heartbeat.conf.5"))
}

/// The command line.
pub fn command() -> Command {
    Args::command().bin_name("heartbeat")
}

fn page(template: &str) -> String {
    let text: String = template.lines().map(|line| expand(line) + "\n").collect();
    tidy(&text)
}

/// As mandoc likes it: no paragraph begins where one has begun, lines end in words, and have at most 80 bytes.
fn tidy(text: &str) -> String {
    // What clap_mangen puts before possible values, and its apostrophe.
    let text = text.replace("\n.br\n\n.br\n", "\n.sp\n");
    let text = text.replace("\\*(Aq", "\\(aq");
    let mut tidied: Vec<String> = Vec::new();
    let mut fills = true;
    for line in text.lines().map(str::trim_end) {
        fills = match line {
            ".nf" => false,
            ".fi" => true,
            _ => fills,
        };
        let last = tidied.last().map_or("", String::as_str);
        let is_begun = [".SH", ".SS", ".PP"]
            .iter()
            .any(|begin| last.starts_with(begin));
        match line {
            ".PP" if is_begun => {}
            _ if fills && width(line) > WIDTH && !line.starts_with('.') => wrap(line, &mut tidied),
            _ => tidied.push(line.to_owned()),
        }
    }
    tidied.join("\n") + "\n"
}

/// What is beyond ASCII counts as mandoc reads it: `\[u2026]`.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 8 }).sum()
}

fn wrap(line: &str, wrapped: &mut Vec<String>) {
    let mut current = String::new();
    for word in line.split(' ') {
        if !current.is_empty() && width(&current) + 1 + width(word) > WIDTH {
            wrapped.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        } else if word.starts_with(['.', '\'']) {
            // Not a macro.
            current.push_str("\\&");
        }
        current.push_str(word);
    }
    wrapped.push(current);
}

fn expand(line: &str) -> String {
    let (directive, argument) = line.split_once(' ').unwrap_or((line, ""));
    let text = match directive {
        "@TITLE" => title(argument),
        "@SYNOPSIS" => synopsis(),
        "@OPTIONS" => options(&command()),
        "@COMMANDS" => commands(),
        "@README" => markdown::to_man(section(argument)),
        "@TABLE" => {
            let (heading, first) = argument.split_once(": ").expect("@TABLE heading: column");
            markdown::table_to_man(section(heading), first)
        }
        _ => {
            assert!(!line.starts_with('@'), "{line}");
            line.to_owned()
        }
    };
    text.trim_end().to_owned()
}

/// Dated as the package is: the same source gives the same page.
fn title(page: &str) -> String {
    let changelog = include_str!("debian/changelog");
    let stamp = changelog.lines().find(|line| line.starts_with(" -- "));
    let (_, date) = stamp
        .and_then(|stamp| stamp.split_once(", "))
        .expect("the changelog is signed");
    let date: Vec<_> = date.split(' ').take(3).collect();
    let date = chrono::NaiveDate::parse_from_str(&date.join(" "), "%d %b %Y").expect("a date");
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {page} {date} \"heartbeat {version}\" \"heartbeat manual\"")
}

/// The text below a heading of the README.
fn section(heading: &str) -> &'static str {
    let begin = format!("\n## {heading}\n");
    let (_, rest) = README
        .split_once(&begin)
        .unwrap_or_else(|| panic!("the README has no section {heading}"));
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// What one part of `clap_mangen`'s page says, without its heading.
fn part(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut text = Vec::new();
    render(&mut text).expect("memory takes it");
    let text = String::from_utf8(text).expect("text");
    let lines = text.lines().filter(|line| {
        let is_preamble = line.starts_with(".ie") || line.starts_with(".el");
        !is_preamble && !line.starts_with(".SH")
    });
    lines.map(|line| line.to_owned() + "\n").collect()
}

/// `heartbeat drain [--for DURATION] REASON ...`: `clap_mangen` leaves out the values.
fn synopsis_of(command: &Command) -> String {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_default())];
    for arg in command.get_opts().chain(command.get_positionals()) {
        line.push(roman(" "));
        line.extend(usage(arg));
    }
    let mut page = Roff::new();
    page.text(line);
    page.to_roff()
}

fn usage(arg: &Arg) -> Vec<Inline> {
    let values = arg.get_value_names().unwrap_or_default();
    let value = values.first().filter(|_| arg.get_action().takes_values());
    let value = value.map(|value| italic(value.as_str()));
    let short = arg.get_short().map(|short| format!("-{short}"));
    let name = short.or_else(|| arg.get_long().map(|long| format!("--{long}")));
    let Some(name) = name else {
        return value.into_iter().chain([roman(" ...")]).collect();
    };
    let value = value.map(|value| [roman(" "), value]);
    let value = value.into_iter().flatten();
    let (begin, end) = ([roman("["), bold(name)], [roman("]")]);
    begin.into_iter().chain(value).chain(end).collect()
}

/// Defaults are told behind the help: `clap_mangen` has them in the tag.
fn options(command: &Command) -> String {
    let with_default = |arg: Arg| {
        let values = arg.get_default_values().iter();
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        match (&values[..], arg.get_help()) {
            ([value], Some(help)) => {
                let help = format!("{help} (default: {value})");
                arg.help(help).hide_default_value(true)
            }
            _ => arg,
        }
    };
    let command = command.clone().mut_args(with_default);
    part(|text| Man::new(command).render_options_section(text))
}

fn synopsis() -> String {
    let whole = command();
    let asked: Vec<_> = subcommands().map(|sub| synopsis_of(&sub)).collect();
    format!("{}.br\n{}", synopsis_of(&whole), asked.join(".br\n"))
}

fn subcommands() -> impl Iterator<Item = Command> {
    let subs: Vec<_> = command().get_subcommands().cloned().collect();
    subs.into_iter().map(|sub| {
        let name = format!("heartbeat {}", sub.get_name());
        sub.bin_name(name).disable_help_flag(true)
    })
}

fn commands() -> String {
    let one = |sub: Command| {
        let heading = format!(".SS {}\n", sub.get_name());
        let about = part(|text| Man::new(sub.clone()).render_description_section(text));
        let after = sub.get_after_help().map(|help| {
            let help = help.to_string();
            markdown::to_man(&help)
        });
        let after = after.unwrap_or_default();
        format!(
            "{heading}{}.PP\n{about}{}{after}",
            synopsis_of(&sub),
            options(&sub)
        )
    };
    subcommands().map(one).collect()
}
