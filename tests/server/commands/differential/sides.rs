//! The two sides, and one step on both: the native commands in one database, the durable ones in another.

use std::collections::BTreeSet;

use super::calls::{Call, durable_name};
use super::judge::{self, agree, elements, unwrapped, with_native_names};
use super::steps::{Script, Step, Watch};
use crate::server::commands::{parity_random, parity_strings, parity_zset};
use crate::support::client::encode;
use crate::support::{Client, Reply, Server};

pub const NATIVE_DB: u32 = 8;
pub const DURABLE_DB: u32 = 9;

/// Runs the commands that its arguments hold, each behind its length. Each reply is wrapped: a nil would end the
/// table.
const SCRIPT: &str = "
local function run(args)
  redis.setresp(tonumber(args[2]))
  local replies, at = {}, 3
  while at <= #args do
    local last = at + tonumber(args[at])
    replies[#replies + 1] = { redis[args[1]](unpack(args, at + 1, last)) }
    at = last + 1
  end
  return replies
end
";

fn script() -> String {
    format!("{SCRIPT}return run(ARGV)")
}

/// Connections of both sides, and two more that do something in between.
pub struct Sides {
    pub native: Client,
    pub durable: Client,
    pub others: [Client; 2],
    /// A native hash that was large may have come back from a reload in one piece, in an order of chance.
    pub reloaded: bool,
    sha: String,
}

/// Which commands have answered something else than an error: by their twin's name, and by their own.
#[derive(Debug, Default)]
pub struct Answered {
    pub by_twin: BTreeSet<String>,
    pub by_name: BTreeSet<String>,
}

impl Answered {
    fn note(&mut self, call: &Call, durable: &Reply) {
        if !matches!(durable, Reply::Error(_)) {
            let set = if call.by_twin {
                &mut self.by_twin
            } else {
                &mut self.by_name
            };
            if !set.contains(&call.command.name) {
                set.insert(call.command.name.clone());
            }
        }
    }
}

impl Sides {
    pub fn connect(server: &Server, protocol: u8) -> Self {
        let client = |protocol: u8, db: u32| {
            let mut client = server.client();
            assert!(!client.run(&format!("HELLO {protocol}")).is_error(""));
            client.ok(&format!("SELECT {db}"));
            client
        };
        let mut native = client(protocol, NATIVE_DB);
        let sha = native.cmd(["SCRIPT", "LOAD", &script()]).text();
        let library = format!(
            "#!lua name=steps\n{SCRIPT}redis.register_function('run_steps', function(keys, args) return run(args) end)"
        );
        let loaded = native.cmd(["FUNCTION", "LOAD", "REPLACE", &library]);
        assert!(!loaded.is_error(""), "{loaded:?}");
        Self {
            native,
            durable: client(protocol, DURABLE_DB),
            others: [client(2, NATIVE_DB), client(2, DURABLE_DB)],
            reloaded: false,
            sha,
        }
    }

    /// Runs a step on both sides, and panics unless both answer the same.
    pub fn run(&mut self, step: &Step, answered: &mut Answered) {
        match step {
            Step::Plain(call) => self.plain(call, answered),
            Step::Pipeline(calls) => self.pipeline(calls, answered),
            Step::Multi {
                watch,
                calls,
                discard,
            } => {
                if let Some(watch) = watch {
                    self.watch(watch);
                }
                self.multi(calls, *discard, answered);
            }
            Step::Script {
                script,
                protected,
                resp,
                calls,
            } => {
                let head = self.script_head(*script, *protected, *resp, calls.len());
                let native = with_commands(head.clone(), calls.iter().map(Call::native));
                let durable = with_commands(head, calls.iter().map(Call::durable));
                self.script(native, durable, calls, answered);
            }
            Step::Flush { name, by_twin } => {
                self.native.ok(name);
                self.durable
                    .ok(&format!("{}{name}", if *by_twin { "MYLOG." } else { "" }));
            }
        }
    }

    fn plain(&mut self, call: &Call, answered: &mut Answered) {
        if parity_random::leaves_it_to_chance(&call.command) {
            let (native, durable) = (&mut self.native, &mut self.durable);
            let reply = parity_random::compare(&call.command, native, durable, call.durable());
            return answered.note(call, &reply);
        }
        self.native.send(call.native());
        self.durable.send(call.durable());
        let (native, native_raw) = self.native.recv_raw();
        let (_, durable_raw) = self.durable.recv_raw();
        let durable_raw = with_native_names(&durable_raw);
        let durable = parsed(&durable_raw);
        answered.note(call, &durable);
        if native_raw == durable_raw {
            return;
        }
        assert!(
            agree(call, &native, &durable),
            "{}",
            difference(call, &native, &durable)
        );
        self.look_closer(call, native, durable);
    }

    /// Alone a command can be asked for more: what both sides hold is known.
    fn look_closer(&mut self, call: &Call, native: Reply, durable: Reply) {
        let command = &call.command;
        match &*command.name {
            "HRANDFIELD" => {
                let hash = self.native.cmd([b"HGETALL", command.key()]);
                parity_strings::compare_random(command, [native, durable], hash);
            }
            "ZRANDMEMBER" => assert!(
                parity_zset::draws_agree(command, &native, &durable, &mut self.native),
                "{}",
                difference(call, &native, &durable)
            ),
            name if judge::has_free_order(name) && !judge::of_a_set(name) => {
                // A native hash in one piece keeps its order, and so must ours.
                let encoding = self
                    .native
                    .cmd([b"OBJECT", b"ENCODING".as_slice(), command.key()]);
                let of_a_part = name.ends_with("SCAN") && !matches!(&*command.args[1], b"0" | b"");
                assert!(
                    self.reloaded || of_a_part || encoding == Reply::Bulk(b"hashtable".to_vec()),
                    "{}",
                    difference(call, &native, &durable)
                );
            }
            _ => {}
        }
    }

    fn pipeline(&mut self, calls: &[Call], answered: &mut Answered) {
        send_all(&mut self.native, calls.iter().map(Call::native));
        send_all(&mut self.durable, calls.iter().map(Call::durable));
        for call in calls {
            let (_, native) = self.native.recv_raw();
            let (_, durable) = self.durable.recv_raw();
            compare(call, &native, &with_native_names(&durable), answered);
        }
    }

    fn watch(&mut self, watch: &Watch) {
        let durable = durable_name(&watch.key);
        assert!(self.native.cmd([b"WATCH".as_slice(), &watch.key]).is_ok());
        assert!(self.durable.cmd([b"WATCH".as_slice(), &durable]).is_ok());
        if let Some(call) = &watch.meanwhile {
            self.others[0].cmd(call.native());
            self.others[1].cmd(call.durable());
        }
    }

    fn multi(&mut self, calls: &[Call], discard: bool, answered: &mut Answered) {
        let end = vec![if discard {
            b"DISCARD".to_vec()
        } else {
            b"EXEC".to_vec()
        }];
        let unit = |commands: Vec<Vec<Vec<u8>>>| {
            let begin = vec![vec![b"MULTI".to_vec()]];
            [begin, commands, vec![end.clone()]].concat()
        };
        send_all(&mut self.native, unit(calls.iter().map(Call::native).collect()));
        send_all(&mut self.durable, unit(calls.iter().map(Call::durable).collect()));
        for at in 0..=calls.len() {
            let native = self.native.recv_raw().1;
            let durable = with_native_names(&self.durable.recv_raw().1);
            assert_eq!(
                parsed(&durable),
                parsed(&native),
                "queued: {:?}",
                calls.get(at.wrapping_sub(1))
            );
        }
        let native = self.native.recv_raw().1;
        let durable = with_native_names(&self.durable.recv_raw().1);
        compare_all(calls, &native, &durable, |raw| raw.to_vec(), answered);
    }

    fn script_head(&self, script: Script, protected: bool, resp: u8, calls: usize) -> Vec<Vec<u8>> {
        assert!(calls > 0);
        let (name, what) = match script {
            Script::Eval => ("EVAL", self::script()),
            Script::EvalSha => ("EVALSHA", self.sha.clone()),
            Script::Fcall => ("FCALL", "run_steps".to_owned()),
        };
        let how = if protected { "pcall" } else { "call" };
        [
            name.to_owned(),
            what,
            "0".to_owned(),
            how.to_owned(),
            resp.to_string(),
        ]
        .map(String::into_bytes)
        .to_vec()
    }

    fn script(
        &mut self,
        native: Vec<Vec<u8>>,
        durable: Vec<Vec<u8>>,
        calls: &[Call],
        answered: &mut Answered,
    ) {
        self.native.send(native);
        self.durable.send(durable);
        let native = self.native.recv_raw().1;
        let durable = with_native_names(&self.durable.recv_raw().1);
        compare_all(calls, &native, &durable, unwrapped, answered);
    }
}

/// The replies of a unit, one by one if they differ at all.
fn compare_all(
    calls: &[Call],
    native: &[u8],
    durable: &[u8],
    each: impl Fn(&[u8]) -> Vec<u8>,
    answered: &mut Answered,
) {
    match (elements(native), elements(durable)) {
        (Some(natives), Some(durables)) => {
            assert_eq!(durables.len(), natives.len(), "{calls:?}");
            assert_eq!(natives.len(), calls.len(), "{calls:?}");
            for (call, (native, durable)) in calls.iter().zip(natives.iter().zip(&durables)) {
                compare(call, &each(&native.1), &each(&durable.1), answered);
            }
        }
        _ => assert_eq!(parsed(durable), parsed(native), "durable and native: {calls:?}"),
    }
}

fn compare(call: &Call, native: &[u8], durable: &[u8], answered: &mut Answered) {
    let reply = parsed(durable);
    answered.note(call, &reply);
    if native != durable {
        let native = parsed(native);
        assert!(
            agree(call, &native, &reply),
            "{}",
            difference(call, &native, &reply)
        );
    }
}

fn difference(call: &Call, native: &Reply, durable: &Reply) -> String {
    format!("{call:?}\nnative  {native:?}\ndurable {durable:?}")
}

fn parsed(raw: &[u8]) -> Reply {
    Reply::read(&mut &raw[..], &mut Vec::new()).expect("a whole reply")
}

fn with_commands(mut head: Vec<Vec<u8>>, commands: impl Iterator<Item = Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
    for words in commands {
        head.push(words.len().to_string().into_bytes());
        head.extend(words);
    }
    head
}

fn send_all(client: &mut Client, commands: impl IntoIterator<Item = Vec<Vec<u8>>>) {
    let mut bytes = Vec::new();
    for command in commands {
        encode(command, &mut bytes);
    }
    client.try_send_bytes(&bytes).expect("a live connection");
}
