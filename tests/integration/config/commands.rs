//! Commands reach the shell byte for byte.

use std::fmt::Write;
use std::process::Command;

use super::dir_with;
use crate::support::peer::Peer;

tests![
    a_command_is_what_the_shell_would_be_given,
    a_backslash_at_the_end_swallows_nothing,
    a_script_keeps_its_lines,
];

/// Each writes something to stdout; what, the shell itself tells.
const COMMANDS: [&str; 21] = [
    r#"echo "two  blanks" 'and  quotes'"#,
    r#"echo "a 'b' \"c\" \$d""#,
    r"printf 'tab\there\n'",
    r"printf '%s\n' 'back\slash' \\ \a",
    "echo a ; echo b",
    "echo a;echo b",
    "echo a # a comment of the shell",
    "echo a#b",
    "# nothing but a comment",
    "echo $(echo inner) `echo older`",
    "echo $((6 * 7)) ${HOME:+home} $$ | sed 's/[0-9]*$//'",
    r"printf '100%%\n'; printf '%s|%5.2f\n' x 3.14159",
    "date -u -d @0 +%Y-%m-%d",
    "echo %",
    "echo %%",
    "echo a=b:c [d] {e} ~",
    "case x in x) echo yes;; esac",
    "echo 'ends in a semicolon' ;",
    "false || { echo braces; }",
    "echo gr\u{fc}n \u{1f600}",
    "exec echo 'a\tliteral tab'",
];

/// One action per command, which leaves its output in a file of its own.
fn a_command_is_what_the_shell_would_be_given() {
    let peer = Peer::silent();
    let port = peer.addr().port();
    let mut promotions = String::from("[promotions]\n");
    let mut demotions = String::from("[demotions]\n");
    let mut checks = String::new();
    for (number, command) in COMMANDS.iter().enumerate() {
        writeln!(promotions, "a{number} = exec > out{number}; {command}").unwrap();
        writeln!(demotions, "a{number}: {command}").unwrap();
        writeln!(
            checks,
            "[c{number}]\nhostname = 127.0.0.1\nport = {port}\naction = a{number}"
        )
        .unwrap();
    }
    let dir = dir_with(promotions + &demotions + &checks);
    dir.heartbeat().once().expect(0);
    for (number, command) in COMMANDS.iter().enumerate() {
        let shell = Command::new("/bin/sh")
            .args(["-c", command])
            .output()
            .unwrap();
        let expected = String::from_utf8(shell.stdout).unwrap();
        assert_eq!(dir.read(&format!("out{number}")), expected, "of {command}");
        let running = format!("Running: exec > out{number}; ");
        assert!(dir.log().says(&running), "{running:?} is not in the log");
    }
}

fn a_backslash_at_the_end_swallows_nothing() {
    let peer = Peer::silent();
    let port = peer.addr().port();
    // The shell takes it for the end of a comment.
    let dir = dir_with(format!(
        "[promotions]\na = echo +a >> words # \\\nb = echo +b >> words # \\\n\
         [demotions]\na = false \\\nb = false \\\n\
         [x]\nhostname = 127.0.0.1\nport = {port}\naction = a\n\
         [y]\nhostname = 127.0.0.1\nport = {port}\naction = b\n"
    ));
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+a", "+b"]);
}

fn a_script_keeps_its_lines() {
    let peer = Peer::silent();
    let dir = dir_with(format!(
        "[promotions]\nnode = for word in one two\n    do\n        echo $word >> words\n    done\n\
         \x20   test -n \"$word\" &&\n    echo \"last: $word\" >> last\n[demotions]\nnode = false\n\
         [db]\nhostname = 127.0.0.1\nport = {}\naction = node\n",
        peer.addr().port()
    ));
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["one", "two"]);
    assert_eq!(dir.read("last"), "last: two\n");
}
