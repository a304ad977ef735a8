//! What the server knows of a command.

/// A command as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// Its flags.
    pub flags: String,
    /// The places of its first and last key, and the step.
    pub range: (i32, i32, i32),
    /// Its ACL categories.
    pub categories: String,
    /// The number of its arguments.
    pub arity: i32,
    /// One line.
    pub summary: String,
    /// Hints for clients.
    pub tips: Option<String>,
    /// Where its keys are.
    pub keys: Vec<KeySpec>,
    /// Its arguments.
    pub args: Vec<ArgSpec>,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// REDISMODULE_CMD_KEY_ bits.
    pub flags: u64,
    /// Where they are.
    pub place: KeyPlaces,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlaces {
    /// From a place, so many more, by a step.
    Range(i32, i32, i32),
    /// As many as the argument at a place says, by a step.
    Counted(i32, i32),
    /// The command tells.
    Unknown,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgSpec {
    /// Its name.
    pub name: String,
    /// The word before it.
    pub token: Option<String>,
    /// The key that it is, by the place of its `KeySpec`; -1 for none.
    pub key: i32,
    /// REDISMODULE_CMD_ARG_ bits.
    pub flags: i32,
    /// The arguments inside it.
    pub inside: Vec<ArgSpec>,
}
