//! Decides how the reply of a command waits for the disk, by a pure function, with its table in the tests; and has it wait so.

use module_api::Ctx;
use module_api::blocked::held::Held;
use module_api::context::Flags;
use module_api::server::server_state;

use super::gated::is_on;
use super::reply::Reply;
use super::{gate, held_clients, unheld};
use crate::engine;

/// The circumstances of a command whose reply acknowledges a change that is not durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The command was sent by a primary.
    pub(crate) replicated: bool,
    /// A data set is being loaded.
    pub(crate) loading: bool,
    /// In EXEC, in a script, in another module's call: the server does not let the client be blocked there.
    pub(crate) in_unit: bool,
    /// The gate is on (`gate::is_on`).
    pub(crate) gate: bool,
}

/// How the reply waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all: no client gets the reply, or the sender must not be delayed.
    Now,
    /// In the client's output buffer: the client is gated.
    Gate,
    /// In the module, where there is no gate: the client is blocked, and its reply kept (`held_clients`).
    Hold,
    /// Where there is no gate and the client can't be blocked: the event loop waits for the disk at the unit's end.
    UnitEnd,
}

/// The decision for a command in these circumstances.
pub(crate) fn way(standing: Standing) -> Way {
    match standing {
        // A primary that waits would stop the whole replication stream. What is loaded, from an AOF or an RDB, has no
        // client.
        Standing { replicated: true, .. } | Standing { loading: true, .. } => Way::Now,
        Standing { gate: true, .. } => Way::Gate,
        Standing { in_unit: true, .. } => Way::UnitEnd,
        _ => Way::Hold,
    }
}

/// Flags of a command whose client can't be held: the server would answer it with an error, or end itself.
const CANT_HOLD: u32 = Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING | Flags::LOADING;

/// Sends the reply at once, or has it wait until what it acknowledges is durable. `changed` and `seen`: the last change that
/// the command made, and the last one that it saw, of those that a reply has to wait for.
pub(crate) fn finish(ctx: Ctx<'_>, reply: Reply, changed: Option<u64>, seen: Option<u64>) {
    let Some(seq) = changed.max(seen) else {
        return reply.emit(ctx);
    };
    let flags = ctx.flags();
    let way = way(Standing {
        replicated: flags.any(Flags::REPLICATED),
        loading: server_state::is_loading(),
        in_unit: flags.any(CANT_HOLD),
        gate: is_on(),
    });
    if let (None, true) = (changed, way != Way::Now) {
        if let Some(reason) = engine::with(|engine| engine.doubt()).flatten() {
            return held_clients::not_durable(seq, &reason.to_string()).emit(ctx);
        }
    }
    match way {
        Way::Now => reply.emit(ctx),
        Way::Gate => {
            reply.emit(ctx);
            gate::gate_command(ctx, flags, seq);
        }
        Way::Hold => match Held::new(ctx) {
            Some(client) => held_clients::answer_when_durable(client, reply, seq),
            None => wait_at_the_end(ctx, &reply, seq),
        },
        Way::UnitEnd => wait_at_the_end(ctx, &reply, seq),
    }
}

fn wait_at_the_end(ctx: Ctx<'_>, reply: &Reply, seq: u64) {
    unheld::must_wait(seq);
    reply.emit(ctx);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_standing_has_its_way() {
        const TABLE: [(&str, Way); 16] = [
            ("", Way::Hold),
            ("u", Way::UnitEnd),
            ("g", Way::Gate),
            ("ug", Way::Gate),
            ("l", Way::Now),
            ("lu", Way::Now),
            ("lg", Way::Now),
            ("lug", Way::Now),
            ("r", Way::Now),
            ("ru", Way::Now),
            ("rg", Way::Now),
            ("rug", Way::Now),
            ("rl", Way::Now),
            ("rlu", Way::Now),
            ("rlg", Way::Now),
            ("rlug", Way::Now),
        ];
        for (letters, expected) in TABLE {
            let standing = Standing {
                replicated: letters.contains('r'),
                loading: letters.contains('l'),
                in_unit: letters.contains('u'),
                gate: letters.contains('g'),
            };
            assert_eq!(way(standing), expected, "{letters}");
        }
    }
}
