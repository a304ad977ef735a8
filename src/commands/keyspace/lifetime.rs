//! DEL, UNLINK, the EXPIRE family and PERSIST on durable keys. A command on native keys is left to the native command, and so
//! is a faulty one: the native command has the best error.

use module_api::keys::notify::Class;
use module_api::server::command_ms;
use module_api::server::server_state;
use mylog_core::effect::{Change, NEVER};
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use super::forward::forward;
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::expiry::Unit;
use crate::commands::shared::past;
use crate::execute::invocation::{Call, Target};

/// DEL key ..., UNLINK key ...
pub(super) fn del(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let places = 1..call.args.len();
    // The command is replicated under one name, as DEL or as MYLOG.DEL. So with any native key, all keys go to the native one.
    if server_state::is_loading() || places.clone().any(|place| call.open(place).is_foreign()) {
        return forward(call);
    }
    let mut deleted = 0;
    for place in places {
        let mut target = call.open(place);
        if target.exists() {
            call.delete(&mut target)?;
            call.changed(&target, Class::Generic, c"del");
            deleted += 1;
        }
    }
    match deleted {
        0 => Err(Unchanged(Reply::Int(0))),
        _ => Ok(Reply::Int(deleted)),
    }
}

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    change_end(call, Unit::Seconds)
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub(super) fn pexpire(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    change_end(call, Unit::Millis)
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
pub(super) fn expireat(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    change_end(call, Unit::AtSeconds)
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
pub(super) fn pexpireat(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    change_end(call, Unit::AtMillis)
}

fn change_end(call: &mut Call<'_>, unit: Unit) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let asked = end(call, unit).zip(Conditions::read(call));
    let (Some((end, conditions)), false) = (asked, is_the_servers(&target)) else {
        drop(target);
        return forward(call);
    };
    if !target.exists() || !conditions.allow(target.expire_at(), end) {
        return Err(Unchanged(Reply::Int(0)));
    }
    if past::is_over(call, end) {
        past::delete(call, &mut target)?;
        return Ok(Reply::Int(1));
    }
    let key = target.name();
    // A replica may get any expire time from its primary; one before 1970 is stored as 0.
    let expire_at = end.max(0);
    call.commit(&mut target, Change::Expire { expire_at })?;
    call.changed(&target, Class::Generic, c"expire");
    call.replicate_as(c"MYLOG.PEXPIREAT", [key, expire_at.to_string().as_bytes()]);
    Ok(Reply::Int(1))
}

/// True for a key that is left to the native command.
fn is_the_servers(target: &Target<'_>) -> bool {
    target.is_foreign() || server_state::is_loading()
}

/// The expire time that the command asks for, in Unix ms; `None` if the argument is no valid one.
fn end(call: &Call<'_>, unit: Unit) -> Option<i64> {
    let time = integer(call.args.get(2))?;
    let millis = match unit {
        Unit::Seconds | Unit::AtSeconds => time.checked_mul(1000)?,
        Unit::Millis | Unit::AtMillis => time,
    };
    let base = if unit.is_relative() { command_ms() } else { 0 };
    millis.checked_add(base)
}

/// The conditions under which an expire time is changed.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    /// `None` for a word that is no condition, and for conditions that exclude each other.
    fn read(call: &Call<'_>) -> Option<Self> {
        let mut asked = Self::default();
        for word in call.args.from(3) {
            match option(word).to_ascii_uppercase().as_slice() {
                b"NX" => asked.nx = true,
                b"XX" => asked.xx = true,
                b"GT" => asked.gt = true,
                b"LT" => asked.lt = true,
                _ => return None,
            }
        }
        let apart = asked.nx && (asked.xx || asked.gt || asked.lt) || (asked.gt && asked.lt);
        (!apart).then_some(asked)
    }

    /// True if the conditions allow the change. A key without an expire time counts as living longest.
    fn allow(self, old: i64, new: i64) -> bool {
        let has = old != NEVER;
        !(self.nx && has
            || self.xx && !has
            || self.gt && (!has || new <= old)
            || self.lt && has && new >= old)
    }
}

/// PERSIST key
pub(super) fn persist(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    if is_the_servers(&target) {
        drop(target);
        return forward(call);
    }
    if target.expire_at() == NEVER {
        return Err(Unchanged(Reply::Int(0)));
    }
    let expire_at = NEVER;
    call.commit(&mut target, Change::Expire { expire_at })?;
    call.changed(&target, Class::Generic, c"persist");
    Ok(Reply::Int(1))
}
