"""Clients that speak TLS. Each sends a large write, and more behind it, in one go, and checks its replies.

Says `sent` when all have sent what can be sent at once, `answered` at the first byte of an answer, `done` when all were answered rightly, and stays
connected until it is ended.

    tls_clients.py PORT COUNT [SERVER COMMAND WORD ...]

The command is sent behind the large write; it answers with the number 1. The server, a process, stands still until all have sent:
it reads all of them in the same turns.
"""

import os
import selectors
import signal
import socket
import ssl
import sys


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def commands(n, also):
    """What a client sends, and the lines that it is answered with.

    The server reads a large argument up to its end, and TLS decrypts the record in which that is: the rest of it stays in the
    library.
    """
    yield encode("MYLOG.SET", f"large:{n}", "v" * 40_000), b"+OK"
    if also:
        yield encode(*also), b":1"
    for number in range(1, 31):
        yield encode("MYLOG.SET", f"small:{n}", "v" * 1_000), b"+OK"
        yield encode("INCR", f"own:{os.getpid()}:{n}"), b":%d" % number


# Made once: it costs as much as many connections.
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


def connect(port):
    return CONTEXT.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))


class Peer:
    def __init__(self, port, n, also):
        pairs = list(commands(n, also))
        self.socket = connect(port)
        self.left = b"".join(command for command, _ in pairs)
        self.due = b"".join(line + b"\r\n" for _, line in pairs)
        self.got = b""

        self.socket.setblocking(False)

    def send(self):
        """Sends what can be sent now. Returns what to wait for next."""
        while self.left:
            try:
                self.left = self.left[self.socket.send(self.left) :]
            except ssl.SSLWantWriteError:
                return selectors.EVENT_READ | selectors.EVENT_WRITE
        return selectors.EVENT_READ

    def read(self):
        """True once all is there."""
        while True:
            try:
                some = self.socket.recv(65536)
            except ssl.SSLWantReadError:
                return len(self.got) >= len(self.due)
            if not some:
                raise SystemExit("the connection ended")
            if not self.got and not Peer.answered:
                say("answered")
                Peer.answered = True
            self.got += some
            if not self.due.startswith(self.got):
                raise SystemExit(f"answered with {self.got[-200:]!r}")

    answered = False


def say(word):
    print(word, flush=True)


def main(port, count, server=None, *also):
    peers = [Peer(int(port), n, also) for n in range(int(count))]
    selector = selectors.DefaultSelector()
    if server:
        os.kill(int(server), signal.SIGSTOP)
    for peer in peers:
        selector.register(peer.socket, peer.send(), peer)
    if server:
        os.kill(int(server), signal.SIGCONT)
    say("sent")
    left = len(peers)
    while left:
        for key, events in selector.select():
            if events & selectors.EVENT_WRITE:
                selector.modify(key.fileobj, key.data.send(), key.data)
            if key.data.read():
                selector.unregister(key.fileobj)
                left -= 1
    say("done")
    signal.pause()


main(*sys.argv[1:])
