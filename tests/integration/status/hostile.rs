//! What peers, commands and the operator have written may be anything.

use super::quick;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![nothing_moves_a_terminal, a_state_written_by_somebody_else];

const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\u{2028}\u{200b}\u{9b}31m";

fn assert_harmless(text: &str) {
    let odd = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2028}\u{200b}".contains(c);
    assert!(!text.contains(odd), "{text:?}");
}

/// In every format; the last one is for programs, but ends on a terminal now and then.
fn assert_all_harmless(dir: &Workdir) {
    let text = dir.ask(&["status"]).stdout;
    assert_harmless(&text);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
    let json = dir.ask(&["status", "--format", "json"]).stdout;
    assert_harmless(&json);
    serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
    let prometheus = dir.ask(&["status", "--format", "prometheus"]).stdout;
    assert_harmless(&prometheus);
    let is_good = |line: &str| line.starts_with("# ") || line.starts_with("heartbeat_");
    assert!(prometheus.lines().all(is_good), "{prometheus}");
}

fn nothing_moves_a_terminal() {
    let answer = format!("HTTP/1.1 500 {HOSTILE}\r\nContent-Length: 0\r\n\r\n");
    let (peer, junk) = (
        Peer::answering(answer),
        Peer::serve(|mut conn| {
            conn.request()?;
            conn.send(HOSTILE.repeat(1000))
        }),
    );
    let failing = "printf '\\033[2J\\033]0;owned\\007\\n\\r\\302\\233' ; cat hostile; exit 7";
    let config = quick().commands("node", "true", failing);
    let config = config.check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config.check("junk", "http", junk.addr(), "node"));
    dir.write("hostile", HOSTILE.repeat(100));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("the failure", |status, _| {
        !status["actions"][0]["last"].is_null()
    });
    dir.ask(&["hold", HOSTILE]).expect(0);
    let good = dir.read("heartbeat.conf");
    dir.reload_refused(
        &heartbeat,
        &format!("[general]\ninterval = {HOSTILE}\n{HOSTILE} = x\n"),
    );
    dir.write("heartbeat.conf", good);
    dir.wait_for_status("the hold", |status, _| !status["maintenance"].is_null());
    dir.wait_for_status("both checks", |status, _| {
        !status["checks"][1]["last"].is_null()
    });
    assert_all_harmless(&dir);
    heartbeat.stop().expect(0);
}

/// By hand, or by something that is not heartbeat.
fn a_state_written_by_somebody_else() {
    let peer = Peer::down();
    let config = quick().general("interval", 60).action("node");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    dir.heartbeat().once().expect(1);
    let state = dir.read("heartbeat.state");
    let escaped = serde_json::to_string(HOSTILE).expect("JSON");
    let escaped = escaped.trim_matches('"');
    for word in [
        "web",
        "node",
        "Connection refused",
        "tcp",
        "connect",
        "exit status 0",
    ] {
        let forged = state.replace(word, &format!("{word}{escaped}\\n\\\"{}", "x".repeat(500)));
        assert_ne!(forged, state, "{word}");
        dir.write("heartbeat.state", forged);
        assert_all_harmless(&dir);
    }
    for (key, value) in [
        ("at", "18446744073709551615"),
        ("took", "18446744073709551615"),
        ("since", "0"),
    ] {
        let from = format!("\"{key}\":");
        let forged: String = state
            .split(&from)
            .enumerate()
            .map(|(place, rest)| match place {
                0 => rest.to_owned(),
                _ => format!(
                    "{from}{value}{}",
                    rest.trim_start_matches(|c: char| c.is_ascii_digit())
                ),
            })
            .collect();
        assert_ne!(forged, state, "{key}");
        dir.write("heartbeat.state", forged);
        assert_all_harmless(&dir);
    }
}
