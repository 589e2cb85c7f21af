"""What an isolated target may use up before it is given up: time, memory, output, processes."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """The most that one worker may take; none of it is near what an Adam needs.

    Attributes:
        answer: seconds for any one answer, the target's import included.
        total: seconds for all answers together; what the harness itself takes is not counted.
        memory: bytes that each of its processes may map for data, and that all of them together may hold in memory.
        output: bytes on standard output and standard error together.
        processes: how many there may be at once, the worker included.

    """

    answer: float = 60.0
    total: float = 3600.0
    memory: int = 8 * GIB
    output: int = 64 << 20
    processes: int = 256
