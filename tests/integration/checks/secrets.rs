//! What is secret is shown nowhere: not in log, state and status, whatever peers and slips make of it.

use super::assert_down;
use super::credentials::{asking, assert_nowhere, with_password};
use crate::support::config::Config;
use crate::support::peer::Peer;

tests![
    a_peer_that_repeats_the_secret,
    a_redirect_with_a_secret_that_a_url_cannot_hold,
    mistakes_do_not_show_what_they_are_made_in,
];

/// Such as a service that shows the request it got. Nothing of it may reach log, state or status.
fn a_peer_that_repeats_the_secret() {
    let echo = || {
        Peer::serve(|mut conn| {
            let request = conn.request()?;
            let secret = request
                .lines()
                .find_map(|line| line.strip_prefix("authorization: "))
                .unwrap_or_default()
                .to_owned();
            let token = secret.trim_start_matches("Basic ");
            let path = request.split(' ').nth(1).unwrap();
            match path {
                "/body" => conn.send(format!("HTTP/1.1 200 OK\r\n\r\n{secret} probe:hunter22")),
                "/cut" => conn.send(format!(
                    "HTTP/1.1 200 OK\r\n\r\n{}{secret}",
                    "x".repeat(240)
                )),
                "/header" => conn.send(format!("HTTP/1.1 200 OK\r\nX-Echo: {secret}\r\n\r\n")),
                "/location" => conn.send(format!(
                    "HTTP/1.1 302 Found\r\nLocation: ftp://a/hunter22/{token}\r\n\r\n"
                )),
                "/words" => conn.send(format!(
                    "{token} hunter22 hunter22 hunter22 hunter22 hunter22\r\n"
                )),
                _ => conn.send(format!("{secret}\r\n\r\n")),
            }
        })
    };
    let peer = echo();
    let mut config = Config::new().action("node");
    let cases = [
        ("body", "expect_body", "ready", "body", "***"),
        (
            "rejected",
            "reject_body",
            "(?i)basic .{9}",
            "body",
            "basic ***",
        ),
        ("cut", "reject_body", "x{200}", "body", "xxx"),
        (
            "header",
            "expect_header",
            "X-Echo: ready",
            "header",
            "basic ***",
        ),
        ("location", "expect_status", "200", "status", "ftp"),
        ("words", "expect_status", "200", "receive", "***"),
        ("echo", "expect_status", "200", "receive", "***"),
    ];
    for (name, key, value, ..) in cases {
        let path = if name == "rejected" { "body" } else { name };
        config = config
            .check(name, "http", peer.addr(), "node")
            .key("path", format!("/{path}"))
            .key("username", "probe")
            .key("password_file", "password")
            .key(key, value);
    }
    let dir = with_password(&config, "hunter22\n");
    let run = dir.heartbeat().once();
    assert_down(
        &dir,
        run,
        &cases.map(|(name, _, _, phase, words)| (name, phase, words)),
    );
    assert_nowhere(&dir, &["hunter", "hunt", "cHJvYm", "aHVudGVy"]);
    for format in ["text", "json", "prometheus"] {
        let status = dir.heartbeat().args(["status", "--format", format]).run();
        let told = status.stdout + &status.stderr;
        assert!(!told.contains("hunt") && !told.contains("cHJvYm"), "{told}");
    }
}

fn a_redirect_with_a_secret_that_a_url_cannot_hold() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 302 Found\r\nLocation: ftp://a/x/hünter [22] 100%/y\r\n\r\n")
    });
    let dir = with_password(&asking(&peer), "hünter [22] 100%\n");
    let run = dir.heartbeat().once();
    let words = "302: redirect to ftp://a/x/***";
    assert_down(&dir, run, &[("web", "status", words)]);
    assert_nowhere(&dir, &["nter", "%5B22%5D"]);
}

/// One may have got into the wrong line, or the line may be wrong.
fn mistakes_do_not_show_what_they_are_made_in() {
    for (key, value, words) in [
        ("username", "probe:hunter22", "holds a colon"),
        (
            "header",
            "Authorization Bearer hunter22",
            "has a line that is not Name: value",
        ),
        (
            "header",
            "X-Key: hünter22",
            "has \"X-Key\" with a value of other characters",
        ),
        (
            "header",
            "X-Key: 1\n  X-Key: hunter22",
            "has \"X-Key\" twice",
        ),
        (
            "header",
            "Host: hunter22\n  Connection: hunter22",
            "has \"Connection\", which is heartbeat's own",
        ),
    ] {
        let config = Config::new().action("node");
        let config = config.check("web", "http", "127.0.0.1:1", "node");
        let mut config = config.key(key, value);
        if key == "username" {
            config = config.key("password_file", "password");
        }
        let dir = with_password(&config, "another");
        for run in [dir.heartbeat().test_config(), dir.heartbeat().once()] {
            let told = run.expect(2).stderr;
            let place = format!("[web] {key}: {words}");
            assert!(told.contains(&place), "{told}, not {place}");
            assert!(!told.contains("nter22"), "{told}");
        }
    }
}
