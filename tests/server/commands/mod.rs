//! What commands answer, beside native ones.

pub(crate) mod command_table;
pub(crate) mod differential;
pub(crate) mod encodings;
pub(crate) mod generic_cases;
pub(crate) mod generic_commands;
pub(crate) mod generic_random;
pub(crate) mod integer_sets;
pub(crate) mod keys_of_commands;
pub(crate) mod lifetime;
pub(crate) mod parity;
pub(crate) mod parity_commands;
pub(crate) mod parity_lists;
pub(crate) mod parity_random;
pub(crate) mod parity_sets;
pub(crate) mod parity_sort;
pub(crate) mod parity_strings;
pub(crate) mod parity_zset;
pub(crate) mod sort;
pub(crate) mod values;
pub(crate) mod zset_commands;
