//! Going to the background.
//!
//! The daemonize crate forks, makes a session, and points stdio to `/dev/null`. Its pidfile and user handling are not
//! used, nor its exit status: the shell would see 0 whatever happened to the daemon. Instead the process that the
//! operator started stays until the daemon says over a pipe that it is ready, or why it is not.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

use anyhow::{Context, anyhow, bail};
use daemonize::{Daemonize, Outcome};

/// What a daemon says when it is ready; anything else is why it is not.
const READY: &[u8] = b"ready";

/// The process that the operator started, as the daemon sees it: it waits for a word.
#[derive(Debug)]
pub struct Starter(Option<PipeWriter>);

impl Starter {
    /// In the foreground nobody waits.
    #[must_use]
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Lets it end with status 0.
    pub fn ready(self) {
        self.say(READY);
    }

    /// Has it tell the operator why not.
    pub fn failed(self, why: &anyhow::Error) {
        self.say(format!("{why:#}").as_bytes());
    }

    fn say(self, word: &[u8]) {
        if let Some(mut pipe) = self.0 {
            // Whoever was waiting may have been killed; the daemon goes on.
            let _ = pipe.write_all(word);
        }
    }
}

/// Which of the two we are after the fork.
#[derive(Debug)]
pub enum Side {
    /// The process that the operator started; its work is done.
    Started,
    /// The daemon, or whoever stays in the foreground.
    Working(Starter),
}

/// Forks a daemon: own session, stdio on `/dev/null`, the same working directory, umask 022. There must be no threads.
///
/// # Errors
/// On either side: it could not be done. On the side that was started: what the daemon said.
pub fn detach() -> anyhow::Result<Side> {
    // Tried before the fork, as the crate tells nobody when it fails behind it.
    std::env::set_current_dir(".").with_context(|| {
        let folder = std::env::current_dir().unwrap_or_default();
        format!(
            "the working directory {} cannot be entered by the user that heartbeat runs as",
            folder.display()
        )
    })?;
    let (reader, writer) = pipe().context("a pipe to the daemon")?;
    match Daemonize::new()
        .working_directory(".")
        .umask(0o022)
        .execute()
    {
        Outcome::Parent(result) => {
            result.context("going to the background")?;
            drop(writer);
            await_word(reader)?;
            Ok(Side::Started)
        }
        Outcome::Child(result) => {
            let starter = Starter(Some(writer));
            match result {
                Ok(_) => Ok(Side::Working(starter)),
                Err(error) => {
                    let error = anyhow!(error);
                    starter.failed(&error);
                    Err(error)
                }
            }
        }
    }
}

fn await_word(mut reader: PipeReader) -> anyhow::Result<()> {
    let mut word = Vec::new();
    reader.read_to_end(&mut word).context("the daemon's word")?;
    match word.as_slice() {
        READY => Ok(()),
        [] => bail!("the daemon ended while it was starting"),
        why => bail!("{}", String::from_utf8_lossy(why)),
    }
}
