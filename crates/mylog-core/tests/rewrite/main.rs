//! The rewrite child against the plain model.

#[cfg(test)]
mod child;
mod deltas;
#[cfg(test)]
#[path = "../model/mod.rs"]
mod model;
