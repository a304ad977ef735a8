//! Folders mirror those of `src/`.

mod acks;
mod adopt;
mod callbacks;
mod clients;
mod commands;
mod engine;
mod execute;
mod filter;
mod harness;
mod keyspace;
mod lifecycle;
mod release;
mod replicas;
mod rewrite;
mod settings;
