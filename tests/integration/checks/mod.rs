//! What a check finds up and what it finds down, and why.

use libtest_mimic::Trial;

use crate::support::heartbeat::Finished;
use crate::support::log::CheckLine;
use crate::support::workdir::Workdir;

mod answers;
mod asked;
mod bodies;
mod bounds;
mod certificate_ends;
mod certificates;
mod client_certificates;
mod credentials;
mod dialogue;
mod dns;
mod dns_answers;
mod down;
mod exec;
mod expected;
mod https;
mod names;
mod redirects;
mod request;
mod secrets;
mod terms;
mod tls;
mod up;
mod ways;

pub fn tests() -> Vec<Trial> {
    [
        answers::tests(),
        asked::tests(),
        bodies::tests(),
        bounds::tests(),
        certificate_ends::tests(),
        certificates::tests(),
        client_certificates::tests(),
        credentials::tests(),
        dialogue::tests(),
        dns::tests(),
        dns_answers::tests(),
        down::tests(),
        exec::tests(),
        expected::tests(),
        https::tests(),
        names::tests(),
        redirects::tests(),
        request::tests(),
        secrets::tests(),
        terms::tests(),
        tls::tests(),
        up::tests(),
        ways::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The round was healthy: every one of these checks is up, and the action `node` has been promoted.
fn assert_up(dir: &Workdir, run: Finished, checks: &[&str]) {
    let log = dir.log();
    for name in checks {
        let check = log.check(name);
        assert_eq!(check.status, "Healthy", "{check:#?}");
    }
    run.expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

/// What a table expects of a check that is down: its name, its phase, and words its reason holds.
type Expected<'a> = (&'a str, &'a str, &'a str);

/// The round was unhealthy: every one of these checks is down as expected, and `node` has been demoted.
fn assert_down(dir: &Workdir, run: Finished, checks: &[Expected]) {
    let log = dir.log();
    let wrong: Vec<(&Expected, CheckLine)> = checks
        .iter()
        .map(|expected| (expected, log.check(expected.0)))
        .filter(|(expected, check)| !is_as_expected(check, expected))
        .collect();
    assert!(wrong.is_empty(), "not down as expected: {wrong:#?}");
    run.expect(1);
    assert_eq!(dir.words(), ["-node"]);
}

fn is_as_expected(check: &CheckLine, (_, phase, words): &Expected) -> bool {
    let reason = check.reason.to_lowercase();
    let level_and_status = (check.level.as_str(), check.status.as_str());
    level_and_status == ("ERROR", "Unhealthy") && check.phase == *phase && reason.contains(words)
}
