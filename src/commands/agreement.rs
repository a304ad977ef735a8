//! A test that the tables of commands and the filter's routes agree on each command: on its number of arguments, and on the
//! places of its keys.

use module_api::commands::arguments::Keys;
use module_api::commands::spec::Spec;
use redis_grammar::key_places::key_places;
use redis_grammar::routes::{self, Keys as Places, ROUTES, Twin};

use super::FAMILIES;
use crate::execute::twins::ROUTED;

/// Commands with several forms. The filter knows the keys of one form only, so arity and keys differ.
const APART: [&str; 2] = ["object", "scan"];

fn native_name(spec: &Spec) -> String {
    let name = spec.name.to_str().unwrap();
    let (prefix, native) = name.split_at(ROUTED.len());
    assert!(prefix.as_bytes().eq_ignore_ascii_case(ROUTED));
    native.to_owned()
}

/// The key range of a table as the places of a route.
fn place(keys: &Keys) -> Option<Places> {
    Some(match (keys.first, keys.last, keys.step) {
        (1, _, _) if keys.counted => Places::Counted,
        (2, _, _) if keys.counted => Places::CountedLater,
        (1, -1, 1) => Places::All,
        (1, -1, 2) => Places::Pairs,
        (1, -2, 1) => Places::AllButLast,
        (2, -1, 1) => Places::FromSecond,
        (1, 1, 1) => Places::Two,
        (first, 0, _) if first > 0 => Places::At(first as usize),
        _ => return None,
    })
}

fn places(spec: &Spec) -> Option<Places> {
    match spec.keys {
        [] => None,
        [keys] => place(keys),
        // SORT: the patterns' keys are unknown, and so is the destination.
        [first, others @ ..] if others.iter().all(|keys| keys.unknown) => {
            (place(first)? == Places::At(1)).then_some(Places::Sort)
        }
        // Two ranges with different flags, next to each other.
        [first, second] => match (place(first)?, place(second)) {
            (Places::At(1), Some(Places::At(2))) => Some(Places::Two),
            (Places::At(1), Some(Places::FromSecond)) => Some(Places::All),
            (Places::At(2), None) if (second.first, second.last) == (3, -1) => Some(Places::FromSecond),
            (Places::At(1), Some(Places::CountedLater)) => Some(Places::Store),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn routes_and_tables_agree_on_arguments_and_keys() {
    let specs = || FAMILIES.iter().flat_map(|(_, specs)| specs.iter());
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| route.twin == Twin::Runs) {
        let Some(spec) = specs().find(|spec| native_name(spec) == route.name) else {
            wrong.push(format!("{} has no form of ours", route.name));
            continue;
        };
        if APART.contains(&route.name) {
            continue;
        }
        if spec.arity != route.arity {
            wrong.push(format!(
                "{}: arity {} and {}",
                route.name, spec.arity, route.arity
            ));
        }
        if places(spec) != Some(route.keys) {
            wrong.push(format!(
                "{}: keys {:?} and {:?}",
                route.name,
                places(spec),
                route.keys
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_with_another_arity_or_other_keys_is_told_from_its_route() {
    let get = routes::find(b"get").unwrap();
    let spec = |native: &str| {
        let mut specs = FAMILIES.iter().flat_map(|(_, specs)| specs.iter());
        specs.find(|spec| native_name(spec) == native).unwrap()
    };
    assert_eq!(places(spec("get")), Some(get.keys));
    assert_ne!(places(spec("mset")), Some(get.keys));
    assert_ne!(places(spec("zunionstore")), places(spec("zunion")));
    assert_ne!(spec("set").arity, get.arity);
    let arg = |place: usize| [&b"zunion"[..], b"2", b"a", b"b"].get(place).copied();
    assert_eq!(key_places(arg, 4, Places::Counted).collect::<Vec<_>>(), [2, 3]);
}
