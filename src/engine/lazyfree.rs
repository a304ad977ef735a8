//! Values that take long to free are dropped on a thread of their own, so that no command waits for that.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use mylog_core::value::Value;

/// Any value that is to be dropped.
type Waste = Box<dyn Send>;

/// A value of more pieces than this is not freed on the spot (as Redis' `LAZYFREE_THRESHOLD`).
const LARGE_EFFORT: usize = 64;

static REAPER: OnceLock<Option<Sender<Waste>>> = OnceLock::new();

/// Drops `waste`, on the thread `mylog-free` if that could be started. Not in a forked child, which has no such thread.
pub(crate) fn give_back(waste: impl Send + 'static) {
    let reaper = REAPER.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("mylog-free".to_owned());
        thread
            .spawn(move || receiver.into_iter().for_each(drop::<Waste>))
            .ok()
            .map(|_| sender)
    });
    if let Some(reaper) = reaper {
        // The thread ends only with the process. If the send fails, its error drops the value here.
        let _ = reaper.send(Box::new(waste));
    }
}

/// Drops a value that is not in the store, on that thread if it is large.
pub(crate) fn give_back_value(value: Value) {
    if value.free_effort() > LARGE_EFFORT {
        give_back(value);
    }
}
