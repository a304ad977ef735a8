//! Keys: opening them, data types, what they hold natively, scans and notifications.

pub mod data_type;
pub mod database;
pub mod defrag;
pub mod io;
pub mod key;
pub mod keyspace_events;
pub mod native_value;
pub mod notify;
pub mod scan;
pub mod value_handle;
