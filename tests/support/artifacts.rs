//! Where the programs under test are: the server binary, the module, the check tool.
//!
//! It never falls back to a second choice: a test that ran against the wrong build proves nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The server to run: `SERVER`, or `redis-server` from the path.
pub fn server_binary() -> PathBuf {
    env::var_os("SERVER").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
}

/// The module: `MYLOG_SO`, or `release/libmylog.so` in the folder this test was built into.
pub fn module() -> PathBuf {
    let path = env::var_os("MYLOG_SO").map_or_else(|| release_dir().join("libmylog.so"), PathBuf::from);
    found(path, "MYLOG_SO")
}

/// The check tool: `MYLOG_CHECK`, or `release/mylog-check` in the folder this test was built into.
pub fn check_tool() -> PathBuf {
    let path = env::var_os("MYLOG_CHECK").map_or_else(|| release_dir().join("mylog-check"), PathBuf::from);
    found(path, "MYLOG_CHECK")
}

/// A Python that has redis-py: `PYTHON`, or the system's own, where `make deps` puts it.
pub fn python() -> PathBuf {
    python_with("redis")
}

/// A Python that has this package.
pub fn python_with(package: &str) -> PathBuf {
    let path = env::var_os("PYTHON").map_or_else(|| PathBuf::from("/usr/bin/python3"), PathBuf::from);
    let imports = Command::new(&path)
        .arg("-c")
        .arg(format!("import {package}"))
        .envs(packages_of(package).map(|folder| ("PYTHONPATH", folder)))
        .stderr(Stdio::null())
        .status();
    let shown = path.display();
    assert!(
        imports.is_ok_and(|status| status.success()),
        "{shown} has no {package}. Run `make deps` first, or set PYTHON."
    );
    path
}

/// The folder of a package that the system has none of, `PYTHON_PACKAGES` or where `make deps` puts it. What else is in
/// there is not for the others.
pub fn packages_of(package: &str) -> Option<PathBuf> {
    if package != "bullmq" {
        return None;
    }
    let cache = || {
        let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)
    };
    let given = env::var_os("PYTHON_PACKAGES").map(PathBuf::from);
    given.or_else(|| Some(cache()?.join("mylog/python-packages")))
}

fn found(path: PathBuf, variable: &str) -> PathBuf {
    let shown = path.display();
    path.canonicalize().unwrap_or_else(|why| {
        panic!("{shown}: {why}. Run `cargo build --release` (or `make test`) first, or set {variable}.")
    })
}

fn release_dir() -> PathBuf {
    // <target>/<profile>/deps/server-<hash>, or <target>/<profile>/examples/demo.
    let program = env::current_exe().expect("path of this program");
    program
        .ancestors()
        .nth(3)
        .unwrap_or(Path::new("target"))
        .join("release")
}
