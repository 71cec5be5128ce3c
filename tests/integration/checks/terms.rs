//! What a check's keys ask of TLS: whom to believe, what to show, and how long a certificate must last.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use rustls::version::{TLS12, TLS13};

use super::{assert_down, assert_up};
use crate::support::authority::{Authority, Certificate};
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    no_verification,
    authorities_of_ones_own_instead_of_the_systems,
    a_certificate_that_is_named_itself,
    a_certificate_that_is_not_the_named_one,
    another_name,
    another_name_is_not_meant_for_where_a_redirect_leads,
    tls_alone,
    tls_alone_that_fails,
    a_certificate_file_is_read_again_with_the_configuration,
    a_key_that_cannot_be_read_any_more_stops_the_reload,
];

pub(super) fn answer_ok(mut conn: Conn) -> io::Result<()> {
    conn.request()?;
    conn.send(OK)?;
    conn.hold()
}

fn showing(certificate: Certificate) -> Peer {
    Peer::tls(TlsServer::new(certificate), answer_ok)
}

/// A peer of `type = tls` that says nothing inside.
pub(super) fn silent(tls: TlsServer) -> Peer {
    Peer::tls(tls, |mut conn| conn.hold())
}

/// An action and a directory without a configuration yet.
pub(super) fn begin() -> (Workdir, Config) {
    (Workdir::new(), Config::new().action("node"))
}

/// A file that only its owner can read.
pub(super) fn secret(dir: &Workdir, name: &str, text: &str) {
    dir.write(name, text);
    fs::set_permissions(dir.file(name), fs::Permissions::from_mode(0o600)).unwrap();
}

fn no_verification() {
    let authority = Authority::new();
    let (dir, mut config) = begin();
    let peers = [
        ("self-signed", showing(Certificate::self_signed())),
        ("expired", showing(authority.expired())),
        (
            "other-name",
            showing(authority.certificate_for(&["other.example"])),
        ),
    ];
    for (name, peer) in &peers {
        config = config.check(name, "https", peer.at("localhost"), "node");
        config = config.key("verify", "no");
    }
    dir.configure(&config);
    let tested = dir.heartbeat().test_config().expect(0);
    let warning = "warning: [expired] verify: any certificate will do";
    assert!(tested.stderr.contains(warning), "{}", tested.stderr);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["self-signed", "expired", "other-name"]);
    let note = dir.log().check("expired").note;
    assert_eq!(note, "certificate expired on 2001-01-01");
    // It is no more than its own check's affair.
    let (dir, config) = begin();
    let config = config.check("web", "https", peers[0].1.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_down(&dir, run, &[("web", "tls", "self-signed")]);
}

fn authorities_of_ones_own_instead_of_the_systems() {
    let (ours, systems) = (Authority::named("Ours"), Authority::named("The system's"));
    let by_ours = showing(ours.certificate_by_intermediate());
    let by_systems = showing(systems.certificate());
    let (dir, config) = begin();
    dir.write("ca.pem", fs::read(ours.file()).unwrap());
    let config = config
        .check("ours", "https", by_ours.at("localhost"), "node")
        .key("ca_file", "ca.pem");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&systems).once();
    assert_up(&dir, run, &["ours"]);
    let (dir, config) = begin();
    dir.write("ca.pem", fs::read(ours.file()).unwrap());
    let config = config
        .check("systems", "https", by_systems.at("localhost"), "node")
        .key("ca_file", "ca.pem");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&systems).once();
    assert_down(&dir, run, &[("systems", "tls", "unknown authority")]);
}

/// By exact match, whatever its name; `openssl req -x509` makes it an authority's.
fn a_certificate_that_is_named_itself() {
    let (dir, mut config) = begin();
    let certificates = [
        Certificate::self_signed(),
        Certificate::self_signed_authority(),
    ];
    let all: String = certificates.iter().map(|one| one.pem.clone()).collect();
    dir.write("named.pem", all);
    let peers = certificates.map(showing);
    for (name, peer) in ["plain", "authority"].iter().zip(&peers) {
        config = config
            .check(name, "https", peer.at("localhost"), "node")
            .key("ca_file", "named.pem")
            .check(&format!("{name}-tls"), "tls", peer.at("localhost"), "node")
            .key("ca_file", "named.pem")
            .key("server_name", "other.example");
    }
    dir.configure(&config);
    let run = dir.heartbeat().once();
    let names = ["plain", "authority", "plain-tls", "authority-tls"];
    assert_up(&dir, run, &names);
}

fn a_certificate_that_is_not_the_named_one() {
    let (dir, config) = begin();
    let expired = Certificate::self_signed_and_expired();
    dir.write("named.pem", &expired.pem);
    let (expired, other) = (showing(expired), showing(Certificate::self_signed()));
    let config = config
        .check("expired", "https", expired.at("localhost"), "node")
        .key("ca_file", "named.pem")
        .check("other", "https", other.at("localhost"), "node")
        .key("ca_file", "named.pem");
    dir.configure(&config);
    let run = dir.heartbeat().once();
    let expected = [
        ("expired", "tls", "expired on 2001-01-01"),
        // Of the same name as the one that is trusted, and with another key.
        ("other", "tls", "self-signed"),
    ];
    assert_down(&dir, run, &expected);
}

fn another_name() {
    let authority = Authority::new();
    let tls = TlsServer::new(authority.certificate_for(&["service.example"]));
    let names = tls.names();
    let peer = Peer::tls(tls, answer_ok);
    let (dir, config) = begin();
    let config = config
        .check("web", "https", peer.at("localhost"), "node")
        .key("server_name", "service.example");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    assert_eq!(names(), ["service.example"]);
    let request = peer.requests().pop().unwrap().to_lowercase();
    let host = format!("\r\nhost: {}\r\n", peer.at("localhost"));
    assert!(request.contains(&host), "no {host:?} in {request:?}");
    let (dir, config) = begin();
    let config = config
        .check("web", "https", peer.at("localhost"), "node")
        .key("server_name", "another.example");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let expected = (
        "web",
        "tls",
        "not for another.example (it is for: service.example)",
    );
    assert_down(&dir, run, &[expected]);
}

fn another_name_is_not_meant_for_where_a_redirect_leads() {
    let authority = Authority::new();
    let elsewhere = showing(authority.certificate_ending_in(30));
    let location = format!("https://{}/", elsewhere.at("localhost"));
    let tls = TlsServer::new(authority.certificate_for(&["service.example"]));
    let peer = Peer::tls(tls, move |mut conn| {
        conn.request()?;
        conn.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ))
    });
    let (dir, config) = begin();
    let config = config
        .check("web", "https", peer.at("localhost"), "node")
        .key("server_name", "service.example");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    let note = dir.log().check("web").note;
    assert_eq!(
        note, "certificate ends in 30 days",
        "of the last connection"
    );
}

fn tls_alone() {
    let authority = Authority::new();
    let (dir, mut config) = begin();
    let server = |version| TlsServer::speaking(authority.certificate(), version);
    let greeting = Peer::tls(server(&TLS13), |mut conn| {
        conn.send("220 mail.example ESMTP\r\n")?;
        conn.hold()
    });
    let peers = [silent(server(&TLS12)), silent(server(&TLS13)), greeting];
    let names = ["tls-1.2", "tls-1.3", "greeting"];
    for (name, peer) in names.iter().zip(&peers) {
        config = config.check(name, "tls", peer.at("localhost"), "node");
    }
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &names);
    let took: Vec<f64> = names
        .iter()
        .map(|name| dir.log().check(name).took)
        .collect();
    assert!(
        took.iter().all(|took| *took < 1.0),
        "waited for words: {took:?}"
    );
}

fn tls_alone_that_fails() {
    let authority = Authority::new();
    let (dir, mut config) = begin();
    let peers = [
        (
            ("expired", "tls", "expired on 2001-01-01"),
            showing(authority.expired()),
        ),
        (
            ("never-comes", "tls", "no handshake within 1s"),
            Peer::silent(),
        ),
        (("down", "connect", "refused"), Peer::down()),
        (
            ("plain", "tls", "does not speak tls"),
            Peer::serve(|mut conn| {
                conn.send("220 mail.example ESMTP\r\n")?;
                conn.hold()
            }),
        ),
    ];
    for (expected, peer) in &peers {
        config = config
            .check(expected.0, "tls", peer.at("localhost"), "node")
            .key("timeout", 1);
    }
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let table: Vec<_> = peers.iter().map(|(expected, _)| *expected).collect();
    assert_down(&dir, run, &table);
}

/// The check stays the same one; the authority that it believes is another.
fn a_certificate_file_is_read_again_with_the_configuration() {
    let (ours, others) = (Authority::named("Ours"), Authority::named("Another's"));
    let peer = showing(ours.certificate());
    let (dir, config) = begin();
    dir.write("ca.pem", fs::read(ours.file()).unwrap());
    let config = config
        .general("interval", "0.2")
        .check("web", "https", peer.at("localhost"), "node")
        .key("ca_file", "ca.pem");
    dir.configure(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Status: Healthy");
    dir.write("ca.pem", fs::read(others.file()).unwrap());
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Reason: tls: certificate of an unknown authority");
    heartbeat.stop().expect(0);
}

fn a_key_that_cannot_be_read_any_more_stops_the_reload() {
    let authority = Authority::new();
    let peer = showing(authority.certificate());
    let (dir, config) = begin();
    let client = authority.certificate();
    dir.write("client.pem", &client.pem);
    secret(&dir, "client.key", &client.key_pem);
    let config = config
        .general("interval", "0.2")
        .check("web", "https", peer.at("localhost"), "node")
        .key("cert_file", "client.pem")
        .key("key_file", "client.key");
    dir.configure(&config);
    let heartbeat = dir.heartbeat().trusting(&authority).start();
    dir.wait_for_log("Status: Healthy");
    fs::set_permissions(dir.file("client.key"), fs::Permissions::from_mode(0o644)).unwrap();
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("[web] key_file: \"client.key\" can be read or written by everybody");
    let before = dir.log().checks("web").len();
    dir.wait_for_log_times("Status: Healthy", before + 2);
    heartbeat.stop().expect(0);
}
