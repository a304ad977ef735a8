//! Each type of value against a plain one, over the limit between its small and its large form and back.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod list;
#[cfg(test)]
mod plain;
#[cfg(test)]
#[path = "../model/rng.rs"]
mod rng;
#[cfg(test)]
mod set;
#[cfg(test)]
mod zset;
