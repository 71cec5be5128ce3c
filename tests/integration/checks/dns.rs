//! Queries to name servers that answer, that refuse, and that lie.

use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::{OptRcode, Rcode};
use domain::base::{Message, Serial, Ttl};
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt};

use super::{Expected, assert_down, assert_up};
use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::names::Names;
use crate::support::nameserver::{Answer, Answers, NameServer, name};
use crate::support::port::Port;
use crate::support::workdir::Workdir;

tests![
    every_type_of_record,
    what_is_expected_of_the_records,
    an_alias_counts_with_what_it_leads_to,
    aliases_that_go_in_circles,
    #[alone]
    a_lost_datagram_is_no_failure,
    what_is_too_long_for_udp,
    #[alone]
    a_long_answer_is_looked_through_until_the_deadline,
    #[alone]
    answers_that_are_none,
    #[alone]
    answers_that_say_no,
    every_question_has_a_number_of_its_own,
    a_way_of_its_own,
    #[root]
    one_dead_address_beside_a_live_one,
    the_file_is_judged,
];

const QUERY: &str = "www.example.net";

fn a(last: u8) -> A {
    A::new(Ipv4Addr::new(192, 0, 2, last))
}

fn one_a(question: &[u8]) -> Answer {
    Answer::to(question, Rcode::NOERROR).with(QUERY, a(1))
}

/// A server that gives every question this answer.
fn answering(answer: impl Fn(&[u8]) -> Answer + Send + 'static) -> NameServer {
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
fn asking(servers: &[(&str, &NameServer)]) -> Config {
    let mut config = Config::new().action("node");
    for (check, server) in servers {
        config = config
            .check(check, "dns", server.addr(), "node")
            .key("query", QUERY)
            .key("timeout", 1);
    }
    config
}

fn a_lost_datagram_is_no_failure() {
    let server = NameServer::new(|question, before| match before {
        0 | 1 => Answers::new(),
        _ => vec![one_a(question).bytes()],
    });
    let dir = Workdir::with(&asking(&[("lossy", &server)]));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["lossy"]);
    let questions = server.questions();
    assert_eq!(questions.len(), 3);
    assert!(questions.iter().all(|question| *question == questions[0]));
    let took = dir.log().check("lossy").took;
    assert!((0.6..0.9).contains(&took), "{took}");
}

fn what_is_too_long_for_udp() {
    let cut = |question: &[u8], _| vec![Answer::to(question, Rcode::NOERROR).cut().bytes()];
    let many = |question: &[u8]| {
        let answer = Answer::to(question, Rcode::NOERROR);
        (0..200).fold(answer, |answer, last| answer.with(QUERY, a(last)))
    };
    let whole = NameServer::with_tcp(cut, move |question| vec![many(question).framed()]);
    let dir = Workdir::with(&asking(&[("whole", &whole)]));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["whole"]);
    assert_eq!(dir.log().check("whole").note.len(), 200, "it is cut");

    let refused = NameServer::new(cut);
    let closed = NameServer::with_tcp(cut, |_| Answers::new());
    let half = NameServer::with_tcp(cut, |question| vec![one_a(question).framed()[..9].to_vec()]);
    let other = NameServer::with_tcp(cut, |question| vec![one_a(question).misnumbered().framed()]);
    let again = NameServer::with_tcp(cut, |question| vec![one_a(question).cut().framed()]);
    let dir = Workdir::with(&asking(&[
        ("refused", &refused),
        ("closed", &closed),
        ("half", &half),
        ("other", &other),
        ("again", &again),
    ]));
    let run = dir.heartbeat().once();
    let table = [
        (
            "again",
            "receive",
            "over tcp, as udp was too short: an answer that is cut off",
        ),
        (
            "refused",
            "connect",
            "over tcp, as udp was too short: connection refused",
        ),
        (
            "closed",
            "receive",
            "over tcp, as udp was too short: connection closed before",
        ),
        (
            "half",
            "receive",
            "over tcp, as udp was too short: connection closed before",
        ),
        (
            "other",
            "receive",
            "over tcp, as udp was too short: an answer with another number",
        ),
    ];
    assert_down(&dir, run, &table);
}

/// Records that are short work, and a pattern that makes long work of each.
fn a_long_answer_is_looked_through_until_the_deadline() {
    let cut = |question: &[u8], _| vec![Answer::to(question, Rcode::NOERROR).cut().bytes()];
    let many = |question: &[u8]| {
        let text = [&[250][..], &[b'2'; 250]].concat();
        let text = Txt::from_octets(text).unwrap();
        let answer = Answer::to(question, Rcode::NOERROR);
        (0..200).fold(answer, |answer, _| answer.with(QUERY, text.clone()))
    };
    let server = NameServer::with_tcp(cut, move |question| vec![many(question).framed()]);
    let config = asking(&[("long", &server)])
        .key("record", "TXT")
        .key("timeout", "0.3")
        .key("expect", "(2?2?5?){99}[^x]{0,200}nope$");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(
        &dir,
        run,
        &[("long", "expect", "not looked through within 0.3s")],
    );
    let took = dir.log().check("long").took;
    assert!((0.3..0.6).contains(&took), "{took}");
}

fn answers_that_are_none() {
    let silent = NameServer::new(|_, _| Answers::new());
    let garbage = NameServer::new(|_, _| vec![b"\x00\x01nonsense".to_vec()]);
    let echo = NameServer::new(|question, _| vec![question.to_vec()]);
    let misnumbered = answering(|question| one_a(question).misnumbered());
    let notice = answering(|question| one_a(question).answering_a_notice());
    let other = NameServer::new(|question, _| {
        let other = question.to_vec();
        let at = other.windows(3).position(|part| part == b"www").unwrap();
        let other = [&other[..at], b"web", &other[at + 3..]].concat();
        vec![
            Answer::to(&other, Rcode::NOERROR)
                .with("web.example.net", a(1))
                .bytes(),
        ]
    });
    let servers = [
        ("silent", &silent),
        ("garbage", &garbage),
        ("echo", &echo),
        ("misnumbered", &misnumbered),
        ("notice", &notice),
        ("other", &other),
    ];
    let dir = Workdir::with(&asking(&servers));
    let run = dir.heartbeat().once();
    let table: [Expected; 6] = [
        ("silent", "receive", "no answer within 1s"),
        (
            "garbage",
            "receive",
            "no answer within 1s, only what is no dns message",
        ),
        (
            "echo",
            "receive",
            "no answer within 1s, only what is no answer",
        ),
        (
            "notice",
            "receive",
            "no answer within 1s, only what is no answer",
        ),
        (
            "misnumbered",
            "receive",
            "no answer within 1s, only an answer with another number",
        ),
        (
            "other",
            "receive",
            "no answer within 1s, only an answer to another question",
        ),
    ];
    assert_down(&dir, run, &table);
    for (check, ..) in table {
        let took = dir.log().check(check).took;
        assert!((1.0..1.2).contains(&took), "{check}: {took}");
    }

    // The true answer behind a false one still counts.
    let late = NameServer::new(|question, _| {
        let forged = one_a(question).misnumbered().bytes();
        vec![b"x".to_vec(), forged, one_a(question).bytes()]
    });
    let dir = Workdir::with(&asking(&[("late", &late)]));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["late"]);
}

fn answers_that_say_no() {
    let refused_port = Port::reserve(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let codes = [
        ("formerr", Rcode::FORMERR),
        ("servfail", Rcode::SERVFAIL),
        ("nxdomain", Rcode::NXDOMAIN),
        ("refused", Rcode::REFUSED),
        ("notimp", Rcode::NOTIMP),
    ];
    let extended = NameServer::new(|question, _| vec![one_a(question).extended(OptRcode::BADVERS)]);
    let dir = Workdir::with(&asking(&[("extended", &extended)]));
    let run = dir.heartbeat().once();
    assert_down(
        &dir,
        run,
        &[("extended", "status", "badvers for www.example.net.")],
    );

    let mut servers = codes
        .map(|(check, rcode)| {
            (
                check,
                answering(move |question| Answer::to(question, rcode)),
            )
        })
        .into_iter()
        .collect::<Vec<_>>();
    servers.push((
        "bare",
        NameServer::new(|question, _| {
            // Header alone: QR, REFUSED, no question.
            vec![[&question[..2], &[0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0]].concat()]
        }),
    ));
    servers.push((
        "nodata",
        answering(|question| Answer::to(question, Rcode::NOERROR)),
    ));
    servers.push((
        "damaged",
        NameServer::new(|question, _| {
            let whole = one_a(question).bytes();
            vec![whole[..whole.len() - 2].to_vec()]
        }),
    ));
    let all: Vec<_> = servers
        .iter()
        .map(|(check, server)| (*check, server))
        .collect();
    let config = asking(&all)
        .check("nobody", "dns", refused_port.addr(), "node")
        .key("query", QUERY);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table = [
        ("formerr", "status", "formerr for www.example.net."),
        ("servfail", "status", "servfail for www.example.net."),
        ("nxdomain", "status", "nxdomain for www.example.net."),
        ("refused", "status", "refused for www.example.net."),
        ("notimp", "status", "notimp for www.example.net."),
        ("bare", "status", "refused for www.example.net."),
        (
            "nodata",
            "status",
            "no a record for www.example.net. (nodata)",
        ),
        ("damaged", "receive", "an answer that is damaged"),
        ("nobody", "connect", "connection refused"),
    ];
    assert_down(&dir, run, &table);
    for (check, ..) in table {
        let took = dir.log().check(check).took;
        assert!(took < 0.5, "{check} was waited for: {took}");
    }
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
