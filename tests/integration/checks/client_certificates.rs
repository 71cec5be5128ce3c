//! Peers that ask for a certificate of ours: shown, missing, wrong, and not theirs to see.

use std::thread;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::terms::{answer_ok, begin, secret, silent};
use super::{assert_down, assert_up};
use crate::support::authority::{Authority, Certificate};
use crate::support::peer::Peer;
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    a_client_certificate,
    a_client_certificate_of_the_wrong_authority,
    a_client_certificate_is_not_shown_where_a_redirect_leads,
    a_peer_without_a_word_on_a_client_certificate,
];

/// Both versions of TLS: in the newer one the client is done before the peer has seen its certificate.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Peers that demand a certificate of `authority`, for https and tls, in both versions.
fn demanding(authority: &Authority) -> Vec<(&'static str, &'static str, Peer)> {
    let server =
        |version| TlsServer::demanding_certificate(authority.certificate(), authority, version);
    let [older, newer] = VERSIONS;
    vec![
        ("https-1.2", "https", Peer::tls(server(older), answer_ok)),
        ("https-1.3", "https", Peer::tls(server(newer), answer_ok)),
        ("tls-1.2", "tls", silent(server(older))),
        ("tls-1.3", "tls", silent(server(newer))),
        (
            "tls-1.3-silent",
            "tls",
            silent(server(newer).without_tickets()),
        ),
    ]
}

/// Checks of these peers that show this certificate.
fn showing(client: &Certificate, peers: &[(&'static str, &'static str, Peer)]) -> Workdir {
    let (dir, mut config) = begin();
    dir.write("client.pem", &client.pem);
    secret(&dir, "client.key", &client.key_pem);
    for (name, kind, peer) in peers {
        config = config
            .check(name, kind, peer.at("localhost"), "node")
            .key("cert_file", "client.pem")
            .key("key_file", "client.key");
    }
    dir.configure(&config);
    dir
}

fn a_client_certificate() {
    let authority = Authority::new();
    let peers = demanding(&authority);
    let dir = showing(&authority.certificate_by_intermediate(), &peers);
    let run = dir.heartbeat().trusting(&authority).once();
    let names: Vec<_> = peers.iter().map(|(name, ..)| *name).collect();
    assert_up(&dir, run, &names);
    let (dir, mut config) = begin();
    for (name, kind, peer) in &peers {
        config = config.check(name, kind, peer.at("localhost"), "node");
    }
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let demanded = |name: &&'static str| (*name, "tls", "demands a client certificate");
    assert_down(&dir, run, &names.iter().map(demanded).collect::<Vec<_>>());
}

fn a_client_certificate_of_the_wrong_authority() {
    let (authority, stranger) = (Authority::new(), Authority::named("A stranger"));
    let peers = demanding(&authority);
    let dir = showing(&stranger.certificate(), &peers);
    let run = dir.heartbeat().trusting(&authority).once();
    let refused =
        |(name, ..): &(&'static str, &str, Peer)| (*name, "tls", "refuses our certificate");
    assert_down(&dir, run, &peers.iter().map(refused).collect::<Vec<_>>());
}

fn a_client_certificate_is_not_shown_where_a_redirect_leads() {
    let authority = Authority::new();
    let demanding =
        || TlsServer::demanding_certificate(authority.certificate(), &authority, &TLS12);
    let elsewhere = Peer::tls(demanding(), answer_ok);
    let location = format!("https://{}/", elsewhere.at("localhost"));
    let home = Peer::tls(demanding(), move |mut conn| {
        let is_first = conn.request()?.starts_with("GET /here ");
        let to = if is_first { "/there" } else { &location };
        conn.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    });
    let (dir, config) = begin();
    let client = authority.certificate();
    dir.write("client.pem", &client.pem);
    secret(&dir, "client.key", &client.key_pem);
    let config = config
        .check("web", "https", home.at("localhost"), "node")
        .key("path", "/here")
        .key("cert_file", "client.pem")
        .key("key_file", "client.key");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_down(&dir, run, &[("web", "tls", "demands a client certificate")]);
    assert_eq!(home.requests().len(), 2, "shown at home, each time");
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
    secret(&dir, "client.key", &client.key_pem);
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
