//! RENAME, RENAMENX and COPY of durable keys. A command on native keys is left to the native command, and so is a faulty one:
//! the native command has the best error.

use module_api::keys::key::Contents;
use module_api::keys::notify::Class;
use module_api::server::server_state;
use mylog_core::effect::Change;
use redis_grammar::c_text::option;

use super::forward::forward;
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::overwritten::Overwritten;
use crate::engine;
use crate::execute::invocation::Call;

const NO_KEY: Unchanged = Unchanged(Reply::error(c"ERR no such key"));

/// RENAME key newkey
pub(super) fn rename(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    rename_to(call, false)
}

/// RENAMENX key newkey
pub(super) fn renamenx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    rename_to(call, true)
}

fn rename_to(call: &mut Call<'_>, nx: bool) -> Result<Reply, Unchanged> {
    let mut source = call.open(1);
    if !source.exists() {
        return Err(NO_KEY);
    }
    if !is_in_the_store(call) {
        drop(source);
        return forward(call);
    }
    let done = |done| if nx { Reply::Int(done) } else { Reply::OK };
    let (key, to) = (source.name(), call.args.get(2));
    if key == to {
        return Err(done(0).into());
    }
    let mut target = call.open(2);
    if nx && target.exists() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let overwritten = Overwritten::by(source.kind(), &target);
    let rename = Change::Rename { to_db: call.db, to };
    call.commit_effect(&mut target, &rename.of(call.db, key))?;
    call.lost_to_another_name(&mut source);
    call.ctx.signal_modified(source.name_string());
    call.ctx.signal_modified(target.name_string());
    call.notify(&source, c"rename_from");
    call.notify(&target, c"rename_to");
    overwritten.tell(call, &target);
    Ok(done(1))
}

/// COPY source destination [DB destination-db] [REPLACE]
pub(super) fn copy(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let replace = call
        .args
        .from(3)
        .all(|word| option(word).eq_ignore_ascii_case(b"replace"));
    let (key, to) = (call.args.get(1), call.args.get(2));
    // COPY with DB is left to the native command.
    if !replace || key == to || !is_in_the_store(call) {
        return forward(call);
    }
    let Contents::Ours(kind, _) = call.look(1) else {
        // The key has just expired.
        return Err(Unchanged(Reply::Int(0)));
    };
    let mut target = call.open(2);
    if target.exists() && call.args.len() == 3 {
        return Err(Unchanged(Reply::Int(0)));
    }
    let overwritten = Overwritten::by(Some(kind), &target);
    let copy = Change::Copy { to_db: call.db, to };
    call.commit_effect(&mut target, &copy.of(call.db, key))?;
    call.changed(&target, Class::Generic, c"copy_to");
    overwritten.tell(call, &target);
    Ok(Reply::Int(1))
}

/// True if the first key is in the store.
fn is_in_the_store(call: &Call<'_>) -> bool {
    let known = |engine: &mut engine::Engine| engine.store.find(call.db, call.args.get(1)).is_some();
    !server_state::is_loading() && engine::with(known) == Some(true)
}
