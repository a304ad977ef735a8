//! The books of a load: per writer what was issued, what was acknowledged, and what must be there now.
//!
//! A settlement finds the one prefix of a writer's steps that explains all its keys, or panics: then there is
//! a hole, half a unit, or a value that nobody wrote.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::client::Client;
use super::load::Workload;
use super::reply::Reply;
use super::steps::{self, Held, State};

/// What a settlement found, summed over the writers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Steps sent.
    pub issued: u64,
    /// Steps acknowledged.
    pub acked: u64,
    /// Steps found.
    pub recovered: u64,
    /// Steps acknowledged but not found.
    pub lost: u64,
}

/// The books of all writers of one load, kept over any number of restarts.
pub struct Ledger {
    load: Workload,
    writers: Vec<Writer>,
    refusals: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Writer {
    /// `settled.0 <= acked` at the start of a load; `acked <= issued` always.
    issued: AtomicU64,
    acked: AtomicU64,
    /// The last step that was found, and the state it left.
    settled: Mutex<(u64, State)>,
}

impl Ledger {
    /// Empty books.
    pub fn new(load: Workload) -> Self {
        let writers = (0..load.writers).map(|_| Writer::default()).collect();
        Self {
            load,
            writers,
            refusals: Mutex::new(Vec::new()),
        }
    }

    /// The load they are for.
    pub fn load(&self) -> &Workload {
        &self.load
    }

    /// Steps acknowledged so far, all writers together.
    pub fn acked(&self) -> u64 {
        self.writers.iter().map(|w| w.acked.load(Ordering::SeqCst)).sum()
    }

    /// Steps issued so far, all writers together.
    pub fn issued(&self) -> u64 {
        self.writers.iter().map(|w| w.issued.load(Ordering::SeqCst)).sum()
    }

    pub(super) fn settled(&self, writer: u64) -> u64 {
        self.writer(writer).settled.lock().expect("no panic inside").0
    }

    pub(super) fn issue(&self, writer: u64, n: u64) {
        self.writer(writer).issued.store(n, Ordering::SeqCst);
    }

    pub(super) fn acknowledge(&self, writer: u64, n: u64) {
        self.writer(writer).acked.store(n, Ordering::SeqCst);
    }

    pub(super) fn refused(&self, writer: u64, reply: &Reply) {
        self.refusals
            .lock()
            .expect("no panic inside")
            .push(format!("writer {writer}: {reply:?}"));
    }

    /// Error replies that ended a writer, since the last call. A settlement wants none left.
    pub fn refusals(&self) -> Vec<String> {
        std::mem::take(&mut *self.refusals.lock().expect("no panic inside"))
    }

    fn writer(&self, writer: u64) -> &Writer {
        &self.writers[usize::try_from(writer).expect("few writers")]
    }

    /// Compares the server with the books, with no writer at work, and starts new books from what it found.
    pub fn settle(&self, client: &mut Client) -> Cut {
        let refusals = self.refusals();
        assert!(refusals.is_empty(), "writers were refused: {refusals:?}");
        let mut sum = Cut::default();
        for writer in 0..self.load.writers {
            client.ok(&format!("SELECT {}", writer % self.load.databases));
            let found = self.read(client, writer);
            let cut = self.settle_writer(writer, &found);
            sum.issued += cut.issued;
            sum.acked += cut.acked;
            sum.recovered += cut.recovered;
            sum.lost += cut.lost;
        }
        client.ok("SELECT 0");
        sum
    }

    fn settle_writer(&self, writer: u64, found: &State) -> Cut {
        let books = self.writer(writer);
        let mut settled = books.settled.lock().expect("no panic inside");
        let (issued, acked) = (
            books.issued.load(Ordering::SeqCst),
            books.acked.load(Ordering::SeqCst),
        );
        // No earlier prefix can hold the newest value that was found.
        let newest = found.values().flat_map(writers_of).max().unwrap_or(0);
        let (mut n, mut state) = std::mem::take(&mut *settled);
        let mut nearest = None;
        while !(n >= newest && state == *found) {
            if n == newest {
                nearest = Some(difference(&state, found));
            }
            assert!(
                n < issued,
                "writer {writer} of seed {}: no prefix of its {issued} steps ({acked} acknowledged) leaves what was \
                 found; after step {newest}, the newest found: {}",
                self.load.seed,
                nearest.unwrap_or_else(|| "the newest was never issued".to_owned())
            );
            n += 1;
            steps::step(&self.load, writer, n)
                .into_iter()
                .for_each(|change| steps::apply(&mut state, change));
        }
        *settled = (n, state);
        books.issued.store(n, Ordering::SeqCst);
        books.acked.store(n, Ordering::SeqCst);
        Cut {
            issued,
            acked,
            recovered: n,
            lost: acked.saturating_sub(n),
        }
    }

    fn read(&self, client: &mut Client, writer: u64) -> State {
        let keys = steps::keys(&self.load, writer);
        let command = |key: &[u8], hash: bool| {
            let name = format!(
                "{}{}",
                self.load.commands_prefix,
                if hash { "HGETALL" } else { "GET" }
            );
            vec![name.into_bytes(), key.to_vec()]
        };
        let commands: Vec<_> = keys.iter().map(|(key, hash)| command(key, *hash)).collect();
        let replies = client.pipeline(&commands);
        let held = |reply: Reply, hash: bool| match reply {
            Reply::Error(text) => panic!("reading back: {}", text.escape_ascii()),
            reply if hash => {
                let fields: BTreeMap<_, _> = reply.pairs().into_iter().collect();
                (!fields.is_empty()).then_some(Held::Hash(fields))
            }
            reply => reply.bytes().map(Held::Text),
        };
        let found = keys.into_iter().zip(replies);
        found
            .filter_map(|((key, hash), reply)| Some((key, held(reply, hash)?)))
            .collect()
    }
}

fn writers_of(held: &Held) -> Vec<u64> {
    match held {
        Held::Text(value) => steps::written_by(value).into_iter().collect(),
        Held::Hash(fields) => fields
            .values()
            .filter_map(|value| steps::written_by(value))
            .collect(),
    }
}

/// The first keys that differ, for a person.
fn difference(wanted: &State, found: &State) -> String {
    let show = |held: Option<&Held>| {
        let mut text = match held {
            None => "nothing".to_owned(),
            Some(Held::Text(value)) => value.escape_ascii().to_string(),
            Some(Held::Hash(fields)) => format!(
                "{:?}",
                fields
                    .iter()
                    .map(|(f, v)| (f.escape_ascii().to_string(), writers_of(&Held::Text(v.clone()))))
                    .collect::<Vec<_>>()
            ),
        };
        text.truncate(400);
        text
    };
    let names: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|key| wanted.get(*key) != found.get(*key))
        .take(3);
    let lines: Vec<_> = differing
        .map(|key| {
            format!(
                "{}: wanted {}, found {}",
                key.escape_ascii(),
                show(wanted.get(key)),
                show(found.get(key))
            )
        })
        .collect();
    if lines.is_empty() {
        "no difference".to_owned()
    } else {
        lines.join("; ")
    }
}
