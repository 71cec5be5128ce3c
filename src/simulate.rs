//! A rehearsal of verdicts: passes and failures as the operator writes them, through the real decision code.

use std::fmt::Write as _;

use crate::check::Check;
use crate::clock::Moment;
use crate::config::Config;
use crate::converge::{Answer, Due};
use crate::decision::{Decision, Known};
use crate::health::SYSTEM;
use crate::settings::{plain, quote};

/// The results of one check, round by round: whether it passes. After its last one it goes on like that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Play {
    check: usize,
    results: Vec<bool>,
}

/// Plays `web=ppfffpp db=p` through the decisions of a configuration, from a start at which nothing is known. Every
/// command works at once, and a guard says go. A check that is not mentioned always passes.
///
/// Gives a line per round: the standing of each check, the health, and the commands that would run.
///
/// # Errors
/// A check that the configuration does not have, a letter that is neither `p` nor `f`: one line each.
pub fn play(config: &Config, words: &[String]) -> Result<String, String> {
    let (plays, wrong) = read(config, words);
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let rounds = plays.iter().map(|play| play.results.len()).max();
    let plan = config.plan();
    let mut now = Moment::default();
    let known = Known::nothing(&plan, now);
    let mut decision = Decision::new(plan, known);
    let mut text = String::new();
    for round in 0..rounds.unwrap_or(0) {
        decision.begin_round();
        for (check, _) in config.checks.iter().enumerate() {
            decision.record(check, passes(&plays, check, round), now, String::new);
        }
        let commands = run(config, &mut decision, now);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line(config, &decision, round + 1, &commands));
        let pace = config.general.pace;
        let in_doubt = decision.judge().is_in_doubt();
        now = now + if in_doubt { pace.fast } else { pace.interval };
    }
    Ok(text)
}

fn read(config: &Config, words: &[String]) -> (Vec<Play>, Vec<String>) {
    let mut plays: Vec<Play> = Vec::new();
    let mut wrong = Vec::new();
    for word in words {
        match read_word(config, word) {
            Ok(play) if plays.iter().any(|known| known.check == play.check) => {
                let name = &config.checks[play.check].name;
                wrong.push(format!(
                    "{}: check {} is played twice",
                    quote(word),
                    quote(name)
                ));
            }
            Ok(play) => plays.push(play),
            Err(text) => wrong.push(text),
        }
    }
    (plays, wrong)
}

/// The last `=` divides: a section's name may hold one.
fn read_word(config: &Config, word: &str) -> Result<Play, String> {
    let (name, letters) = word
        .rsplit_once('=')
        .filter(|(_, letters)| !letters.is_empty())
        .ok_or_else(|| format!("{}: write CHECK=RESULTS, as in web=ppffp", quote(word)))?;
    let is_it = |check: &Check| check.name == name;
    let check = config.checks.iter().position(is_it).ok_or_else(|| {
        let names: Vec<_> = config
            .checks
            .iter()
            .take(8)
            .map(|c| quote(&c.name))
            .collect();
        format!(
            "{}: there is no such check (there are: {})",
            quote(name),
            names.join(", ")
        )
    })?;
    let result = |letter| match letter {
        'p' => Ok(true),
        'f' => Ok(false),
        _ => Err(format!(
            "{}: {} is neither p (pass) nor f (fail)",
            quote(word),
            quote(&letter.to_string())
        )),
    };
    let results = letters.chars().map(result).collect::<Result<_, _>>()?;
    Ok(Play { check, results })
}

fn passes(plays: &[Play], check: usize, round: usize) -> bool {
    let play = plays.iter().find(|play| play.check == check);
    let result = play.and_then(|play| play.results.get(round).or(play.results.last()));
    *result.unwrap_or(&true)
}

/// Runs everything that is due, in the mind.
fn run(config: &Config, decision: &mut Decision, now: Moment) -> Vec<String> {
    let mut commands = Vec::new();
    while let Some(due) = decision.due(now) {
        decision.begin(due);
        commands.push(match due {
            Due::Guard(_) => "asks the guard".to_owned(),
            Due::Command { action, place } => {
                format!("{} of {}", place.command(), config.actions[action].name)
            }
        });
        decision.answer(Answer::Go);
        decision.end(true, now);
    }
    commands
}

/// `3  web up (failed 1 of 3), db up; healthy; promotion of nginx`
fn line(config: &Config, decision: &Decision, round: usize, commands: &[String]) -> String {
    let standing = |(place, check): (usize, &Check)| {
        let track = decision.judge().track(place);
        let count = track
            .count(check.thresholds)
            .filter(|_| track.is_in_doubt());
        let count = count.map(|count| format!(" ({count})")).unwrap_or_default();
        let name = plain(&check.name);
        format!("{name} {}{count}", track.standing)
    };
    let standings: Vec<_> = config.checks.iter().enumerate().map(standing).collect();
    let health = decision.verdict(SYSTEM).health;
    let commands = match commands {
        [] => "-".to_owned(),
        _ => commands.join(", "),
    };
    format!("{round:>4}  {}; {health}; {commands}", standings.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const CONFIG: &str = "[general]\ndemotion_guard = ask\n[promotions]\nx = on\n[demotions]\nx = off\n\
        [DEFAULT]\nport = 1\naction = x\n[web]\nrise = 2\nfall = 3\n[db]\n";

    fn play_words(words: &[&str]) -> Result<String, String> {
        let config = Config::parse(Path::new("c"), CONFIG).expect("a good one");
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        play(&config, &words)
    }

    #[test]
    fn a_line_per_round() {
        let lines = [
            "   1  web unknown (passed 1 of 2), db up; unknown; -",
            "   2  web up, db up; healthy; promotion of x",
            "   3  web up (failed 1 of 3), db up; healthy; -",
            "   4  web up (failed 2 of 3), db down; unhealthy; asks the guard, demotion of x",
            "   5  web down, db up; unhealthy; -",
            "   6  web down (passed 1 of 2), db up; unhealthy; -",
            "   7  web up, db up; healthy; promotion of x",
            "",
        ];
        assert_eq!(
            play_words(&["web=ppfffpp", "db=pppfp"]),
            Ok(lines.join("\n"))
        );
    }

    #[test]
    fn every_mistake_is_told() {
        let wrong = play_words(&["web=pxf", "cache=p", "db", "db=", "web=p", "web=f"]);
        let expected = [
            "\"web=pxf\": \"x\" is neither p (pass) nor f (fail)",
            "\"cache\": there is no such check (there are: \"web\", \"db\")",
            "\"db\": write CHECK=RESULTS, as in web=ppffp",
            "\"db=\": write CHECK=RESULTS, as in web=ppffp",
            "\"web=f\": check \"web\" is played twice",
        ];
        assert_eq!(wrong, Err(expected.join("\n")));
    }
}
