//! Answers of name servers that are late, too long, lies, none or a no.

use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::{OptRcode, Rcode};
use domain::rdata::Txt;

use super::dns::{QUERY, a, answering, asking, one_a};
use super::{Expected, assert_down, assert_up};
use crate::support::nameserver::{Answer, Answers, NameServer};
use crate::support::port::Port;
use crate::support::workdir::Workdir;

tests![
    #[alone]
    a_lost_datagram_is_no_failure,
    what_is_too_long_for_udp,
    #[alone]
    a_long_answer_is_looked_through_until_the_deadline,
    #[alone]
    answers_that_are_none,
    #[alone]
    answers_that_say_no,
];

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
