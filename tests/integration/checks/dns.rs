//! Queries to name servers that answer, that refuse, and that lie.

use std::net::Ipv4Addr;

use domain::base::iana::Rcode;
use domain::base::{Message, Serial, Ttl};
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt};

use super::{assert_down, assert_up};
use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::names::Names;
use crate::support::nameserver::{Answer, NameServer, name};
use crate::support::workdir::Workdir;

tests![
    every_type_of_record,
    what_is_expected_of_the_records,
    an_alias_counts_with_what_it_leads_to,
    aliases_that_go_in_circles,
    every_question_has_a_number_of_its_own,
    a_way_of_its_own,
    #[root]
    one_dead_address_beside_a_live_one,
    the_file_is_judged,
];

pub(super) const QUERY: &str = "www.example.net";

pub(super) fn a(last: u8) -> A {
    A::new(Ipv4Addr::new(192, 0, 2, last))
}

pub(super) fn one_a(question: &[u8]) -> Answer {
    Answer::to(question, Rcode::NOERROR).with(QUERY, a(1))
}

/// A server that gives every question this answer.
pub(super) fn answering(answer: impl Fn(&[u8]) -> Answer + Send + 'static) -> NameServer {
    NameServer::new(move |question, _| vec![answer(question).bytes()])
}

fn zone(question: &[u8]) -> Answer {
    let answer = Answer::to(question, Rcode::NOERROR);
    let asked = Message::from_octets(question).unwrap().qtype().unwrap();
    match asked.to_string().as_str() {
        "A" => answer.with(QUERY, a(2)).with(QUERY, a(1)),
        "AAAA" => answer.with(QUERY, Aaaa::new("2001:db8::1".parse().unwrap())),
        "CNAME" => answer.with(QUERY, Cname::new(name("web.example.net"))),
        "MX" => answer
            .with(QUERY, Mx::new(10, name("mail.example.net")))
            .with(QUERY, Mx::new(0, name("."))),
        "NS" => answer.with(QUERY, Ns::new(name("ns.example.net"))),
        "PTR" => answer.with(QUERY, Ptr::new(name("host.example.net"))),
        "SOA" => {
            let [hour, day] = [3600, 86400].map(Ttl::from_secs);
            let (primary, person) = (name("ns.example.net"), name("admin.example.net"));
            answer.with(
                QUERY,
                Soa::new(primary, person, Serial(7), hour, hour, day, hour),
            )
        }
        "SRV" => answer.with(QUERY, Srv::new(1, 2, 5060, name("sip.example.net"))),
        _ => {
            let text = b"\x07v=spf1 \x04-all\x01\xff";
            answer.with(QUERY, Txt::from_octets(text.as_slice()).unwrap())
        }
    }
}

fn every_type_of_record() {
    let server = answering(zone);
    let table = [
        ("A", "192.0.2.1, 192.0.2.2"),
        ("aaaa", "2001:db8::1"),
        ("CNAME", "web.example.net."),
        ("MX", "0 ., 10 mail.example.net."),
        ("NS", "ns.example.net."),
        ("PTR", "host.example.net."),
        (
            "SOA",
            "ns.example.net. admin.example.net. 7 3600 3600 86400 3600",
        ),
        ("SRV", "1 2 5060 sip.example.net."),
        ("TXT", "v=spf1 -all\u{fffd}"),
    ];
    let mut config = Config::new().action("node");
    for (record, _) in table {
        config = config
            .check(record, "dns", server.addr(), "node")
            .key("query", "WWW.example.net.")
            .key("record", record);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &table.map(|(record, _)| record));
    for (record, expected) in table {
        assert_eq!(dir.log().check(record).note, expected);
    }
}

fn what_is_expected_of_the_records() {
    let server = answering(zone);
    let check = |config: Config, name: &str, record: &str, expect: &str| {
        config
            .check(name, "dns", server.addr(), "node")
            .key("query", QUERY)
            .key("record", record)
            .key("expect", expect)
    };
    let mut config = Config::new().action("node");
    config = check(config, "whole", "A", r"^192\.0\.2\.2$");
    config = check(config, "both", "A", "2$\n    1$");
    config = check(config, "raw", "TXT", r"^v=spf1 -all\xff$");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["whole", "both", "raw"]);

    let mut config = Config::new().action("node");
    config = check(config, "other", "A", r"^198\.");
    config = check(config, "one-of-two", "A", "1$\n    3$");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table = [
        (
            "other",
            "expect",
            r"expected /^198\./, got 192.0.2.1, 192.0.2.2",
        ),
        (
            "one-of-two",
            "expect",
            "expected /3$/, got 192.0.2.1, 192.0.2.2",
        ),
    ];
    assert_down(&dir, run, &table);
}

fn an_alias_counts_with_what_it_leads_to() {
    let chain = |question: &[u8]| {
        Answer::to(question, Rcode::NOERROR)
            .with("b.example.net", Cname::new(name("c.example.net")))
            .with("WWW.Example.net", Cname::new(name("b.example.net")))
    };
    let whole = answering(move |question| chain(question).with("c.example.net", a(1)));
    let dir = Workdir::with(&asking(&[("alias", &whole)]));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["alias"]);

    let dangling = answering(chain);
    let elsewhere = answering(move |question| chain(question).with("d.example.net", a(1)));
    let dir = Workdir::with(&asking(&[
        ("dangling", &dangling),
        ("elsewhere", &elsewhere),
    ]));
    let run = dir.heartbeat().once();
    let table = ["dangling", "elsewhere"]
        .map(|check| (check, "status", "no a record for www.example.net. (nodata)"));
    assert_down(&dir, run, &table);
}

/// The record beside them is of a name that no resolver would come to.
fn aliases_that_go_in_circles() {
    let one =
        |question: &[u8]| Answer::to(question, Rcode::NOERROR).with(QUERY, Cname::new(name(QUERY)));
    let two = |question: &[u8]| {
        Answer::to(question, Rcode::NOERROR)
            .with(QUERY, Cname::new(name("b.example.net")))
            .with("b.example.net", Cname::new(name(QUERY)))
    };
    let (own, other) = (answering(one), answering(two));
    let beside_own = answering(move |question| one(question).with(QUERY, a(1)));
    let beside_other = answering(move |question| two(question).with(QUERY, a(1)));
    let servers = [
        ("own", &own),
        ("other", &other),
        ("beside-own", &beside_own),
        ("beside-other", &beside_other),
    ];
    let dir = Workdir::with(&asking(&servers));
    let run = dir.heartbeat().once();
    let endless = "www.example.net. has no end of aliases (cname)";
    assert_down(
        &dir,
        run,
        &servers.map(|(name, _)| (name, "status", endless)),
    );
}

/// A check of each of these servers, with a timeout of a second.
pub(super) fn asking(servers: &[(&str, &NameServer)]) -> Config {
    let mut config = Config::new().action("node");
    for (check, server) in servers {
        config = config
            .check(check, "dns", server.addr(), "node")
            .key("query", QUERY)
            .key("timeout", 1);
    }
    config
}

fn every_question_has_a_number_of_its_own() {
    let server = answering(one_a);
    let names: Vec<String> = (0..20).map(|number| format!("check-{number}")).collect();
    let servers: Vec<_> = names.iter().map(|name| (name.as_str(), &server)).collect();
    let dir = Workdir::with(&asking(&servers));
    dir.heartbeat().once().expect(0);
    let mut numbers: Vec<_> = server.questions().iter().map(|q| [q[0], q[1]]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    // Two of twenty are the same once in 350 runs, four twos never.
    assert!(numbers.len() > 16, "{numbers:?}");
}

fn a_way_of_its_own() {
    let server = answering(one_a);
    let config = asking(&[("from", &server)])
        .key("source", "127.0.0.3")
        .key("family", "ipv4");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["from"]);

    let config = asking(&[("nowhere", &server)]).key("source", "192.0.2.99");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let expected = "source 192.0.2.99: cannot assign requested address";
    assert_down(&dir, run, &[("nowhere", "connect", expected)]);
}

fn one_dead_address_beside_a_live_one() {
    let server = answering(one_a);
    let ips = ["127.0.0.2", "127.0.0.1"].map(|ip| ip.parse().unwrap());
    let names = Names::new().host("ns", &ips);
    let port = server.addr().port();
    let config = |addresses| {
        Config::new()
            .action("node")
            .check("resolver", "dns", format!("ns:{port}"), "node")
            .key("query", QUERY)
            .key("addresses", addresses)
    };
    let dir = Workdir::with(&config("any"));
    let run = Heartbeat::knowing(&dir, &names).once();
    assert_up(&dir, run, &["resolver"]);

    let dir = Workdir::with(&config("all"));
    let run = Heartbeat::knowing(&dir, &names).once();
    let expected = "connection refused (127.0.0.2)";
    assert_down(&dir, run, &[("resolver", "connect", expected)]);
}

fn the_file_is_judged() {
    let mut config = Config::new().action("node");
    for (number, (key, value)) in [
        ("query", "gr\u{fc}n.example"),
        ("query", "a b"),
        ("query", ""),
        ("query", "a..b"),
        ("record", "ANY"),
        ("expect", "("),
    ]
    .into_iter()
    .enumerate()
    {
        let check = format!("c{number}");
        config = config
            .check(&check, "dns", "localhost:53", "node")
            .key(key, value);
        if key != "query" {
            config = config.key("query", QUERY);
        }
    }
    config = config.check("none", "dns", "localhost:53", "node");
    let dir = Workdir::with(&config);
    let told = dir.heartbeat().test_config().expect(2).stderr;
    for words in [
        "[c0] query: \"gr\u{fc}n.example\" is not a name that can be asked for (write an international",
        "[c1] query: \"a b\" is not a name that can be asked for (it holds a blank)",
        "[c2] query: \"\" is not a name that can be asked for (it is empty",
        "[c3] query: \"a..b\" is not a name that can be asked for (",
        "[c4] record: \"ANY\" is not a type of record (A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT)",
        "[c5] expect: \"(\" is not a regular expression (unclosed group)",
        "[none] query: missing; give the name to ask for",
    ] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
}
