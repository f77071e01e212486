"""What runs in an actor of Ray's: it hands calls to the agent of its process."""

from __future__ import annotations

import os
import socket

from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import Answer, Call, Payload, WorkerAgent


class RayWorker:
    """One slot: it evaluates one call at a time, in a child process of its own.

    Ray ends it with the driver, and its child process ends with it.
    """

    def host(self) -> str:
        """Return the machine; the first answer says that the actor has started."""
        return socket.gethostname()

    def perform(self, call: Call, *payloads: Payload) -> Answer:
        """Have a call evaluated."""

        def make() -> WorkerAgent:
            # Ray has bound this process to its cores by OMP_NUM_THREADS, and to its GPUs.
            return WorkerAgent(call.settings, 1, 1, os.environ, lambda: False)

        return agent.perform(call, payloads, make)

    def close(self, token: str) -> None:
        """Close the agent of an executor."""
        agent.close(token)
