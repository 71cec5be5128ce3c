//! No byte from a peer or a command can start a line of its own, or reach a terminal raw.

use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![by_peers, by_commands, on_a_terminal, by_an_authority];

/// Line breaks of every kind, a line as heartbeat writes them, and what moves a cursor, rings, or turns text around.
const FORGED: &str = "a\r2026-11-22 15:04:05 INFO     forged\n2026-11-22 15:04:05 INFO     forged\u{b}\u{c}\
                      \u{85}\u{2028}\u{2029}\x1b[2J\x1b]0;title\x07\u{9b}31m\u{8}\u{7f}\u{202e}\u{2066}\0z";

/// The log's lines are heartbeat's own, each of them harmless, and the text has been told.
fn assert_harmless(log: &str, tellers: &[&str]) {
    let raw: Vec<char> = log.chars().filter(|c| is_raw(*c)).collect();
    assert_eq!(raw, [] as [char; 0], "{log:?}");
    let parsed = Log::parse(log);
    for line in &parsed.lines {
        assert!(!line.message.starts_with("forged"), "{log}");
    }
    for teller in tellers {
        let tells = |text: &str| text.contains(teller) && text.contains("forged");
        let told = parsed.lines.iter().any(|line| tells(&line.message));
        assert!(told, "the log has nothing of what {teller} said:\n{log}");
    }
}

/// What changes how a terminal, or a reader by lines, sees the text around it.
fn is_raw(c: char) -> bool {
    let turns = ['\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'];
    c != '\n' && (c.is_control() || turns.contains(&c))
}

/// In the reason of a status, in a bad header, in a redirect, instead of an answer.
fn by_peers() {
    let forged = FORGED.replace(['\n', '\r'], "|");
    let answers = [
        ("reason", format!("HTTP/1.1 503 {forged}\r\n\r\n")),
        ("breaks", format!("HTTP/1.1 503 {FORGED}\r\n\r\n")),
        ("header", format!("HTTP/1.1 200 OK\r\n{forged}\r\n\r\n")),
        (
            "target",
            format!("HTTP/1.1 302 No\r\nLocation: http://{forged}/\r\n\r\n"),
        ),
        (
            "path",
            format!("HTTP/1.1 302 No\r\nLocation: /{forged}\r\n\r\n"),
        ),
        ("banner", format!("{FORGED}\r\n\r\n")),
    ];
    let mut config = Config::new().general("threads", 1).action("node");
    let mut peers = Vec::new();
    for (name, answer) in answers {
        let peer = Peer::answering(answer);
        config = config
            .check(name, "http", peer.addr(), "node")
            .key("timeout", 2);
        peers.push(peer);
    }
    let dir = Workdir::with(&config);
    dir.heartbeat().once().expect(1);
    assert_harmless(&dir.read("heartbeat.log"), &[]);
    for name in ["reason", "breaks", "header", "target", "banner"] {
        assert_eq!(dir.log().check(name).status, "Unhealthy", "{name}");
    }
}

/// In the output, and in the command line itself.
fn by_commands() {
    let peer = Peer::down();
    let dir = Workdir::new();
    dir.write("forged", FORGED);
    dir.configure(
        &Config::new()
            .commands("node", "true", "cat forged; exit 1")
            .commands(
                "other",
                "true",
                "echo \u{1b}[2J\u{202e}; echo 'forged\u{9b}'",
            )
            .check("web", "tcp", peer.addr(), "node")
            .check("db", "tcp", peer.addr(), "other"),
    );
    dir.heartbeat().once().expect(3);
    assert_harmless(
        &dir.read("heartbeat.log"),
        &["Action failed: Name: node", "Action done: Name: other"],
    );
}

/// There the log is shown too, and there it would do harm.
fn on_a_terminal() {
    let peer = Peer::answering(format!("HTTP/1.1 503 {FORGED}\r\n\r\n"));
    let dir = Workdir::new();
    dir.write("forged", FORGED);
    dir.configure(&Config::new().commands("node", "true", "cat forged").check(
        "web",
        "http",
        peer.addr(),
        "node",
    ));
    let seen = dir.on_a_terminal("--once; true");
    assert_harmless(&seen, &["Action done: Name: node"]);
}

/// A certificate can carry any text in its names, and reasons name them.
fn by_an_authority() {
    let stranger = Authority::named(&FORGED.replace('\0', ""));
    let server = TlsServer::new(stranger.certificate());
    let peer = Peer::tls(server, |mut conn| conn.hold());
    let dir = Workdir::with(&Config::new().action("node").check(
        "web",
        "https",
        peer.addr(),
        "node",
    ));
    dir.heartbeat().trusting(&Authority::new()).once().expect(1);
    assert_harmless(&dir.read("heartbeat.log"), &[]);
    assert_eq!(dir.log().check("web").phase, "tls");
}
