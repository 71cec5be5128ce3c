//! `scope = action`: one node, several services, each with checks of its own.

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{tell, transitions};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    each_action_follows_its_own_checks,
    by_default_all_actions_follow_all_checks,
    a_check_that_names_several_actions,
    an_action_that_several_checks_name,
    one_check_for_several_actions_in_one_scope,
    commands_are_told_of_their_own_checks,
    a_slow_check_holds_up_only_its_own_action,
    the_log_says_whose_services,
    a_one_shot_tells_the_verdict_on_all,
    one_shots_carry_each_verdict,
    what_is_wrong,
];

/// Two services on one node.
fn two() -> Config {
    by_action().action("nginx").action("mail")
}

fn by_action() -> Config {
    Config::new()
        .general("interval", "0.1")
        .general("scope", "action")
}

fn sorted(dir: &Workdir) -> Vec<String> {
    let mut words = dir.words();
    words.sort();
    words
}

fn each_action_follows_its_own_checks() {
    let (mut web, mut smtp) = (Peer::silent(), Peer::silent());
    let dir = Workdir::with(&two().check("web", "tcp", web.addr(), "nginx").check(
        "smtp",
        "tcp",
        smtp.addr(),
        "mail",
    ));
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    assert_eq!(sorted(&dir), ["+mail", "+nginx"]);
    let begun = dir.words();
    let then = |more: &[&'static str]| -> Vec<String> {
        let more = more.iter().map(|word| (*word).to_owned());
        begun.iter().cloned().chain(more).collect()
    };
    let settles = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        dir.assert_settles_at(&words);
    };
    web.go_down();
    settles(then(&["-nginx"]));
    smtp.go_down();
    settles(then(&["-nginx", "-mail"]));
    web.go_up();
    settles(then(&["-nginx", "-mail", "+nginx"]));
    smtp.go_up();
    settles(then(&["-nginx", "-mail", "+nginx", "+mail"]));
    heartbeat.stop().expect(0);
}

fn by_default_all_actions_follow_all_checks() {
    let (web, smtp) = (Peer::silent(), Peer::down());
    let config = || Config::new().action("nginx").action("mail");
    for general in [config(), config().general("scope", "System")] {
        let config = general.check("web", "tcp", web.addr(), "nginx");
        let dir = Workdir::with(&config.check("smtp", "tcp", smtp.addr(), "mail"));
        dir.heartbeat().once().expect(1);
        assert_eq!(dir.words(), ["-nginx", "-mail"]);
    }
}

fn a_check_that_names_several_actions() {
    let (web, db) = (Peer::silent(), Player::always('p'));
    let dir = Workdir::with(
        &two()
            .action("other")
            .check("web", "tcp", web.addr(), "other")
            .check("db", "http", db.addr(), "Nginx,mail"),
    );
    let heartbeat = dir.heartbeat().start();
    wait_for("all three", || dir.words().len() == 3);
    assert_eq!(sorted(&dir), ["+mail", "+nginx", "+other"]);
    db.go_on('f');
    wait_for("two of them", || dir.words().len() == 5);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[3..], ["-nginx", "-mail"]);
    db.go_on('p');
    wait_for("the same two", || dir.words().len() == 7);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[5..], ["+nginx", "+mail"]);
    heartbeat.stop().expect(0);
}

fn an_action_that_several_checks_name() {
    let (mut web, mut php, smtp) = (Peer::silent(), Peer::down(), Peer::silent());
    let config = two()
        .check("web", "tcp", web.addr(), "nginx")
        .check("php", "tcp", php.addr(), "nginx")
        .check("smtp", "tcp", smtp.addr(), "mail");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    assert_eq!(sorted(&dir), ["+mail", "-nginx"]);
    web.go_down();
    dir.wait_for_log("2 failed");
    php.go_up();
    dir.wait_for_log("Name: php, Endpoint: ");
    wait_for("php", || dir.log().check("php").status == "Healthy");
    dir.wait_for_rounds(3);
    assert_eq!(dir.words().len(), 2);
    web.go_up();
    wait_for("nginx", || dir.words().len() == 3);
    assert_eq!(dir.words()[2], "+nginx");
    heartbeat.stop().expect(0);
}

/// Also where all actions follow all checks: each is run once.
fn one_check_for_several_actions_in_one_scope() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.action("a").action("b").action("c");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "c, a"));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+a", "+c"]);
    heartbeat.stop().expect(0);
}

fn commands_are_told_of_their_own_checks() {
    let (web, mut smtp) = (Peer::down(), Peer::down());
    let dir = Workdir::with(
        &by_action()
            .commands("nginx", "true", &tell("nginx"))
            .commands("mail", &tell("mail"), &tell("mail"))
            .check("web", "tcp", web.addr(), "nginx")
            .check("smtp", "tcp", smtp.addr(), "mail"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 2);
    smtp.go_up();
    dir.wait_for_log_times("Action done: ", 3);
    heartbeat.stop().expect(0);
    let down = |action: &str, check: &str| {
        format!(
            "STATE=unhealthy;\nPREVIOUS=unknown;\nACTION={action};\nFAILED={check};\n\
             REASON={check}: connect: Connection refused;\n"
        )
    };
    assert_eq!(dir.read("nginx"), down("nginx", "web"));
    let mail = dir.read("mail");
    let (first, then) = mail.split_at(down("mail", "smtp").len());
    assert_eq!(first, down("mail", "smtp"));
    let up = "STATE=healthy;\nPREVIOUS=unhealthy;\nACTION=mail;\nFAILED=;\n";
    assert!(then.starts_with(up), "{then}");
    assert!(!then.contains("web"), "{then}");
}

fn a_slow_check_holds_up_only_its_own_action() {
    let (web, smtp) = (Peer::silent(), Player::new());
    let config = two().check("web", "tcp", web.addr(), "nginx");
    let config = config.check("smtp", "http", smtp.addr(), "mail");
    let dir = Workdir::with(&config.key("timeout", 30));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+nginx"]);
    smtp.wait_until_asked();
    assert_eq!(dir.log().checks("smtp").len(), 0);
    smtp.go_on('p');
    dir.wait_for_words(&["+nginx", "+mail"]);
    heartbeat.stop().expect(0);
}

fn the_log_says_whose_services() {
    let (web, smtp) = (Player::always('p'), Peer::silent());
    let config = two().check("web", "http", web.addr(), "nginx");
    let dir = Workdir::with(&config.check("smtp", "tcp", smtp.addr(), "mail"));
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    web.go_on('f');
    dir.wait_for_log(
        "One or more critical services of nginx detected down. Running node demotion actions. \
         Health: healthy -> unhealthy, Failed: web.",
    );
    web.go_on('p');
    dir.wait_for_log(
        "All critical services of nginx are up. Running healthy node promotion actions. \
         Health: unhealthy -> healthy, Recovered: web.",
    );
    heartbeat.stop().expect(0);
    // One of mail, three of nginx, none of a system that nothing follows.
    assert_eq!(transitions(&dir.log()).len(), 4);
}

fn a_one_shot_tells_the_verdict_on_all() {
    let (web, mut smtp) = (Peer::silent(), Peer::down());
    let config = two().check("web", "tcp", web.addr(), "nginx");
    let dir = Workdir::with(&config.check("smtp", "tcp", smtp.addr(), "mail"));
    dir.heartbeat().once().expect(1);
    assert_eq!(sorted(&dir), ["+nginx", "-mail"]);
    smtp.go_up();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words()[2..], ["+mail"]);
}

fn one_shots_carry_each_verdict() {
    let (web, smtp) = (Player::new(), Player::new());
    let dir = Workdir::with(
        &by_action()
            .commands("nginx", "echo +$HEARTBEAT_PREVIOUS >> words", "true")
            .commands("mail", "true", "echo -$HEARTBEAT_PREVIOUS >> words")
            .check("web", "http", web.addr(), "nginx")
            .check("smtp", "http", smtp.addr(), "mail"),
    );
    let rounds = [("f", "p", 1), ("f", "p", 1), ("p", "f", 1), ("p", "p", 0)];
    for (of_web, of_smtp, status) in rounds {
        web.play(of_web);
        smtp.play(of_smtp);
        dir.heartbeat().once().expect(status);
    }
    let mut words = dir.words();
    words.sort();
    assert_eq!(words, ["+unhealthy", "-healthy"]);
    assert_eq!(dir.log().count("Action done: "), 5);
}

fn what_is_wrong() {
    let dir = Workdir::new();
    let text = "[general]\nscope = node\n\
                [promotions]\nnginx = true\nmail = true\n[demotions]\nnginx = true\nmail = true\n\
                [web]\nport = 80\naction = nginx, nail\n\
                [db]\nport = 81\naction = nginx,,mail\n\
                [cache]\nport = 82\naction = ,\n";
    dir.write("heartbeat.conf", text);
    let tested = dir.heartbeat().test_config().expect(2);
    let lines: Vec<&str> = tested.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let scope = "heartbeat.conf:2: [general] scope: \"node\" is not a scope (system, action)";
    assert_eq!(lines[0], scope);
    let action = "heartbeat.conf:11: [web] action: \"nail\" is not an action; did you mean mail?";
    assert_eq!(lines[1], action);
    assert!(lines[2].starts_with("heartbeat.conf:14: [db] action: "));
    assert!(lines[3].starts_with("heartbeat.conf:17: [cache] action: "));
}
