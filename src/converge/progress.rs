//! How far actions, scopes and commands have come.
//!
//! The guard's say, for an action that is wanted out while neither `drain` nor `on_exit` orders it:
//!
//! | it is | and was demoted | permit | what is due |
//! | --- | --- | --- | --- |
//! | in, or nobody knows | | unasked | the guard |
//! | in, or nobody knows | | held | nothing in this round |
//! | in, or nobody knows | | granted | the demotion |
//! | out | with the guard's permit, or there was no guard | any | nothing, or what is to be asserted again |
//! | out | by an order | unasked | the guard |
//! | out | by an order | held | nothing in this round |
//! | out | by an order | granted | nothing; it counts as permitted from here on |

use super::words::{Applied, Part, Place};

/// Whether the actions of a scope may be demoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Permit {
    #[default]
    Unasked,
    /// Not in this round; it is asked again in the next.
    Held,
    Granted,
}

/// How far an action has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub(super) part: Part,
    /// Where it is to be; `None` while nothing is known.
    pub wanted: Option<Place>,
    /// Its command has failed in this round, and is due again in the next.
    pub(super) failed: bool,
    /// It is new since a reload, which runs nothing by itself: it waits until another place is wanted.
    pub(super) rests: bool,
    /// How often its command has been begun since another place is wanted.
    pub tries: u32,
}

impl Progress {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
            wanted: None,
            failed: false,
            rests: false,
            tries: 0,
        }
    }

    /// What has been applied.
    #[must_use]
    pub fn applied(&self) -> Option<Applied> {
        self.part.applied
    }

    /// Whether it is out, and the guard need not be asked: by a demotion that it has been asked about, not by an order.
    pub(super) fn is_out_with_permit(&self) -> bool {
        let has_permit = |applied: Applied| applied.place == Place::Demoted && !applied.by_order;
        self.part.applied.is_some_and(has_permit)
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.part
            .applied
            .is_some_and(|applied| applied.place == place)
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) wanted: Option<Place>,
    pub(super) permit: Permit,
}

#[derive(Debug)]
pub(super) enum Running {
    /// For a scope, with what was applied before it was asked, by action.
    Guard(Option<usize>, Vec<Option<Applied>>),
    /// Of an action, and whether by an order. Like the scope, the action may be gone after a reload.
    Command(Option<usize>, Place, bool),
}
