//! Native keys that an RDB from before their adoption brings back. The log wins: if the log contained the key after the RDB was
//! saved, the key gets the log's value; and if the log contains the key no more, it is deleted.
//!
//! For that the log is read once more, but only if the RDB has such keys: native ones under a captured prefix. A key whose RDB
//! is not known to be older stays as it was loaded: a server without the module may have saved it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::{BadRecord, Db, Effect, decode_records, swapped};
use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::names::CURRENT;
use mylog_core::log::replay::Replay;
use mylog_core::log::scan::scan;

use crate::engine::own_change;
use crate::keyspace::load_state::START;
use crate::{engine, rewrite};

/// Deletes those of the noted keys that the log has contained since the RDB was saved.
pub(super) fn drop_outdated(ctx: Ctx<'_>) {
    let (came, own, rdb) = START.with(|start| (std::mem::take(&mut start.captured), start.uuid, start.rdb));
    let is_native = |(db, name): &Name| {
        ctx.select_db(*db).is_ok()
            && Key::open(ctx, OwnedStr::new(name).lend(), Mode::ReadNoTouch).contents() == Contents::Foreign
    };
    let native: Vec<_> = came.into_iter().filter(is_native).collect();
    let saved = match rdb {
        Some((uuid, seq)) if uuid != own => Saved::ByAnother(uuid, seq),
        Some((_, seq)) => Saved::At(seq),
        // The RDB was saved before the log had any key, or by a server without the module at any time.
        None if native.is_empty() => Saved::When(u64::MAX),
        None => Saved::When(file_time(ctx)),
    };
    let later = engine::with(|engine| match saved {
        Saved::At(seq) => engine.last_seq() > seq,
        Saved::When(_) => true,
        // If our log does not know the RDB's log, their order in time is unknown.
        Saved::ByAnother(uuid, seq) => engine.store.knows_lineage(&uuid, seq),
    });
    if !native.is_empty() && later == Some(true) {
        look_up(ctx, native, saved);
    }
    let _ = ctx.select_db(0);
}

fn look_up(ctx: Ctx<'_>, native: Vec<Name>, saved: Saved) {
    let all = native.len();
    let came: BTreeMap<_, _> = native.into_iter().map(|of| (of.clone(), of)).collect();
    let mut known = Known {
        names: came.clone(),
        came,
        saved,
        by: match saved {
            Saved::ByAnother(uuid, seq) => Some((uuid, seq)),
            _ => None,
        },
        rewritten: false,
        may_be_rewritten: false,
        in_snapshot: Vec::new(),
        dead: Vec::new(),
    };
    let file = rewrite::with(|rewriter| rewriter.fs.open_read(&rewriter.dir.join(CURRENT)));
    let read = match file {
        Some(Ok(file)) => scan(file.as_ref(), &mut known).map_err(|error| error.to_string()),
        Some(Err(error)) => Err(error.to_string()),
        None => return,
    };
    if let Err(error) = read {
        log::warning(&format!(
            "the log could not be read again for {all} native keys of the RDB: {error}"
        ));
    }
    for (db, name) in &known.dead {
        if ctx.select_db(*db).is_ok() {
            let _own = own_change::own_op();
            let _ = Key::open(ctx, OwnedStr::new(name).lend(), Mode::Write).delete();
        }
    }
    if !known.dead.is_empty() {
        let first = known.dead.iter().take(SHOWN);
        let first: Vec<_> = first
            .map(|(db, name)| format!("{db}:{}", name.escape_ascii()))
            .collect();
        log::warning(&format!(
            "{} native keys of the RDB are left out: the log had their names since, and has them no more (as database:key: {})",
            known.dead.len(),
            first.join(" ")
        ));
    }
    let left = known.names.len();
    if left > 0 && (known.rewritten || known.may_be_rewritten) {
        let perhaps = if known.rewritten {
            ""
        } else {
            ", or of a server without the module"
        };
        log::warning(&format!(
            "{left} native keys that mylog.capture holds came with an RDB from before the log's last rewrite{perhaps}: among them may be keys that were adopted, and deleted, since then"
        ));
    }
}

/// The time when the server's RDB file was written, in ms since 1970; `u64::MAX` if the file is not found. The time is exact to
/// a tick of the system's clock only, but between the times that are compared a server was started.
fn file_time(ctx: Ctx<'_>) -> u64 {
    let name = ctx.call(c"CONFIG", "", &[b"GET", b"dbfilename"]);
    let name = name.as_ref().and_then(|reply| reply.element(1));
    // The server's working directory is the folder of the RDB.
    let time = name
        .and_then(|name| String::from_utf8(name.bytes().to_vec()).ok())
        .and_then(|name| fs::metadata(name).ok()?.modified().ok());
    let since = time.and_then(|time: SystemTime| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(u64::MAX, |since| since.as_millis() as u64)
}

/// Number of keys that a line of the server's log shows.
const SHOWN: usize = 10;

type Name = (Db, Vec<u8>);

/// When the RDB was saved.
#[derive(Clone, Copy)]
enum Saved {
    /// At this seq of our log.
    At(u64),
    /// At this time, in ms.
    When(u64),
    /// By a primary: its log id, and the seq of its log. The RDB is older than the record with which our log took that data set
    /// over.
    ByAnother([u8; 16], u64),
}

/// The native keys of the RDB that are searched for in the log.
struct Known {
    /// The keys by their place in the log, which SWAPDB changes, with their place in the RDB.
    names: BTreeMap<Name, Name>,
    /// All keys of `names`, by their place in the RDB.
    came: BTreeMap<Name, Name>,
    saved: Saved,
    /// The log id and the seq of the primary that saved the RDB.
    by: Option<([u8; 16], u64)>,
    /// The log's snapshot section is younger than the RDB.
    rewritten: bool,
    /// The log's snapshot section may be younger than the RDB.
    may_be_rewritten: bool,
    /// The keys that the snapshot section contains. The log contains them no more, so it deletes them after the snapshot.
    in_snapshot: Vec<Name>,
    /// The keys that the log has contained since the RDB was saved.
    dead: Vec<Name>,
}

impl Known {
    /// True if a record, written at `wall_ms`, is younger than the RDB.
    fn is_later(&mut self, seq: u64, wall_ms: u64, effect: &Effect<'_>) -> bool {
        if let Effect::Lineage { uuid, seq: taken } = effect {
            self.took(seq, *uuid, *taken);
        }
        match self.saved {
            Saved::At(saved) => seq > saved,
            Saved::When(saved) => wall_ms >= saved,
            Saved::ByAnother(..) => false,
        }
    }

    /// Handles a record with which the log took a primary's data set over. If that data set is the RDB's, all records before are
    /// older than the RDB. That includes records after an earlier sync from the primary, if its log had not changed in between.
    fn took(&mut self, seq: u64, uuid: [u8; 16], taken: u64) {
        let waits = matches!(self.saved, Saved::ByAnother(..));
        if self
            .by
            .is_some_and(|(by, at)| by == uuid && (taken == at || taken > at && waits))
        {
            self.saved = Saved::At(seq);
            self.names = self.came.clone();
            self.dead.clear();
        }
    }

    fn find(&self, effect: &Effect<'_>) -> impl Iterator<Item = Name> + use<> {
        let named = effect.keys().map(|name| {
            let name = name.map(|(db, name)| (db, name.to_vec()))?;
            self.names.contains_key(&name).then_some(name)
        });
        named.into_iter().flatten()
    }

    fn take(&mut self, found: impl IntoIterator<Item = Name>) {
        let dead = found.into_iter().filter_map(|name| self.names.remove(&name));
        self.dead.extend(dead);
    }

    fn swap(&mut self, a: Db, b: Db) {
        let names = std::mem::take(&mut self.names).into_iter();
        self.names = names
            .map(|((db, name), came)| ((swapped(db, a, b), name), came))
            .collect();
    }
}

impl Replay for Known {
    fn snapshot(&mut self, payload: &[u8], count: u32) -> Result<(), BadRecords> {
        decode_records(payload, count, |_, effect| {
            // Any lineage in the snapshot section is older than the snapshot itself.
            self.is_later(0, 0, &effect);
            let found = self.find(&effect);
            self.in_snapshot.extend(found);
            Ok(())
        })
        .map_err(|error: BadRecord| BadRecords::new(error))
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        let found = std::mem::take(&mut self.in_snapshot);
        match self.saved {
            Saved::At(seq) => self.rewritten = totals.base_seq > seq,
            // The log does not say when its snapshot was made.
            Saved::When(_) => self.may_be_rewritten = totals.base_seq > 0,
            Saved::ByAnother(..) => {}
        }
        if self.rewritten {
            self.take(found);
        }
        Ok(())
    }

    fn group(&mut self, first_seq: u64, count: u32, payload: &[u8], wall_ms: u64) -> Result<(), BadRecords> {
        decode_records(payload, count, |index, effect| {
            if self.is_later(first_seq + u64::from(index), wall_ms, &effect) {
                if let Effect::SwapDb { a, b } = effect {
                    self.swap(a, b);
                }
                let found = self.find(&effect);
                self.take(found);
            }
            Ok(())
        })
        .map_err(|error: BadRecord| BadRecords::new(error))
    }
}
