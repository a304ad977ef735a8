//! Types and their values beside a server of the unit tests.

use super::*;
use crate::OwnedStr;
use crate::gil::Gil;
use crate::keys::key::{Contents, Key, Mode};
use crate::mock::{self, Defragmentation, Piece, Server, Stream};

/// Types whose values are texts. A number has the text of its figures.
struct Texts;

static FREED: Gil<Vec<String>> = Gil::new(Vec::new());
/// Database, key and number of what was unlinked.
type Unlinked = (u32, Vec<u8>, Option<u64>);

static UNLINKED: Gil<Vec<Unlinked>> = Gil::new(Vec::new());

fn text(value: ValueHandle) -> String {
    let number = value.number().map(|number| number.to_string());
    number.or(value.boxed::<String>().cloned()).unwrap_or_default()
}

impl DataType for Texts {
    type Unnamed = String;
    const ENCODING: i32 = 3;

    fn name(kind: Kind) -> &'static CStr {
        match kind {
            Kind::Str => c"texts-str",
            Kind::Hash => c"texts-hsh",
            Kind::List => c"texts-lst",
            Kind::Set => c"texts-set",
            Kind::ZSet => c"texts-zst",
        }
    }

    fn load(io: Io<'_>, kind: Kind, encoding: i32) -> Option<String> {
        let count = io.load_number()?;
        let buffer = io.load_bytes()?;
        let text = String::from_utf8_lossy(buffer.bytes()).repeat(count as usize);
        (encoding == Self::ENCODING).then(|| format!("{kind:?} {text}"))
    }

    fn save(io: Io<'_>, value: ValueHandle) {
        io.save_number(1);
        io.save_bytes(text(value).as_bytes());
    }

    fn emit(io: Io<'_>, key: &[u8], value: ValueHandle) {
        io.emit_two(c"MAKE", key, text(value).as_bytes());
        io.emit_three(c"MAKE.IT", key, b"", text(value).as_bytes());
    }

    fn memory(value: ValueHandle) -> usize {
        text(value).len()
    }

    fn digest(state: Digest<'_>, value: ValueHandle) {
        state.add(text(value).as_bytes());
        state.end_element();
    }

    fn free(value: String) {
        FREED.with(|freed| freed.push(value));
    }

    fn free_effort(value: ValueHandle) -> usize {
        text(value).len() + 1
    }

    fn unlink(names: KeyNames<'_>, value: ValueHandle) {
        UNLINKED.with(|unlinked| unlinked.push((names.db(), names.key().to_vec(), value.number())));
    }

    fn copy(names: KeyNames<'_>, value: ValueHandle) -> Option<String> {
        let key = String::from_utf8_lossy(names.key());
        value.boxed::<String>().map(|text| format!("{text} of {key}"))
    }

    fn relocate(number: u64, mover: &mut Mover<'_>) -> u64 {
        // In two parts.
        if mover.cursor() == 0 { number } else { 0 }
    }

    fn relocate_unnamed(value: &mut String, mover: &mut Mover<'_>) -> u64 {
        let bytes = mover.bytes(std::mem::take(value).into_bytes().into_boxed_slice());
        *value = String::from_utf8(bytes.into_vec()).unwrap();
        0
    }

    fn aux_save(io: Io<'_>) {
        io.save_number(7);
    }

    fn aux_load(io: Io<'_>) -> bool {
        io.load_number() == Some(7)
    }
}

/// A server that knows the types, and has forgotten other tests.
fn start() -> Server {
    let server = mock::start();
    FREED.with(Vec::clear);
    UNLINKED.with(Vec::clear);
    register::<Texts>(server.context().ctx()).unwrap();
    server
}

fn rdb(count: u64, bytes: &[u8]) -> Stream {
    Stream::of([Piece::Number(count), Piece::Bytes(bytes.to_vec())])
}

fn contents(server: &Server, key: &[u8]) -> Contents {
    let context = server.context();
    Key::open(context.ctx(), OwnedStr::new(key).lend(), Mode::Read).contents()
}

fn set_number(server: &Server, key: &[u8], kind: Kind, number: u64) {
    let context = server.context();
    let name = OwnedStr::new(key);
    let opened = Key::open(context.ctx(), name.lend(), Mode::Write);
    opened.set_number(kind, number).unwrap();
}

#[test]
fn a_type_that_the_server_refuses_is_an_error() {
    let server = mock::start();
    server.refuse("RedisModule_CreateDataType");
    let refused = register::<Texts>(server.context().ctx()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the server refused RedisModule_CreateDataType"
    );
}

#[test]
fn what_an_rdb_brings_is_a_box_until_it_gets_its_number() {
    let server = start();
    assert!(server.load(Kind::Hash, b"k", 3, &rdb(2, b"ab")));
    let Contents::Ours(Kind::Hash, handle) = contents(&server, b"k") else {
        panic!("a value of ours");
    };
    assert_eq!(handle.boxed::<String>().map(String::as_str), Some("Hash abab"));

    let context = server.context();
    let name = OwnedStr::new(b"k");
    let key = Key::open(context.ctx(), name.lend(), Mode::Write);
    // Of another type the value stays where it is.
    assert!(key.replace_with_number::<String>(Kind::List, 5).is_err());
    let taken = key.replace_with_number::<String>(Kind::Hash, 5).unwrap();
    assert_eq!(taken.as_deref().map(String::as_str), Some("Hash abab"));
    assert_eq!(
        key.contents(),
        Contents::Ours(Kind::Hash, ValueHandle::of_number(5))
    );
    // There is no box to take any more.
    assert!(
        key.replace_with_number::<String>(Kind::Hash, 7)
            .unwrap()
            .is_none()
    );
    drop(key);
    server.delete(b"k");
    assert_eq!(contents(&server, b"k"), Contents::Nothing);
    assert_eq!(FREED.with(std::mem::take), Vec::<String>::new());
    assert_eq!((server.open_keys(), server.buffers_alive()), (0, 0));
}

#[test]
fn a_value_that_can_t_be_read_is_refused_and_leaks_nothing() {
    let server = start();
    // Another encoding, a stream that ends, and one of something else.
    assert!(!server.load(Kind::Str, b"k", 2, &rdb(1, b"v")));
    assert!(!server.load(Kind::Str, b"k", 3, &Stream::of([Piece::Number(1)])));
    assert!(!server.load(Kind::Str, b"k", 3, &Stream::of([Piece::Bytes(b"v".to_vec())])));
    assert_eq!(contents(&server, b"k"), Contents::Nothing);
    assert_eq!(server.buffers_alive(), 0);
}

#[test]
fn what_is_saved_emitted_and_digested_is_the_value() {
    let server = start();
    set_number(&server, b"k\0", Kind::Set, 21);
    let stream = Stream::default();
    server.save(b"k\0", &stream);
    assert_eq!(stream.pieces(), [Piece::Number(1), Piece::Bytes(b"21".to_vec())]);
    assert!(server.load(Kind::Set, b"again", 3, &stream));

    let aof = Stream::default();
    server.rewrite(b"k\0", &aof);
    let command = |args: &[&[u8]]| Piece::Command(args.iter().map(|arg| arg.to_vec()).collect());
    assert_eq!(
        aof.pieces(),
        [
            command(&[b"MAKE", b"k\0", b"21"]),
            command(&[b"MAKE.IT", b"k\0", b"", b"21"])
        ]
    );
    let digest = Stream::default();
    server.digest(b"again", &digest);
    assert_eq!(digest.pieces(), [Piece::Bytes(b"Set 21".to_vec()), Piece::End]);
    assert_eq!(server.sizes(b"again"), (6, 7));
    server.delete(b"again");
}

#[test]
fn a_deleted_box_is_freed_once_and_a_number_is_only_unlinked() {
    let server = start();
    assert!(server.load(Kind::Str, b"box", 3, &rdb(1, b"v")));
    set_number(&server, b"number", Kind::Str, 9);
    server.delete(b"box");
    server.delete(b"number");
    let unlinked = [(0, b"box".to_vec(), None), (0, b"number".to_vec(), Some(9))];
    assert_eq!(UNLINKED.with(std::mem::take), unlinked);
    assert_eq!(FREED.with(std::mem::take), ["Str v"]);
}

#[test]
fn a_copy_is_a_box_of_its_own() {
    let server = start();
    assert!(server.load(Kind::List, b"one", 3, &rdb(1, b"v")));
    assert!(server.copy(b"one", b"two"));
    server.delete(b"one");
    assert_eq!(FREED.with(std::mem::take), ["List v"]);
    server.delete(b"two");
    assert_eq!(FREED.with(std::mem::take), ["List v of one"]);
    // A value that gives no copy.
    set_number(&server, b"number", Kind::List, 9);
    assert!(!server.copy(b"number", b"three"));
    assert_eq!(contents(&server, b"three"), Contents::Nothing);
}

#[test]
fn a_box_moves_with_what_is_in_it_and_the_key_has_its_new_address() {
    let server = start();
    assert!(server.load(Kind::Str, b"k", 3, &rdb(40, b"text")));
    let cycle = server.defragment(b"k", Defragmentation::default());
    assert_eq!((cycle.moved, cycle.goes_on), (2, false));
    let Contents::Ours(_, handle) = contents(&server, b"k") else {
        panic!("a value of ours");
    };
    assert_eq!(text(handle), format!("Str {}", "text".repeat(40)));
    server.delete(b"k");
    assert_eq!(FREED.with(std::mem::take).len(), 1);
}

#[test]
fn a_value_that_is_moved_in_parts_goes_on_where_it_stopped() {
    let server = start();
    set_number(&server, b"k", Kind::Str, 9);
    let first = server.defragment(b"k", Defragmentation::default());
    assert_eq!((first.cursor, first.goes_on), (9, true));
    let second = server.defragment(b"k", first);
    assert!(!second.goes_on);
    // A server that keeps no place does not come again.
    let forgetful = Defragmentation {
        keeps_none: true,
        ..Defragmentation::default()
    };
    assert!(!server.defragment(b"k", forgetful).goes_on);
}

#[test]
fn what_belongs_to_no_key_is_written_once_and_read_back() {
    let server = start();
    let stream = Stream::default();
    server.save_aux(&stream);
    assert_eq!(stream.pieces(), [Piece::Number(7)]);
    assert!(server.load_aux(&stream));
    assert!(!server.load_aux(&stream));
}
