//! Clients with an answer that may be given: they are let go at the end of the turn.
//!
//! A client whose callback answers it counts as blocked until the server looks at those who were let go, before
//! it sleeps. A command that ended its wait between the two would answer it a second time, and all its later
//! replies would be taken for those of the commands before. So the answer is given only behind the last command
//! of the turn. A native client is no longer blocked then: commands that could tell are preceded by `let_go`.
//!
//! Beside I/O threads, and with TLS, the server runs commands that it has read already before that look. A CLIENT UNBLOCK among
//! them would answer an error, and what was popped would be lost. There each client is let go at once.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use module_api::own_context;
use module_api::server::{event_loop, server_settings};

use super::Waiter;
use crate::acks::held_clients;
use crate::acks::reply::Reply;

static DUE: Gil<Vec<Rc<Waiter>>> = Gil::new(Vec::new());
/// There is one: the filter asks before every command.
static ANY: AtomicBool = AtomicBool::new(false);
/// The release of this turn has been asked for.
static ASKED: AtomicBool = AtomicBool::new(false);

/// True if somebody is to be let go at the end of this turn.
pub(crate) fn are_due() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// This one is answered at the end of the turn.
pub(super) fn answer(waiter: &Rc<Waiter>, reply: Reply) {
    *waiter.answer.borrow_mut() = Some(reply);
    DUE.with(|due| due.push(Rc::clone(waiter)));
    ANY.store(true, Ordering::Relaxed);
    release_soon();
}

/// This one waits no more.
pub(super) fn forget(id: u64) {
    let any = DUE.with(|due| {
        due.retain(|waiter| waiter.id != id);
        !due.is_empty()
    });
    ANY.store(any, Ordering::Relaxed);
}

/// Between the last command of this turn and the server's look at those who were let go.
fn release_soon() {
    let Some(ctx) = own_context() else { return };
    if !ASKED.swap(true, Ordering::Relaxed) {
        ctx.after_commands(release);
        // 7.0 knows already how long it will sleep.
        if held_clients::past_sleep_hook() {
            event_loop::wake();
        }
    }
}

fn release() {
    ASKED.store(false, Ordering::Relaxed);
    if server_settings::may_run_commands_before_sleep() {
        let_go();
    }
    ANY.store(false, Ordering::Relaxed);
    for waiter in DUE.with(std::mem::take) {
        waiter.end();
    }
}

/// Before a command that ends waits, or could tell that they have not ended: they end now.
pub(crate) fn let_go() {
    let Some(ctx) = own_context() else { return };
    for waiter in DUE.with(|due| due.clone()) {
        let id = waiter.client_id.to_string();
        // The only way to end a wait at once, and it asks for the answer.
        ctx.call(c"CLIENT", "", &[b"UNBLOCK", id.as_bytes(), b"TIMEOUT"]);
    }
}
