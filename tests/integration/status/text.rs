//! For people: 80 columns, and colour on a terminal only.

use super::{node, quick};
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

tests![
    as_the_readme_shows_it,
    eighty_columns,
    no_colour_but_on_a_terminal,
];

/// Each line with its times and numbers masked, and its blanks made single.
fn masked(text: &str) -> Vec<String> {
    let mask = |word: &str| match word.find(|c: char| c.is_ascii_digit()) {
        Some(_) => "#".to_owned(),
        None => word.to_owned(),
    };
    let line = |line: &str| {
        line.split_whitespace()
            .map(mask)
            .collect::<Vec<_>>()
            .join(" ")
    };
    text.lines().map(line).collect()
}

fn as_the_readme_shows_it() {
    let (player, peer) = (Player::new(), Peer::silent());
    let config = node(&player).key("fall", 3);
    let dir = Workdir::with(&config.check("db", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pf");
    let text = dir.status_text(0);
    heartbeat.stop().expect(0);
    let expected = [
        "health healthy since # # #",
        "configuration number # loaded # ago",
        "written # ago by process # (daemon)",
        "",
        "check standing count took ago endpoint",
        "web up failed # of # # # http #",
        "status: # Internal Server Error",
        "db up # # tcp #",
        "",
        "action wanted applied for tries last run",
        "node promoted promoted # # promotion worked # ago",
    ];
    assert_eq!(masked(&text), expected, "{text}");
}

/// However long names, endpoints, reasons and outputs are, and however wide the letters.
fn eighty_columns() {
    let (player, peer) = (Player::always('f'), Peer::silent());
    let long = "a-very-long-name-".repeat(12);
    let wide = "größer-als-alle-anderen-".repeat(8);
    let failing = format!("echo {}; exit 7", "word-after-word-".repeat(40));
    let host = format!("{}localhost:80", "sub.".repeat(40));
    let config = quick()
        .general("interval", "0.2")
        .commands(&long, &failing, &failing)
        .action("b");
    let config = config.check(&wide, "http", player.addr(), &long);
    let config = config.check(&long, "tcp", host, &long).key("timeout", 1);
    let dir = Workdir::with(&config.check("short", "tcp", peer.addr(), "b"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("a failure", |status, _| {
        !status["actions"][0]["last"].is_null()
    });
    dir.ask(&["hold", &"reason after reason ".repeat(50)])
        .expect(0);
    let bad = format!("[general]\ninterval = {}\n", "often".repeat(100));
    let good = dir.read("heartbeat.conf");
    dir.reload_refused(&heartbeat, &bad);
    dir.write("heartbeat.conf", good);
    dir.wait_for_status("the hold", |status, _| !status["maintenance"].is_null());
    let text = dir.status_text(3);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line:?} in\n{text}");
        assert_eq!(line.trim_end(), line);
    }
    assert!(text.contains("short"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
    heartbeat.stop().expect(0);
}

fn no_colour_but_on_a_terminal() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    dir.heartbeat().once().expect(0);
    let plain = dir.status_text(0);
    assert!(!plain.contains('\u{1b}'));
    let coloured = dir.on_a_terminal("status");
    assert!(coloured.contains("\u{1b}[32m"), "{coloured:?}");
    let json = dir.on_a_terminal("status --format json");
    assert!(!json.contains('\u{1b}'), "{json:?}");
    // But for colour it is the same.
    let mut bare = coloured;
    for code in ["31", "32", "33", "0"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(masked(&bare), masked(&plain));
}
