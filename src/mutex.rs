//! Locks that outlive a panic: nothing is left half done under any of ours.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, whoever has panicked with it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
