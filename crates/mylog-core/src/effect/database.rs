//! Databases by number.

/// A database number.
pub type Db = u32;

/// The number that a database has once `a` and `b` have changed places.
pub fn swapped(db: Db, a: Db, b: Db) -> Db {
    match db {
        of if of == a => b,
        of if of == b => a,
        of => of,
    }
}
