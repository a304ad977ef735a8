//! Values that replace other values: Redis from 8.2 on sends events of their own for that.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::keys::notify::Class;
use mylog_core::effect::Change;
use mylog_core::value::Kind;

use crate::acks::reply::Unchanged;
use crate::execute::invocation::{Call, Target};
use crate::settings::server_version::Edition;

/// Whether the server sends events for a replaced value.
static TELLS: AtomicBool = AtomicBool::new(false);

/// Notes which server this is. In OnLoad.
pub(crate) fn on(edition: Edition) {
    TELLS.store(edition.is_redis_since((8, 2)), Ordering::Relaxed);
}

/// How the old value of a key is replaced.
pub(in crate::commands) struct Overwritten {
    any: bool,
    of_another_type: bool,
}

impl Overwritten {
    /// A value of this kind replaces the old one.
    pub(in crate::commands) fn by(kind: Option<Kind>, target: &Target<'_>) -> Self {
        let any = target.exists() && TELLS.load(Ordering::Relaxed);
        Self {
            any,
            of_another_type: any && target.kind() != kind,
        }
    }

    pub(in crate::commands) fn tell(&self, call: &Call<'_>, target: &Target<'_>) {
        let name = target.name_string();
        if self.any {
            call.ctx.notify(Class::Overwritten, c"overwritten", name);
        }
        if self.of_another_type {
            call.ctx.notify(Class::TypeChanged, c"type_changed", name);
        }
    }
}

/// Commits a change that sets the whole value of a key, and sends the events of the replaced value.
pub(in crate::commands) fn commit<'v, 'k: 'v>(
    call: &mut Call<'_>,
    target: &mut Target<'k>,
    change: Change<'v>,
) -> Result<(), Unchanged> {
    let overwritten = by(target, &change);
    call.commit(target, change)?;
    overwritten.tell(call, target);
    Ok(())
}

/// As `commit`, for a change that gives the key an expire time in the past.
pub(in crate::commands) fn commit_before_end<'v, 'k: 'v>(
    call: &mut Call<'_>,
    target: &mut Target<'k>,
    change: Change<'v>,
) -> Result<(), Unchanged> {
    let overwritten = by(target, &change);
    call.commit_before_end(target, change)?;
    overwritten.tell(call, target);
    Ok(())
}

fn by(target: &Target<'_>, change: &Change<'_>) -> Overwritten {
    let kind = match change {
        Change::Put { kind, .. } => Some(*kind),
        _ => Some(Kind::Str),
    };
    Overwritten::by(kind, target)
}
