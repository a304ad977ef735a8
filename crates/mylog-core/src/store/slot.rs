//! A slot: 16 bytes that lead to what it holds. A short string is one block of memory, its key before its bytes;
//! what else there is has a block for key and value. What few entries have stands beside the slots (`slab.rs`).

use super::entry::live_bytes;
use super::form::Form;
use super::key::Key;
use crate::relocate::{self, Relocate};
use crate::value::{Value, ValueRef};

/// What is known of a slot beside its block. Packed, so that it shares a word with the tag of the variant.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed)]
pub(super) struct Head {
    /// Of a short string the bytes of its key.
    key_len: u8,
    /// Of a short string its bytes; in the two highest bits the form of any string.
    len_and_form: u16,
    /// Of a free slot that of the entry it held.
    generation: u32,
}

impl Head {
    const NEW: Self = Self {
        key_len: 0,
        len_and_form: 0,
        generation: 0,
    };

    fn len(self) -> usize {
        usize::from(self.len_and_form & LEN)
    }

    fn form(self) -> Form {
        Form::of_bits(self.len_and_form >> FORM_SHIFT)
    }
}

/// Where the form begins in the word that it shares with a length.
const FORM_SHIFT: u32 = 14;
/// The bits of the length.
const LEN: u16 = (1 << FORM_SHIFT) - 1;

// No string of the largest block, of 512 bytes, has a length that takes a bit of the form.
const _: () = assert!(512 <= LEN as usize);

/// The key and value of what is no short string.
#[derive(Debug, Clone)]
pub(super) struct Full {
    key: Key,
    value: Value,
}

// With its slot no more than a line of memory.
const _: () = assert!(size_of::<Full>() == 48);

/// Writes key and bytes to the front of a block, which has room for them.
fn fill(block: &mut [u8], key: &[u8], bytes: &[u8]) {
    let Some((of_key, rest)) = block.split_at_mut_checked(key.len()) else {
        return;
    };
    of_key.copy_from_slice(key);
    if let Some(of_bytes) = rest.get_mut(..bytes.len()) {
        of_bytes.copy_from_slice(bytes);
    }
}

macro_rules! slots {
    ($($class:ident: $room:literal),*) => {
        /// A slot. The variant says how large the block is, so that the pointer to it is all that it costs.
        #[derive(Debug, Clone)]
        pub(super) enum Slot {
            $(#[doc = "A short string."] $class(Head, Box<[u8; $room]>),)*
            /// Any other entry.
            Full(Head, Box<Full>),
            /// None, with the next one in the space's list of free slots.
            Free(Head, u32),
        }

        impl Slot {
            fn head(&self) -> Head {
                match self {
                    $(Self::$class(head, _) => *head,)*
                    Self::Full(head, _) | Self::Free(head, _) => *head,
                }
            }

            fn head_mut(&mut self) -> &mut Head {
                match self {
                    $(Self::$class(head, _) => head,)*
                    Self::Full(head, _) | Self::Free(head, _) => head,
                }
            }

            /// The block of a short string.
            fn block(&self) -> Option<&[u8]> {
                match self {
                    $(Self::$class(_, block) => Some(block.as_slice()),)*
                    Self::Full(..) | Self::Free(..) => None,
                }
            }

            fn block_mut(&mut self) -> Option<&mut [u8]> {
                match self {
                    $(Self::$class(_, block) => Some(block.as_mut_slice()),)*
                    Self::Full(..) | Self::Free(..) => None,
                }
            }

            /// Moves its block.
            fn relocate_block(&mut self, by: &mut impl Relocate) {
                *self = match std::mem::replace(self, Self::Free(Head::NEW, 0)) {
                    $(Self::$class(head, block) => Self::$class(head, by.boxed(block)),)*
                    Self::Full(head, full) => Self::Full(head, by.boxed(full)),
                    free => free,
                };
            }

            /// A string in the smallest block that holds it and its key, if that is a short one.
            fn short(key: &[u8], bytes: &[u8]) -> Option<Self> {
                let needed = key.len() + bytes.len();
                let head = Head {
                    key_len: u8::try_from(key.len()).ok()?,
                    len_and_form: u16::try_from(bytes.len()).ok().filter(|&len| len <= LEN)?,
                    generation: 0,
                };
                $(if needed <= $room {
                    let mut block = Box::new([0; $room]);
                    fill(block.as_mut_slice(), key, bytes);
                    return Some(Self::$class(head, block));
                })*
                None
            }
        }
    };
}

// The sizes that the server's allocator has.
slots!(
    B16: 16, B24: 24, B32: 32, B40: 40, B48: 48, B56: 56, B64: 64, B80: 80, B96: 96, B112: 112, B128: 128,
    B160: 160, B192: 192, B224: 224, B256: 256, B320: 320, B384: 384, B448: 448, B512: 512
);

// Four in a line of memory.
const _: () = assert!(size_of::<Slot>() == 16);

/// The smallest block there is.
const SMALLEST: usize = 16;

/// True if a string of `len` bytes may take room of `capacity`: it is enough, and half of it is not wasted, if there
/// is a smaller one.
fn fits(capacity: usize, len: usize) -> bool {
    capacity >= len && (capacity <= SMALLEST || capacity / 2 <= len)
}

impl Slot {
    /// A string.
    pub(super) fn string(key: &[u8], bytes: &[u8]) -> Self {
        Self::short(key, bytes).unwrap_or_else(|| Self::full(key.into(), Value::Str(bytes.to_vec())))
    }

    /// A value.
    pub(super) fn of(key: &[u8], value: Value) -> Self {
        match &value {
            Value::Str(bytes) => Self::short(key, bytes).unwrap_or_else(|| Self::full(key.into(), value)),
            _ => Self::full(key.into(), value),
        }
    }

    fn full(key: Key, value: Value) -> Self {
        Self::Full(Head::NEW, Box::new(Full { key, value }))
    }

    /// None, that held an entry of this generation.
    pub(super) fn free(generation: u32, next: u32) -> Self {
        let head = Head {
            generation,
            ..Head::NEW
        };
        Self::Free(head, next)
    }

    pub(super) fn generation(&self) -> u32 {
        self.head().generation
    }

    pub(super) fn set_generation(&mut self, generation: u32) {
        self.head_mut().generation = generation;
    }

    /// The form of a string.
    pub(super) fn form(&self) -> Form {
        self.head().form()
    }

    /// Gives a string this form. Nothing is written in vain: a child may share the page.
    pub(super) fn set_form(&mut self, form: Form) {
        if self.form() != form {
            let head = self.head_mut();
            head.len_and_form = head.len_and_form & LEN | form.bits() << FORM_SHIFT;
        }
    }

    /// Key and bytes of a short string.
    fn parts(&self) -> Option<(&[u8], &[u8])> {
        let head = self.head();
        let (key, rest) = self.block()?.split_at_checked(usize::from(head.key_len))?;
        Some((key, rest.get(..head.len())?))
    }

    /// Key and value, if it holds an entry.
    pub(super) fn entry(&self) -> Option<(&[u8], ValueRef<'_>)> {
        match self {
            Self::Free(..) => None,
            Self::Full(_, full) => Some((&full.key, full.value.view())),
            _ => self.parts().map(|(key, bytes)| (key, ValueRef::Str(bytes))),
        }
    }

    /// Bytes of the entry's snapshot record, about; 0 if it holds none.
    pub(super) fn live_bytes(&self) -> usize {
        let bytes = |(key, value)| live_bytes(key, value);
        self.entry().map_or(0, bytes)
    }

    /// The key, if it holds an entry.
    pub(super) fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Free(..) => None,
            Self::Full(_, full) => Some(&full.key),
            _ => self.block()?.get(..usize::from(self.head().key_len)),
        }
    }

    /// The value, if it has a block of its own.
    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Self::Full(_, full) => Some(full.value),
            _ => None,
        }
    }

    /// Moves its blocks of memory to others. See [`Value::relocate`].
    pub(super) fn relocate(&mut self, from: u64, by: &mut impl Relocate) -> u64 {
        if from == 0 {
            self.relocate_block(by);
        }
        let Self::Full(_, full) = self else {
            return 0;
        };
        if let (0, Key::Long(key)) = (from, &mut full.key) {
            relocate::bytes(key, by);
        }
        full.value.relocate(from, by)
    }

    /// Becomes another one of the same generation. Gives back what it was.
    fn replace(&mut self, mut by: Self) -> Self {
        by.set_generation(self.generation());
        std::mem::replace(self, by)
    }

    /// Gives the entry another key.
    pub(super) fn set_key(&mut self, key: &[u8]) {
        if let Self::Full(_, full) = self {
            full.key = key.into();
        } else if let Some((_, bytes)) = self.parts() {
            let mut other = Self::string(key, bytes);
            other.set_form(self.form());
            self.replace(other);
        }
    }

    /// Gives the entry a string for its value. Gives back what it held, if that had a block of its own.
    ///
    /// The same room again: fresh room costs time. While a child shares the pages, a value of the same length
    /// changes one page, its own: the slot is not touched.
    pub(super) fn set_string(&mut self, bytes: &[u8]) -> Option<Value> {
        self.set_form(Form::Whole);
        if let Self::Full(_, full) = self {
            match &mut full.value {
                Value::Str(held) if held.len() == bytes.len() => {
                    held.copy_from_slice(bytes);
                    return None;
                }
                Value::Str(held) if fits(held.capacity(), bytes.len()) => {
                    held.clear();
                    held.extend_from_slice(bytes);
                    return None;
                }
                _ => {}
            }
        } else if self.overwrite(bytes).is_some() {
            return None;
        }
        let other = Self::string(self.key()?, bytes);
        self.replace(other).into_value()
    }

    /// Writes a string over a short one, if its block fits.
    fn overwrite(&mut self, bytes: &[u8]) -> Option<()> {
        let head = self.head();
        let key_len = usize::from(head.key_len);
        let len = u16::try_from(bytes.len()).ok().filter(|&len| len <= LEN)?;
        let block = self.block_mut()?;
        if !fits(block.len(), key_len + bytes.len()) {
            return None;
        }
        block
            .get_mut(key_len..)?
            .get_mut(..bytes.len())?
            .copy_from_slice(bytes);
        if head.len() != bytes.len() {
            self.head_mut().len_and_form = head.len_and_form & !LEN | len;
        }
        Some(())
    }

    /// Gives the entry a value. Gives back what it held, if that had a block of its own.
    pub(super) fn set_value(&mut self, value: Value) -> Option<Value> {
        self.set_form(Form::Whole);
        match (&mut *self, value) {
            (Self::Full(_, full), value) if !matches!(value, Value::Str(_)) => {
                Some(std::mem::replace(&mut full.value, value))
            }
            (_, value) => {
                let other = Self::of(self.key()?, value);
                self.replace(other).into_value()
            }
        }
    }

    /// Changes the value in place: a string has grown by that. An error says that nothing has changed. `None` if it
    /// holds no entry.
    pub(super) fn change<T, E>(
        &mut self,
        change: impl FnOnce(&mut Value) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        if let Self::Full(_, full) = self {
            let changed = change(&mut full.value);
            if changed.is_ok() && matches!(full.value, Value::Str(_)) {
                self.set_form(Form::Grown);
            }
            return Some(changed);
        }
        let (_, bytes) = self.parts()?;
        let mut value = Value::Str(bytes.to_vec());
        let changed = change(&mut value);
        if changed.is_ok() {
            match value {
                Value::Str(bytes) if self.overwrite(&bytes).is_some() => {}
                value => drop(self.set_value(value)),
            }
            self.set_form(Form::Grown);
        }
        Some(changed)
    }
}

#[cfg(test)]
mod tests;
