//! A queue across crashes: under `always` an element that was acknowledged is delivered once, or is still there.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::support::{Client, Reply, Server, wait_for};

const ROUNDS: u64 = 6;
const EACH: usize = 4;

/// Pushes until the server is gone; the elements that were acknowledged, and the one that was not.
fn produce(mut client: Client, next: &'static AtomicU64) -> JoinHandle<(Vec<u64>, u64)> {
    thread::spawn(move || {
        let mut acknowledged = Vec::new();
        loop {
            let element = next.fetch_add(1, Ordering::Relaxed);
            match client.try_cmd(["RPUSH", "q:todo", &element.to_string()]) {
                Ok(Reply::Int(_)) => acknowledged.push(element),
                Ok(other) => panic!("{other:?}"),
                Err(_) => return (acknowledged, element),
            }
        }
    })
}

/// Takes elements until the server is gone: those that it was told of.
fn consume(mut client: Client, how: &'static str) -> JoinHandle<Vec<u64>> {
    thread::spawn(move || {
        let mut told = Vec::new();
        while let Ok(reply) = client.try_cmd(how.split(' ')) {
            let element = match reply {
                Reply::Array(mut parts) => parts.pop().expect("an element").text(),
                Reply::Bulk(element) => String::from_utf8(element).expect("a number"),
                other => panic!("{other:?}"),
            };
            told.push(element.parse().expect("a number"));
        }
        told
    })
}

fn list(client: &mut Client, key: &str) -> Vec<u64> {
    let elements = client.run(&format!("LRANGE {key} 0 -1")).items().into_iter();
    elements
        .map(|element| element.text().parse().expect("a number"))
        .collect()
}

#[test]
fn what_is_queued_is_delivered_once_or_still_there_after_every_crash() {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "q:")
        .start();
    let (mut pushed, mut unsure, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let consumers: Vec<_> = (0..EACH)
            .map(|n| {
                consume(
                    server.client(),
                    ["BLPOP q:todo 0", "BLMOVE q:todo q:taken LEFT RIGHT 0"][n % 2],
                )
            })
            .collect();
        let producers: Vec<_> = (0..EACH).map(|_| produce(server.client(), &NEXT)).collect();
        let mut other = server.client();
        let seq = other.info_u64("mylog", "mylog_durable_seq");
        wait_for("there was some traffic", || {
            other.info_u64("mylog", "mylog_durable_seq") > seq + 300 + 50 * round
        });
        server.kill9();
        for producer in producers {
            let (acknowledged, last) = producer.join().expect("a producer");
            pushed.extend(acknowledged);
            unsure.insert(last);
        }
        let mut told = Vec::new();
        for consumer in consumers {
            told.extend(consumer.join().expect("a consumer"));
        }
        server.restart();
        let mut client = server.client();
        let moved: BTreeSet<u64> = list(&mut client, "q:taken").into_iter().collect();
        for element in told {
            assert!(
                taken.insert(element),
                "round {round}: {element} was delivered twice"
            );
        }
        let left = list(&mut client, "q:todo");
        for element in &left {
            assert!(!taken.contains(element), "round {round}: {element} is back");
            assert!(
                !moved.contains(element),
                "round {round}: {element} is in both lists"
            );
        }
        // One that BLMOVE took is in either list; of the others at most one was on its way to each.
        let found: BTreeSet<u64> = left.iter().chain(&taken).chain(&moved).copied().collect();
        let lost = pushed.difference(&found).count();
        assert!(
            lost <= EACH / 2 * usize::try_from(round + 1).unwrap(),
            "round {round}: {lost} are lost"
        );
        let unknown = found
            .iter()
            .filter(|element| !pushed.contains(element) && !unsure.contains(element));
        assert_eq!(unknown.count(), 0, "round {round}");
    }
    assert!(taken.len() > 100, "{}", taken.len());
}
