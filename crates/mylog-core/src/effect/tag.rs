//! The byte that begins a record and says what it is.

pub(super) const PUT: u8 = 1;
pub(super) const DEL: u8 = 2;
pub(super) const EXPIRE: u8 = 3;
pub(super) const RENAME: u8 = 4;
pub(super) const COPY: u8 = 5;
pub(super) const FLUSH_DB: u8 = 6;
pub(super) const FLUSH_ALL: u8 = 7;
pub(super) const SWAP_DB: u8 = 8;
pub(super) const LINEAGE: u8 = 9;
pub(super) const STR_SET: u8 = 16;
pub(super) const STR_APPEND: u8 = 17;
pub(super) const STR_RANGE: u8 = 18;
pub(super) const HASH_SET: u8 = 32;
pub(super) const HASH_DEL: u8 = 33;
pub(super) const LIST_PUSH: u8 = 48;
pub(super) const LIST_POP: u8 = 49;
pub(super) const LIST_SET: u8 = 50;
pub(super) const LIST_INSERT: u8 = 51;
pub(super) const LIST_REMOVE: u8 = 52;
pub(super) const LIST_REMOVE_AT: u8 = 53;
pub(super) const SET_ADD: u8 = 64;
pub(super) const SET_REMOVE: u8 = 65;
pub(super) const ZSET_SET: u8 = 80;
pub(super) const ZSET_REMOVE: u8 = 81;
