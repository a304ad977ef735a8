//! The tests that need a real server. The server is `SERVER`, the module `MYLOG_SO`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod support;

mod server {
    mod acks;
    mod acks_of_units;
    mod always_prefixes;
    mod capture;
    mod child_faults;
    mod committed_reads;
    mod disk_faults;
    mod generic_cases;
    mod generic_commands;
    mod harness;
    mod held_clients;
    mod kill_loop;
    mod lineage;
    mod native_overwrites;
    mod parity;
    mod parity_commands;
    mod parity_lists;
    mod parity_random;
    mod parity_sets;
    mod persistence;
    mod redis_py;
    mod replica;
    mod rewrite;
    mod rewrite_ends;
    mod rewrite_schedule;
    mod sequences;
    mod server_deletes;
    mod start_up;
    mod start_up_damage;
    mod unit_ends;
    mod values;
    mod wait;
}
