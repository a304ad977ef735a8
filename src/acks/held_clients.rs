//! Where there is no gate, the client whose command made or saw a change that is not durable is held: until it is durable
//! the client's reply is kept here, and the server does not have it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use module_api::Ctx;
use module_api::blocked::held::{Held, Waiter};
use module_api::server::latency;
use parking_lot::Mutex;

use super::reply::Reply;
use super::sleep_hook;
use crate::engine;

/// The reply of a held client, and what it waits for.
pub(crate) struct Answer {
    reply: Reply,
    /// Last seq that the reply acknowledges.
    seq: u64,
    since: Instant,
    /// Why `seq` is not known to be on disk.
    failure: Option<Arc<str>>,
}

impl Answer {
    /// An answer that acknowledges changes up to `seq`.
    pub(crate) fn new(reply: Reply, seq: u64) -> Self {
        Self {
            reply,
            seq,
            since: Instant::now(),
            failure: None,
        }
    }
}

impl Waiter for Answer {
    fn reply(&mut self, ctx: Ctx<'_>) {
        let ms = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        latency::sample(c"mylog-ack-wait", ms);
        match &self.failure {
            None => self.reply.emit(ctx),
            Some(reason) => not_durable(self.seq, reason).emit(ctx),
        }
    }
}

/// The answer to a change that is made in memory but not known to be on disk.
pub(super) fn not_durable(seq: u64, reason: &str) -> Reply {
    Reply::error_text(&format!(
        "NOTDURABLE seq {seq} is not known to be on disk: {reason}"
    ))
}

struct Waiting {
    client: Held<Answer>,
    answer: Box<Answer>,
}

/// Held clients, in order of their seqs. Shared with the writer thread; locked for a few instructions only.
static WAITING: Mutex<VecDeque<Waiting>> = Mutex::new(VecDeque::new());

/// Answers a held client once `seq` is durable.
pub(super) fn answer_when_durable(client: Held<Answer>, reply: Reply, seq: u64) {
    let answer = Box::new(Answer::new(reply, seq));
    let mut waiting = WAITING.lock();
    // `seq` may have become durable meanwhile. The writer publishes the durable seq before it takes this lock: so it has
    // either passed already, which this test finds, or finds this client.
    if engine::with(|engine| engine.marks().durable() >= seq) == Some(true) {
        drop(waiting);
        return client.unblock(answer);
    }
    // A reader may wait for a lower seq than the clients before it, and must not wait for theirs.
    let place = waiting.iter().rposition(|earlier| earlier.answer.seq <= seq);
    waiting.insert(place.map_or(0, |place| place + 1), Waiting { client, answer });
    drop(waiting);
    engine::with(|engine| {
        engine.client_waits(seq);
        engine.ask_sync(seq);
        if sleep_hook::is_past() {
            engine.seal();
        }
    });
}

/// Number of clients that are held now.
pub(crate) fn waiting() -> usize {
    WAITING.lock().len()
}

/// Answers every held client with an error: what it waits for is not known to be on disk.
pub(crate) fn give_up_all(reason: &str) {
    let reason: Arc<str> = reason.into();
    let waiting = std::mem::take(&mut *WAITING.lock());
    for Waiting { client, mut answer } in waiting {
        answer.failure = Some(Arc::clone(&reason));
        client.unblock(answer);
    }
}

/// On the writer's thread: `seq` is durable.
pub(crate) fn on_durable(seq: u64) {
    let due: VecDeque<Waiting> = {
        let mut waiting = WAITING.lock();
        let still = waiting.partition_point(|waiting| waiting.answer.seq <= seq);
        waiting.drain(..still).collect()
    };
    for Waiting { client, answer } in due {
        client.unblock(answer);
    }
}
