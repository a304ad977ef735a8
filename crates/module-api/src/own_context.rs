//! The module's own context, for callbacks to which the server gives none.

use crate::context::Ctx;
use crate::gil::Gil;

static CONTEXT: Gil<Option<Ctx<'static>>> = Gil::new(None);

/// Keeps the context. Called once, in OnLoad.
pub fn attach(ctx: Ctx<'static>) {
    CONTEXT.with(|slot| *slot = Some(ctx));
}

/// The context; `None` before OnLoad has attached it.
pub fn own_context() -> Option<Ctx<'static>> {
    CONTEXT.with(|slot| *slot)
}
