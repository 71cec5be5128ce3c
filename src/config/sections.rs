//! Sections to ready values: which keys there are, what they may say, and what must fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::general::{self, GENERAL, GENERAL_KEYS};
use super::ini::{self, Document, Entry, Section};
use super::interpolate::{self, DEFAULT};
use super::{Action, General, MOST_TOLD};
use crate::check::{self, Check};
use crate::settings::{self, Problem, Reader, Settings, quote};

const PROMOTIONS: &str = "promotions";
const DEMOTIONS: &str = "demotions";

/// A configuration whose problems have yet to be counted.
pub struct Draft {
    pub general: General,
    pub actions: Vec<Action>,
    pub checks: Vec<Check>,
    pub warnings: Vec<Problem>,
}

/// Judges the text of the file at `path`, and the files that it names unless they are to be skipped. The draft is only
/// there where every section could be read.
pub fn judge(path: &Path, text: &str, skips_files: bool) -> (Option<Draft>, Vec<Problem>) {
    let mut document = ini::read(text);
    let mut problems = std::mem::take(&mut document.problems);
    let mut warnings = std::mem::take(&mut document.warnings);
    problems.extend(names(&document));
    let general = general::read(path, &document, &mut problems);
    let mut actions = actions(&document, &mut problems);
    let reader = Reader {
        user: general.as_ref().and_then(|general| general.user.clone()),
        skips_files,
    };
    let found = (&mut problems, &mut warnings);
    let checks = checks(&document, &actions, &reader, found);
    if checks.is_none() && problems.is_empty() {
        let text = "no check: add a section such as [web] with type, port and action";
        problems.push(Problem::new(document.lines.max(1), "", text));
    }
    let (Some(general), Some(checks)) = (general, checks) else {
        return (None, problems);
    };
    warnings.extend(unused_actions(&document, &checks));
    warnings.extend(long_timeouts(&document, &general, &checks));
    let used = used_actions(&checks);
    actions.retain(|action| used.contains(action.name.as_str()));
    let draft = Draft {
        general,
        actions,
        checks,
        warnings,
    };
    (Some(draft), problems)
}

/// Unknown keys, and section names that are another one but for their case.
fn names(document: &Document) -> Vec<Problem> {
    let used = interpolate::names_used(document);
    let of_checks = check::keys().collect();
    let mut problems = Vec::new();
    for section in document.sections.iter().filter(|s| !s.holds_commands()) {
        let slip = [GENERAL, PROMOTIONS, DEMOTIONS, DEFAULT]
            .into_iter()
            .find(|name| section.name != *name && section.name.eq_ignore_ascii_case(name));
        if let Some(name) = slip {
            let text = format!("not a section's name; did you mean [{name}]?");
            problems.push(Problem::of_section(section.line, &section.name, text));
            continue;
        }
        let special = special_keys(&section.name);
        let known = special.as_ref().unwrap_or(&of_checks);
        for entry in &section.entries {
            if !known.contains(entry.key.as_str()) && !used.contains(&entry.key) {
                // In the order of the file: what comes later is only counted.
                let text = if problems.len() < MOST_TOLD {
                    unknown_key(&entry.key, known)
                } else {
                    "unknown key".to_owned()
                };
                problems.push(Problem::of_key(entry.line, &section.name, &entry.key, text));
            }
        }
    }
    problems
}

/// The keys of a section that is no check.
fn special_keys(section: &str) -> Option<BTreeSet<&'static str>> {
    match section {
        GENERAL => Some(GENERAL_KEYS.into()),
        DEFAULT => Some(super::keys()),
        _ => None,
    }
}

fn unknown_key(key: &str, known: &BTreeSet<&'static str>) -> String {
    if let Some(name) = nearest(key, known.iter().copied()) {
        return format!("unknown key; did you mean {name}?");
    }
    let known: Vec<_> = known.iter().copied().collect();
    format!("unknown key (known here: {})", known.join(", "))
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, two words are no slip of one another.
    const SIMILAR: f64 = 0.75;
    let rated = known.map(|name| (strsim::jaro_winkler(word, name), name));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > SIMILAR).then_some(best.1)
}

/// The sections of this name; more than one where it is doubled.
pub fn sections<'a>(document: &'a Document, name: &'a str) -> impl Iterator<Item = &'a Section> {
    document.sections.iter().filter(move |s| s.name == name)
}

/// Promotions and demotions by key, in the order of `[promotions]`. What has no counterpart is a problem.
fn actions(document: &Document, problems: &mut Vec<Problem>) -> Vec<Action> {
    let commands = |section: &'static str| -> Vec<(&Section, &Entry)> {
        sections(document, section)
            .flat_map(|section| section.entries.iter().map(move |entry| (section, entry)))
            .collect()
    };
    let (promotions, demotions) = (commands(PROMOTIONS), commands(DEMOTIONS));
    for (section, entry) in promotions.iter().chain(&demotions) {
        if let Err(text) =
            settings::command(&entry.value).and_then(|()| not_interpolated(entry, document))
        {
            problems.push(Problem::of_key(entry.line, &section.name, &entry.key, text));
        }
    }
    lonely(&promotions, &demotions, DEMOTIONS, problems);
    lonely(&demotions, &promotions, PROMOTIONS, problems);
    let ranks: BTreeMap<&str, usize> = demotions
        .iter()
        .enumerate()
        .map(|(rank, (_, entry))| (entry.key.as_str(), rank))
        .collect();
    let pair = |(_, promotion): &(&Section, &Entry)| {
        let rank = ranks.get(promotion.key.as_str()).copied();
        Action {
            name: promotion.key.clone(),
            promotion: promotion.value.clone(),
            demotion: rank
                .map(|rank| demotions[rank].1.value.clone())
                .unwrap_or_default(),
            demotion_rank: rank.unwrap_or_default(),
        }
    };
    promotions.iter().map(pair).collect()
}

/// heartbeat.py replaced `%(name)s` in commands, too. What looks like it would reach the shell as it stands.
fn not_interpolated(entry: &Entry, document: &Document) -> Result<(), String> {
    let mut defaults = sections(document, DEFAULT).flat_map(|section| &section.entries);
    let names = interpolate::references(&entry.value);
    match defaults.find(|default| names.contains(&default.key)) {
        Some(default) => Err(format!(
            "%({})s is not replaced in commands, which reach the shell byte for byte; write it out",
            default.key
        )),
        None => Ok(()),
    }
}

fn lonely(
    these: &[(&Section, &Entry)],
    others: &[(&Section, &Entry)],
    missing_in: &str,
    problems: &mut Vec<Problem>,
) {
    let others: BTreeSet<&str> = others.iter().map(|(_, other)| other.key.as_str()).collect();
    for (section, entry) in these {
        if !others.contains(entry.key.as_str()) {
            let text = format!("no key of this name in [{missing_in}]; an action needs both");
            problems.push(Problem::of_key(entry.line, &section.name, &entry.key, text));
        }
    }
}

/// Every section that is none of ours is a check. `None`: there is none, or one could not be read.
fn checks(
    document: &Document,
    actions: &[Action],
    reader: &Reader,
    (problems, warnings): (&mut Vec<Problem>, &mut Vec<Problem>),
) -> Option<Vec<Check>> {
    let ours = [GENERAL, PROMOTIONS, DEMOTIONS, DEFAULT];
    let is_check = |s: &&Section| !ours.iter().any(|name| s.name.eq_ignore_ascii_case(name));
    let demotions: BTreeSet<&str> = sections(document, DEMOTIONS)
        .flat_map(|section| section.entries.iter().map(|entry| entry.key.as_str()))
        .collect();
    let names: BTreeSet<&str> = actions.iter().map(|action| action.name.as_str()).collect();
    let defaults: Vec<_> = sections(document, DEFAULT).collect();
    let mut checks = Vec::new();
    let mut complete = true;
    for section in document.sections.iter().filter(is_check) {
        let values = interpolate::resolve(section, &defaults, problems);
        let settings = Settings::new(&section.name, section.line, values);
        let mut settings = settings.read_by(reader.clone());
        note_references(&mut settings);
        let check = Check::read(&mut settings);
        let is_defined = |name: &str| demotions.contains(name) || names.contains(name);
        for name in check::action_names(&settings) {
            if !name.is_empty() && !is_defined(&name) {
                settings.note("action", undefined(&name, actions));
            }
        }
        warnings.extend_from_slice(settings.warnings());
        problems.extend(settings.into_problems());
        complete &= check.is_some();
        checks.extend(check);
    }
    (complete && !checks.is_empty()).then_some(checks)
}

/// What is taken byte for byte and looks as if it used a key of this section or `[DEFAULT]`.
fn note_references(settings: &mut Settings) {
    let keys = check::keys().filter(|key| ini::is_verbatim_key(key));
    for key in keys.collect::<BTreeSet<_>>() {
        let text = settings.value(key).map(|value| value.text.as_str());
        let names = interpolate::references(text.unwrap_or_default());
        let known = |name: &String| settings.value(name).is_some();
        if let Some(name) = names.into_iter().find(known) {
            let text = format!(
                "%({name})s is not replaced here, where all is taken byte for byte; write it out"
            );
            settings.note(key, text);
        }
    }
}

fn undefined(name: &str, actions: &[Action]) -> String {
    let name_shown = quote(name);
    let names = actions.iter().map(|action| action.name.as_str());
    match nearest(name, names.clone()) {
        Some(near) => format!("{name_shown} is not an action; did you mean {near}?"),
        None if actions.is_empty() => {
            format!("{name_shown} is not an action: [promotions] and [demotions] define none")
        }
        None => {
            let names: Vec<_> = names.take(8).map(settings::plain).collect();
            format!(
                "{name_shown} is not an action (defined: {})",
                names.join(", ")
            )
        }
    }
}

fn used_actions(checks: &[Check]) -> BTreeSet<&str> {
    let names = checks.iter().flat_map(|check| &check.actions);
    names.map(String::as_str).collect()
}

fn unused_actions(document: &Document, checks: &[Check]) -> Vec<Problem> {
    let used = used_actions(checks);
    let entries = sections(document, PROMOTIONS).flat_map(|section| &section.entries);
    entries
        .filter(|entry| !used.contains(entry.key.as_str()))
        .map(|entry| {
            let text = "no check names this action, so it is never run";
            Problem::of_key(entry.line, PROMOTIONS, &entry.key, text)
        })
        .collect()
}

fn long_timeouts(document: &Document, general: &General, checks: &[Check]) -> Vec<Problem> {
    let lines: BTreeMap<&str, usize> = document
        .sections
        .iter()
        .map(|section| {
            let own = section.entries.iter().find(|entry| entry.key == "timeout");
            (
                section.name.as_str(),
                own.map_or(section.line, |entry| entry.line),
            )
        })
        .collect();
    checks
        .iter()
        .filter(|check| check.timeout > general.pace.interval)
        .filter_map(|check| {
            let line = lines.get(check.name.as_str())?;
            let timeout = settings::seconds(check.timeout);
            let interval = settings::seconds(general.pace.interval);
            let text = format!(
                "{timeout} is longer than the interval of {interval}; while the check waits, rounds pass it over"
            );
            Some(Problem::of_key(*line, &check.name, "timeout", text))
        })
        .collect()
}
