//! The engine alone, without a server: the longest single step while it grows to millions, and what it takes to
//! let all of that go. A server adds its own.

use std::time::{Duration, Instant};

use mylog_core::effect::{Change, Effect, Ttl};
use mylog_core::store::Store;

use crate::report::{Section, count, two};
use crate::scale::Scale;

const VALUE: &[u8] = &[7; 100];

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let steps = scale.huge;
    let about = format!(
        "One effect after the other on an empty store, {} of them, and then the one that takes all away. A step that the\n\
         machine interrupts counts as long: the number of long ones says more than the longest.",
        count(steps as f64)
    );
    let head = [
        "what",
        "ns a step",
        "longest step ms",
        "steps over 1 ms",
        "to let go ms",
        "pieces freed here",
    ];
    let mut section = Section::new("The longest step of the engine", &about, &head);
    let set = |db, key: &[u8], store: &mut Store| {
        let effect = Change::StrSet {
            ttl: Ttl::Keep,
            value: VALUE,
        }
        .of(db, key);
        store.apply(&effect).expect("it fits");
    };
    let field = |field: &[u8], store: &mut Store| {
        let pairs = [(field, VALUE)];
        let pairs = (&pairs[..]).into();
        let (db, key) = (0, &b"hash"[..]);
        store
            .apply(&Change::HashSet { pairs }.of(db, key))
            .expect("it fits");
    };
    let (flush_all, flush_db) = (Effect::FlushAll, Effect::FlushDb { db: 0 });
    let del = Change::Del.of(0, b"hash");
    section.row(row("keys, FLUSHALL", steps, &flush_all, |name, store| {
        set(0, name, store)
    }));
    section.row(row(
        "keys, FLUSHDB of one of two",
        steps,
        &flush_db,
        |name, store| {
            if store.db_len(1) == 0 {
                set(1, b"other", store);
            }
            set(0, name, store);
        },
    ));
    section.row(row("fields of a hash, DEL", steps, &del, field));
    section
}

fn row(what: &str, steps: u64, last: &Effect<'_>, mut step: impl FnMut(&[u8], &mut Store)) -> Vec<String> {
    let mut store = Store::new();
    let (mut longest, mut long, mut all) = (Duration::ZERO, 0, Duration::ZERO);
    for n in 0..steps {
        let name = format!("name:{n:012}");
        let began = Instant::now();
        step(name.as_bytes(), &mut store);
        let took = began.elapsed();
        longest = longest.max(took);
        all += took;
        long += u64::from(took > Duration::from_millis(1));
    }
    let (freed, began) = (store.freed(), Instant::now());
    store.apply(last).expect("it fits");
    let took = began.elapsed();
    let ms = |time: Duration| two(time.as_secs_f64() * 1000.0);
    vec![
        what.to_owned(),
        count(all.as_nanos() as f64 / steps as f64),
        ms(longest),
        count(long as f64),
        ms(took),
        count((store.freed() - freed) as f64),
    ]
}
