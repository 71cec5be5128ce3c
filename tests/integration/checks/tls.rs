//! What TLS finds wrong, each with a reason of its own.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rustls::version::{TLS12, TLS13};

use super::{Expected, assert_down};
use crate::support::authority::{Authority, Certificate};
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    certificates_that_are_refused,
    handshakes_that_fail,
    a_client_certificate_that_is_demanded,
    tls_that_breaks_off,
    plain_http_to_a_tls_port,
    no_trusted_authority_at_all,
    a_trust_store_that_is_a_pipe,
];

type Row = (Expected<'static>, Peer);

fn answer_ok(mut conn: Conn) -> io::Result<()> {
    conn.request()?;
    conn.send(OK)?;
    conn.hold()
}

/// One round over HTTPS checks of all rows; every reason is another one.
fn round(authority: &Authority, rows: &[Row]) {
    let mut config = Config::new().action("node");
    for (expected, peer) in rows {
        config = config
            .check(expected.0, "https", peer.at("localhost"), "node")
            .key("timeout", 1);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(authority).once();
    let table: Vec<Expected> = rows.iter().map(|row| row.0).collect();
    assert_down(&dir, run, &table);
    let checks: Vec<_> = table.iter().map(|row| dir.log().check(row.0)).collect();
    assert!(checks.iter().all(|check| check.took <= 1.2), "{checks:#?}");
    let reasons: BTreeSet<&str> = checks.iter().map(|check| check.reason.as_str()).collect();
    assert_eq!(
        reasons.len(),
        rows.len(),
        "reasons that are alike: {checks:#?}"
    );
}

fn certificates_that_are_refused() {
    let authority = Authority::new();
    let stranger = Authority::named("A stranger");
    let forger = Authority::new();
    let showing = |certificate| Peer::tls(TlsServer::new(certificate), answer_ok);
    round(
        &authority,
        &[
            (("expired", "tls", "expired"), showing(authority.expired())),
            (
                ("not-yet-valid", "tls", "not valid before"),
                showing(authority.not_yet_valid()),
            ),
            (
                ("wrong-name", "tls", "other.example"),
                showing(authority.certificate_for(&["other.example"])),
            ),
            (
                ("self-signed", "tls", "self-signed"),
                showing(Certificate::self_signed()),
            ),
            (
                ("unknown-authority", "tls", "unknown"),
                showing(stranger.certificate()),
            ),
            (
                ("forged", "tls", "signature"),
                showing(forger.certificate()),
            ),
        ],
    );
}

fn handshakes_that_fail() {
    let authority = Authority::new();
    round(
        &authority,
        &[
            (("never-comes", "tls", "within 1s"), Peer::silent()),
            (
                ("tls-1.0-alert", "tls", "version"),
                first_words(PROTOCOL_VERSION_ALERT),
            ),
            (("tls-1.0-hello", "tls", ""), first_words(&tls_1_0_hello())),
            (
                ("plain-http", "tls", "tls"),
                first_words(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
            ),
            (
                ("reset", "tls", "reset"),
                Peer::serve(|mut conn| {
                    conn.read_some()?;
                    conn.reset()
                }),
            ),
            (
                ("closed", "tls", "closed"),
                Peer::serve(|mut conn| conn.read_some()),
            ),
        ],
    );
    let by_bytes = Peer::serve(|mut conn| {
        conn.read_some()?;
        let record = [&[0x16, 3, 3, 0x40, 0, 2][..], &[0; 1000]].concat();
        conn.drip(record, Duration::from_millis(50))
    });
    round(&authority, &[(("by-bytes", "tls", "within 1s"), by_bytes)]);
}

/// The server says why and hangs up while the client may still be sending: a matter of luck, so there are many.
fn a_client_certificate_that_is_demanded() {
    let authority = Authority::new();
    let demanding = |version| {
        let certificate = authority.certificate();
        let tls = TlsServer::demanding_certificate(certificate, &authority, version);
        Peer::tls(tls, answer_ok)
    };
    let peers = [demanding(&TLS12), demanding(&TLS13)];
    let names: Vec<String> = (0..40).map(|number| format!("web{number}")).collect();
    let mut config = Config::new().general("interval", "0.2").action("node");
    for (name, peer) in names.iter().zip(peers.iter().cycle()) {
        config = config.check(name, "https", peer.at("localhost"), "node");
    }
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().trusting(&authority).start();
    dir.wait_for_log("Round 5 complete");
    heartbeat.stop().expect(0);
    for check in names.iter().flat_map(|name| dir.log().checks(name)) {
        let told = check.phase == "tls" && check.reason.contains("certificate");
        assert!(check.status == "Unhealthy" && told, "{check:#?}");
    }
}

/// A fatal alert in a record of TLS 1.0 (RFC 2246, 7.2).
const PROTOCOL_VERSION_ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];

/// What a server answers that knows TLS 1.0 alone and does not mind what the client offers (RFC 2246, 7.4.1.3).
fn tls_1_0_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]); // random
    hello.extend([0, 0x00, 0x2f, 0]); // no session, RSA with AES-128-CBC and SHA, no compression
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}

/// Reads what the client begins with, answers with these bytes and waits.
fn first_words(bytes: &[u8]) -> Peer {
    let bytes = bytes.to_vec();
    Peer::serve(move |mut conn| {
        conn.read_some()?;
        conn.send(&bytes)?;
        conn.hold()
    })
}

fn tls_that_breaks_off() {
    let authority = Authority::new();
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let server = || TlsServer::new(authority.certificate());
    round(
        &authority,
        &[
            (
                ("silent", "receive", "within 1s"),
                Peer::tls(server(), |mut conn| conn.hold()),
            ),
            (
                ("end-in-body", "body", "closed"),
                Peer::tls(server(), move |mut conn| {
                    conn.request()?;
                    conn.send(half)
                }),
            ),
            (
                ("reset-in-body", "body", "reset"),
                Peer::tls(server(), move |mut conn| {
                    conn.request()?;
                    conn.send(half)?;
                    conn.reset()
                }),
            ),
            (
                ("empty", "receive", "closed"),
                Peer::tls(server(), |mut conn| conn.request().map(drop)),
            ),
        ],
    );
}

fn plain_http_to_a_tls_port() {
    let authority = Authority::new();
    let peer = Peer::tls(TlsServer::new(authority.certificate()), answer_ok);
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.at("localhost"), "node")
        .key("timeout", 1);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_down(&dir, run, &[("web", "receive", "tls")]);
}

fn no_trusted_authority_at_all() {
    let authority = Authority::new();
    let peer = Peer::tls(TlsServer::new(authority.certificate()), answer_ok);
    let config = Config::new()
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().env("SSL_CERT_FILE", "missing.pem").once();
    assert_down(&dir, run, &[("web", "tls", "authority")]);
    assert!(dir.log().says("missing.pem"), "the file is not named");
}

/// Whoever reads a pipe waits until somebody has written to it.
fn a_trust_store_that_is_a_pipe() {
    let authority = Authority::new();
    let peer = Peer::tls(TlsServer::new(authority.certificate()), answer_ok);
    let config = Config::new()
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    mkfifo(&dir.file("pipe"), Mode::S_IRUSR).expect("a pipe");
    let run = dir.heartbeat().env("SSL_CERT_FILE", "pipe").once();
    let reason = "ssl_cert_file: pipe is not a file";
    assert_down(&dir, run, &[("web", "tls", reason)]);
}
