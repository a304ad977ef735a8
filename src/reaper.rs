//! Where large values are given back: on a thread of its own, so that no command waits for it.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use mylog_core::store::Discarded;

static REAPER: OnceLock<Option<Sender<Vec<Discarded>>>> = OnceLock::new();

/// Gives this back, elsewhere if a thread could be had.
pub(crate) fn give_back(discarded: Vec<Discarded>) {
    if discarded.is_empty() {
        return;
    }
    let reaper = REAPER.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("mylog-free".to_owned());
        thread
            .spawn(move || receiver.into_iter().for_each(drop))
            .ok()
            .map(|_| sender)
    });
    if let Some(reaper) = reaper {
        // The thread ends only with the process. If it could not take them they are dropped here.
        let _ = reaper.send(discarded);
    }
}
