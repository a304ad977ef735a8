//! The tests that need a real server. The server is `SERVER`, the module `MYLOG_SO`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod support;

mod server;
