//! The tables of `config.rs`, in which each row is a config. A row makes the static for the value, the function that reads the
//! value, and the entry with which the config is registered.
//!
//! A row begins with the name of the function, then the config's own name. `check` says why a value is refused; `then` is the
//! change that the hook is called with.

/// Texts: `name: c"name", default c"", FLAGS, check f, then Change;`.
macro_rules! texts {
    ($($(#[$doc:meta])* $read:ident: $name:literal, default $default:literal, $flags:ident
        $(, check $check:ident)? $(, then $change:ident)?;)+) => {
        struct TextValues {
            $($read: Gil<Vec<u8>>,)+
        }

        static TEXT_VALUES: TextValues = TextValues {
            $($read: Gil::new(Vec::new()),)+
        };

        $($(#[$doc])*
        pub(crate) fn $read() -> Vec<u8> {
            TEXT_VALUES.$read.with(|value| value.clone())
        })+

        pub(super) static TEXTS: &[Text] = &[$(Text {
            name: $name,
            default: $default,
            flags: $flags,
            get: $read,
            set: |value| {
                $($check(value)?;)?
                TEXT_VALUES.$read.with(|place| *place = value.to_vec());
                $(changed(Change::$change);)?
                Ok(())
            },
        },)+];
    };
}

/// Choices: `name: c"name", Type [c"word" => value, ..], default 0, check f, then Change;`. A default is an index in the list.
macro_rules! choices {
    ($($(#[$doc:meta])* $read:ident: $name:literal, $type:ty
        [$word:literal => $value:expr $(, $words:literal => $values:expr)*], default $default:literal
        $(, check $check:ident)? $(, then $change:ident)?;)+) => {
        struct ChoiceValues {
            $($read: AtomicI32,)+
        }

        static CHOICE_VALUES: ChoiceValues = ChoiceValues {
            $($read: AtomicI32::new($default),)+
        };

        $($(#[$doc])*
        pub(crate) fn $read() -> $type {
            let place = usize::try_from(CHOICE_VALUES.$read.load(Ordering::Relaxed)).unwrap_or(0);
            [$value $(, $values)*].get(place).copied().unwrap_or($value)
        })+

        pub(super) static CHOICES: &[Word] = &[$(Word {
            name: $name,
            words: &[$word $(, $words)*],
            default: $default,
            flags: PLAIN,
            get: || CHOICE_VALUES.$read.load(Ordering::Relaxed),
            set: |value| {
                $($check(value)?;)?
                CHOICE_VALUES.$read.store(value, Ordering::Relaxed);
                $(changed(Change::$change);)?
                Ok(())
            },
        },)+];
    };
}

/// Switches: `name: c"name", default true;`.
macro_rules! switches {
    ($($(#[$doc:meta])* $read:ident: $name:literal, default $default:literal;)+) => {
        struct SwitchValues {
            $($read: AtomicBool,)+
        }

        static SWITCH_VALUES: SwitchValues = SwitchValues {
            $($read: AtomicBool::new($default),)+
        };

        $($(#[$doc])*
        pub(crate) fn $read() -> bool {
            SWITCH_VALUES.$read.load(Ordering::Relaxed)
        })+

        pub(super) static SWITCHES: &[Switch] = &[$(Switch {
            name: $name,
            default: $default,
            flags: PLAIN,
            get: $read,
            set: |value| {
                SWITCH_VALUES.$read.store(value, Ordering::Relaxed);
                Ok(())
            },
        },)+];
    };
}

/// Numbers: `name: c"name", default 0, bounds (0, 9), FLAGS;`. None is negative.
macro_rules! numbers {
    ($($(#[$doc:meta])* $read:ident: $name:literal, default $default:expr, bounds ($min:expr, $max:expr), $flags:ident;)+) => {
        struct NumberValues {
            $($read: AtomicI64,)+
        }

        static NUMBER_VALUES: NumberValues = NumberValues {
            $($read: AtomicI64::new($default),)+
        };

        $($(#[$doc])*
        pub(crate) fn $read() -> u64 {
            NUMBER_VALUES.$read.load(Ordering::Relaxed).unsigned_abs()
        })+

        pub(super) static NUMBERS: &[Number] = &[$(Number {
            name: $name,
            default: $default,
            min: $min,
            max: $max,
            flags: $flags,
            get: || NUMBER_VALUES.$read.load(Ordering::Relaxed),
            set: |value| {
                NUMBER_VALUES.$read.store(value, Ordering::Relaxed);
                Ok(())
            },
        },)+];
    };
}

pub(super) use {choices, numbers, switches, texts};
