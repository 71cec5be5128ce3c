//! Certificates as they are met with: whom they vouch for, how old their form is, and when they end.

use std::fs;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::{assert_down, assert_up};
use crate::support::authority::{Authority, Certificate};
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    verification_that_is_asked_for,
    names_that_are_addresses,
    the_first_version_of_x_509,
    a_certificate_without_its_key,
    one_that_is_named_vouches_for_nobody,
    one_for_no_name,
    an_extension_that_is_critical_and_unknown,
];

pub(super) fn showing(certificate: Certificate) -> Peer {
    serving(TlsServer::new(certificate))
}

fn serving(server: TlsServer) -> Peer {
    Peer::tls(server, |mut conn| {
        conn.request()?;
        conn.send(OK)?;
        conn.hold()
    })
}

/// An action and a directory without a configuration yet.
pub(super) fn begin() -> (Workdir, Config) {
    (Workdir::new(), Config::new().action("node"))
}

/// `yes` is the default, and takes back what `[DEFAULT]` says.
fn verification_that_is_asked_for() {
    let authority = Authority::new();
    let trusted = showing(authority.certificate());
    let unknown = showing(Authority::named("Nobody").certificate());
    let check = |name: &str, peer: &Peer, verify: &str| {
        let (dir, config) = begin();
        let config = config
            .check(name, "https", peer.at("localhost"), "node")
            .key("verify", verify);
        dir.write(
            "heartbeat.conf",
            format!("[DEFAULT]\nverify = no\n{}", config.text()),
        );
        let run = dir.heartbeat().trusting(&authority).once();
        (dir, run)
    };
    let (dir, run) = check("trusted", &trusted, "yes");
    assert_up(&dir, run, &["trusted"]);
    let (dir, run) = check("unknown", &unknown, "yes");
    let reason = "certificate of an unknown authority";
    assert_down(&dir, run, &[("unknown", "tls", reason)]);
    let (dir, run) = check("unasked", &unknown, "no");
    assert_up(&dir, run, &["unasked"]);
}

fn names_that_are_addresses() {
    let authority = Authority::new();
    let peer = showing(authority.certificate());
    let (dir, config) = begin();
    let config = config
        .check("web", "https", peer.at("localhost"), "node")
        .key("server_name", "192.0.2.1");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let reason = "certificate is not for 192.0.2.1 (it is for: localhost, 127.0.0.1, ";
    assert_down(&dir, run, &[("web", "tls", reason)]);
}

/// Taken by exact match and without verification, in both versions of TLS. Nobody can vouch for one: it has no names.
fn the_first_version_of_x_509() {
    let authority = Authority::new();
    let server = |version: &'static SupportedProtocolVersion| {
        let certificate = Certificate::self_signed_of_version_1();
        let pem = certificate.pem.clone();
        (pem, serving(TlsServer::speaking(certificate, version)))
    };
    let servers = [&TLS12, &TLS13].map(server);
    let names = ["named-0", "any-0", "named-1", "any-1"];
    let (dir, mut config) = begin();
    for (number, (pem, peer)) in servers.iter().enumerate() {
        let file = format!("named-{number}.pem");
        dir.write(&file, pem);
        config = config
            .check(
                &format!("named-{number}"),
                "https",
                peer.at("localhost"),
                "node",
            )
            .key("ca_file", &file)
            .check(
                &format!("any-{number}"),
                "https",
                peer.at("localhost"),
                "node",
            )
            .key("verify", "no");
    }
    dir.configure(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &names);

    let vouched_for = showing(authority.certificate_of_version_1());
    let (dir, config) = begin();
    let config = config
        .check("vouched-for", "https", vouched_for.at("localhost"), "node")
        .check("alone", "https", servers[0].1.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let table = [
        (
            "vouched-for",
            "tls",
            "certificate is not of x.509 version 3",
        ),
        ("alone", "tls", "certificate is self-signed"),
    ];
    assert_down(&dir, run, &table);
}

/// Of either version, and with either belief: the handshake is a whole one.
fn a_certificate_without_its_key() {
    let (dir, mut config) = begin();
    let (mut checks, mut held) = (Vec::new(), Vec::new());
    for (name, make) in [
        ("new", Certificate::self_signed as fn() -> Certificate),
        ("old", Certificate::self_signed_of_version_1),
    ] {
        for (number, version) in [&TLS12, &TLS13].into_iter().enumerate() {
            let stolen = make().stolen();
            dir.write(&format!("{name}-{number}.pem"), &stolen.pem);
            let peer = serving(TlsServer::speaking(stolen, version));
            for (suffix, key, value) in [
                ("named", "ca_file", format!("{name}-{number}.pem")),
                ("any", "verify", "no".to_owned()),
            ] {
                let check = format!("{name}-{number}-{suffix}");
                config = config
                    .check(&check, "https", peer.at("localhost"), "node")
                    .key(key, value);
                checks.push(check);
            }
            held.push(peer);
        }
    }
    dir.configure(&config);
    let run = dir.heartbeat().once();
    let table: Vec<_> = checks
        .iter()
        .map(|name| (name.as_str(), "tls", "signature"))
        .collect();
    assert_down(&dir, run, &table);
}

/// It is in `ca_file`, and no authority: what it signs is not believed.
fn one_that_is_named_vouches_for_nobody() {
    let named = Authority::that_is_none();
    let forged = showing(named.certificate_for(&["localhost"]));
    let (dir, config) = begin();
    dir.write("named.pem", fs::read(named.file()).unwrap());
    let config = config
        .check("forged", "https", forged.at("localhost"), "node")
        .key("ca_file", "named.pem");
    dir.configure(&config);
    let run = dir.heartbeat().once();
    let reason = "certificate of an unknown authority";
    assert_down(&dir, run, &[("forged", "tls", reason)]);
}

fn one_for_no_name() {
    let authority = Authority::new();
    let peer = showing(authority.certificate_for(&[]));
    let (dir, config) = begin();
    dir.configure(&config.check("web", "https", peer.at("localhost"), "node"));
    let run = dir.heartbeat().trusting(&authority).once();
    let reason = "certificate is for no name (it has no subjectaltname)";
    assert_down(&dir, run, &[("web", "tls", reason)]);
}

fn an_extension_that_is_critical_and_unknown() {
    let certificate = Certificate::self_signed_with_a_critical_extension();
    let pem = certificate.pem.clone();
    let peer = showing(certificate);
    let (dir, config) = begin();
    dir.write("named.pem", pem);
    let config = config
        .check("named", "https", peer.at("localhost"), "node")
        .key("ca_file", "named.pem")
        .check("any", "https", peer.at("localhost"), "node")
        .key("verify", "no");
    dir.configure(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["named", "any"]);
}
