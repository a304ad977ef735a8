//! How a reply waits.

/// Where a command runs whose reply has something to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// A primary sent it.
    pub(crate) replicated: bool,
    /// A data set is being loaded.
    pub(crate) loading: bool,
    /// In EXEC, in a script, in another module's call: the server lets nobody be blocked there.
    pub(crate) in_unit: bool,
    /// The gate is on.
    pub(crate) gate: bool,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all: nobody is told, or nobody may be held up.
    Now,
    /// It lies in the client's buffer, and the client is gated.
    Gate,
    /// Where there is no gate: the client is blocked, and its reply is kept.
    Hold,
    /// Where there is no gate and the client can't be blocked: the event loop waits at the unit's end.
    UnitEnd,
}

/// The decision.
pub(crate) fn way(standing: Standing) -> Way {
    match standing {
        // Holding a primary up would stop the whole stream. The server's AOF and an RDB are loaded for nobody.
        Standing { replicated: true, .. } | Standing { loading: true, .. } => Way::Now,
        Standing { gate: true, .. } => Way::Gate,
        Standing { in_unit: true, .. } => Way::UnitEnd,
        _ => Way::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_standing_has_its_way() {
        const TABLE: [(&str, Way); 16] = [
            ("", Way::Hold),
            ("u", Way::UnitEnd),
            ("g", Way::Gate),
            ("ug", Way::Gate),
            ("l", Way::Now),
            ("lu", Way::Now),
            ("lg", Way::Now),
            ("lug", Way::Now),
            ("r", Way::Now),
            ("ru", Way::Now),
            ("rg", Way::Now),
            ("rug", Way::Now),
            ("rl", Way::Now),
            ("rlu", Way::Now),
            ("rlg", Way::Now),
            ("rlug", Way::Now),
        ];
        for (letters, expected) in TABLE {
            let standing = Standing {
                replicated: letters.contains('r'),
                loading: letters.contains('l'),
                in_unit: letters.contains('u'),
                gate: letters.contains('g'),
            };
            assert_eq!(way(standing), expected, "{letters}");
        }
    }
}
