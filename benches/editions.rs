//! The servers that a table compares: the one of `SERVER`, and those that `tools/fetch-servers.sh` has fetched.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::artifacts::server_binary;

/// A server program and what it says that it is.
#[derive(Debug, Clone)]
pub struct Edition {
    /// `Redis 7.0.15`
    pub name: String,
    /// The program.
    pub binary: PathBuf,
}

/// The server of `SERVER`, or the one on the path.
pub fn own() -> Edition {
    of(server_binary()).unwrap_or_else(|why| panic!("{why}. Set SERVER to a server binary."))
}

/// A server that was fetched, by the name of its folder, or why there is none.
pub fn fetched(name: &str) -> Result<Edition, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let servers = env::var_os("SERVERS_DIR").map_or_else(|| root.join(".servers"), PathBuf::from);
    of(servers.join(name).join("server")).map_err(|why| format!("{why}. Run tools/fetch-servers.sh {name}."))
}

/// The servers that take the module and are to be compared: the own one, Redis 7.0 and Valkey 8.0, each once.
/// One that was not fetched comes as its name and the reason.
pub fn compared() -> Vec<Result<Edition, (&'static str, String)>> {
    compared_and(&[])
}

/// As [`compared`], and more of the fetched ones, each with how its name begins.
pub fn compared_and(more: &[(&'static str, &'static str)]) -> Vec<Result<Edition, (&'static str, String)>> {
    let own = own();
    let mut all = vec![Ok(own.clone())];
    let always = [("redis-7.0", "Redis 7.0."), ("valkey-8.0", "Valkey 8.0.")];
    for &(name, version) in always.iter().chain(more) {
        if !own.name.starts_with(version) {
            all.push(fetched(name).map_err(|why| (name, why)));
        }
    }
    all
}

fn of(binary: PathBuf) -> Result<Edition, String> {
    let output = Command::new(&binary).arg("--version").output();
    let output = output.map_err(|why| format!("{}: {why}", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = said.split(' ').next().unwrap_or_default();
    let version = said
        .split(' ')
        .find_map(|word| word.strip_prefix("v="))
        .ok_or_else(|| format!("{} said: {said}", binary.display()))?;
    Ok(Edition {
        name: format!("{name} {version}"),
        binary,
    })
}
