//! `%(name)s`: a value that uses another one, from its own section or `[DEFAULT]`.

use std::collections::{BTreeMap, BTreeSet};

use super::ini::{Document, Section, is_verbatim_key};
use crate::settings::{Problem, Value, quote};

/// How deep values may use values: `ConfigParser`'s own limit.
const DEEPEST: usize = 10;

/// How many values one value may be made of; ten levels of empty ones would keep any processor busy.
const MOST_USES: usize = 1000;

/// Longest text that a value may grow to. Ten values that each use the next one ten times would fill any memory.
const LONGEST: usize = 64 * 1024;

/// The section whose keys stand behind those of all others.
pub const DEFAULT: &str = "DEFAULT";

/// Names that some `%(name)s` in the file asks for. They are known keys wherever they stand.
#[must_use]
pub fn names_used(document: &Document) -> BTreeSet<String> {
    let entries = document
        .sections
        .iter()
        .flat_map(|section| &section.entries);
    entries
        .filter(|entry| !is_verbatim_key(&entry.key))
        .flat_map(|entry| references(&entry.value))
        .collect()
}

/// The names that a text asks for by `%(name)s`, in lower case.
#[must_use]
pub fn references(mut text: &str) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((_, name, rest)) = split_reference(text) {
        names.push(name);
        text = rest;
    }
    names
}

/// `before %(name)s after` -> (`before `, `name`, ` after`). Any other `%` stands for itself.
fn split_reference(text: &str) -> Option<(&str, String, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("%(") {
        let at = from + found;
        let inner = &text[at + 2..];
        if let Some((name, rest)) = inner.split_once(')')
            && let Some(rest) = rest.strip_prefix('s')
        {
            return Some((&text[..at], name.to_lowercase(), rest));
        }
        from = at + 2;
    }
    None
}

/// A section's own keys and behind them those of `defaults`, every `%(name)s` replaced but in what is taken byte for byte.
/// A value that cannot be replaced is a problem, and stays out.
pub fn resolve(
    section: &Section,
    defaults: &[&Section],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Value> {
    let raw = raw_values(section, defaults);
    let mut ready = BTreeMap::new();
    for (key, value) in &raw {
        if is_verbatim_key(key) {
            ready.insert(key.clone(), value.clone());
            continue;
        }
        match expand(&value.text, &raw, 0, &mut MOST_USES.clone()) {
            Ok(text) => {
                let value = Value {
                    text,
                    ..value.clone()
                };
                ready.insert(key.clone(), value);
            }
            Err(text) => {
                let home = if value.inherited {
                    DEFAULT
                } else {
                    &section.name
                };
                problems.push(Problem::of_key(value.line, home, key, text));
            }
        }
    }
    ready
}

fn raw_values(section: &Section, defaults: &[&Section]) -> BTreeMap<String, Value> {
    let inherited = defaults.iter().map(|section| (*section, true));
    let mut raw = BTreeMap::new();
    for (section, inherited) in inherited.chain([(section, false)]) {
        for entry in &section.entries {
            let value = Value {
                text: entry.value.clone(),
                line: entry.line,
                inherited,
            };
            raw.insert(entry.key.clone(), value);
        }
    }
    raw
}

/// `uses`: how many more values may be put in.
fn expand(
    text: &str,
    raw: &BTreeMap<String, Value>,
    depth: usize,
    uses: &mut usize,
) -> Result<String, String> {
    if depth > DEEPEST {
        return Err(format!(
            "%(…)s leads to itself, or through more than {DEEPEST} keys"
        ));
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = split_reference(rest) {
        let Some(value) = raw.get(&name) else {
            let text = format!("%({name})s asks for {}", quote(&name));
            return Err(format!(
                "{text}, which is neither in this section nor in [DEFAULT]"
            ));
        };
        result.push_str(before);
        *uses = uses.saturating_sub(1);
        result.push_str(&expand(&value.text, raw, depth + 1, uses)?);
        if result.len() > LONGEST {
            return Err(format!("%({name})s makes this longer than {LONGEST} bytes"));
        }
        if *uses == 0 {
            return Err(format!(
                "%({name})s leads through more than {MOST_USES} keys"
            ));
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::super::ini;
    use super::*;

    fn value(text: &str, key: &str) -> Result<String, String> {
        let document = ini::read(text);
        let section = document.sections.iter().find(|s| s.name == "a");
        let mut problems = Vec::new();
        let sections = document.sections.iter();
        let defaults: Vec<_> = sections.filter(|s| s.name == DEFAULT).collect();
        let values = resolve(section.expect("section a"), &defaults, &mut problems);
        match problems.first() {
            Some(problem) => Err(format!("{}: {problem}", problem.line)),
            None => Ok(values[key].text.clone()),
        }
    }

    #[test]
    fn names_are_replaced_from_the_section_then_default() {
        let text = "[DEFAULT]\nx = d\ny = %(X)s!\n[a]\nx = own\nk = %(y)s 5% %% %(x) %(x)s\n";
        assert_eq!(value(text, "k").as_deref(), Ok("own! 5% %% %(x) own"));
        assert_eq!(value("[DEFAULT]\nx = d\n[a]\n", "x").as_deref(), Ok("d"));
    }

    #[test]
    fn nothing_itself_and_too_much_are_problems() {
        let error = |text| value(text, "k").expect_err(text);
        assert!(error("[a]\nk = %(gone)s\n").starts_with("2: [a] k: %(gone)s asks for \"gone\""));
        assert!(error("[a]\nk = %(k)s\n").starts_with("2: [a] k: %(…)s leads to itself"));
        assert!(error("[DEFAULT]\nk = %(z)s\n[a]\n").starts_with("2: [DEFAULT] k:"));
        let mut laughs = "[a]\n".to_owned();
        for level in 0..9 {
            let uses = format!("%(k{})s", level + 1).repeat(10);
            laughs = format!("{laughs}k{level} = {uses}\n");
        }
        laughs.push_str("k9 = lol\nk = %(k0)s\n");
        assert!(
            error(&laughs).contains("more than 1000 keys"),
            "{}",
            error(&laughs)
        );
        let long = format!(
            "[a]\nx = {}\nk = {}\n",
            "x".repeat(1000),
            "%(x)s".repeat(100)
        );
        assert!(error(&long).contains("longer than"));
    }
}
