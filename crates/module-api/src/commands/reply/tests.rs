//! Replies beside a server of the unit tests.

use super::*;
use crate::mock::{self, Answer, Reply};

#[test]
fn each_piece_of_a_reply_goes_out_in_order() {
    let server = mock::start();
    let context = server.context();
    let ctx = context.ctx();
    ctx.reply_array(3);
    ctx.reply_int(i64::MIN);
    ctx.reply_simple(c"QUEUED");
    ctx.reply_error(c"ERR 100% wrong");
    ctx.reply_map(1);
    ctx.reply_bulk(b"a\0b");
    ctx.reply_double(0.5);
    ctx.reply_set(0);
    ctx.reply_null();
    ctx.reply_null_array();
    let replies = [
        Reply::Array(3),
        Reply::Int(i64::MIN),
        Reply::Simple("QUEUED".into()),
        Reply::Error("ERR 100% wrong".into()),
        Reply::Map(1),
        Reply::Bulk(b"a\0b".to_vec()),
        Reply::Double(0.5),
        Reply::Set(0),
        Reply::Null,
        Reply::NullArray,
    ];
    assert_eq!(context.replies(), replies);
}

#[test]
fn ok_is_encoded_once_by_a_server_that_encodes_it_as_expected() {
    let server = mock::start();
    let context = server.context();
    let own = context.ctx().detached();
    // A server that answers otherwise leaves OK a status line.
    server.answer("UNWATCH", Answer::Error("NOAUTH".into()));
    prepare(own);
    context.ctx().reply_simple(c"OK");
    server.answer("UNWATCH", Answer::Status("OK".into()));
    prepare(own);
    context.ctx().reply_simple(c"OK");
    context.ctx().reply_simple(c"OK2");
    let replies = [
        Reply::Simple("OK".into()),
        Reply::Called(b"+OK\r\n".to_vec()),
        Reply::Simple("OK2".into()),
    ];
    assert_eq!(context.replies(), replies);
    assert_eq!(server.calls().len(), 2);
}
