//! Clients that wait for a key, and those of them that have an answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::blocked::on_keys::OnKeys;
use module_api::gil::Gil;
use module_api::own_context;
use module_api::server::timer::Alarm;
use mylog_core::value::Kind;

use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;

/// Serves a blocking command with one of the keys at these places. `None`: none of these keys exists.
pub(crate) type Attempt = fn(&mut Call<'_>, Range<usize>) -> Result<Option<Reply>, Unchanged>;

/// A client that waits for one of its keys.
pub(super) struct Waiter {
    pub(super) id: u64,
    /// The client's id, as CLIENT LIST has it.
    pub(super) client_id: u64,
    pub(super) attempt: Attempt,
    pub(super) places: Range<usize>,
    pub(super) kind: Kind,
    pub(super) db: u32,
    pub(super) names: Vec<Vec<u8>>,
    pub(super) client: Cell<Option<OnKeys>>,
    pub(super) alarm: Cell<Option<Alarm>>,
    /// Set once the client was served: its reply, which is sent at the end of the turn.
    pub(super) answer: RefCell<Option<Reply>>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) last_id: u64,
    pub(super) waiting: BTreeMap<u64, Rc<Waiter>>,
}

pub(super) static STATE: Gil<State> = Gil::new(State {
    last_id: 0,
    waiting: BTreeMap::new(),
});

impl Waiter {
    /// The client waits no more.
    pub(super) fn leave(&self) {
        self.stop_alarm();
        STATE.with(|state| state.waiting.remove(&self.id));
        if self.answer.borrow().is_some() {
            forget(self.id);
        }
    }

    pub(super) fn stop_alarm(&self) {
        if let (Some(alarm), Some(ctx)) = (self.alarm.take(), own_context()) {
            alarm.stop(ctx);
        }
    }

    /// Has the server answer the client.
    pub(super) fn end(&self) {
        self.leave();
        if let Some(client) = self.client.take() {
            client.end();
        }
    }
}

static DUE: Gil<Vec<Rc<Waiter>>> = Gil::new(Vec::new());
/// `DUE` is not empty: the filter asks before every command.
static ANY: AtomicBool = AtomicBool::new(false);
/// True if a client is to be released at the end of this turn.
pub(crate) fn are_due() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// The waiter is answered at the end of the turn.
pub(super) fn admit(waiter: &Rc<Waiter>, reply: Reply) {
    *waiter.answer.borrow_mut() = Some(reply);
    DUE.with(|due| due.push(Rc::clone(waiter)));
    ANY.store(true, Ordering::Relaxed);
}

/// The waiters that are answered at the end of the turn.
pub(super) fn due() -> Vec<Rc<Waiter>> {
    DUE.with(|due| due.clone())
}

/// Takes all waiters that are to be answered.
pub(super) fn take() -> Vec<Rc<Waiter>> {
    ANY.store(false, Ordering::Relaxed);
    DUE.with(std::mem::take)
}

/// This client waits no more.
fn forget(id: u64) {
    let any = DUE.with(|due| {
        due.retain(|waiter| waiter.id != id);
        !due.is_empty()
    });
    ANY.store(any, Ordering::Relaxed);
}
