//! Servers and what loads them on cores of their own: to be moved about by the scheduler is half of the noise of a
//! short measurement.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::support::Server;

/// This thread.
const SELF: Pid = Pid::from_raw(0);

/// While it lives, what this thread starts runs on other cores than the event loops of the servers.
pub struct Apart(CpuSet);

impl Apart {
    /// Takes the first core for the event loops; `None` where there is no other.
    pub fn of(servers: &[Server]) -> Option<Self> {
        let all = sched_getaffinity(SELF).expect("the cores of this thread");
        let first = (0..CpuSet::count()).find(|&core| all.is_set(core) == Ok(true))?;
        let (mut one, mut others) = (CpuSet::new(), all);
        one.set(first).expect("a core");
        others.unset(first).expect("a core");
        // Refused where nothing is left.
        sched_setaffinity(SELF, &others).ok()?;
        for server in servers {
            sched_setaffinity(Pid::from_raw(server.pid() as i32), &one).expect("a live server");
        }
        Some(Self(all))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = sched_setaffinity(SELF, &self.0);
    }
}
