//! Values that come in the place of others: Redis from 8.2 on tells of that by events of its own.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::keys::notify::Class;
use mylog_core::effect::Effect;
use mylog_core::value::Kind;

use crate::acks::reply::Reply;
use crate::execute::invocation::{Call, Target};
use crate::settings::server_version::Edition;

/// Whether the server tells of a key whose value was replaced.
static TELLS: AtomicBool = AtomicBool::new(false);

/// This is the server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    TELLS.store(edition.is_redis_since((8, 2)), Ordering::Relaxed);
}

/// What becomes of the value that a key had.
pub(in crate::commands) struct Overwritten {
    any: bool,
    of_another_type: bool,
}

impl Overwritten {
    /// A value of this kind comes in its place.
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

/// Commits an effect that gives a key a whole value, and tells of the one that it had.
pub(in crate::commands) fn commit(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    effect: &Effect<'_>,
) -> Result<(), Reply> {
    let overwritten = by(target, effect);
    call.commit(target, effect)?;
    overwritten.tell(call, target);
    Ok(())
}

/// As `commit`, of an effect that gives the key an end in the past.
pub(in crate::commands) fn commit_before_end(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    effect: &Effect<'_>,
) -> Result<(), Reply> {
    let overwritten = by(target, effect);
    call.commit_before_end(target, effect)?;
    overwritten.tell(call, target);
    Ok(())
}

fn by(target: &Target<'_>, effect: &Effect<'_>) -> Overwritten {
    let kind = match effect {
        Effect::Put { kind, .. } => Some(*kind),
        _ => Some(Kind::Str),
    };
    Overwritten::by(kind, target)
}
