//! Configs beside a server of the unit tests.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::gil::Gil;
use crate::mock;

static NUMBER: AtomicI64 = AtomicI64::new(-1);
static TEXT: Gil<Vec<u8>> = Gil::new(Vec::new());

static LIMIT: Number = Number {
    name: c"limit",
    default: 5,
    min: 0,
    max: 100,
    flags: MEMORY,
    get: || NUMBER.load(Ordering::Relaxed),
    set: |value| {
        if value == 13 {
            return Err("13 is taken".to_owned());
        }
        NUMBER.store(value, Ordering::Relaxed);
        Ok(())
    },
};

static FOLDER: Text = Text {
    name: c"folder",
    default: c"here",
    flags: IMMUTABLE,
    get: || TEXT.with(|text| text.clone()),
    set: |value| {
        TEXT.with(|text| *text = value.to_vec());
        Ok(())
    },
};

#[test]
fn configs_have_their_defaults_once_they_are_loaded() {
    let server = mock::start();
    let context = server.context();
    context.ctx().register_number(&LIMIT).unwrap();
    context.ctx().register_text(&FOLDER).unwrap();
    context.ctx().load_configs().unwrap();
    let get = |name| server.config_get(name).unwrap();
    assert_eq!((get("limit").as_str(), get("folder").as_str()), ("5", "here"));
    assert_eq!(server.config_flags("limit"), Some(MEMORY));
    assert_eq!(server.config_flags("folder"), Some(IMMUTABLE));
    server.config_set("limit", "12").unwrap();
    server.config_set("folder", "there").unwrap();
    assert_eq!((get("limit").as_str(), get("folder").as_str()), ("12", "there"));
    // The text that was told last is kept: the server does not free it.
    assert!(server.strings_alive() <= 1);
}

#[test]
fn a_value_that_is_refused_changes_nothing_and_says_why() {
    let server = mock::start();
    let context = server.context();
    context.ctx().register_number(&LIMIT).unwrap();
    context.ctx().load_configs().unwrap();
    assert_eq!(server.config_set("limit", "13"), Err("13 is taken".to_owned()));
    assert_eq!(server.config_get("limit").as_deref(), Some("5"));
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn what_the_server_refuses_is_named() {
    let server = mock::start();
    let context = server.context();
    for call in [
        "RedisModule_RegisterNumericConfig",
        "RedisModule_RegisterStringConfig",
        "RedisModule_LoadConfigs",
    ] {
        server.refuse(call);
    }
    let refused = |call| Err(Refused { call });
    let ctx = context.ctx();
    assert_eq!(
        ctx.register_number(&LIMIT),
        refused("RedisModule_RegisterNumericConfig")
    );
    assert_eq!(
        ctx.register_text(&FOLDER),
        refused("RedisModule_RegisterStringConfig")
    );
    assert_eq!(ctx.load_configs(), refused("RedisModule_LoadConfigs"));
}

#[test]
fn a_text_for_c_ends_at_its_first_nul() {
    for (text, c) in [("", c""), ("a b", c"a b"), ("a\0b", c"a"), ("\0", c"")] {
        assert_eq!(c_text(text).as_c_str(), c);
    }
}
