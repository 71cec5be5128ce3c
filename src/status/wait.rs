//! Waits until a daemon has done what was ordered.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::text::failure;
use super::{Status, read};
use crate::maintenance::{self, Maintenance};
use crate::settings::seconds;
use crate::state::{ActionState, StateFile};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until the daemon that keeps this state has taken up `ordered` (`None`: the end of what was) and has brought every
/// action where it wants it; gives how long that took.
///
/// # Errors
/// It has not by then, or never will: it is gone, or something else has been ordered meanwhile.
pub fn wait(
    file: &StateFile,
    ordered: Option<&Maintenance>,
    patience: Duration,
) -> Result<Duration, String> {
    let begun = Instant::now();
    loop {
        let status = read(file);
        if let Some(doubt) = &status.doubt {
            return Err(doubt.clone());
        }
        let said = maintenance::read(&maintenance::path_beside(file.path()));
        if said.is_ok_and(|said| said.as_ref() != ordered) {
            return Err("something else has been ordered meanwhile".to_owned());
        }
        if ordered.is_some_and(|ordered| !ordered.is_in_force(SystemTime::now())) {
            return Err("it has ended by itself before it was done".to_owned());
        }
        if status.is_applied() && status.is_decided() {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() >= patience {
            return Err(format!(
                "not within {}: {}",
                seconds(patience),
                open(&status)
            ));
        }
        thread::sleep(LOOK);
    }
}

/// What is not where it is wanted.
fn open(status: &Status) -> String {
    if status.is_pending {
        return "the daemon has not taken it up".to_owned();
    }
    if !status.is_decided() {
        return "there is no verdict yet".to_owned();
    }
    let each = |action: &ActionState| {
        let wanted = action.wanted.map(|wanted| wanted.to_string());
        let last = action.last.as_ref();
        let last = last.filter(|last| !last.worked);
        let why = last.map_or_else(String::new, |last| {
            format!(" ({})", failure(last).join(": "))
        });
        format!("{} is not {}{why}", action.name, wanted.unwrap_or_default())
    };
    status.open().map(each).collect::<Vec<_>>().join(", ")
}
