//! No reply leaves before what it acknowledges is durable, and nobody else waits.

pub(crate) mod always_prefixes;
pub(crate) mod committed_reads;
pub(crate) mod early_replies;
pub(crate) mod gate;
pub(crate) mod gate_again;
pub(crate) mod gate_limits;
pub(crate) mod gate_mix;
pub(crate) mod gate_model;
pub(crate) mod gate_slow;
pub(crate) mod gate_strict;
pub(crate) mod gate_threads;
pub(crate) mod gate_tls;
pub(crate) mod gate_trouble;
pub(crate) mod gate_whose;
pub(crate) mod held_clients;
pub(crate) mod pipelines;
pub(crate) mod scripts;
pub(crate) mod scripts_meanwhile;
pub(crate) mod set_clocks;
pub(crate) mod settings_aside;
pub(crate) mod single_commands;
pub(crate) mod unit_ends;
pub(crate) mod units;
pub(crate) mod wait;
