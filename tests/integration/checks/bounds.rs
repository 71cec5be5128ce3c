//! The bounds that hold whatever peers do: memory, and the time of a round.

use std::thread;
use std::time::Duration;

use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    #[alone]
    memory_of_a_pass_over_the_greedy,
    #[alone]
    forty_slow_checks_run_side_by_side,
];

const MOST_KIB: u64 = 24 * 1024;

/// How each answer begins, and what then comes for ever.
const GREEDY: [(&str, &str, &str); 10] = [
    ("headers", "HTTP/1.1 200 OK\r\n", "X-Filler: yyyyyyyy\r\n"),
    ("header", "HTTP/1.1 200 OK\r\nX: ", "yyyyyyyyyyyyyyyyyyyy"),
    ("status-line", "HTTP/1.1 200 ", "yyyyyyyyyyyyyyyyyyyy"),
    ("no-line", "", "yyyyyyyyyyyyyyyyyyyy"),
    ("hints", "", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("body", "HTTP/1.1 200 OK\r\n\r\n", "yyyyyyyyyyyyyyyyyyyy"),
    (
        "chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nyyyyy\r\n",
    ),
    (
        "extension",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        "yyyyyyyyyyyyyyyyyyyy",
    ),
    (
        "trailers",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "X-Filler: yyyyyyyy\r\n",
    ),
    (
        "error-body",
        "HTTP/1.1 503 No\r\n\r\n",
        "yyyyyyyyyyyyyyyyyyyy",
    ),
];

fn memory_of_a_pass_over_the_greedy() {
    let authority = Authority::new();
    let mut config = Config::new().general("interval", 60).action("node");
    let mut peers = Vec::new();
    for (name, head, filler) in GREEDY {
        let behaviour = move |mut conn: Conn| {
            conn.request()?;
            conn.send(head)?;
            conn.repeat(filler.repeat(400))
        };
        let plain = Peer::serve(behaviour);
        let tls = Peer::tls(TlsServer::new(authority.certificate()), behaviour);
        // Two of each at once: what one check holds must not add up to more than the bound either.
        for twin in ["a", "b"] {
            for (kind, peer) in [("http", &plain), ("https", &tls)] {
                let check = format!("{kind}-{name}-{twin}");
                config = config
                    .check(&check, kind, peer.at("localhost"), "node")
                    .key("timeout", 2);
            }
        }
        peers.extend([plain, tls]);
    }
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().trusting(&authority).start();
    dir.wait_for_log("Round 1 complete");
    let peak = heartbeat.status_line("VmHWM");
    let peak: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    heartbeat.stop().expect(0);
    assert!(peak < MOST_KIB, "{peak} KiB at the peak");
    let extension = dir.log().check("http-extension-a");
    let told = (extension.phase.as_str(), extension.reason.as_str());
    assert_eq!(
        told,
        ("body", "the chunks of the body cannot be told apart")
    );
    for read in ["http-body-a", "https-body-b"] {
        let check = dir.log().check(read);
        assert_eq!(check.status, "Healthy", "it was not read: {check:#?}");
    }
}

fn forty_slow_checks_run_side_by_side() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        thread::sleep(Duration::from_millis(500));
        conn.send(OK)
    });
    let mut config = Config::new().action("node");
    for number in 0..40 {
        config = config.check(&format!("web{number}"), "http", peer.addr(), "node");
    }
    let dir = Workdir::with(&config);
    dir.heartbeat().once().expect(0);
    let rounds = dir.log().rounds();
    assert_eq!(rounds.len(), 1);
    let round = rounds[0];
    assert_eq!((round.checks, round.failed), (40, 0));
    assert!(
        (0.5..0.9).contains(&round.took),
        "the round took {}s",
        round.took
    );
}
