//! Every mistake by itself: its line, its section and key, the value as written, what would be right.

use std::fmt::Write;

use super::{GOOD, assert_good, refused, with_line};

tests![
    the_file_without_a_mistake_is_good,
    values_out_of_range,
    hosts_and_paths,
    unknown_keys_and_the_nearest_known_one,
    doubled_sections_and_keys,
    actions_that_do_not_match,
    references_to_nothing_or_to_themselves,
    lines_that_are_nothing,
    a_value_of_default_is_told_at_default,
];

fn the_file_without_a_mistake_is_good() {
    assert_good(with_line(1, GOOD[0]));
}

/// Puts each line in its place; the only thing told is `heartbeat.conf:LINE: PLACE: …`, with these words in it.
fn assert_each_told(table: &[(usize, &str, &str, &str)]) {
    for (line, text, place, words) in table {
        let told = refused(with_line(*line, text));
        let start = format!("heartbeat.conf:{line}: {place}: ");
        let as_expected = told.len() == 1 && told[0].starts_with(&start);
        assert!(
            as_expected && told[0].contains(words),
            "{text:?} on line {line} should be told as {start:?} with {words:?}, but is told as {told:#?}"
        );
    }
}

fn values_out_of_range() {
    assert_each_told(&[
        (10, "port = 0", "[web] port", "\"0\""),
        (
            10,
            "port = 65536",
            "[web] port",
            "\"65536\" is not a port (1 to 65535)",
        ),
        (10, "port = 80a", "[web] port", "\"80a\""),
        (10, "port = -1", "[web] port", "\"-1\""),
        (10, "port = 80.0", "[web] port", "\"80.0\""),
        (
            10,
            "port = 99999999999999999999",
            "[web] port",
            "1 to 65535",
        ),
        (10, "port =", "[web] port", "\"\""),
        (12, "timeout = 0", "[web] timeout", "\"0\""),
        (12, "timeout = 0.0", "[web] timeout", "\"0.0\""),
        (12, "timeout = -1", "[web] timeout", "\"-1\""),
        (12, "timeout = soon", "[web] timeout", "\"soon\""),
        (12, "timeout = 5 parsecs", "[web] timeout", "\"5 parsecs\""),
        (12, "timeout = nan", "[web] timeout", "\"nan\""),
        (12, "timeout = inf", "[web] timeout", "\"inf\""),
        (12, "timeout = 1e400", "[web] timeout", "\"1e400\""),
        (12, "timeout =", "[web] timeout", "\"\""),
        (8, "type = ftp", "[web] type", "tcp, http, https"),
        (2, "loglevel = LOUD", "[general] loglevel", "WARNING"),
        (2, "interval = 0", "[general] interval", "\"0\""),
        (2, "interval = -60", "[general] interval", "\"-60\""),
        (2, "interval = often", "[general] interval", "\"often\""),
        (2, "action_timeout = 0", "[general] action_timeout", "\"0\""),
        (2, "action_timeout = x", "[general] action_timeout", "\"x\""),
        (2, "threads = 0", "[general] threads", "1 to 1024"),
        (2, "threads = 1025", "[general] threads", "1 to 1024"),
        (2, "threads = many", "[general] threads", "\"many\""),
        (
            2,
            "daemonize = perhaps",
            "[general] daemonize",
            "\"perhaps\"",
        ),
        (2, "logfile =", "[general] logfile", ""),
        (2, "pidfile =", "[general] pidfile", ""),
        (2, "statefile =", "[general] statefile", ""),
    ]);
}

fn hosts_and_paths() {
    assert_each_told(&[
        (
            9,
            "hostname = http://localhost",
            "[web] hostname",
            "\"http://localhost\"",
        ),
        (
            9,
            "hostname = local host",
            "[web] hostname",
            "\"local host\"",
        ),
        (
            9,
            "hostname = localhost/app",
            "[web] hostname",
            "\"localhost/app\"",
        ),
        (
            9,
            "hostname = localhost:80",
            "[web] hostname",
            "\"localhost:80\"",
        ),
        (
            9,
            "hostname = user@localhost",
            "[web] hostname",
            "\"user@localhost\"",
        ),
        (9, "hostname = [::1", "[web] hostname", "\"[::1\""),
        (9, "hostname =", "[web] hostname", "\"\""),
        (11, "path = app/login", "[web] path", "\"app/login\""),
        (
            11,
            "path = http://localhost/",
            "[web] path",
            "\"http://localhost/\"",
        ),
        (11, "path = /app login", "[web] path", "\"/app login\""),
        (
            11,
            "path = /app\n  /login",
            "[web] path",
            "\"/app\\n/login\"",
        ),
        (11, "path =", "[web] path", "\"\""),
    ]);
}

fn unknown_keys_and_the_nearest_known_one() {
    assert_each_told(&[
        (2, "lgolevel = INFO", "[general] lgolevel", "loglevel"),
        (2, "log_file = x", "[general] log_file", "logfile"),
        (2, "thread = 4", "[general] thread", "threads"),
        (12, "tiemout = 5", "[web] tiemout", "timeout"),
        (9, "host = localhost", "[web] host", "hostname"),
        (12, "Colour = blue", "[web] colour", ""),
    ]);
}

fn doubled_sections_and_keys() {
    assert_each_told(&[
        (11, "port = 81", "[web] port", "10"),
        (11, "PORT: 81", "[web] port", "10"),
    ]);
    let doubled_action = with_line(4, "nginx = touch a\nNGINX = touch b");
    let told = refused(doubled_action);
    assert!(
        told[0].starts_with("heartbeat.conf:5: [promotions] nginx: "),
        "{told:#?}"
    );
    let doubled_section = with_line(13, "action = nginx\n[web]\nport = 81\naction = nginx");
    let told = refused(doubled_section);
    assert!(
        told[0].starts_with("heartbeat.conf:14: [web]: "),
        "{told:#?}"
    );
    assert!(
        told[0].contains('7'),
        "the line of the first one is not told: {told:#?}"
    );
}

fn actions_that_do_not_match() {
    let told = refused(with_line(6, "apache = touch demoted"));
    let starts = [
        "heartbeat.conf:4: [promotions] nginx: ",
        "heartbeat.conf:6: [demotions] apache: ",
    ];
    assert!(told.len() >= 2, "{told:#?}");
    for start in starts {
        assert!(
            told.iter().any(|line| line.starts_with(start)),
            "no {start:?} in {told:#?}"
        );
    }
    assert_each_told(&[
        (13, "action = apache", "[web] action", "\"apache\""),
        (13, "action =", "[web] action", ""),
    ]);
    let told = refused(with_line(13, "# no action"));
    assert!(
        told[0].starts_with("heartbeat.conf:7: [web] action: "),
        "{told:#?}"
    );
    let told = refused(with_line(10, "# no port").replace("type = http", "type = tcp"));
    assert!(
        told[0].starts_with("heartbeat.conf:7: [web] port: "),
        "{told:#?}"
    );
    let without_checks = GOOD[..6].join("\n");
    let told = refused(without_checks);
    assert!(told.len() == 1 && told[0].contains("check"), "{told:#?}");
    assert!(told[0].starts_with("heartbeat.conf:"), "{told:#?}");
}

fn references_to_nothing_or_to_themselves() {
    assert_each_told(&[
        (9, "hostname = %(missing)s", "[web] hostname", "missing"),
        (9, "hostname = %(hostname)s", "[web] hostname", "hostname"),
        (
            9,
            "hostname = a.%(HostName)s.b",
            "[web] hostname",
            "hostname",
        ),
    ]);
    let in_a_circle = with_line(11, "path = /%(timeout)s").replace("= 5", "= %(path)s");
    let told = refused(in_a_circle).join("\n");
    assert!(told.contains("heartbeat.conf:11: [web] path: "), "{told}");
    // Each reference doubles the value: sixty of them would not fit any memory.
    let mut doubling = "[DEFAULT]\nv0 = xxxxxxxx\n".to_owned();
    for number in 1..60 {
        let last = number - 1;
        writeln!(doubling, "v{number} = %(v{last})s%(v{last})s").unwrap();
    }
    let told = refused(doubling + &with_line(9, "hostname = %(v59)s")).join("\n");
    assert!(told.contains("heartbeat.conf:"), "{told}");
}

fn lines_that_are_nothing() {
    for (line, text, words) in [
        (10, "just words", "just words"),
        (10, "= 80", "= 80"),
        (7, "[web", "[web"),
        (7, "[]", "section"),
    ] {
        let told = refused(with_line(line, text));
        let start = format!("heartbeat.conf:{line}: ");
        assert!(
            told[0].starts_with(&start) && told[0].contains(words),
            "{text:?}: {told:#?}"
        );
    }
    let told = refused(with_line(1, "port = 80\n[general]"));
    assert!(told[0].starts_with("heartbeat.conf:1: "), "{told:#?}");
    let told = refused(with_line(1, "  indented before everything\n[general]"));
    assert!(told[0].starts_with("heartbeat.conf:1: "), "{told:#?}");
}

fn a_value_of_default_is_told_at_default() {
    let told = refused(with_line(10, "").replace("[web]", "[DEFAULT]\nport = http\n[web]"));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("heartbeat.conf:8: [DEFAULT] port: \"http\""),
        "{told:#?}"
    );
    let told = refused(with_line(1, "[DEFAULT]\ncolour = blue\n[general]"));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("heartbeat.conf:2: [DEFAULT] colour: "),
        "{told:#?}"
    );
}
