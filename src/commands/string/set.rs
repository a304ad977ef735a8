//! SET with its old forms, GETEX and GETDEL: the string commands that change an expire time or delete a key.

use module_api::keys::notify::Class;
use mylog_core::effect::{Change, NEVER, Ttl};

use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::expiry::{Grammar, Options, Unit};
use crate::commands::shared::{overwritten, past};
use crate::execute::invocation::{Call, Target};
use crate::settings::server_version::{Version, is_valkey_since};

const INVALID_SET: Unchanged = Unchanged(Reply::error(c"ERR invalid expire time in 'set' command"));
const INVALID_SETEX: Unchanged = Unchanged(Reply::error(c"ERR invalid expire time in 'setex' command"));
const INVALID_PSETEX: Unchanged = Unchanged(Reply::error(c"ERR invalid expire time in 'psetex' command"));
/// The first Valkey whose GETEX checks the time before the key.
const GETEX_READS_TIME_FIRST_SINCE: Version = (9, 1);
const INVALID_GETEX: Unchanged = Unchanged(Reply::error(c"ERR invalid expire time in 'getex' command"));

fn bulk_or_null(bytes: Option<Vec<u8>>) -> Reply {
    bytes.map_or(Reply::Null, Reply::Bulk)
}

/// SET key value [NX | XX] [GET] [EX | PX | EXAT | PXAT time | KEEPTTL]
pub(super) fn set(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let options = Options::read(call.args, 3, Grammar::Set)?;
    let expire_at = options.expire_at(&INVALID_SET)?;
    let mut target = match options.get {
        true => call.open_to_show(1),
        false => call.open(1),
    };
    let old = match options.get {
        true => bulk_or_null(target.read_str(|old| old.map(<[u8]>::to_vec))?),
        false => Reply::Null,
    };
    if (options.nx && target.exists()) || (options.xx && !target.exists()) {
        return Err(old.into());
    }
    let shown = if options.get { old } else { Reply::OK };
    if past::set_deletes() && expire_at.is_some_and(|end| past::is_over(call, end)) {
        if target.exists() {
            past::delete(call, &mut target)?;
        }
        return Ok(shown);
    }
    let ttl = match (expire_at, options.keep_ttl) {
        (Some(end), _) => Ttl::Set(end),
        (None, false) => Ttl::Set(NEVER),
        (None, true) if target.is_ours() => Ttl::Keep,
        // The value is native, so the store does not have the expire time that KEEPTTL keeps.
        (None, true) => Ttl::Set(target.expire_at()),
    };
    let (key, value) = (target.name(), call.args.get(2));
    let change = Change::StrSet { ttl, value };
    let past = expire_at.filter(|end| past::is_over(call, *end));
    match past {
        Some(_) => overwritten::commit_before_end(call, &mut target, change)?,
        None => overwritten::commit(call, &mut target, change)?,
    }
    call.changed(&target, Class::String, c"set");
    if let Some(end) = past {
        call.end(&target, end);
    }
    if let Some(end) = expire_at {
        call.notify(&target, c"expire");
        call.replicate_as(c"MYLOG.SET", [key, value, b"PXAT", end.to_string().as_bytes()]);
    } else if options.keep_ttl {
        call.replicate_as(c"MYLOG.SET", [key, value, b"KEEPTTL"]);
    } else if call.args.len() > 3 {
        call.replicate_as(c"MYLOG.SET", [key, value]);
    }
    Ok(shown)
}

/// Sets a value without an expire time, and sends the event.
fn overwrite(call: &mut Call<'_>, target: &mut Target<'_>, value: &[u8]) -> Result<(), Unchanged> {
    let (key, ttl) = (target.name(), Ttl::Set(NEVER));
    let change = Change::StrSet { ttl, value };
    overwritten::commit(call, target, change)?;
    call.changed(target, Class::String, c"set");
    call.replicate_as(c"MYLOG.SET", [key, value]);
    Ok(())
}

/// GETSET key value
pub(super) fn getset(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open_to_show(1);
    let old = bulk_or_null(target.read_str(|old| old.map(<[u8]>::to_vec))?);
    let value = call.args.get(2);
    overwrite(call, &mut target, value)?;
    Ok(old)
}

/// SETNX key value
pub(super) fn setnx(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    if target.exists() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let value = call.args.get(2);
    overwrite(call, &mut target, value)?;
    Ok(Reply::Int(1))
}

fn set_with_end(call: &mut Call<'_>, unit: Unit, invalid: &Unchanged) -> Result<Reply, Unchanged> {
    let options = Options {
        expire: Some((unit, call.args.get(2))),
        ..Options::default()
    };
    let end = options.expire_at(invalid)?.unwrap_or(NEVER);
    let mut target = call.open(1);
    let (key, ttl, value) = (target.name(), Ttl::Set(end), call.args.get(3));
    let change = Change::StrSet { ttl, value };
    overwritten::commit(call, &mut target, change)?;
    call.changed(&target, Class::String, c"set");
    call.notify(&target, c"expire");
    call.replicate_as(c"MYLOG.SET", [key, value, b"PXAT", end.to_string().as_bytes()]);
    Ok(Reply::OK)
}

/// SETEX key seconds value
pub(super) fn setex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    set_with_end(call, Unit::Seconds, &INVALID_SETEX)
}

/// PSETEX key milliseconds value
pub(super) fn psetex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    set_with_end(call, Unit::Millis, &INVALID_PSETEX)
}

/// GETDEL key
pub(super) fn getdel(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open_to_show(1);
    let old = target
        .read_str(|old| old.map(<[u8]>::to_vec))?
        .ok_or(Unchanged(Reply::Null))?;
    let key = target.name();
    call.delete(&mut target)?;
    call.changed(&target, Class::Generic, c"del");
    call.replicate_as(c"MYLOG.DEL", [key]);
    Ok(Reply::Bulk(old))
}

/// GETEX key [EX | PX | EXAT | PXAT time | PERSIST]
pub(super) fn getex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let options = Options::read(call.args, 2, Grammar::GetEx)?;
    if is_valkey_since(GETEX_READS_TIME_FIRST_SINCE) {
        options.expire_at(&INVALID_GETEX)?;
    }
    let mut target = call.open_to_show(1);
    let value = target
        .read_str(|value| value.map(<[u8]>::to_vec))?
        .ok_or(Unchanged(Reply::Null))?;
    let expire_at = options.expire_at(&INVALID_GETEX)?;
    let absolute = options.expire.is_some_and(|(unit, _)| !unit.is_relative());
    let key = target.name();
    match expire_at {
        Some(end) if absolute && past::is_over(call, end) => past::delete(call, &mut target)?,
        Some(end) => {
            call.commit(&mut target, Change::Expire { expire_at: end })?;
            call.changed(&target, Class::Generic, c"expire");
            call.replicate_as(c"MYLOG.GETEX", [key, b"PXAT", end.to_string().as_bytes()]);
        }
        None if options.persist && target.expire_at() != NEVER => {
            call.commit(&mut target, Change::Expire { expire_at: NEVER })?;
            call.changed(&target, Class::Generic, c"persist");
            call.replicate_as(c"MYLOG.GETEX", [key, b"PERSIST"]);
        }
        None => return Err(Unchanged(Reply::Bulk(value))),
    }
    Ok(Reply::Bulk(value))
}
