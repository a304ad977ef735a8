"""An application on BullMQ: who puts its jobs into the queue, its worker, and where they are."""

import asyncio
import sys

from bullmq import Queue, Worker

QUEUE = "jobs"


def options(socket):
    return {"connection": f"unix://{socket}", "prefix": "bull"}


async def enqueue(socket, first, count):
    """Says each number once the library has said that it is in the queue."""
    queue = Queue(QUEUE, options(socket))
    for number in range(int(first), int(first) + int(count)):
        await queue.add("job", {"number": number}, {"jobId": f"job-{number}"})
        print("queued", number, flush=True)


async def work(socket):
    """Says what it has begun, and what the library has taken as done; until it is killed."""

    async def process(job, _token):
        print("begun", job.data["number"], flush=True)
        return job.data["number"]

    worker = Worker(
        QUEUE,
        process,
        options(socket) | {"lockDuration": 2000, "stalledInterval": 500, "concurrency": 4},
    )
    worker.on("completed", lambda job, _result: print("done", job.data["number"], flush=True))
    await asyncio.Event().wait()


async def state(socket):
    """How many jobs are where."""
    queue = Queue(QUEUE, options(socket))
    for place, count in (await queue.getJobCounts("waiting", "active", "completed", "failed", "delayed")).items():
        print(place, count)
    await queue.close()


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
