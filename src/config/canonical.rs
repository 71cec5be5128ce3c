//! The one form of a file that rust-ini reads exactly: one line per key, the value quoted and escaped.

use std::fmt::Write as _;

use ini::Ini;

use super::ini::{Entry, Section};
use crate::settings::quote;

/// Writes the sections in the one form that rust-ini takes as it stands, has it read them, and puts the line numbers
/// back. The order is the same on both sides.
pub fn through_rust_ini(sections: &[Section]) -> Result<Vec<Section>, String> {
    let ini = Ini::load_from_str(&canonical(sections)).map_err(|error| error.to_string())?;
    let mut read = ini.iter().filter_map(|(name, keys)| Some((name?, keys)));
    let mut result = Vec::with_capacity(sections.len());
    for section in sections {
        let (name, keys) = read.next().ok_or("a section was lost")?;
        let entries: Vec<Entry> = keys
            .iter()
            .zip(&section.entries)
            .map(|((key, value), from)| Entry {
                key: key.to_owned(),
                value: value.to_owned(),
                line: from.line,
            })
            .collect();
        if entries.len() != section.entries.len() {
            return Err(format!("a key of section {} was lost", quote(name)));
        }
        result.push(Section {
            name: name.to_owned(),
            line: section.line,
            entries,
        });
    }
    Ok(result)
}

fn canonical(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[{}]", escaped(&section.name));
        for entry in &section.entries {
            let _ = writeln!(
                text,
                "{}=\"{}\"",
                escaped(&entry.key),
                escaped(&entry.value)
            );
        }
    }
    text
}

/// rust-ini's own escapes, for everything that means something to it.
fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => result.push_str("\\\\"),
            '"' => result.push_str("\\\""),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '[' | ']' | ';' | '#' | '\'' => {
                // Writing to a String cannot fail.
                let _ = write!(result, "\\x{:04x}", c as u32);
            }
            _ => result.push(c),
        }
    }
    result
}
