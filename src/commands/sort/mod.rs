//! SORT and SORT_RO.

mod order;
mod pattern;
pub(super) mod table;

use std::ffi::CStr;
use std::ops::Range;

use module_api::commands::rm_call::ReplyType;
use module_api::context::Flags;
use module_api::keys::notify::Class;
use module_api::string::Args;
use mylog_core::effect::{Change, NEVER};
use mylog_core::value::{Kind, List, Side, Value, ValueRef, integer};
use redis_grammar::sort_clauses::{Clause, NoClause, clauses, patterns};

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::overwritten;
use crate::execute::invocation::Call;
use crate::execute::permission;
use order::Order;
use pattern::Pattern;

const NOT_ASKED: Unchanged = Unchanged(Reply::error(
    c"ERR the server did not tell whether the user may look up other keys",
));

/// The clauses of a SORT.
struct Asked<'a> {
    desc: bool,
    alpha: bool,
    /// The elements keep their order.
    unsorted: bool,
    offset: i64,
    /// Negative: all elements.
    count: i64,
    by: Option<Pattern<'a>>,
    gets: Vec<Pattern<'a>>,
    /// Place of the key that gets the result.
    store: Option<usize>,
}

impl<'a> Asked<'a> {
    fn read(args: Args<'a>, read_only: bool) -> Result<Self, Unchanged> {
        let mut asked = Self {
            desc: false,
            alpha: false,
            unsorted: false,
            offset: 0,
            count: -1,
            by: None,
            gets: Vec::new(),
            store: None,
        };
        for clause in clauses(|place| args.get(place), args.len()) {
            match clause.map_err(|_| SYNTAX)? {
                Clause::Asc => asked.desc = false,
                Clause::Desc => asked.desc = true,
                Clause::Alpha => asked.alpha = true,
                Clause::Limit(place) => {
                    asked.offset = integer(args.get(place)).ok_or(NOT_AN_INTEGER)?;
                    asked.count = integer(args.get(place + 1)).ok_or(NOT_AN_INTEGER)?;
                }
                Clause::Store(_) if read_only => return Err(SYNTAX),
                Clause::Store(place) => asked.store = Some(place),
                Clause::By(place) => {
                    let pattern = Pattern::read(args.get(place));
                    // `unsorted` stays set: a later BY with a pattern does not switch the sorting on again.
                    asked.unsorted |= !matches!(pattern, Pattern::Key { .. });
                    asked.by = Some(pattern);
                }
                Clause::Get(place) => asked.gets.push(Pattern::read(args.get(place))),
            }
        }
        Ok(asked)
    }

    /// The range of the result among `len` elements.
    fn span(&self, len: usize) -> Range<usize> {
        let at_most = |number: i64| usize::try_from(number).map_or(0, |number| number.min(len));
        let start = at_most(self.offset);
        let count = if self.count < 0 { len } else { at_most(self.count) };
        start..(start + count).min(len)
    }

    fn order(&self) -> Order {
        match (self.alpha, self.store) {
            (false, _) => Order::Numbers,
            (true, None) => Order::Collated,
            (true, Some(_)) => Order::Bytes,
        }
    }

    /// Sorts after all. A set has no order of its own, and a result that is stored or read by a script must not be random.
    fn sort_after_all(&mut self) {
        (self.unsorted, self.alpha, self.by) = (false, true, None);
    }

    /// The elements of a value that the result can contain: all of them, if they have yet to be sorted.
    fn elements(&self, value: Option<ValueRef<'_>>) -> Vec<Vec<u8>> {
        let len = value.map_or(0, ValueRef::len);
        let span = if self.unsorted { self.span(len) } else { 0..len };
        let from_end = self.unsorted && self.desc;
        match value {
            Some(ValueRef::List(list)) => {
                let first = if from_end {
                    len.saturating_sub(span.start + 1)
                } else {
                    span.start
                };
                let elements = list.iter_from(first, from_end).take(span.len());
                elements.map(<[u8]>::to_vec).collect()
            }
            Some(ValueRef::Set(set)) => {
                let members = set.iter().skip(span.start).take(span.len());
                members.map(|member| member.to_vec()).collect()
            }
            Some(ValueRef::ZSet(zset)) => {
                let ranks = if from_end {
                    len - span.end..len - span.start
                } else {
                    span
                };
                let members = zset.by_rank(ranks, from_end);
                members.map(|(member, _)| member.to_vec()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Sorts the elements, and cuts the list to the requested range.
    fn arrange(&self, call: &Call<'_>, elements: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Unchanged> {
        if self.unsorted {
            return Ok(elements);
        }
        let by = |element: &[u8]| match &self.by {
            Some(by) => by.look_up(call, element),
            None => Some(element.to_vec()),
        };
        let mut sorted = order::sort(elements, self.order(), self.desc, by)?;
        let span = self.span(sorted.len());
        sorted.truncate(span.end);
        Ok(sorted.split_off(span.start))
    }

    /// The values that are returned for the elements; `None` for a missing key.
    fn shown(&self, call: &Call<'_>, elements: Vec<Vec<u8>>) -> Vec<Option<Vec<u8>>> {
        if self.gets.is_empty() {
            return elements.into_iter().map(Some).collect();
        }
        let of_element = |element: &Vec<u8>| -> Vec<_> {
            self.gets.iter().map(|get| get.look_up(call, element)).collect()
        };
        elements.iter().flat_map(of_element).collect()
    }
}

/// Checks that the user may read all keys, which SORT requires for sorting by other keys or returning them. Only the native
/// command knows how the server decides that, and whether the server allows it in a cluster. So the native command is run with
/// the same clauses, but without STORE.
fn look_up_is_allowed(call: &Call<'_>, native: &CStr, read_only: bool) -> Result<(), Unchanged> {
    let args = call.args;
    let asks_others = patterns(|place| args.get(place), args.len()).next().is_some();
    let unchecked = call.ctx.flags().any(Flags::REPLICATED | Flags::LOADING);
    if !asks_others || unchecked || !call.ctx.is_users() {
        return Ok(());
    }
    let mut question = vec![args.get(1)];
    for clause in clauses(|place| args.get(place), args.len()) {
        match clause {
            Ok(Clause::Limit(place)) => question.extend([b"LIMIT", args.get(place), args.get(place + 1)]),
            Ok(Clause::By(place)) => question.extend([b"BY", args.get(place)]),
            Ok(Clause::Get(place)) => question.extend([b"GET", args.get(place)]),
            Ok(Clause::Asc | Clause::Desc | Clause::Alpha) => {}
            Ok(Clause::Store(_)) if !read_only => {}
            // The native command's error for this clause depends on the clauses before it, so a clause with an error is added.
            Ok(Clause::Store(_)) | Err(NoClause) => question.push(b""),
        }
    }
    let name = native.to_bytes().to_ascii_lowercase();
    let whole = [&[&*name], &*question].concat();
    if let Some(denied) = permission::refusal_of(call.ctx, &whole) {
        return Err(denied.into());
    }
    let answer = call.ctx.call(native, "CE", &question).ok_or(NOT_ASKED)?;
    let text = String::from_utf8_lossy(answer.whole().bytes());
    // The native command checks the type last, and refuses the module's types: WRONGTYPE means that all else is allowed.
    let allowed = answer.whole().kind() != ReplyType::Error || text.starts_with("WRONGTYPE");
    if allowed {
        Ok(())
    } else {
        Err(Unchanged(Reply::error_text(&text)))
    }
}

fn run(call: &mut Call<'_>, native: &CStr, read_only: bool) -> Result<Reply, Unchanged> {
    look_up_is_allowed(call, native, read_only)?;
    let mut asked = Asked::read(call.args, read_only)?;
    let for_all = asked.store.is_some() || call.ctx.flags().any(Flags::LUA);
    let mut of_set = false;
    let elements = call.read_many(1..2, &[Kind::List, Kind::Set, Kind::ZSet], |values| {
        let value = values.first().copied().flatten();
        of_set = matches!(value, Some(ValueRef::Set(_)));
        if asked.unsorted && for_all && of_set {
            asked.sort_after_all();
        }
        asked.elements(value)
    })?;
    let elements = asked.arrange(call, elements)?;
    let shown = asked.shown(call, elements);
    match asked.store {
        Some(place) => store(call, place, &shown, of_set),
        None => Ok(show(call, &shown)),
    }
}

fn show(call: &Call<'_>, shown: &[Option<Vec<u8>>]) -> Reply {
    let mut out = call.out();
    out.put(Reply::Array(shown.len()));
    shown.iter().for_each(|value| out.bulk_or_null(value.as_deref()));
    out.finish()
}

/// Stores the result as a list, and replaces any old value.
fn store(
    call: &mut Call<'_>,
    place: usize,
    shown: &[Option<Vec<u8>>],
    of_set: bool,
) -> Result<Reply, Unchanged> {
    let mut target = call.open(place);
    if shown.is_empty() {
        if target.exists() {
            call.delete(&mut target)?;
            call.changed(&target, Class::Generic, c"del");
        }
        return Ok(Reply::Int(0));
    }
    let (mut list, mut body) = (List::default(), Vec::new());
    for value in shown {
        list.push(Side::Tail, value.as_deref().unwrap_or_default());
    }
    Value::List(list).encode_body(&mut body);
    let key = target.name();
    let change = Change::Put {
        expire_at: NEVER,
        kind: Kind::List,
        body: &body,
    };
    overwritten::commit(call, &mut target, change.clone())?;
    // Members that compare equal keep the order of the set, which differs from replica to replica. So replicas get the list.
    if of_set {
        let mut record = Vec::new();
        change.of(call.db, key).encode(&mut record);
        call.replicate_as(c"MYLOG.APPLY", [key, &record]);
    }
    call.changed(&target, Class::List, c"sortstore");
    Ok(Reply::Int(shown.len() as i64))
}

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]
pub(super) fn sort(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    run(call, c"SORT", false)
}

/// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA]
pub(super) fn sort_ro(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    run(call, c"SORT_RO", true)
}
