//! One round of GETs of cache keys by some clients, while others write keys that survive, or while nobody does.

use std::time::Instant;

use crate::contender::Contender;
use crate::generator::Generator;
use crate::scale::Scale;
use crate::support::{Server, wait_for};

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// GETs a second.
    pub gets: f64,
    /// 99th percentile of their latency, in ms.
    pub p99_ms: f64,
    /// Writes a second meanwhile.
    pub writes: f64,
}

/// Measures it: so many clients read, so many write.
pub fn round(scale: &Scale, who: Contender, server: &Server, readers: u32, writers: u32) -> Round {
    let write = format!("{} durable:__rand_int__ __value__", who.set());
    let read = Generator::new(readers, 1, scale.keys, "GET cache:__rand_int__");
    let mut client = server.client();
    let idle = who.sets(&mut client);
    let _writers = (writers > 0).then(|| Generator::new(writers, 1, scale.keys, &write).start(server));
    // Each has had a reply or more: the load is what it is, however slow the disk.
    let begun = if writers > 0 { u64::from(writers) * 10 } else { 0 };
    wait_for("the writers write", || who.sets(&mut client) >= idle + begun);
    let rough = read.run(server, u64::from(readers) * 30).rate;
    let (start, before) = (Instant::now(), who.sets(&mut client));
    let seen = read.run(
        server,
        ((rough * scale.seconds) as u64).max(u64::from(readers) * 30),
    );
    let writes = (who.sets(&mut client) - before) as f64 / start.elapsed().as_secs_f64();
    Round {
        gets: seen.rate,
        p99_ms: seen.p99_ms,
        writes,
    }
}
