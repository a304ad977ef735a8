//! A link between two servers that breaks behind so many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Relays to a server's port. Every connection breaks once the server has sent so much on it.
pub struct CutLink {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    limit: AtomicU64,
    sent: AtomicU64,
    cuts: AtomicU64,
    over: AtomicBool,
}

impl CutLink {
    /// To the server at this port.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let own = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        state.limit.store(u64::MAX, Ordering::SeqCst);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(to) = TcpStream::connect(("127.0.0.1", port)) {
                    relay(from, to, &shared);
                }
            }
        });
        Self { port: own, state }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on a connection breaks behind so many bytes of the server's.
    pub fn cut_behind(&self, bytes: u64) {
        self.state.limit.store(bytes, Ordering::SeqCst);
    }

    /// Bytes that the server has sent on the connection made last.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Connections that broke.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for CutLink {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // The thread that waits for connections hears of it.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Relays both ways, on threads that end with the connection.
fn relay(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let limit = state.limit.load(Ordering::SeqCst);
    state.sent.store(0, Ordering::SeqCst);
    let (to_server, from_client) = (
        server.try_clone().expect("a socket"),
        client.try_clone().expect("a socket"),
    );
    thread::spawn(move || {
        pump(from_client, to_server, u64::MAX, |_| ());
    });
    let state = Arc::clone(state);
    thread::spawn(move || {
        if pump(server, client, limit, |bytes| {
            state.sent.fetch_add(bytes, Ordering::SeqCst);
        }) {
            state.cuts.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// True if the limit ended it.
fn pump(mut from: TcpStream, mut to: TcpStream, mut left: u64, told: impl Fn(u64)) -> bool {
    let mut buffer = [0; 4096];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = from.read(&mut buffer[..most]).unwrap_or(0);
        if got == 0 || to.write_all(&buffer[..got]).is_err() {
            break;
        }
        left -= got as u64;
        told(got as u64);
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    left == 0
}
