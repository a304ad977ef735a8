//! The value of one of our keys as the server keeps it: one word. An odd word is a number of the module's. An even one is the
//! address of a box that an RDB, RESTORE or COPY brought, and that the keyspace owns.

use std::any::TypeId;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// The type of what all boxes contain.
static BOXED: OnceLock<TypeId> = OnceLock::new();

/// A key's value. It is for the callback that has read it, on its thread, and only until a call that may delete the key or
/// replace its value: a box is freed by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueHandle {
    word: usize,
    of_thread: PhantomData<*const ()>,
}

impl ValueHandle {
    fn of_word(word: usize) -> Self {
        Self {
            word,
            of_thread: PhantomData,
        }
    }

    /// The handle of a number, which is odd. The lowest bit of an even one would be set: no number is taken for a box.
    #[inline]
    pub fn of_number(number: u64) -> Self {
        Self::of_word(number as usize | 1)
    }

    /// The number; `None` for a box.
    #[inline]
    pub fn number(self) -> Option<u64> {
        (self.word & 1 == 1).then_some(self.word as u64)
    }

    /// What is in the box; `None` for a number, and for a type that no box has.
    pub fn boxed<U: 'static>(&self) -> Option<&U> {
        // SAFETY: the word is of a value of the keyspace (contract of `from_raw`), which owns the box and frees it in no
        // call that this handle outlives (contract of the type). All boxes contain the type in `BOXED`.
        unsafe { self.address::<U>()?.as_ref() }
    }

    /// What the server keeps as the value.
    pub(crate) fn raw(self) -> *mut c_void {
        self.word as *mut c_void
    }

    /// Wraps what the server keeps as the value; null is a box of nothing.
    ///
    /// # Safety
    /// `value` is the value of a key of ours, which stays so for as long as the handle is used.
    #[inline]
    pub(crate) unsafe fn from_raw(value: *const c_void) -> Self {
        Self::of_word(value as usize)
    }

    /// Gives a box to the keyspace.
    pub(crate) fn of_box<U: 'static>(boxed: Box<U>) -> Self {
        const { assert!(align_of::<U>() > 1 && size_of::<U>() > 0) };
        Self::of_word(Box::into_raw(boxed) as usize)
    }

    /// Takes a box back; `None` for a number, and for a type that no box has.
    ///
    /// # Safety
    /// The word is no value of the keyspace any more, or is replaced before anything can read it there; it is taken once.
    pub(crate) unsafe fn take<U: 'static>(self) -> Option<Box<U>> {
        let address = self.address::<U>().filter(|address| !address.is_null())?;
        // SAFETY: `of_box` made the word of a box with this type, and the caller is its only owner.
        Some(unsafe { Box::from_raw(address) })
    }

    /// The address of a box of this type.
    fn address<U: 'static>(self) -> Option<*mut U> {
        let is_box = self.number().is_none() && BOXED.get() == Some(&TypeId::of::<U>());
        is_box.then_some(self.word as *mut U)
    }
}

/// Says what all boxes contain. False if that is another type than before.
pub(super) fn all_boxes_contain<U: 'static>() -> bool {
    *BOXED.get_or_init(TypeId::of::<U>) == TypeId::of::<U>()
}

#[cfg(test)]
mod tests {
    use super::{ValueHandle, all_boxes_contain};

    #[test]
    fn a_number_is_never_taken_for_a_box() {
        assert!(all_boxes_contain::<String>());
        for number in [0, 1, 2, 7, u64::MAX] {
            let handle = ValueHandle::of_number(number);
            assert_eq!(handle.number(), Some(number | 1));
            assert_eq!(handle.boxed::<String>(), None);
            // SAFETY: a number is no box.
            assert!(unsafe { handle.take::<String>() }.is_none());
        }
    }

    #[test]
    fn a_box_is_read_and_taken_as_what_all_boxes_contain_and_nothing_else() {
        assert!(all_boxes_contain::<String>());
        assert!(!all_boxes_contain::<Vec<u8>>());
        let handle = ValueHandle::of_box(Box::new("value".to_owned()));
        assert_eq!(handle.number(), None);
        assert_eq!(handle.boxed::<Vec<u8>>(), None);
        assert_eq!(handle.boxed::<String>().map(String::as_str), Some("value"));
        // SAFETY: no keyspace has the box.
        assert_eq!(*unsafe { handle.take::<String>() }.unwrap_or_default(), "value");
    }

    #[test]
    fn null_is_a_box_of_nothing() {
        assert!(all_boxes_contain::<String>());
        // SAFETY: null is the value of no key, and none is followed.
        let handle = unsafe { ValueHandle::from_raw(std::ptr::null()) };
        assert_eq!(handle.number(), None);
        assert_eq!(handle.boxed::<String>(), None);
        // SAFETY: as above.
        assert!(unsafe { handle.take::<String>() }.is_none());
    }
}
