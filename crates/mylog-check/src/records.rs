//! The records of a log, as the check sees them: decoded and applied as the server does at its start, so that a
//! log that passes is one that loads.

use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::scan::Replay;
use mylog_core::store::Store;

/// Takes the records in order.
pub struct Records {
    /// The state after the records so far.
    store: Store,
}

/// The end record counts other keys than the records make.
#[derive(Debug)]
struct Keys {
    told: u64,
    made: u64,
}

impl std::error::Error for Keys {}

impl std::fmt::Display for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the end record counts {} keys, the records make {}",
            self.told, self.made
        )
    }
}

impl Records {
    /// Nothing taken yet.
    pub fn new() -> Self {
        Self { store: Store::new() }
    }
}

impl Replay for Records {
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords> {
        self.store
            .load_snapshot(payload, record_count)
            .map_err(BadRecords::new)
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        let made = self.store.len() as u64;
        if made == totals.keys {
            Ok(())
        } else {
            Err(BadRecords::new(Keys {
                told: totals.keys,
                made,
            }))
        }
    }

    fn group(&mut self, _seq: u64, count: u32, payload: &[u8], _wall_ms: u64) -> Result<(), BadRecords> {
        self.store.load_group(payload, count).map_err(BadRecords::new)
    }
}
