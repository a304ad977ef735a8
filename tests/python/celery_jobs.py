"""An application on Celery: its task, who sends it, and its worker."""

import os
import sys

from celery import Celery
from kombu.exceptions import OperationalError

action, socket, path = sys.argv[1:4]

app = Celery("jobs", broker=f"redis+socket://{socket}")
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {"socket_keepalive": False}
# A worker takes one task, and the next once that is done and acknowledged.
app.conf.worker_prefetch_multiplier = 1
app.conf.task_acks_late = True
# A server that is gone is told at once, not after a minute of trying.
app.conf.task_publish_retry = False


@app.task(name="mark")
def mark(number):
    """Leaves a mark that outlives the server."""
    with open(path, "a", encoding="ascii") as marks:
        marks.write(f"{number}\n")


def send():
    """Says each number once the library has said that it was sent."""
    for number in range(100_000):
        try:
            mark.delay(number)
        except OperationalError:
            return
        print(number, flush=True)


def work():
    """A worker as `celery worker` starts it."""
    app.worker_main(["worker", "--pool", "solo", "--loglevel", "WARNING", "--hostname", f"worker{os.getpid()}@test"])


def restore():
    """What the library does by itself when a worker has not acknowledged for an hour."""
    app.conf.broker_transport_options = {"visibility_timeout": 0}
    with app.connection() as connection:
        connection.default_channel.qos.restore_visible(num=100_000)


{"send": send, "work": work, "restore": restore}[action]()
