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
    mod acl_of_twins;
    mod acl_walk;
    mod acl_words;
    mod adopt;
    mod adopt_changes;
    mod adopt_crashes;
    mod adopt_rdb;
    mod always_prefixes;
    mod always_wait;
    mod astray;
    mod blocking_acks;
    mod blocking_crowd;
    mod blocking_kills;
    mod blocking_pops;
    mod blocking_replicas;
    mod blocking_scenes;
    mod blocking_stage;
    mod blocking_unblocks;
    mod bullmq;
    mod capture;
    mod captured_keys;
    mod captured_names;
    mod celery;
    mod child_faults;
    mod child_misbehaves;
    mod child_under_load;
    mod cluster_slots;
    mod command_table;
    mod committed_reads;
    mod cut_log;
    mod differential;
    mod disk_faults;
    mod diskless_loads;
    mod early_replies;
    mod editions;
    mod evicted_replicas;
    mod exclusions;
    mod failing_calls;
    mod file_size_limit;
    mod forkless_saves;
    mod full_disk_load;
    mod generic_cases;
    mod generic_commands;
    mod generic_random;
    mod harness;
    mod held_clients;
    mod huge_values;
    mod integer_sets;
    mod keys_of_commands;
    mod kill_loop;
    mod kills_beside_syncs;
    mod lineage;
    mod links_and_bombs;
    mod listeners;
    mod lost_folder;
    mod merely_loaded;
    mod migrate;
    mod native_captured;
    mod native_captured_pops;
    mod native_overwrites;
    mod parity;
    mod parity_commands;
    mod parity_lists;
    mod parity_random;
    mod parity_sets;
    mod parity_sort;
    mod parity_strings;
    mod parity_zset;
    mod persistence;
    mod rdb_without_the_module;
    mod redis_py;
    mod redis_rs;
    mod release;
    mod release_meanwhile;
    mod reload_in_exec;
    mod renamed_commands;
    mod replica;
    mod replica_chaos;
    mod replica_reads;
    mod replica_restarts;
    mod restores;
    mod rewrite;
    mod rewrite_ends;
    mod rewrite_neighbours;
    mod rewrite_room;
    mod rewrite_schedule;
    mod rq;
    mod saves_behind_the_log;
    mod scripts;
    mod scripts_meanwhile;
    mod sequences;
    mod server_deletes;
    mod set_clocks;
    mod sort;
    mod stalled_disk;
    mod start_up;
    mod start_up_damage;
    mod unfit;
    mod unit_ends;
    mod unrouted;
    mod vain_flushes;
    mod values;
    mod wait;
    mod zset_commands;
}
