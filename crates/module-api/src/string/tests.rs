//! Strings beside a server of the unit tests.

use super::*;
use crate::commands::entry::Command;
use crate::commands::spec::Spec;
use crate::{Ctx, mock};

#[test]
fn every_share_is_given_back() {
    let server = mock::start();
    let string = OwnedStr::new(b"a\0b");
    let shared = string.share();
    assert!(string.lend().is(shared.lend()));
    drop(string);
    assert_eq!(shared.lend().bytes(), b"a\0b");
    assert_eq!(server.strings_alive(), 1);
    drop(shared);
    let vector = ArgVector::new(&[b"a", b"", b"b"]);
    assert_eq!((vector.raw().len(), server.strings_alive()), (3, 3));
    assert_eq!(vector.raw(), vector.pointers());
    drop(vector);
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn what_a_call_takes_over_is_not_given_back_twice() {
    let server = mock::start();
    let raw = OwnedStr::new(b"given").into_raw();
    assert_eq!(server.strings_alive(), 1);
    // SAFETY: the share is ours again, once.
    let taken = unsafe { OwnedStr::from_raw(raw) };
    assert_eq!(
        taken.map(|string| string.lend().bytes().to_vec()),
        Some(b"given".to_vec())
    );
    assert_eq!(server.strings_alive(), 0);
    // SAFETY: null is allowed.
    assert!(unsafe { OwnedStr::from_raw(null_mut()) }.is_none());
}

/// Inspects its arguments.
struct Inspect;

impl Command for Inspect {
    fn run(ctx: Ctx<'_>, args: Args<'_>) {
        assert_eq!(
            (args.len(), args.get(1), args.get(20)),
            (12, &b"a1"[..], &b""[..])
        );
        assert_eq!(args.string(20).bytes(), b"mylog.inspect");
        assert_eq!(args.after(11).get(0), b"a11");
        assert_eq!(args.after(12).len(), 0);
        // One of the first three is shared, another one is made.
        assert!(args.share_or_new(args.get(3)).lend().is(args.string(3)));
        assert!(!args.share_or_new(args.get(4)).lend().is(args.string(4)));
        let equal = args.get(3).to_vec();
        assert!(!args.share_or_new(&equal).lend().is(args.string(3)));
        let name = OwnedStr::new(b"other");
        for args in [args, args.after(6)] {
            let named = args.with_name(name.lend(), |pointers| pointers.to_vec());
            assert_eq!(named.first(), Some(&name.lend().raw()));
            assert_eq!(named.get(1..), args.raw().get(1..));
        }
        ctx.reply_null();
    }
}

#[test]
fn a_load_without_arguments_has_none() {
    // SAFETY: null is allowed for none.
    let args = unsafe { Args::from_raw(null_mut(), 0) };
    assert_eq!((args.len(), args.from(0).count()), (0, 0));
}

#[test]
fn arguments_are_read_by_their_places() {
    let server = mock::start();
    let context = server.context();
    let spec = Spec::of::<Inspect>(c"mylog.inspect").reads();
    context.ctx().register_command(&spec).unwrap();
    let words: Vec<String> = (0..12).map(|place| format!("a{place}")).collect();
    let mut words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    words[0] = b"mylog.inspect";
    server.run(&context, &words);
    assert_eq!(context.replies().len(), 1);
    assert_eq!(server.strings_alive(), 0);
}
