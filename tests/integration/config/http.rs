//! The keys of http and https, and their mistakes.

use super::{GOOD, assert_good, refused, with_line};

tests![
    keys_that_are_good,
    values_that_are_wrong,
    keys_that_do_not_go_together,
    keys_of_another_type,
    header_lines_without_end,
    a_time_that_the_timeout_makes_pointless,
];

/// `GOOD` with these lines in the check's section instead of its path; the first of them is line 11.
fn with_lines(lines: &str) -> String {
    with_line(11, lines)
}

fn keys_that_are_good() {
    for lines in [
        "expect_status = 200",
        "expect_status = 100-999",
        "expect_status = 200 - 299 , 401",
        "expect_body = (?i)ready|steady",
        "expect_header = X-A: .\n  X-B: ^$",
        "expect_header = X-A: .\n  X-A: b",
        "header = X-A: b:c\n  X-B:",
        "header = A: 1\n\n  # a comment\n  B: 2",
        "method = options",
        "method = GET\nbody = x",
        "follow_redirects = off",
        "max_time = 4999ms",
        "header = Authorization: Bearer x",
    ] {
        assert_good(with_lines(lines));
    }
}

fn assert_told(lines: &str, place: &str, words: &str) {
    let told = refused(with_lines(lines));
    let start = format!("heartbeat.conf:11: [web] {place}: ");
    assert!(
        told.len() == 1 && told[0].starts_with(&start) && told[0].contains(words),
        "{lines:?} should be told as {start:?} with {words:?}, but is told as {told:#?}"
    );
}

fn values_that_are_wrong() {
    for (line, words) in [
        (
            "expect_status = 20",
            "\"20\" is not a list of statuses such as 200-299, 401",
        ),
        ("expect_status = 299-200", "\"299-200\""),
        ("expect_status = 200,", "\"200,\""),
        ("expect_status = +200", "100 to 999"),
        ("expect_status = 200, 100", "not only what begins with a 1"),
        ("expect_status = 2xx", "\"2xx\""),
        ("expect_status = 099", "\"099\""),
        ("expect_status =", "\"\""),
        (
            "expect_body = a(b",
            "\"a(b\" is not a regular expression (unclosed group)",
        ),
        ("expect_body =", "is an empty pattern"),
        ("reject_body = [", "is not a regular expression"),
        ("reject_body = (a{99}){99}{99}", "too large"),
        ("expect_header = X-A", "has a line that is not Name: value"),
        (
            "expect_header = X A: b",
            "does not begin with the name of a header",
        ),
        (
            "expect_header = X-A: a(b",
            "has \"X-A\", whose pattern \"a(b\" is not a regular",
        ),
        (
            "expect_header = X-A:",
            "whose pattern \"\" is an empty pattern",
        ),
        ("expect_header =", "has no line"),
        (
            "method = FETCH",
            "\"FETCH\" is not a method (GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS)",
        ),
        ("method = CONNECT", "\"CONNECT\""),
        ("method =", "\"\""),
        ("header = X-A", "has a line that is not Name: value"),
        (
            "header = X\u{fc}: b",
            "does not begin with the name of a header",
        ),
        ("header = : b", "does not begin with the name of a header"),
        (
            "header = X-A : b",
            "does not begin with the name of a header",
        ),
        (
            "header = X-A: gr\u{fc}n",
            "has \"X-A\" with a value of other characters",
        ),
        ("header = X-A: b\u{7f}c", "has \"X-A\" with a value"),
        (
            "header = Content-Length: 5",
            "has \"Content-Length\", which is heartbeat's own",
        ),
        (
            "header = transfer-encoding: chunked",
            "heartbeat's own to say",
        ),
        ("header = Connection: keep-alive", "heartbeat's own to say"),
        ("header = X-A: b\n  x-a: c", "has \"x-a\" twice"),
        ("header =", "has no line Name: value"),
        ("body =", "is no body"),
        (
            "follow_redirects = maybe",
            "\"maybe\" is neither yes nor no",
        ),
        ("max_time = 0", "\"0\""),
        ("max_time = soon", "is not a duration"),
        ("username = a:b\npassword_file = /dev/null", "holds a colon"),
    ] {
        let key = line.split([' ', '=']).next().unwrap();
        if key == "username" {
            let told = refused(with_lines(line));
            assert!(told[0].contains(words), "{told:#?}");
            continue;
        }
        assert_told(line, key, words);
    }
}

fn keys_that_do_not_go_together() {
    for (lines, place, words) in [
        ("body = x\nmethod = HEAD", "body", "a HEAD request has none"),
        (
            "expect_body = x\nmethod = HEAD",
            "expect_body",
            "the answer to HEAD has no body",
        ),
        (
            "reject_body = x\nmethod = HEAD",
            "reject_body",
            "the answer to HEAD has no body",
        ),
        ("username = a", "username", "password_file must go with it"),
        (
            "password_file = a",
            "password_file",
            "username must go with it",
        ),
    ] {
        let told = refused(with_lines(lines));
        let start = format!("heartbeat.conf:11: [web] {place}: ");
        assert!(
            told[0].starts_with(&start) && told[0].contains(words),
            "{told:#?}"
        );
    }
    let told = refused(with_lines(
        "username = a\npassword_file = nowhere\nheader = Authorization: Bearer s3cret",
    ));
    assert!(told[0].contains("[web] username: header gives an Authorization already"));
    assert!(!told.concat().contains("s3cret"), "{told:#?}");
}

/// In the check's own section they are slips; inherited, they are meant for others.
fn keys_of_another_type() {
    let tcp = GOOD.join("\n").replace("type = http", "type = tcp");
    let keys = [
        "body = x",
        "expect_body = x",
        "expect_header = X: y",
        "expect_status = 200",
        "follow_redirects = no",
        "header = X: y",
        "max_time = 1",
        "method = GET",
        "password_file = x",
        "reject_body = x",
        "username = x",
    ];
    for line in keys {
        let key = line.split(' ').next().unwrap();
        let own = tcp.replace("timeout = 5", &format!("timeout = 5\n{line}"));
        let told = refused(&own);
        let expected = format!(
            "heartbeat.conf:13: [web] {key}: a check of type tcp has no such key (http, https)"
        );
        assert_eq!(told, [expected]);
    }
    assert_good(format!("[DEFAULT]\n{}\n{tcp}\n", keys.join("\n")));
}

fn header_lines_without_end() {
    let lines: Vec<_> = (0..40_000).map(|number| format!("X{number}: y")).collect();
    let lines = format!("\n {}", lines.join("\n "));
    assert_told(
        &format!("header ={lines}"),
        "header",
        "has more than 100 headers",
    );
}

fn a_time_that_the_timeout_makes_pointless() {
    for (lines, is_pointless) in [
        ("max_time = 5", true),
        ("max_time = 6", true),
        ("max_time = 4.9", false),
    ] {
        let dir = super::dir_with(with_lines(lines));
        let run = dir.heartbeat().test_config().expect(0);
        let words = "heartbeat.conf:11: warning: [web] max_time: ";
        assert_eq!(
            run.stderr.starts_with(words),
            is_pointless,
            "{}",
            run.stderr
        );
    }
}
