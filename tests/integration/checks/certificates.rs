//! Certificates as they are met with: whom they vouch for, how old their form is, and when they end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

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
    the_days_that_are_left,
    too_few_days,
    the_days_that_are_left_of_the_root,
    the_first_version_of_x_509,
    a_certificate_without_its_key,
    one_that_is_named_vouches_for_nobody,
    what_is_over_above_it,
    one_for_no_name,
    an_extension_that_is_critical_and_unknown,
    a_peer_without_a_word_on_a_client_certificate,
];

fn showing(certificate: Certificate) -> Peer {
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
fn begin() -> (Workdir, Config) {
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

fn the_days_that_are_left() {
    let authority = Authority::new();
    let leaf = showing(authority.certificate_ending_in(12));
    let between = showing(authority.certificate_by_intermediate_ending_in(3));
    let (dir, config) = begin();
    let config = config
        .check("leaf", "https", leaf.at("localhost"), "node")
        .key("min_cert_days", 12)
        .check("leaf-tls", "tls", leaf.at("localhost"), "node")
        .check("between", "https", between.at("localhost"), "node")
        .key("min_cert_days", 3);
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["leaf", "leaf-tls", "between"]);
    for (name, note) in [
        ("leaf", "certificate ends in 12 days"),
        ("leaf-tls", "certificate ends in 12 days"),
        ("between", "intermediate certificate ends in 3 days"),
    ] {
        assert_eq!(dir.log().check(name).note, note);
    }
    let status = dir.heartbeat().arg("status").run();
    let said = "certificate ends in 12 days";
    assert!(status.stdout.contains(said), "{}", status.stdout);
}

fn too_few_days() {
    let authority = Authority::new();
    let leaf = showing(authority.certificate_ending_in(12));
    let between = showing(authority.certificate_by_intermediate_ending_in(3));
    let expired = showing(authority.expired());
    let (dir, config) = begin();
    let config = config
        .check("leaf", "https", leaf.at("localhost"), "node")
        .key("min_cert_days", 13)
        .check("leaf-tls", "tls", leaf.at("localhost"), "node")
        .key("min_cert_days", 13)
        .key("verify", "no")
        .check("between", "tls", between.at("localhost"), "node")
        .key("min_cert_days", 4)
        .check("expired", "tls", expired.at("localhost"), "node")
        .key("min_cert_days", 1)
        .key("verify", "no");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let expected = [
        ("leaf", "tls", "in less than 13 days"),
        ("leaf-tls", "tls", "in less than 13 days"),
        ("between", "tls", "intermediate certificate ends on 20"),
        ("expired", "tls", "certificate expired on 2001-01-01"),
    ];
    assert_down(&dir, run, &expected);
}

/// The peer does not show it, and webpki believes it beyond its end.
fn the_days_that_are_left_of_the_root() {
    let root = Authority::ending_in(5);
    let direct = showing(root.certificate());
    let between = showing(root.certificate_by_intermediate());
    let run = |days: u32, from_file: bool| {
        let (dir, mut config) = begin();
        dir.write("ca.pem", fs::read(root.file()).unwrap());
        for (name, peer) in [("direct", &direct), ("between", &between)] {
            config = config
                .check(name, "tls", peer.at("localhost"), "node")
                .key("min_cert_days", days);
            if from_file {
                config = config.key("ca_file", "ca.pem");
            }
        }
        dir.configure(&config);
        let run = dir.heartbeat().trusting(&root).once();
        (dir, run)
    };
    let ends = "root certificate ends on 20";
    for from_file in [true, false] {
        let (dir, up) = run(5, from_file);
        assert_up(&dir, up, &["direct", "between"]);
        let note = dir.log().check("direct").note;
        assert_eq!(note, "root certificate ends in 5 days");
        let (dir, down) = run(6, from_file);
        let table = ["direct", "between"].map(|name| (name, "tls", ends));
        assert_down(&dir, down, &table);
    }
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

fn what_is_over_above_it() {
    let (lasting, over) = (Authority::new(), Authority::that_is_over());
    let by_over = showing(over.certificate());
    let between = showing(lasting.certificate_by_intermediate_that_is_over());
    let (dir, config) = begin();
    dir.write("ca.pem", fs::read(over.file()).unwrap());
    let config = config
        .check("root", "https", by_over.at("localhost"), "node")
        .key("ca_file", "ca.pem")
        .check("between", "https", between.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&lasting).once();
    let table = [
        ("root", "tls", "root certificate expired on 2001-01-01"),
        (
            "between",
            "tls",
            "intermediate certificate expired on 2001-01-01",
        ),
    ];
    assert_down(&dir, run, &table);
    let told = dir.heartbeat().test_config().expect(0).stderr;
    let warning = "[root] ca_file: holds a certificate that expired on 2001-01-01 (1.)";
    assert!(told.contains(warning), "{told}");
    let (dir, config) = begin();
    let config = config.check("root", "https", by_over.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&over).once();
    assert_down(&dir, run, &[table[0]]);
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

/// In TLS 1.3 a peer that wanted one has not accepted ours, or its lack, before it says something or closes.
fn a_peer_without_a_word_on_a_client_certificate() {
    let authority = Authority::new();
    let demanding = TlsServer::demanding_certificate(authority.certificate(), &authority, &TLS13);
    let peer = Peer::tls(demanding.without_tickets(), |conn| {
        // It does not even look whether we have gone.
        thread::sleep(Duration::from_secs(2));
        drop(conn);
        Ok(())
    });
    let (dir, config) = begin();
    let client = authority.certificate();
    dir.write("client.pem", &client.pem);
    dir.write("client.key", &client.key_pem);
    fs::set_permissions(dir.file("client.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let config = config
        .check("shown", "tls", peer.at("localhost"), "node")
        .key("timeout", "0.5")
        .key("cert_file", "client.pem")
        .key("key_file", "client.key");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let words = "no word on our certificate within 0.5s";
    assert_down(&dir, run, &[("shown", "tls", words)]);
}
