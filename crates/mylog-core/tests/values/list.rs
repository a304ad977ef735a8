//! The list against a plain Vec.

use std::collections::HashSet;

use mylog_core::value::{List, Side, Value};

use crate::plain::{comes_back, grows};
use crate::rng::Rng;

fn is_the_vec(list: &List, plain: &[Vec<u8>], rng: &mut Rng, what: &str) {
    assert_eq!(list.len(), plain.len(), "{what}");
    assert!(list.iter().eq(plain.iter()), "{what}");
    let at = rng.below(plain.len() as u64 + 2) as usize;
    assert_eq!(list.get(at), plain.get(at).map(|element| &element[..]), "{what}");
    assert!(list.iter_from(at, false).eq(plain.iter().skip(at)), "{what}");
    let back = plain.iter().take(at + 1).rev().filter(|_| at < plain.len());
    assert!(list.iter_from(at, true).eq(back), "{what}");
}

#[test]
fn a_list_does_what_a_vec_does() {
    for seed in 0..9 {
        let mut rng = Rng::new(seed);
        let (mut list, mut plain) = (List::default(), Vec::<Vec<u8>>::new());
        let most = [60, 900, 4000][seed as usize % 3];
        let longest = [12_000, 300, 30][seed as usize % 3];
        let mut forms = HashSet::new();
        for step in 0..8 * most {
            let what = format!("seed {seed} step {step}");
            let len = rng.below(longest).min(rng.below(longest));
            let element = vec![step as u8; len as usize];
            let at = rng.below(plain.len() as u64 + 1) as usize;
            match rng.below(if grows(step, most) { 8 } else { 16 }) {
                0 | 1 => {
                    list.push(Side::Tail, &element);
                    plain.push(element);
                }
                2 | 3 => {
                    list.push(Side::Head, &element);
                    plain.insert(0, element);
                }
                4 | 5 => {
                    assert!(list.insert(at, &element), "{what}");
                    plain.insert(at, element);
                }
                6 => {
                    assert_eq!(list.set(at, &element), at < plain.len(), "{what}");
                    if let Some(held) = plain.get_mut(at) {
                        *held = element;
                    }
                }
                _ => {
                    let count =
                        (1 + rng.below(3) * rng.below(3) * rng.below(9)).min((plain.len() - at) as u64);
                    assert!(list.remove(at, count as usize), "{what}");
                    plain.drain(at..at + count as usize);
                }
            }
            assert!(!list.remove(at, plain.len() + 1 - at), "{what}");
            assert!(
                !list.insert(plain.len() + 1, b"") && !list.set(plain.len(), b""),
                "{what}"
            );
            forms.insert(list.is_small());
            if step % (1 + most / 40) == 0 {
                is_the_vec(&list, &plain, &mut rng, &what);
                comes_back(&Value::List(list.clone()), seed);
            }
        }
        is_the_vec(&list, &plain, &mut rng, &format!("seed {seed}"));
        assert_eq!(forms.len(), 2, "seed {seed}");
    }
}

#[test]
fn a_list_is_cut_anywhere_as_a_vec_is() {
    for seed in 0..25 {
        let mut rng = Rng::new(seed ^ 0xc07);
        let (mut list, mut plain) = (List::default(), Vec::<Vec<u8>>::new());
        for n in 0..rng.below(20_000) {
            let element = n.to_string().into_bytes();
            list.push(Side::Tail, &element);
            plain.push(element);
        }
        while !plain.is_empty() {
            let at = rng.below(plain.len() as u64) as usize;
            let count = 1 + rng.below((plain.len() - at) as u64) as usize;
            // The ends, too.
            let at = [0, at, plain.len() - count][rng.below(3) as usize];
            assert!(list.remove(at, count));
            plain.drain(at..at + count);
            is_the_vec(&list, &plain, &mut rng, &format!("seed {seed}"));
        }
        assert!(list.is_small() && list.is_empty());
        assert_eq!(list.data_bytes(), 0);
    }
}

#[test]
fn a_million_elements_take_no_step_over_all_of_them() {
    let mut list = List::default();
    for n in 0..1_000_000u32 {
        list.push(Side::Tail, &n.to_le_bytes());
    }
    let mut rng = Rng::new(3);
    for _ in 0..100_000 {
        let at = rng.below(1_000_000) as u32;
        assert_eq!(list.get(at as usize), Some(&at.to_le_bytes()[..]));
    }
    let tail = list.iter_from(999_999, true).take(3).map(|bytes| bytes[0]);
    assert_eq!(tail.collect::<Vec<_>>(), [63, 62, 61]);
    for _ in 0..100_000 {
        let at = rng.below(list.len() as u64) as usize;
        assert!(list.insert(at, b"new") && list.remove(at, 1));
    }
    assert!(
        (0..1_000_000u32).eq(list
            .iter()
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())))
    );
    let memory = Value::List(list).view().memory();
    assert!(memory < 8 << 20, "{memory}");
}
