//! Steering a rewrite: the switch that holds its child at a stage, and waiting for its end.

use super::client::Client;
use super::wait::wait_for;

/// All stages at which a child can be held, in the order of the protocol.
pub const STAGES: [&str; 5] = ["start", "walked", "asking", "answered", "reporting"];

/// Starts a rewrite and returns once its child is held at `stage`.
pub fn hold(client: &mut Client, stage: &str) {
    client.ok(&format!("MYLOG.DEBUG REWRITE-PAUSE {stage}"));
    let reply = client.run("MYLOG.REWRITE").text();
    assert_eq!(reply, "Background log rewrite started");
    wait_held(client, stage);
}

/// Waits until a child is held at `stage`.
pub fn wait_held(client: &mut Client, stage: &str) {
    wait_for(&format!("the child is held at {stage}"), || {
        client.run("MYLOG.DEBUG REWRITE-PAUSE").text() == stage
    });
}

/// Lets the child go on.
pub fn release(client: &mut Client) {
    client.ok("MYLOG.DEBUG REWRITE-PAUSE off");
}

/// One field of INFO, named without `mylog_`.
pub fn info(client: &mut Client, field: &str) -> u64 {
    client.info_u64("mylog", &format!("mylog_{field}"))
}

/// One field of INFO that is text, named without `mylog_`.
pub fn info_text(client: &mut Client, field: &str) -> String {
    let fields = client.info("mylog");
    let name = format!("mylog_{field}");
    fields
        .get(&name)
        .unwrap_or_else(|| panic!("no {name}: {fields:?}"))
        .clone()
}

/// Waits until none runs and none is scheduled.
pub fn wait_idle(client: &mut Client) {
    wait_for("no rewrite runs or is scheduled", || {
        info(client, "rewrite_in_progress") == 0 && info(client, "rewrite_scheduled") == 0
    });
}

/// Waits until that many have succeeded since the start.
pub fn wait_succeeded(client: &mut Client, rewrites: u64) {
    wait_for(&format!("{rewrites} rewrites have succeeded"), || {
        info(client, "rewrites") >= rewrites
    });
}

/// Runs one from begin to end, which must be a good one.
pub fn run(client: &mut Client) {
    let before = info(client, "rewrites");
    let reply = client.run("MYLOG.REWRITE").text();
    assert_eq!(reply, "Background log rewrite started");
    wait_idle(client);
    assert_eq!(info(client, "rewrites"), before + 1, "{:?}", client.info("mylog"));
}
