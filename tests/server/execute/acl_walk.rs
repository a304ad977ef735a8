//! Every command of ours against a user who is denied its native form, in every spelling and from everywhere: he must
//! not get by our name what he must not have by the server's.

use crate::support::other_module::OtherModule;
use crate::support::{Client, Reply, Server};

/// A command of ours that has no native form: its own category, or nobody, keeps it.
const OWN: [&str; 8] = [
    "rewrite",
    "adopt",
    "release",
    "reject",
    "refuse",
    "apply",
    "checked",
    "checkedforall",
];

struct Walk {
    server: Server,
    admin: Client,
    _module: OtherModule,
}

impl Walk {
    fn new() -> Self {
        let module = OtherModule::new();
        let server = module.beside(Server::build().mylog("capture", "order:")).start();
        let admin = server.client();
        Self {
            server,
            admin,
            _module: module,
        }
    }

    /// Our commands, by their native names.
    fn commands(&mut self) -> Vec<String> {
        let list = self.admin.run("COMMAND LIST FILTERBY MODULE mylog").items();
        assert!(list.len() > 140, "{}", list.len());
        let names = list.into_iter().map(|name| name.text().to_lowercase());
        names
            .map(|name| name.strip_prefix("mylog.").expect("our prefix").to_owned())
            .collect()
    }

    /// Arguments with which the server runs a command of ours: all places of its keys are ours, too.
    fn arguments(&mut self, name: &str) -> Vec<String> {
        if name == "object" {
            return vec!["encoding".to_owned(), "1".to_owned()];
        }
        let about = self
            .admin
            .cmd(["COMMAND", "INFO", &format!("mylog.{name}")])
            .items();
        let arity = about.into_iter().next().expect("it").items()[1].clone().int();
        let count = usize::try_from(arity.abs()).expect("a number") - 1;
        vec!["1".to_owned(); count]
    }

    fn user(&mut self, rules: &str) -> Client {
        self.admin
            .ok(&format!("ACL SETUSER user reset on nopass ~* {rules}"));
        let mut client = self.server.client();
        client.ok("AUTH user any");
        client
    }
}

/// What comes of a command that is sent, queued, run by a script, and called by another module.
fn from_everywhere(client: &mut Client, words: &[String]) -> Vec<Reply> {
    let mut replies = vec![client.cmd(words)];
    client.ok("MULTI");
    client.cmd(words);
    replies.push(match client.run("EXEC") {
        Reply::Array(mut items) => items.remove(0),
        other => other,
    });
    let script = ["EVAL", "return redis.call(unpack(ARGV))", "0"].map(str::to_owned);
    replies.push(client.cmd(script.iter().chain(words)));
    replies.push(client.cmd([&["CALLER.AS_USER".to_owned()], words].concat()));
    replies
}

/// As the server denies a command, to clients, modules and scripts.
fn is_denied(reply: &Reply) -> bool {
    let Reply::Error(text) = reply else { return false };
    let text = String::from_utf8_lossy(text);
    ["NOPERM", "ERR ACL failure in script", "ERR The user executing the script can't", "EXECABORT"]
        .iter()
        .any(|words| text.starts_with(words))
        || text.contains("acl verification failed")
        // Not for scripts, whoever runs them.
        || text.contains("not allowed from script")
}

fn spellings(name: &str) -> [String; 4] {
    let mixed = |first_is_upper: bool| -> String {
        let letters = format!("mylog.{name}");
        let case = |(place, letter): (usize, char)| match (place % 2 == 0) == first_is_upper {
            true => letter.to_ascii_uppercase(),
            false => letter,
        };
        letters.chars().enumerate().map(case).collect()
    };
    [
        format!("mylog.{name}"),
        format!("MYLOG.{name}"),
        mixed(true),
        mixed(false),
    ]
}

#[test]
fn who_is_denied_a_native_command_is_denied_its_form_in_every_spelling() {
    let mut walk = Walk::new();
    let mut walked = 0;
    for name in walk.commands() {
        if OWN.contains(&&*name) {
            continue;
        }
        let native = if name.starts_with("copy") { "copy" } else { &name };
        let arguments = walk.arguments(&name);
        let mut client = walk.user(&format!("+@all -{native}"));
        for spelled in spellings(&name) {
            let words = [&[spelled.clone()][..], &arguments].concat();
            // Scripts go on to their own commands, which this user may run.
            let all = from_everywhere(&mut client, &words);
            assert!(all.iter().all(is_denied), "{spelled}: {all:?}");
            walked += 1;
        }
        let keys = walk.admin.run("DBSIZE");
        assert_eq!(keys, Reply::Int(0), "{name}");
    }
    assert!(walked > 500, "{walked}");
}

#[test]
fn who_is_denied_nothing_is_denied_no_command_of_ours() {
    let mut walk = Walk::new();
    let mut client = walk.user("+@all");
    for name in walk.commands() {
        let arguments = walk.arguments(&name);
        let words = [&[format!("MyLog.{name}")][..], &arguments].concat();
        let reply = client.cmd(&words);
        assert!(!is_denied(&reply), "{name}: {reply:?}");
    }
}

#[test]
fn administration_needs_its_category_on_every_server() {
    let mut walk = Walk::new();
    let mut walked = 0;
    for name in walk.commands() {
        let about = walk
            .admin
            .cmd(["COMMAND", "INFO", &format!("mylog.{name}")])
            .items();
        let flags = about.into_iter().next().expect("it").items()[2].clone();
        let flags = match flags {
            Reply::Array(flags) | Reply::Set(flags) => flags,
            other => panic!("{other:?}"),
        };
        if !flags.contains(&Reply::Simple(b"admin".to_vec())) {
            continue;
        }
        let arguments = walk.arguments(&name);
        for rules in ["+@all -@dangerous", "+@all -@admin"] {
            let mut client = walk.user(rules);
            for spelled in spellings(&name) {
                let words = [&[spelled.clone()][..], &arguments].concat();
                let all = from_everywhere(&mut client, &words);
                assert!(all.iter().all(is_denied), "{rules}: {spelled}: {all:?}");
            }
        }
        walked += 1;
    }
    assert!(walked >= 3, "{walked}");
}

/// A module need not say on whose behalf it calls: natively nobody is asked then.
#[test]
fn a_module_that_calls_on_nobodys_behalf_is_denied_nothing() {
    let mut walk = Walk::new();
    let mut client = walk.user("+@all -set -mylog.set -get -del");
    for _ in 0..2 {
        assert!(client.run("CALLER.AS_NOBODY SET order:1 v").is_ok());
        assert!(client.run("CALLER.AS_NOBODY MYLOG.SET 2 v").is_ok());
        assert_eq!(
            client.run("CALLER.AS_NOBODY GET order:1"),
            Reply::Bulk(b"v".to_vec())
        );
        let script = [
            "CALLER.AS_NOBODY",
            "EVAL",
            "return redis.call('GET', 'order:1')",
            "0",
        ];
        assert_eq!(client.cmd(script), Reply::Bulk(b"v".to_vec()));
        // The script is somebody's, and what the module calls inside of it is nobody's.
        let inside = "return redis.call('CALLER.AS_NOBODY', 'SET', 'order:1', 'v')";
        assert!(client.cmd(["EVAL", inside, "0"]).is_ok());
        assert_eq!(client.run("CALLER.AS_NOBODY DEL order:1"), Reply::Int(1));
        let reply = client.run("CALLER.AS_USER SET order:1 v");
        assert!(is_denied(&reply), "{reply:?}");
    }
    assert_eq!(walk.admin.run("MYLOG.GET 2"), Reply::Bulk(b"v".to_vec()));
}
