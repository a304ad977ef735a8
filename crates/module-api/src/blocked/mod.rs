//! Clients that are blocked: until we answer them, with a timeout, or on keys.

pub mod held;
pub mod on_keys;
pub mod with_timeout;

#[cfg(test)]
mod tests {
    use super::held::Waiter;
    use super::on_keys::Wish;

    /// Whether what the server keeps for a client borrows nothing: this compiles only where it does not.
    #[test]
    fn what_is_kept_for_a_client_lasts() {
        fn lasts<T: 'static>() {}
        fn of_wish<W: Wish>() {
            lasts::<W>();
        }
        fn of_waiter<W: Waiter>() {
            lasts::<W>();
        }
        struct Any;
        impl Wish for Any {
            fn ready(&self, _: crate::Ctx<'_>, _: crate::string::Args<'_>, _: crate::Str<'_>) {}
            fn ended(&self, _: crate::Ctx<'_>) {}
            fn gone(&self) {}
        }
        impl Waiter for Any {
            fn reply(&mut self, _: crate::Ctx<'_>) {}
        }
        of_wish::<Any>();
        of_waiter::<Any>();
    }
}
