//! What `-t` knows of the machine: unreadable files, missing programs, the end of certificates.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use crate::support::accounts::{ALICE, Accounts, BOB};
use crate::support::authority::{Authority, Certificate};
use crate::support::config::Config;
use crate::support::workdir::Workdir;

tests![
    certificates_and_their_end,
    programs_that_are_not_there,
    #[root]
    programs_that_only_the_user_cannot_run,
    #[root]
    files_that_the_user_cannot_read,
    #[root]
    a_user_who_is_not_there,
    keys_of_tls_belong_to_tls,
    whoever_only_asks_need_not_read_the_files,
];

/// One check of `kind` that nothing answers; `-t` does not ask.
fn config(kind: &str) -> Config {
    Config::new()
        .action("node")
        .check("web", kind, "localhost:1", "node")
}

/// The lines beside the ones that are there for every file.
fn lines(stdout: &str) -> Vec<&str> {
    let usual = |line: &&str| line.contains(": good: ") || line.contains("from death to demotion");
    let lines = stdout.lines().filter(|line| !usual(line));
    lines.map(str::trim_start).collect()
}

fn secret(dir: &Workdir, name: &str, text: &str, mode: u32) {
    dir.write(name, text);
    fs::set_permissions(dir.file(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn certificates_and_their_end() {
    let authority = Authority::new();
    let client = authority.certificate_by_intermediate_ending_in(20);
    let config = config("tls")
        .key("ca_file", "old.pem")
        .key("cert_file", "client.pem")
        .key("key_file", "client.key")
        .check("again", "https", "localhost:2", "node")
        .key("ca_file", "old.pem");
    let dir = Workdir::with(&config);
    dir.write("old.pem", Certificate::self_signed_and_expired().pem);
    dir.write("client.pem", client.pem);
    secret(&dir, "client.key", &client.key_pem, 0o600);
    let run = dir.heartbeat().test_config().expect(0);
    let [old, client] = lines(&run.stdout)[..] else {
        panic!("not one line for each file: {}", run.stdout);
    };
    assert_eq!(
        old,
        "ca_file \"old.pem\": certificate expired on 2001-01-01"
    );
    let start = "cert_file \"client.pem\": 2 certificates, the first ends on 20";
    let right = client.starts_with(start) && client.ends_with(", in 20 days");
    assert!(right, "{client}");
    let over = "] ca_file: holds a certificate that expired on 2001-01-01 (1.)";
    let warnings: Vec<_> = run.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(
        warnings.iter().all(|line| line.ends_with(over)),
        "{warnings:#?}"
    );
}

fn programs_that_are_not_there() {
    let config = Config::new()
        .general("demotion_guard", "/no/such/guard --ask")
        .commands(
            "node",
            "no-such-program start; ls",
            "A=1 ls && no-such-program",
        )
        .commands(
            "other",
            "cd / && no-such-program",
            "if true; then no-such-program; fi",
        )
        .check("web", "tcp", "localhost:1", "node, other");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().test_config().expect(0);
    let expected = [
        "promotion of node: no program \"no-such-program\" here",
        "demotion_guard: no program \"/no/such/guard\" here",
    ];
    assert_eq!(lines(&run.stdout), expected);
    assert_eq!(run.stderr, "");
    // A program of PATH's, wherever that leads.
    secret(&dir, "no-such-program", "#!/bin/sh\n", 0o755);
    let path = format!("/bin:{}", dir.path().display());
    let run = dir.heartbeat().env("PATH", path).test_config().expect(0);
    assert_eq!(lines(&run.stdout), expected[1..]);
}

/// What root is told when heartbeat is to run as alice.
fn told_of_alice(dir: &Workdir) -> Vec<String> {
    // Others may come in, and read what each file lets them.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = Accounts::new().heartbeat(dir).test_config().expect(0);
    assert_eq!(run.stderr, "");
    lines(&run.stdout).into_iter().map(str::to_owned).collect()
}

fn programs_that_only_the_user_cannot_run() {
    let dir = Workdir::new();
    let [open, shut] = ["open", "shut"].map(|name| dir.file(name).display().to_string());
    let config = Config::new()
        .general("user", "alice")
        .commands("node", &open, &shut)
        .check("web", "tcp", "localhost:1", "node");
    dir.configure(&config);
    secret(&dir, "open", "#!/bin/sh\n", 0o755);
    secret(&dir, "shut", "#!/bin/sh\n", 0o700);
    let told = told_of_alice(&dir);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("demotion of node: ")
            && told[0].ends_with("is there, and cannot be run"),
        "{told:?}"
    );
}

/// By her groups, too: the kernel is asked, as herself.
fn files_that_the_user_cannot_read() {
    let authority = Authority::new();
    let client = authority.certificate();
    let config = config("tls")
        .general("user", "alice")
        .key("cert_file", "client.pem")
        .key("key_file", "client.key");
    let dir = Workdir::with(&config);
    dir.write("client.pem", client.pem);
    let (_, group_of_hers) = ALICE.groups[0];
    for (group, is_told) in [(0, true), (group_of_hers, false), (BOB.gid, true)] {
        secret(&dir, "client.key", &client.key_pem, 0o640);
        chown(dir.file("client.key"), Some(0), Some(group)).unwrap();
        let told = told_of_alice(&dir);
        let line = "key_file \"client.key\" cannot be read by user alice (Permission denied): \
                    a start by root can, a reload will be refused";
        assert_eq!(
            told.contains(&line.to_owned()),
            is_told,
            "{group}: {told:?}"
        );
    }
    secret(&dir, "heartbeat.conf", &dir.read("heartbeat.conf"), 0o600);
    let told = told_of_alice(&dir);
    let line = "configuration \"heartbeat.conf\" cannot be read by user alice";
    assert!(told[0].starts_with(line), "{told:?}");
}

fn a_user_who_is_not_there() {
    let dir = Workdir::with(&config("tcp").general("user", "carol"));
    let told = told_of_alice(&dir);
    let expected = "user carol: there is no such user; what that user may read is not known";
    assert_eq!(told, [expected]);
}

fn keys_of_tls_belong_to_tls() {
    for kind in ["tcp", "http"] {
        let dir = Workdir::with(&config(kind).key("min_cert_days", 3));
        let run = dir.heartbeat().test_config().expect(2);
        let words =
            format!("[web] min_cert_days: a check of type {kind} has no such key (https, tls)");
        assert!(run.stderr.contains(&words), "{}", run.stderr);
    }
    let text = format!("{}[DEFAULT]\nmin_cert_days = 3\n", config("tcp").text());
    let dir = Workdir::new();
    dir.write("heartbeat.conf", text);
    dir.heartbeat().test_config().expect(0);
}

fn whoever_only_asks_need_not_read_the_files() {
    let dir = Workdir::with(&config("tls").key("ca_file", "missing.pem"));
    let run = dir.heartbeat().test_config().expect(2);
    let words = "[web] ca_file: \"missing.pem\" cannot be read: No such file or directory";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    dir.ask(&["simulate", "web=p"]).expect(0);
}
