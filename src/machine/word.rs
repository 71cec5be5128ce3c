//! The programs that a command begins with, as far as that can be told without a shell. In doubt there are none: a
//! warning that is false is worse than one that is missing.

/// What the shell does itself, or begins a construct with (POSIX, XCU 2.4 and 2.14; dash, bash).
const OF_THE_SHELL: &str = ". : alias bg bind break builtin caller case cd chdir continue coproc declare dirs disown do done \
    echo elif else enable esac eval exit export false fc fg fi for function getopts hash help history if \
    in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select \
    set shift shopt source suspend test then time times trap true type typeset ulimit umask unalias \
    unset until wait while";

/// The shell's own words behind which a program may stand.
const BEFORE_A_PROGRAM: [&str; 2] = ["command", "exec"];

/// Programs behind which another may stand, found in the same way. (sudo looks in folders of its own.)
const RUNNERS: [&str; 3] = ["env", "nohup", "setsid"];

/// The programs that a command begins with.
#[must_use]
pub fn programs(command: &str) -> Vec<&str> {
    let mut programs = Vec::new();
    let mut rest = skip_comments(command);
    loop {
        let end = rest.find(|c: char| c.is_whitespace() || ";&|".contains(c));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        let behind = after.trim_start_matches([' ', '\t']);
        let goes_on = behind.len() < after.len();
        match kind(word) {
            Kind::Program if behind.starts_with('(') => return programs,
            Kind::Program => programs.push(word),
            Kind::Passed => {}
            Kind::Other => return programs,
        }
        let is_last = matches!(kind(word), Kind::Program) && !RUNNERS.contains(&word);
        if is_last || !goes_on {
            return programs;
        }
        rest = behind;
    }
}

/// A script may begin with empty lines and comments.
fn skip_comments(command: &str) -> &str {
    let mut rest = command.trim_start();
    while rest.starts_with('#') {
        rest = rest
            .split_once('\n')
            .map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

enum Kind {
    Program,
    /// What counts comes behind it.
    Passed,
    /// The shell's, or something that only a shell can tell.
    Other,
}

fn kind(word: &str) -> Kind {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./+@:,=".contains(c);
    if word.is_empty() || word.starts_with('-') || !word.chars().all(is_plain) {
        return Kind::Other;
    }
    if let Some((name, _)) = word.split_once('=') {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_name = starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name && name != "PATH" {
            return Kind::Passed;
        }
        return Kind::Other;
    }
    if BEFORE_A_PROGRAM.contains(&word) {
        return Kind::Passed;
    }
    if OF_THE_SHELL.split(' ').any(|own| own == word) {
        return Kind::Other;
    }
    Kind::Program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_begins_with_a_program() {
        for (command, expected) in [
            ("service nginx start", &["service"][..]),
            ("/usr/sbin/nginx -s reload", &["/usr/sbin/nginx"]),
            ("  \n# why\n\n  ip addr add", &["ip"]),
            ("ip;ls", &["ip"]),
            ("ip&", &["ip"]),
            ("ip|ls", &["ip"]),
            ("A=1 B_2=x ip addr", &["ip"]),
            ("exec ip addr", &["ip"]),
            ("env A=1 ip addr", &["env", "ip"]),
            ("nohup ip addr", &["nohup", "ip"]),
            ("sudo ip addr", &["sudo"]),
        ] {
            assert_eq!(programs(command), expected, "{command}");
        }
    }

    #[test]
    fn in_doubt_there_is_none() {
        for command in [
            "",
            "# nothing",
            "cd /x && ip",
            "echo a",
            "test -e x",
            ": x",
            "[ -e x ]",
            "true",
            "set -e\nip",
            "if ip; then ls; fi",
            "while read x; do :; done",
            "case $x in esac",
            "for x in a; do ip; done",
            "! ip",
            "{ ip; }",
            "(ip)",
            "$IP addr",
            "\"my program\" x",
            "'ip' a",
            "i\\p",
            "~/ip",
            ">x ip",
            "2>x ip",
            "ip>x",
            "ip() { :; }; ip",
            "ip () { :; }; ip",
            "A=1",
            "A=$B ip",
            "A=\"x y\" ip",
            "PATH=/x ip",
            "exec >x",
            "exec 3<x",
            "command -v ip",
            "exec -a x ip",
            "A=1\nip",
            "`ip`",
            "*",
        ] {
            assert_eq!(programs(command), [""; 0], "{command}");
        }
        assert_eq!(programs("env -i ip"), ["env"]);
    }
}
