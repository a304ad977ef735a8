//! Adoptions that are not known to be on disk. An RDB that is saved after an adoption contains the key as a durable one, while
//! the log may lack the adoption after a crash. So the RDB lists these adoptions. Otherwise the start would take such a key for
//! one that the log has deleted since.

use module_api::gil::Gil;
use mylog_core::effect::Db;

use crate::engine;

/// One adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recent {
    /// Seq of the adoption's record.
    pub(crate) seq: u64,
    pub(crate) db: Db,
    pub(crate) name: Vec<u8>,
}

struct State {
    /// In the order of their seqs.
    adopted: Vec<Recent>,
    /// At this number of adoptions, those on disk are dropped.
    full: usize,
}

/// The smallest number of adoptions at which those on disk are dropped.
const FEW: usize = 64;

static STATE: Gil<State> = Gil::new(State {
    adopted: Vec::new(),
    full: FEW,
});

/// Notes an adoption.
pub(crate) fn note(recent: Recent) {
    STATE.with(|state| {
        if state.adopted.len() >= state.full {
            drop_durable(state);
            state.full = FEW.max(2 * state.adopted.len());
        }
        state.adopted.push(recent);
    });
}

fn drop_durable(state: &mut State) {
    let durable = engine::with(|engine| engine.marks().durable()).unwrap_or(0);
    state.adopted.retain(|recent| recent.seq > durable);
}

/// Seq of the last noted adoption; 0 if there is none, or if all are on disk.
pub(crate) fn last_seq() -> u64 {
    STATE.with(|state| state.adopted.last().map_or(0, |recent| recent.seq))
}

/// The adoptions that are not on disk, as bytes for an RDB.
pub(crate) fn encoded() -> Vec<u8> {
    STATE.with(|state| {
        drop_durable(state);
        encode(&state.adopted)
    })
}

/// For each adoption: the seq, the database, the length of the key, the key.
fn encode(adopted: &[Recent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for recent in adopted {
        bytes.extend(recent.seq.to_le_bytes());
        bytes.extend(recent.db.to_le_bytes());
        bytes.extend((recent.name.len() as u64).to_le_bytes());
        bytes.extend(&recent.name);
    }
    bytes
}

/// Decodes the bytes of `encoded`; `None` for other bytes.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Recent>> {
    let mut adopted = Vec::new();
    while !bytes.is_empty() {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (db, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        adopted.push(Recent {
            seq: u64::from_le_bytes(*seq),
            db: Db::from_le_bytes(*db),
            name: name.to_vec(),
        });
        bytes = rest;
    }
    Some(adopted)
}

#[cfg(test)]
mod tests {
    use super::{Recent, decode, encode};

    #[test]
    fn adoptions_are_read_as_they_were_written_and_never_past_the_end() {
        let of = |seq, db, name: &[u8]| Recent {
            seq,
            db,
            name: name.to_vec(),
        };
        let adopted = [of(7, 0, b"order:1"), of(u64::MAX, 15, b""), of(9, 3, b"\0\n")];
        let bytes = encode(&adopted);
        assert_eq!(decode(&bytes).unwrap(), adopted);
        assert_eq!(decode(&[]).unwrap(), []);
        // The second adoption begins after 20 + 7 bytes, the third after 20 more.
        let whole = [0, 27, 47, bytes.len()];
        for end in (0..bytes.len()).filter(|end| !whole.contains(end)) {
            assert_eq!(decode(&bytes[..end]), None, "{end}");
        }
    }
}
