//! With `scope = action` the guard is asked for each action by itself.

use super::quick;
use crate::support::config::Config;
use crate::support::player::Player;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    it_is_asked_for_each_action,
    one_is_held_and_the_other_is_not,
    in_one_scope_it_is_asked_once_for_all,
];

fn two(config: Config, web: &Player, smtp: &Player) -> Config {
    let config = config.action("nginx").action("mail");
    let config = config.check("web", "http", web.addr(), "nginx");
    config.check("smtp", "http", smtp.addr(), "mail")
}

fn by_action(guard: &str) -> Config {
    quick()
        .general("scope", "action")
        .general("demotion_guard", guard)
}

fn it_is_asked_for_each_action() {
    let (web, smtp) = (Player::always('p'), Player::always('p'));
    let guard = "echo \"?$HEARTBEAT_ACTION:$HEARTBEAT_FAILED\" >> words";
    let dir = Workdir::with(&two(by_action(guard), &web, &smtp));
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    web.go_on('f');
    wait_for("the first", || dir.words().len() == 4);
    smtp.go_on('f');
    wait_for("the second", || dir.words().len() == 6);
    dir.wait_for_rounds(3);
    assert_eq!(
        dir.words()[2..],
        ["?nginx:web", "-nginx", "?mail:smtp", "-mail"]
    );
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert!(log.says("(demotion guard of nginx)"));
    assert!(log.says("Demotion guard of mail: go. "));
}

fn one_is_held_and_the_other_is_not() {
    let (web, smtp) = (Player::always('p'), Player::always('p'));
    let guard = "test $HEARTBEAT_ACTION = mail";
    let dir = Workdir::with(&two(by_action(guard), &web, &smtp));
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    web.go_on('f');
    dir.wait_for_log("Demotion guard of nginx: holds, and is asked again next round. ");
    smtp.go_on('f');
    wait_for("the other", || dir.words().len() == 3);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[2..], ["-mail"]);
    dir.wait_for_log_times("Demotion guard of nginx: still holds. ", 3);
    assert_eq!(dir.log().count("Demotion guard of mail: "), 1);
    web.go_on('p');
    smtp.go_on('p');
    wait_for("the end", || dir.words().len() == 4);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[3..], ["+mail"]);
    heartbeat.stop().expect(0);
}

fn in_one_scope_it_is_asked_once_for_all() {
    let (web, smtp) = (Player::always('p'), Player::always('p'));
    let config = quick().general("demotion_guard", "echo \"?$HEARTBEAT_ACTION\" >> words");
    let dir = Workdir::with(&two(config, &web, &smtp));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+nginx", "+mail"]);
    web.go_on('f');
    dir.assert_settles_at(&["+nginx", "+mail", "?", "-nginx", "-mail"]);
    smtp.go_on('f');
    dir.wait_for_log("2 failed");
    dir.assert_settles_at(&["+nginx", "+mail", "?", "-nginx", "-mail"]);
    heartbeat.stop().expect(0);
}
