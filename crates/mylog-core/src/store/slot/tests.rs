//! Slots and the blocks that they lead to, in every form.

use super::*;
use crate::value::{Hash, Kind};

/// Every length around the sizes of blocks, and past the largest one.
fn lengths() -> impl Iterator<Item = usize> {
    (0..70)
        .chain((79..530).step_by(7))
        .chain([65_535, 65_536, 70_000])
}

fn bytes(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn holds(slot: &Slot, key: &[u8], value: &[u8]) {
    assert_eq!(slot.entry(), Some((key, ValueRef::Str(value))));
    assert_eq!(slot.key(), Some(key));
    assert_eq!(slot.generation(), 7);
}

#[test]
fn strings_of_every_length_come_back_whatever_was_there_before() {
    for key in [0, 1, 16, 255, 256, 300].map(bytes) {
        let mut changing = Slot::string(b"other", b"");
        changing.set_generation(7);
        for len in lengths() {
            let value = bytes(len);
            let mut new = Slot::string(&key, &value);
            new.set_generation(7);
            holds(&new, &key, &value);

            changing.set_key(&key);
            changing.set_string(&value);
            holds(&changing, &key, &value);
            changing.set_string(b"short");
            holds(&changing, &key, b"short");
            changing.set_value(Value::Str(value.clone()));
            holds(&changing, &key, &value);
            let appended = changing.change(|value| match value {
                Value::Str(bytes) => {
                    bytes.push(1);
                    Ok(bytes.len())
                }
                other => Err(other.kind()),
            });
            assert_eq!(appended, Some(Ok(len + 1)));
            holds(&changing, &key, &[&value[..], &[1]].concat());
            changing.set_key(b"another");
            holds(&changing, b"another", &[&value[..], &[1]].concat());
        }
    }
}

#[test]
fn a_string_of_the_same_length_takes_the_same_block_again_however_short_it_and_its_key_are() {
    for (key, first, second) in [
        ("c", "1", "2"),
        ("count", "12", "13"),
        ("", "", ""),
        ("k", "", "v"),
    ] {
        let mut slot = Slot::string(key.as_bytes(), first.as_bytes());
        let place = slot.block().map(<[u8]>::as_ptr);
        assert_eq!(slot.set_string(second.as_bytes()), None);
        assert_eq!(slot.block().map(<[u8]>::as_ptr), place, "{key} {second}");
        assert_eq!(
            slot.entry(),
            Some((key.as_bytes(), ValueRef::Str(second.as_bytes())))
        );
    }
}

#[test]
fn a_string_that_fits_takes_the_same_block_again() {
    let mut slot = Slot::string(b"key", &[1; 100]);
    let place = |slot: &Slot| slot.block().map(<[u8]>::as_ptr);
    let (before, size) = (place(&slot), slot.block().map(<[u8]>::len));
    assert_eq!(size, Some(112));
    for len in [100, 90, 109, 60, 100] {
        slot.set_string(&bytes(len));
        assert_eq!(place(&slot), before, "{len}");
    }
    slot.set_string(&bytes(110));
    assert_eq!(slot.block().map(<[u8]>::len), Some(128));
    // A short value after a long one does not keep the long one's memory.
    slot.set_string(b"x");
    assert_eq!(slot.block().map(<[u8]>::len), Some(16));
}

#[test]
fn a_string_keeps_its_form_until_it_is_written_as_a_whole() {
    for len in lengths() {
        let mut slot = Slot::string(b"key", &bytes(len));
        slot.set_generation(7);
        assert_eq!(slot.form(), Form::Whole);
        let pushed = slot.change(|value| match value {
            Value::Str(bytes) => {
                bytes.push(1);
                Ok(())
            }
            other => Err(other.kind()),
        });
        assert_eq!((pushed, slot.form()), (Some(Ok(())), Form::Grown), "{len}");
        slot.set_key(&bytes(300));
        slot.set_key(b"another");
        assert_eq!(slot.form(), Form::Grown, "{len}");
        holds(&slot, b"another", &[&bytes(len)[..], &[1]].concat());
        slot.set_string(&bytes(len + 1));
        assert_eq!(slot.form(), Form::Whole, "{len}");
        slot.set_form(Form::Text);
        holds(&slot, b"another", &bytes(len + 1));
        slot.set_value(Value::Str(bytes(len)));
        assert_eq!(slot.form(), Form::Whole, "{len}");
        slot.set_form(Form::Grown);
        slot.set_value(Value::Hash(Hash::default()));
        slot.set_string(b"x");
        assert_eq!(slot.form(), Form::Whole, "{len}");
    }
}

#[test]
fn what_leaves_a_slot_is_given_back_if_it_has_a_block() {
    let mut slot = Slot::string(b"key", b"short");
    slot.set_generation(7);
    let mut hash = Hash::default();
    hash.set(b"field", b"value");
    assert_eq!(slot.set_value(Value::Hash(hash.clone())), None);
    let refused = slot.change(|value| match value {
        Value::Str(_) => Ok(()),
        other => Err(other.kind()),
    });
    assert_eq!(refused, Some(Err(Kind::Hash)));
    assert_eq!(slot.set_string(b"again"), Some(Value::Hash(hash)));
    holds(&slot, b"key", b"again");
    let long = bytes(1000);
    assert_eq!(slot.set_string(&long), None);
    assert_eq!(slot.set_value(Value::Str(b"x".to_vec())), Some(Value::Str(long)));
    holds(&slot, b"key", b"x");
    assert_eq!(slot.into_value(), None);

    let mut free = Slot::free(7, 3);
    free.set_key(b"key");
    assert_eq!((free.set_string(b"x"), free.generation()), (None, 7));
    assert!(free.entry().is_none() && free.key().is_none());
}
