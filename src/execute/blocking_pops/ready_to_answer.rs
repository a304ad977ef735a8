//! Clients whose answer may be sent: they are released at the end of the turn.
//!
//! After a client's reply callback has answered, the server still counts the client as blocked until its next unblock pass,
//! before the sleep. A command that ended the client's wait in between would answer it a second time, and all its later
//! replies would be taken for those of the commands before. So the answer is sent only after the last command of the turn. A
//! native client is no longer blocked then: before a command that could tell the difference, `unblock_served` is called.
//!
//! With I/O threads, and with TLS, the server runs commands that it has read already before that pass. A CLIENT UNBLOCK
//! among them would answer with an error, and the popped element would be lost. There each client is released at once.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::own_context;
use module_api::server::{event_loop, server_settings};

use super::queue::{self, Waiter};
use crate::acks::reply::Reply;
use crate::acks::sleep_hook;

/// `release` is scheduled.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Answers this client at the end of the turn.
pub(super) fn answer(waiter: &Rc<Waiter>, reply: Reply) {
    queue::admit(waiter, reply);
    release_soon();
}

/// Has `release` called between the last command of this turn and the server's unblock pass.
fn release_soon() {
    let Some(ctx) = own_context() else { return };
    if !ASKED.swap(true, Ordering::Relaxed) {
        ctx.after_commands(release);
        // Redis 7.0 has decided already how long it will sleep.
        if sleep_hook::is_past() {
            event_loop::wake();
        }
    }
}

fn release() {
    ASKED.store(false, Ordering::Relaxed);
    if server_settings::may_run_commands_before_sleep() {
        unblock_served();
    }
    for waiter in queue::take() {
        waiter.end();
    }
}

/// Before a command that ends waits, or could tell that they have not ended: ends them now.
pub(crate) fn unblock_served() {
    let Some(ctx) = own_context() else { return };
    for waiter in queue::due() {
        let id = waiter.client_id.to_string();
        // The only way to end a wait at once. The server asks for the client's answer then.
        ctx.call(c"CLIENT", "", &[b"UNBLOCK", id.as_bytes(), b"TIMEOUT"]);
    }
}
