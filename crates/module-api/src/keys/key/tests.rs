//! Keys beside a server of the unit tests.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::OwnedStr;
use crate::keys::defrag::Mover;
use crate::keys::io::{Digest, Io, KeyNames};
use crate::mock::{self, Context, Stream};

/// A type whose loaded values are texts.
struct Texts;

/// Values that the keyspace has given up.
static FREED: AtomicUsize = AtomicUsize::new(0);

impl data_type::DataType for Texts {
    type Unnamed = String;
    const ENCODING: i32 = 1;

    fn name(kind: Kind) -> &'static CStr {
        match kind {
            Kind::Str => c"texts-str",
            Kind::Hash => c"texts-has",
            Kind::List => c"texts-lis",
            Kind::Set => c"texts-set",
            Kind::ZSet => c"texts-zse",
        }
    }
    fn load(_io: Io<'_>, kind: Kind, encoding: i32) -> Option<String> {
        (encoding == 1).then(|| format!("{kind:?}"))
    }
    fn save(_io: Io<'_>, _value: ValueHandle) {}
    fn emit(_io: Io<'_>, _key: &[u8], _value: ValueHandle) {}
    fn memory(_value: ValueHandle) -> usize {
        0
    }
    fn digest(_state: Digest<'_>, _value: ValueHandle) {}
    fn free(_value: String) {
        FREED.fetch_add(1, Ordering::Relaxed);
    }
    fn free_effort(_value: ValueHandle) -> usize {
        0
    }
    fn unlink(_names: KeyNames<'_>, _value: ValueHandle) {}
    fn copy(_names: KeyNames<'_>, _value: ValueHandle) -> Option<String> {
        None
    }
    fn relocate(_number: u64, _mover: &mut Mover<'_>) -> u64 {
        0
    }
    fn relocate_unnamed(_value: &mut String, _mover: &mut Mover<'_>) -> u64 {
        0
    }
    fn aux_save(_io: Io<'_>) {}
    fn aux_load(_io: Io<'_>) -> bool {
        true
    }
}

fn open<'c>(context: &'c Context<'_>, mode: Mode) -> Key<'c> {
    Key::open(context.ctx(), OwnedStr::new(b"k").lend(), mode)
}

#[test]
fn a_key_has_a_number_of_a_type_of_ours() {
    let server = mock::start();
    let context = server.context();
    data_type::register::<Texts>(context.ctx()).unwrap();
    for mode in [Mode::Read, Mode::ReadNoTouch, Mode::Write, Mode::WriteNoTouch] {
        assert_eq!(open(&context, mode).contents(), Contents::Nothing);
    }
    for kind in Kind::ALL {
        open(&context, Mode::Write).set_number(kind, 41).unwrap();
        let contents = open(&context, Mode::Read).contents();
        assert_eq!(contents, Contents::Ours(kind, ValueHandle::of_number(41)));
    }
    server.put_native(0, b"k");
    assert_eq!(open(&context, Mode::Read).contents(), Contents::Foreign);
    open(&context, Mode::Write).delete().unwrap();
    assert_eq!(open(&context, Mode::Read).contents(), Contents::Nothing);
    assert_eq!((server.open_keys(), server.strings_alive()), (0, 0));
}

#[test]
fn a_loaded_value_is_given_to_whoever_replaces_it_and_freed_with_its_key() {
    let server = mock::start();
    let context = server.context();
    data_type::register::<Texts>(context.ctx()).unwrap();
    assert!(
        !server.load(Kind::Set, b"k", 2, &Stream::default()),
        "an encoding that is not known"
    );
    assert!(server.load(Kind::Set, b"k", 1, &Stream::default()));
    let key = open(&context, Mode::Write);
    let Contents::Ours(Kind::Set, value) = key.contents() else {
        panic!("no set");
    };
    assert_eq!(
        (value.number(), value.boxed::<String>().map(String::as_str)),
        (None, Some("Set"))
    );
    assert_eq!(value.boxed::<Vec<u8>>(), None);
    let before = FREED.load(Ordering::Relaxed);
    // The type is another one: the value stays.
    assert!(key.replace_with_number::<String>(Kind::Hash, 7).is_err());
    let text = key.replace_with_number::<String>(Kind::Set, 7).unwrap();
    assert_eq!(text.as_deref().map(String::as_str), Some("Set"));
    assert_eq!(
        key.contents(),
        Contents::Ours(Kind::Set, ValueHandle::of_number(7))
    );
    assert_eq!(key.replace_with_number::<String>(Kind::Set, 9).unwrap(), None);
    key.delete().unwrap();
    assert_eq!(FREED.load(Ordering::Relaxed), before);
    assert!(server.load(Kind::Str, b"k", 1, &Stream::default()));
    open(&context, Mode::Write).delete().unwrap();
    assert_eq!(FREED.load(Ordering::Relaxed), before + 1);
}

#[test]
fn an_expire_time_goes_with_its_key() {
    let server = mock::start();
    let context = server.context();
    data_type::register::<Texts>(context.ctx()).unwrap();
    let key = open(&context, Mode::Write);
    assert_eq!(key.expire_at(), NEVER);
    key.set_number(Kind::Str, 1).unwrap();
    key.set_expire_at(1234).unwrap();
    assert_eq!(open(&context, Mode::Read).expire_at(), 1234);
    key.replace_with_number::<String>(Kind::Str, 3).unwrap();
    assert_eq!(key.expire_at(), 1234);
    key.set_expire_at(NEVER).unwrap();
    assert_eq!(key.expire_at(), NEVER);
    assert_eq!(
        open(&context, Mode::Read).set_expire_at(5),
        refused("RedisModule_SetAbsExpire")
    );
}

fn refused<T>(call: &'static str) -> Result<T, Refused> {
    Err(Refused { call })
}

#[test]
fn what_the_server_refuses_changes_nothing_and_is_named() {
    let server = mock::start();
    let context = server.context();
    data_type::register::<Texts>(context.ctx()).unwrap();
    open(&context, Mode::Write).set_number(Kind::Str, 1).unwrap();
    for call in [
        "RedisModule_ModuleTypeSetValue",
        "RedisModule_ModuleTypeReplaceValue",
        "RedisModule_DeleteKey",
        "RedisModule_SetAbsExpire",
        "RedisModule_CreateDataType",
    ] {
        server.refuse(call);
    }
    let key = open(&context, Mode::Write);
    assert_eq!(
        key.set_number(Kind::Hash, 3),
        refused("RedisModule_ModuleTypeSetValue")
    );
    let replaced = key.replace_with_number::<String>(Kind::Str, 3);
    assert_eq!(replaced, refused("RedisModule_ModuleTypeReplaceValue"));
    assert_eq!(key.delete(), refused("RedisModule_DeleteKey"));
    assert_eq!(key.set_expire_at(5), refused("RedisModule_SetAbsExpire"));
    assert_eq!(
        key.contents(),
        Contents::Ours(Kind::Str, ValueHandle::of_number(1))
    );
    assert_eq!(key.expire_at(), NEVER);
    drop(key);
    assert!(server.has(0, b"k") && server.open_keys() == 0);
    assert_eq!(
        data_type::register::<Texts>(context.ctx()),
        refused("RedisModule_CreateDataType")
    );
}

#[test]
fn a_key_that_is_missing_and_was_opened_to_read_is_not_changed() {
    let server = mock::start();
    let context = server.context();
    data_type::register::<Texts>(context.ctx()).unwrap();
    let key = open(&context, Mode::Read);
    assert_eq!(
        key.set_number(Kind::Str, 1),
        refused("RedisModule_ModuleTypeSetValue")
    );
    let replaced = key.replace_with_number::<String>(Kind::Str, 3);
    assert_eq!(replaced, refused("RedisModule_ModuleTypeReplaceValue"));
    assert_eq!(key.delete(), refused("RedisModule_DeleteKey"));
    assert_eq!(key.unlink(), refused("RedisModule_UnlinkKey"));
    assert_eq!(key.set_expire_at(5), refused("RedisModule_SetAbsExpire"));
}
