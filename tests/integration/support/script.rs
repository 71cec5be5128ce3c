//! The words in which tests tell their stories: what commands have done, and when all is quiet.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::config::Config;
use super::heartbeat::{Finished, Heartbeat, Running, binary};
use super::log::Log;
use super::wait::{LIMIT, poll_until, wait_for};
use super::workdir::Workdir;

/// The beginning of the line of a reload that has worked, and of one that has not.
pub const RELOADED: &str = "Configuration reloaded (generation ";
pub const REFUSED: &str = "The configuration is refused";

/// As many rounds without news as it takes to believe that there will be none.
const QUIET_ROUNDS: usize = 4;

impl Workdir {
    /// Waits until commands have appended exactly these words. Any other word fails the test at once.
    pub fn wait_for_words(&self, expected: &[&str]) {
        let deadline = Instant::now() + LIMIT;
        let done = poll_until(deadline, || {
            let words = self.words();
            assert!(
                words.len() <= expected.len() && words == expected[..words.len()],
                "the words are {words:?}, not {expected:?}; the log:\n{}",
                self.read("heartbeat.log")
            );
            (words.len() == expected.len()).then_some(())
        });
        assert!(
            done.is_some(),
            "the words stay {:?}, not {expected:?}; the log:\n{}",
            self.words(),
            self.read("heartbeat.log")
        );
    }

    /// Waits for these words, and sees that the rounds that follow add none.
    pub fn assert_settles_at(&self, expected: &[&str]) {
        self.wait_for_words(expected);
        self.wait_for_rounds(QUIET_ROUNDS);
        self.wait_for_words(expected);
    }

    /// Waits until so many rounds have begun and been completed from now on.
    pub fn wait_for_rounds(&self, rounds: usize) {
        // The round that is under way has begun before.
        let until = self.log().rounds().len() + 1 + rounds;
        wait_for("rounds to complete", || self.log().rounds().len() >= until);
    }

    /// `heartbeat -c heartbeat.conf`, started by a shell that runs `script`, in which it is `"$@"`.
    pub fn through(&self, script: &str) -> Heartbeat<'_> {
        let mut launcher = Command::new("sh");
        launcher.args(["-c", script, "sh"]).arg(binary());
        Heartbeat::launched_by(self, launcher).args(["-c", "heartbeat.conf"])
    }

    /// The same in a mount namespace of its own, where the script may mount what it likes. Needs root.
    pub fn through_mounts(&self, script: &str) -> Heartbeat<'_> {
        let mut launcher = Command::new("unshare");
        launcher.args(["--mount", "sh", "-c", script, "sh"]);
        launcher.arg(binary());
        Heartbeat::launched_by(self, launcher).args(["-c", "heartbeat.conf"])
    }

    /// The same with devices that heartbeat cannot remove or move away: a broken one that is run by root would do so for
    /// the whole machine.
    pub fn through_guarded(&self, script: &str) -> Heartbeat<'_> {
        if !geteuid().is_root() {
            return self.through(script);
        }
        // What is a mount point can be neither unlinked nor renamed.
        let guard =
            "for device in /dev/null /dev/full; do mount --bind $device $device || exit 99; done\n";
        self.through_mounts(&format!("{guard}{script}"))
    }

    /// Runs `heartbeat -c heartbeat.conf` with these arguments on a terminal of its own, and gives what appears there.
    pub fn on_a_terminal(&self, arguments: &str) -> String {
        let start = format!("'{}' -c heartbeat.conf {arguments}", binary().display());
        let output = limited("script")
            .args(["-q", "-e", "-c", &start, "/dev/null"])
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .expect("start it on a terminal");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
    }

    /// `heartbeat -c heartbeat.conf` with these arguments, run to its end.
    pub fn ask(&self, arguments: &[&str]) -> Finished {
        self.heartbeat().args(arguments).run()
    }

    /// Puts another configuration in the place of the old one and waits until it is in force.
    pub fn reload(&self, heartbeat: &Running, config: &Config) {
        self.configure(config);
        self.signal_and_wait(heartbeat, RELOADED);
    }

    /// The same with one that must be refused.
    pub fn reload_refused(&self, heartbeat: &Running, text: &str) {
        self.write("heartbeat.conf", text);
        self.signal_and_wait(heartbeat, REFUSED);
    }

    fn signal_and_wait(&self, heartbeat: &Running, answer: &str) {
        let before = self.log().count(answer);
        heartbeat.signal(Signal::SIGHUP);
        self.wait_for_log_times(answer, before + 1);
    }

    /// Opens the gate for which `at_gate` commands wait.
    pub fn open_gate(&self) {
        self.write("gate", "");
    }
}

/// A program that is killed when it has not ended in time. For those whose pipes are read to their end.
pub fn limited(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", &LIMIT.as_secs().to_string()]);
    command.arg(program);
    command
}

/// A command that appends `word(`, waits at the gate, and appends `)word`. That it runs beside another one of its
/// kind, or beside what is left of one, it tells as `overlap`.
pub fn at_gate(word: &str) -> String {
    format!(
        "exec 9>>only-one; flock -n 9 || echo overlap >> words\n\
         echo '{word}(' >> words\nuntil [ -e gate ]; do sleep 0.02; done\necho '){word}' >> words"
    )
}

/// Appends the variables to a file of the given name. Each ends in a line of its own, so that empty ones show.
pub fn tell(file: &str) -> String {
    format!(
        "for name in STATE PREVIOUS ACTION FAILED REASON\ndo\n\
         eval \"printf '%s=%s;\\n' $name \\\"\\${{HEARTBEAT_$name-unset}}\\\"\" >> {file}\ndone"
    )
}

/// The numbers of the rounds that a log tells the beginning of, in order.
pub fn begun_rounds(log: &Log) -> Vec<usize> {
    let messages = log.lines.iter().map(|line| &line.message);
    let numbers = messages.filter_map(|message| {
        let number = message.strip_prefix("Round ")?.strip_suffix(" started.")?;
        number.parse().ok()
    });
    numbers.collect()
}

/// The transitions that a log tells, with their levels, as `WARNING healthy -> unhealthy, Failed: web.`
pub fn transitions(log: &Log) -> Vec<String> {
    let lines = log.lines.iter();
    lines
        .filter_map(|line| {
            let (_, transition) = line.message.split_once(" actions. Health: ")?;
            Some(format!("{} {transition}", line.level))
        })
        .collect()
}
