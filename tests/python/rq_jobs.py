"""An application on RQ: its jobs, who puts them into the queue, and its worker."""

import os
import sys

import redis


def job(path, number):
    """Leaves a mark that outlives the server, and does not ask it."""
    with open(path, "a", encoding="ascii") as marks:
        marks.write(f"{number}\n")


def connect(socket):
    return redis.Redis(unix_socket_path=socket)


def enqueue(socket, path, first, count):
    """Says each number once the library has said that it is in the queue."""
    from rq import Queue

    queue = Queue("default", connection=connect(socket))
    for number in range(int(first), int(first) + int(count)):
        try:
            queue.enqueue(job, path, number, job_id=f"job-{number}", result_ttl=-1)
        except redis.ConnectionError:
            return
        print(number, flush=True)


def work(socket, burst):
    """A worker as `rq worker` starts it; it forks for each job."""
    from rq import Queue, Worker

    connection = connect(socket)
    Worker([Queue("default", connection=connection)], connection=connection).work(burst=burst == "burst")


def state(socket):
    """Where each job is: number and place, a line each."""
    from rq import Queue
    from rq.job import Job

    connection = connect(socket)
    queue = Queue("default", connection=connection)
    places = {
        "queued": queue.get_job_ids(),
        "started": queue.started_job_registry.get_job_ids(),
        "finished": queue.finished_job_registry.get_job_ids(),
        "failed": queue.failed_job_registry.get_job_ids(),
    }
    for place, ids in places.items():
        for job_id in ids:
            Job.fetch(job_id, connection=connection)
            print(place, job_id.removeprefix("job-"))
    for key in connection.scan_iter("rq:job:job-*"):
        print("known", key.decode().removeprefix("rq:job:job-"))


if __name__ == "__main__":
    # Workers import the job by this name.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import rq_jobs

    getattr(rq_jobs, sys.argv[1])(*sys.argv[2:])
