//! The rewrite child against the plain model.

#[cfg(test)]
mod child;
#[cfg(test)]
mod collection_deltas;
#[cfg(test)]
mod deltas;
#[cfg(test)]
#[path = "../model/mod.rs"]
mod model;
#[cfg(test)]
mod pace;
