//! HRANDFIELD: random fields of a hash.

use std::collections::HashSet;

use module_api::context::Flags;
use module_api::random::Random;
use mylog_core::value::Hash;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Out, Reply, Unchanged};
use crate::execute::invocation::Call;

const OUT_OF_RANGE: Unchanged = Unchanged(Reply::error(c"ERR value is out of range"));
const OUT_OF_BOUNDS: Unchanged = Unchanged(Reply::error(
    c"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
));

/// The largest number of fields in a reply that may repeat fields: the event loop builds such a reply in one piece.
const MOST_REPEATED: u64 = 100_000_000;

/// The parts of each field that a reply contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Fields,
    /// Field and value as two elements, one after the other.
    Flat,
    /// Field and value as an array of their own.
    Nested,
}

impl Shown {
    fn put(self, out: &mut Out<'_>, field: Option<(&[u8], &[u8])>) {
        let (field, value) = field.unwrap_or_default();
        if self == Self::Nested {
            out.put(Reply::Array(2));
        }
        out.bulk(field);
        if self != Self::Fields {
            out.bulk(value);
        }
    }

    fn head(self, fields: usize) -> Reply {
        Reply::Array(if self == Self::Flat { 2 * fields } else { fields })
    }
}

/// `count` different numbers below `end`; all such sets are equally likely.
fn distinct(random: &mut Random, count: usize, end: usize) -> Vec<usize> {
    let mut taken = HashSet::with_capacity(count);
    // Floyd's algorithm takes as many steps as numbers, however close `count` is to `end`.
    let pick = |last: usize| {
        let any = random.below(last + 1);
        if taken.insert(any) {
            any
        } else {
            taken.insert(last);
            last
        }
    };
    (end - count..end).map(pick).collect()
}

fn show(out: &mut Out<'_>, hash: &Hash, count: i64, shown: Shown) -> Result<(), Unchanged> {
    let wanted = count.unsigned_abs();
    let mut random = Random::of_server();
    if count < 0 {
        if wanted > MOST_REPEATED {
            return Err(OUT_OF_RANGE);
        }
        out.put(shown.head(wanted as usize));
        (0..wanted).for_each(|_| shown.put(out, hash.nth(random.below(hash.len()))));
    } else if wanted >= hash.len() as u64 {
        out.put(shown.head(hash.len()));
        hash.iter().for_each(|field| shown.put(out, Some(field)));
    } else {
        let picked = distinct(&mut random, wanted as usize, hash.len());
        out.put(shown.head(picked.len()));
        picked
            .into_iter()
            .for_each(|index| shown.put(out, hash.nth(index)));
    }
    Ok(())
}

/// HRANDFIELD key [count [WITHVALUES]]
pub(super) fn hrandfield(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let args = call.args;
    let mut out = call.out();
    if args.len() == 2 {
        call.read_hash(1, |hash| {
            let field = hash.and_then(|hash| hash.nth(Random::of_server().below(hash.len())));
            out.bulk_or_null(field.map(|(field, _)| field));
        })?;
        return Ok(out.finish());
    }
    let count = integer(args.get(2)).ok_or(NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(OUT_OF_BOUNDS);
    }
    let shown = match args.len() {
        3 => Shown::Fields,
        4 if option(args.get(3)).eq_ignore_ascii_case(b"WITHVALUES") => {
            if count.unsigned_abs() > i64::MAX as u64 / 2 {
                return Err(OUT_OF_RANGE);
            }
            let nests = call.ctx.flags().any(Flags::RESP3);
            if nests { Shown::Nested } else { Shown::Flat }
        }
        _ => return Err(SYNTAX),
    };
    call.read_hash(1, |hash| match hash {
        Some(hash) => show(&mut out, hash, count, shown),
        None => {
            out.put(Reply::Array(0));
            Ok(())
        }
    })??;
    Ok(out.finish())
}
