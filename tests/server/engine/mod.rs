//! The log and its disk under a server: faults, kills, sizes.

pub(crate) mod cut_log;
pub(crate) mod disk_faults;
pub(crate) mod failing_calls;
pub(crate) mod file_size_limit;
pub(crate) mod folders_in_the_way;
pub(crate) mod full_disk_load;
pub(crate) mod huge_values;
pub(crate) mod kill_loop;
pub(crate) mod kills_beside_syncs;
pub(crate) mod large_of_little;
pub(crate) mod links_and_bombs;
pub(crate) mod lost_folder;
pub(crate) mod sequences;
pub(crate) mod stalled_disk;
pub(crate) mod unfit;
