//! Python's `ConfigParser`: how sections, keys and values are written.

use super::{assert_good, dir_with, with_line};
use crate::support::log::CheckLine;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    colons_equals_signs_and_any_case,
    defaults_for_every_check,
    references_to_other_keys,
    other_percent_signs_stand_for_themselves,
    comments,
    continuation_lines,
    byte_order_mark_and_carriage_returns,
    section_names,
    words_for_yes_and_no,
    durations,
    the_example_of_the_original,
    nobody_is_none,
];

/// Two commands that leave a word each.
const ACTIONS: &str = "\
[promotions]
node = echo +node >> words
[demotions]
node = echo -node >> words
";

/// Runs one round of this configuration, whose checks are all up, and returns where it was run.
fn healthy_round(conf: &str) -> Workdir {
    let dir = dir_with(conf);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    dir
}

fn endpoint_of(dir: &Workdir, check: &str) -> String {
    let CheckLine { endpoint, .. } = dir.log().check(check);
    endpoint
}

/// What the last request asked for.
fn asked(peer: &Peer) -> String {
    let request = peer.requests().pop().expect("a request");
    request.split(' ').nth(1).expect("a path").to_owned()
}

fn colons_equals_signs_and_any_case() {
    let peer = Peer::silent();
    let addr = peer.addr();
    let dir = healthy_round(&format!(
        "[general]\n  LogLevel:debug\n\
         [promotions]\nNode = echo +node >> words\n[demotions]\nNODE: echo -node >> words\n\
         [db]\nTYPE=Tcp\nHostName  :  {}\nport   =   {}\nACTION: nOdE\n",
        addr.ip(),
        addr.port()
    ));
    assert_eq!(endpoint_of(&dir, "db"), addr.to_string());
}

fn defaults_for_every_check() {
    let peer = Peer::healthy();
    let other = Peer::healthy();
    let dir = healthy_round(&format!(
        "[DEFAULT]\nloglevel = DEBUG\nhostname = 127.0.0.1\nport = {}\npath = /ready\naction = node\ntimeout = 3\n\
         {ACTIONS}\
         [web]\ntype = http\n\
         [other]\ntype = http\nport = {}\npath = /own\n\
         [db]\ntype = tcp\n",
        peer.addr().port(),
        other.addr().port()
    ));
    assert_eq!(asked(&peer), "/ready");
    assert_eq!(asked(&other), "/own");
    assert_eq!(endpoint_of(&dir, "db"), peer.addr().to_string());
    assert!(dir.log().says("Timeout: 3, "));
    let run = dir.heartbeat().test_config().expect(0);
    assert!(run.stdout.contains("good: 3 checks, 1 action"), "{run:#?}");
}

fn references_to_other_keys() {
    let peer = Peer::healthy();
    let dir = healthy_round(&format!(
        "[DEFAULT]\nloopback = 127.0.0\nhost = %(loopback)s.1\nApp = /app\n\
         [general]\nloglevel = DEBUG\n\
         {ACTIONS}\
         [web]\ntype = http\nhostname = %(host)s\nport = {}\n\
         path = %(app)s/%(ACTION)s?port=%(port)s\naction = node\n",
        peer.addr().port()
    ));
    let expected = format!("/app/node?port={}", peer.addr().port());
    assert_eq!(asked(&peer), expected);
    assert_eq!(endpoint_of(&dir, "web"), peer.addr().to_string());
}

fn other_percent_signs_stand_for_themselves() {
    for path in ["/a%20b", "/a%2Fb?c=%25", "/100%25"] {
        let peer = Peer::healthy();
        healthy_round(&format!(
            "{ACTIONS}[web]\ntype = http\nhostname = 127.0.0.1\nport = {}\npath = {path}\naction = node\n",
            peer.addr().port()
        ));
        assert_eq!(asked(&peer), path);
    }
    assert_good(with_line(2, "logfile = 100%.log"));
}

fn comments() {
    let peer = Peer::healthy();
    healthy_round(&format!(
        "# one\n; two\n  # three\n\t; four\n\n{ACTIONS}\
         # port = 1\n[web] ; the site\ntype = http ; not https\nhostname = 127.0.0.1\t; here\nport = {}\n\
         ; path = /wrong\npath = /a;b?c ; = d\naction = node\n# the end",
        peer.addr().port()
    ));
    assert_eq!(asked(&peer), "/a;b?c");
}

fn continuation_lines() {
    let peer = Peer::silent();
    let dir = healthy_round(&format!(
        "[promotions]\nnode = echo one >> words.txt\n    echo two >> words.txt\n\n\techo three >> words.txt\n    \
         echo +node >> words\n[demotions]\nnode =\n    if false\n    then exit 1\n    fi\n\
         [db]\n  hostname = 127.0.0.1\n  port = {}\n  action = node\n",
        peer.addr().port()
    ));
    assert_eq!(dir.read("words.txt"), "one\ntwo\nthree\n");
}

fn byte_order_mark_and_carriage_returns() {
    let peer = Peer::silent();
    let lines = format!(
        "[promotions]\nnode = printf a >> bytes\n  printf b >> bytes\n  echo +node >> words\n\
         [demotions]\nnode = false\n[db]\nhostname = 127.0.0.1\nport = {}\naction = node\n",
        peer.addr().port()
    );
    for conf in [
        format!("\u{feff}{lines}"),
        lines.replace('\n', "\r\n"),
        format!("\u{feff}{}", lines.replace('\n', "\r\n")),
    ] {
        let dir = healthy_round(&conf);
        assert_eq!(dir.read("bytes"), "ab", "{conf:?}");
        let files = dir.files().join(" ");
        assert_eq!(
            files,
            "bytes heartbeat.conf heartbeat.log heartbeat.state words"
        );
    }
}

fn section_names() {
    let peer = Peer::silent();
    let dir = dir_with(["web app", "Web App", "gr\u{fc}n", "a.b:c/d"].iter().fold(
        format!("[general]\nloglevel = DEBUG\n{ACTIONS}"),
        |conf, name| {
            let port = peer.addr().port();
            conf + &format!("[{name}]\nhostname = 127.0.0.1\nport = {port}\naction = node\n")
        },
    ));
    dir.heartbeat().once().expect(0);
    for name in ["web app", "Web App", "gr\u{fc}n", "a.b:c/d"] {
        assert_eq!(dir.log().check(name).status, "Healthy", "{name}");
    }
}

fn words_for_yes_and_no() {
    for word in [
        "yes", "no", "true", "false", "on", "off", "1", "0", "Yes", "TRUE", "oFF",
    ] {
        assert_good(with_line(2, &format!("daemonize = {word}")));
    }
    for level in ["debug", "Info", "WARNING", "error", "Critical"] {
        assert_good(with_line(2, &format!("loglevel = {level}")));
    }
    for threads in ["1", "64", "1024"] {
        assert_good(with_line(2, &format!("threads = {threads}")));
    }
}

fn durations() {
    for duration in ["1", "0.5", "500ms", "30s", "5m", "1h", "0.25s"] {
        assert_good(
            with_line(
                2,
                &format!("interval = {duration}\naction_timeout = {duration}"),
            )
            .replace(
                "
timeout = 5",
                "
timeout = 0.1",
            ),
        );
    }
    // One that is misread by a factor of a thousand would end at once, or not at all.
    let peer = Peer::silent();
    for (duration, seconds) in [("0.3", 0.3), ("300ms", 0.3), ("0.3s", 0.3), ("0.005m", 0.3)] {
        let dir = dir_with(format!(
            "{ACTIONS}[web]\ntype = http\nhostname = 127.0.0.1\nport = {}\ntimeout = {duration}\naction = node\n",
            peer.addr().port()
        ));
        dir.heartbeat().once().expect(1);
        let took = dir.log().check("web").took;
        assert!(
            (seconds..seconds + 0.2).contains(&took),
            "{duration} was {took}s"
        );
    }
}

fn the_example_of_the_original() {
    let dir = dir_with(
        "[promotions]\nnginx = service nginx start\n[demotions]\nnginx = service nginx stop\n\
         [webapp]\ntype = http\nhostname = localhost\nport = 8080\npath = /app/login\naction = nginx\n",
    );
    let run = dir.heartbeat().test_config().expect(0);
    assert!(
        run.stdout.starts_with("heartbeat.conf: good: 1 check"),
        "{run:#?}"
    );
    assert_eq!(run.stderr, "");
}

fn nobody_is_none() {
    for none in ["None", "none"] {
        let peer = Peer::silent();
        healthy_round(&format!(
            "[general]\nuser = {none}\ngroup = {none}\n{ACTIONS}\
             [db]\nhostname = 127.0.0.1\nport = {}\naction = node\n",
            peer.addr().port()
        ));
    }
}
