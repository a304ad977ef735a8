//! What is sent at once: commands alone, in a pipeline, in MULTI, in a script or a function.

use std::fmt;

use fastrand::Rng;

use super::calls::{Call, Taste};
use crate::server::commands::parity_commands::pick;

/// How a script is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Eval,
    EvalSha,
    Fcall,
}

/// A key that is watched, and what another client does between WATCH and MULTI.
#[derive(Clone)]
pub struct Watch {
    pub key: Vec<u8>,
    pub meanwhile: Option<Call>,
}

/// One thing that a client does.
#[derive(Debug, Clone)]
pub enum Step {
    Plain(Call),
    Pipeline(Vec<Call>),
    Multi {
        watch: Option<Watch>,
        calls: Vec<Call>,
        discard: bool,
    },
    Script {
        script: Script,
        /// By redis.pcall, which goes on after an error.
        protected: bool,
        resp: u8,
        calls: Vec<Call>,
    },
    /// All keys go, on both sides.
    Flush {
        name: &'static str,
        by_twin: bool,
    },
}

const WATCHED: [&str; 5] = ["nat:s0", "nat:h0", "nat:l0", "nat:e0", "nat:z1"];

impl Watch {
    /// Of a key that the other client's command has to do with, most of the time.
    fn any(rng: &mut Rng, taste: Taste) -> Self {
        let meanwhile = (rng.u8(..4) > 0).then(|| Call::any_certain(rng, taste));
        let key = meanwhile.as_ref().and_then(Call::first_key).map(<[u8]>::to_vec);
        Self {
            key: key.unwrap_or_else(|| pick(rng, &WATCHED).into()),
            meanwhile,
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\", meanwhile {:?}",
            self.key.escape_ascii(),
            self.meanwhile
        )
    }
}

impl Step {
    fn any(rng: &mut Rng, taste: Taste, many: usize) -> Self {
        let calls = |rng: &mut Rng| (0..many).map(|_| Call::any_certain(rng, taste)).collect();
        match rng.u8(..20) {
            0..=3 => Self::Pipeline(calls(rng)),
            4..=7 => Self::Multi {
                watch: (rng.u8(..3) == 0).then(|| Watch::any(rng, taste)),
                calls: calls(rng),
                discard: rng.u8(..8) == 0,
            },
            8..=11 => Self::Script {
                script: pick(rng, &[Script::Eval, Script::EvalSha, Script::Fcall]),
                protected: rng.u8(..4) > 0,
                resp: rng.u8(2..=3),
                calls: calls(rng),
            },
            12 if rng.u8(..12) == 0 => Self::Flush {
                name: pick(rng, &["FLUSHALL", "FLUSHDB"]),
                by_twin: rng.bool(),
            },
            _ => Self::Plain(Call::any(rng, taste)),
        }
    }

    /// Its commands.
    pub fn calls(&self) -> &[Call] {
        match self {
            Self::Plain(call) => std::slice::from_ref(call),
            Self::Pipeline(calls) | Self::Multi { calls, .. } | Self::Script { calls, .. } => calls,
            Self::Flush { .. } => &[],
        }
    }

    /// The same without one of its commands; `None` if nothing is left.
    pub fn without(&self, at: usize) -> Option<Self> {
        let mut step = self.clone();
        match &mut step {
            Self::Plain(_) | Self::Flush { .. } => None,
            Self::Pipeline(calls) | Self::Multi { calls, .. } | Self::Script { calls, .. } => {
                calls.remove(at);
                (!calls.is_empty()).then_some(step)
            }
        }
    }
}

/// Some 8 to 40 commands, in steps.
pub fn sequence(rng: &mut Rng, captured: bool) -> Vec<Step> {
    let taste = Taste::any(rng, captured);
    let wanted = rng.usize(8..=40);
    let (mut steps, mut commands) = (Vec::new(), 0);
    if rng.u8(..8) == 0 {
        steps.push(Step::Plain(Call::large(rng)));
    }
    while commands < wanted {
        let many = rng.usize(1..=8).min(wanted - commands);
        let step = Step::any(rng, taste, many);
        commands += step.calls().len().max(1);
        steps.push(step);
    }
    steps
}
