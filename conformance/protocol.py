"""The plug-in protocol: what a target offers, and the one function that runs a case through it.

Arrays cross as NumPy arrays, so that nothing here knows any framework.  A target is in Python anything with the two
attributes and the one method of `Target`; the adapters in `conformance.targets` make classes and functions speak it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from time import monotonic, sleep
from typing import Any, Protocol, runtime_checkable

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.answers import wrong_parameters, wrong_state
from conformance.capabilities import Capabilities
from conformance.case import Case, Moments, Trajectory
from conformance.manners import hyperparameters_refusable, manner_refusable

NOT_RUN = "not run: "
"""Before the reason why nothing more could be asked, wherever something would have been asked."""

_LONGEST, _SENTENCES = 2000, 20
"""Characters that a target's own words may take in an error message, and sentences that it may say of its memory."""

_WALK, _PACE = 20.0, 1024
"""Seconds that steps which nobody looks at may take, and after how many of them that is looked at."""

STUMBLES = (LookupError, NameError, AttributeError, ArithmeticError)
"""Exceptions that say that a program has lost its way, and not that it declines what it was asked for."""


class TargetError(Exception):
    """The target could not be run: it raised, answered nonsense, hung or died.  Never a statement about its numbers.

    What a target says may hold anything; control characters and what no encoding can write are escaped.

    Attributes:
        fatal: nothing more can be asked of this target in this run (it hung or its process died).

    """

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        super().__init__(printable(message))
        self.fatal = fatal


class CheckpointError(TargetError):
    """What was saved cannot be written down, or not be gone on from in another process."""


def printable(text: str, longest: int = _LONGEST) -> str:
    """What any terminal, file or report can show of `text`, cut where it is longer than that many characters."""
    short = text if len(text) <= longest else f"{text[: longest // 2]} ... ({len(text):,} characters)"
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in short)


def raised(error: BaseException) -> str:
    """`raised`, the kind of exception, and what it says, where it can say it."""
    try:
        words = str(error)
    except Exception:
        words = ""
    return f"raised {type(error).__name__}" + (f": {words}" if words else "")


@runtime_checkable
class Session(Protocol):
    """One optimizer at work on one set of parameters."""

    def step(self, gradients: Sequence[Array | None]) -> Sequence[Array]:
        """Step once; returns the parameters after the step, as new arrays or as the ones held."""
        ...


@runtime_checkable
class Target(Protocol):
    """An implementation under test.

    `capabilities` may be a mapping as well, of those claims that are not the defaults of `Capabilities`.

    Sessions may offer more than `step`, each used only where the capability is claimed: `state() -> list of Moments`
    (or of mappings with the keys m, v, v_max, step), `save() -> Any` and `load(saved)` ("checkpoint": everything that
    later steps depend on, a learning rate that was set included, as values that pickle carries into another process),
    `set_lr(lr)` ("lr_schedule"), `fast_forward(steps)`
    ("fast_forward": before the first step, what so many steps with zero gradients leave), `held_gradients()` (the
    gradients as the target holds them after a step, where it converts them), `held_parameters()` (the same of the
    parameters), `shared_memory() -> list of sentences` (where its arrays overlap and must not), `noticed() -> list of
    sentences` (what else went wrong that no number shows) and `disturbed() -> list of sentences` (what was not left as
    it was in processes of the target's own, which is put back).  A target that claims manners has `start_in(manner,
    parameters, hyperparameters)`, which gives a session that is worked with in that manner.  One that claims
    `stochastic_rounding` has `seed(number)`: from then on all that its sessions draw, in the order in which they step,
    follows from that number.
    """

    name: str
    capabilities: Capabilities

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """Start on these parameters; one entry of hyperparameters a parameter, equal entries form a group."""
        ...


def seed(target: Target, cases: Sequence[Case]) -> None:
    """Where the target rounds at random, what it draws next follows from the seed of the first case."""
    if target.capabilities.stochastic_rounding:
        try:
            target.seed(cases[0].seed)  # type: ignore[attr-defined]
        except (Exception, SystemExit) as error:
            raise TargetError(f"seed {raised(error)}; a target that rounds at random has seed(number)") from error


def run_case(target: Target, case: Case) -> Trajectory:
    """Run `case`; raises `TargetError` when the target raises or answers with other shapes or dtypes."""
    return run_together(target, (case,))[0]


def run_together(target: Target, cases: Sequence[Case]) -> list[Trajectory]:
    """Run several cases at once, a step of each in turn, each in a session of its own."""
    runs: list[Run] = []
    for runs in stepwise(target, cases):  # noqa: B007
        pass
    return [run.trajectory() for run in runs]


def stepwise(target: Target, cases: Sequence[Case]) -> Iterator[list[Run]]:
    """The runs of several cases before the first step, and after each; a step of each case in turn makes one."""
    runs = [Run(target, case) for case in cases]
    yield runs
    for step in range(max(case.steps for case in cases)):
        for run in runs:
            run.step(step)
        yield runs


def begin(target: Target, case: Case) -> tuple[Trajectory, bytes]:
    """Run `case`, and write down what is saved after its last step, for `go_on` in any process.

    Nothing is saved where the target refuses the case.

    Raises:
        CheckpointError: pickle does not take what was saved, or does not even give it back here.
        TargetError: as in `run_case`.

    """
    run = Run(target, case)
    for step in range(case.steps):
        run.step(step)
    return run.trajectory(), b"" if run.refused else run.written()


def go_on(target: Target, case: Case, checkpoint: bytes) -> Trajectory:
    """Run `case`, whose parameters are those of that time, from what `begin` wrote down.  It is unpickled: for workers.

    Raises:
        CheckpointError: it cannot be loaded, or a step from it raises.
        TargetError: a session cannot be started.

    """
    run = Run(target, case)
    try:
        run.load(checkpoint)
        for step in range(case.steps):
            run.step(step)
        return run.trajectory()
    except TargetError as error:
        raise CheckpointError(str(error)) from error


class Run:
    """One case on its way through one target."""

    def __init__(self, target: Target, case: Case) -> None:
        self.target, self.case = target, case
        self.current: tuple[Array, ...] = tuple(p.copy() for p in case.parameters)
        self.parameters: list[tuple[Array, ...]] = []
        self.moments: list[tuple[Moments, ...]] = []
        self.changed: list[tuple[int, int]] = []
        self.shared: list[str] = []
        self.late: list[str] = []
        self.became: list[Array] = []
        self.refused = self.doing = ""
        self.resumed = False
        self.objections: list[str] = []
        self.handed: list[Array] = []
        self.session: Any = None
        self._unless_refused(self._begin)

    def _begin(self) -> None:
        self.session = self._start()
        if self.case.skipped:
            if self.target.capabilities.fast_forward:
                self._call("fast_forward", lambda: self.session.fast_forward(self.case.skipped))
            else:
                self._call("one of them", self._walk)

    def _walk(self) -> None:
        """Make the steps before the first one; where they take too long, there will be no first one."""
        zeros = [np.zeros_like(p) for p in self.current]
        until = monotonic() + _WALK
        for made in range(self.case.skipped):
            if made % _PACE == 0 and monotonic() > until:
                self.refused = f"{made:,} steps took it more than {_WALK:g} s"
                return
            self.session.step([z.copy() for z in zeros])

    def _start(self) -> Any:
        self.handed = given = [p.copy() for p in self.current]
        hypers = list(self.case.given)
        if self.case.manner:
            return self._call("start", lambda: self.target.start_in(self.case.manner, given, hypers))  # type: ignore[attr-defined]
        return self._call("start", lambda: self.target.start(given, hypers))

    def _unless_refused(self, function: Any) -> None:
        """Do it; where the case may be refused, an exception of the target's ends the run and is kept."""
        try:
            function()
        except TargetError as error:
            lost = self._lost_after_many(error.__cause__)
            if error.fatal or not (lost or self._is_refusal(error.__cause__)):
                raise
            self.refused = str(error)
            if lost:
                before = f"with {self.case.skipped:,} steps with zero gradients before the first one"
                self.objections.append(f"{before}: {self.refused}")
            elif self.case.invalid is not None:
                self._look_at_refusal(error.__cause__)
            elif wrong := self._stumbled(error.__cause__):
                self.objections.append(f"{self.refused}; {wrong}")
            if self.target.capabilities.state:
                del self.parameters[len(self.moments) :]

    def _look_at_refusal(self, cause: BaseException | None) -> None:
        """What is wrong with the way in which invalid hyperparameters were refused."""
        if not isinstance(cause, ValueError):
            self.objections.append(f"{self.refused}; it is to be refused with a ValueError")
        held = getattr(self.session, "held_parameters", lambda: self.handed)()
        for i, (was, now) in enumerate(zip(self.current, held, strict=True)):
            if not _same_bits(was, now):
                self.objections.append(f"parameter {i} was changed before this was refused: {self.refused}")

    def _stumbled(self, cause: BaseException | None) -> str:
        """Why what the target raised is no refusal of the manner; empty where it is one."""
        copied = self.doing == "save" or self.resumed
        if copied and isinstance(cause, AttributeError):  # a copy may lack what its framework does not copy
            return ""
        return f"{type(cause).__name__} is no refusal" if isinstance(cause, STUMBLES) else ""

    def _lost_after_many(self, cause: BaseException | None) -> bool:
        """Whether the target raised once it was to have made many steps; the check sees whether it does so at once."""
        return cause is not None and self.session is not None and self.case.skipped > 0

    def _is_refusal(self, cause: BaseException | None) -> bool:
        """Whether what the target raised is a refusal; an answer that makes no sense has no cause, and is none.

        What it raises over invalid hyperparameters is one, whatever it is: how it refuses is what is looked at.
        """
        if manner_refusable(self.case) or self.case.invalid is not None:
            return cause is not None
        return isinstance(cause, ValueError) and not self.parameters and hyperparameters_refusable(self.case)

    @cached_property
    def noticed(self) -> list[str]:
        """What went wrong that no number shows; asked for once, when the run is over."""
        return [*self.objections, *self._sentences("noticed")]

    def _sentences(self, method: str) -> list[str]:
        """What the session says there, where it says anything, as words that can be printed."""
        if not hasattr(self.session, method):
            return []
        said = self._call(method, lambda: list(getattr(self.session, method)())[:_SENTENCES])
        return [printable(str(words), _LONGEST // 10) for words in said]

    def step(self, step: int) -> None:
        """Make step number `step` (from 0), where the case has it and the target has not refused."""
        if step < self.case.steps and not self.refused:
            self._unless_refused(lambda: self._step(step))

    def written(self) -> bytes:
        """What the session saves, as a pickle; raises `CheckpointError` where it cannot be one."""
        saved = self._call("save", lambda: self.session.save())
        try:
            written = pickle.dumps(saved)
            pickle.loads(written)
        except Exception as error:
            raise CheckpointError(f"pickling what save gave {raised(error)}") from error
        return written

    def load(self, checkpoint: bytes) -> None:
        """Have the session load what `written` gave; where the target refused the case, there is none that could."""
        if not self.refused:
            self._call("load", lambda: self.session.load(pickle.loads(checkpoint)))

    def _step(self, step: int) -> None:
        if step < len(self.case.lrs) and (lr := self.case.lrs[step]) is not None:
            self._call("set_lr", lambda: self.session.set_lr(lr))
        given = [None if g is None else g.copy() for g in self.case.gradients[step]]
        returned = self._call(f"step {step + 1}", lambda: self.session.step(given))
        self.current = self._call(f"reading what step {step + 1} returned", lambda: self._checked(returned, step))
        self.parameters.append(self.current)
        self._observe(step, given)
        if self.case.pause:
            sleep(self.case.pause)
            self._call("looking at it again", lambda: self._look_again(step, given, returned))
        if self.case.checkpoint_after == step + 1:
            saved = self._call("save", lambda: self.session.save())
            self.session = self._start()
            self._call("load", lambda: self.session.load(saved))
            self.resumed = True

    def _observe(self, step: int, given: list[Array | None]) -> None:
        changed = self._call("held_gradients", lambda: self._changed(step, given))
        self.changed += changed
        self.became += changed.values()
        if self.target.capabilities.state:
            self.moments.append(self._call("state", self._state))
        if step in (0, self.case.steps - 1) and not self.shared:
            self.shared = self._sentences("shared_memory")

    def _changed(self, step: int, given: list[Array | None]) -> dict[tuple[int, int], Array]:
        """The gradients of this step that are not what they were, and what they are."""
        held = getattr(self.session, "held_gradients", lambda: given)()
        pairs = enumerate(zip(self.case.gradients[step], held, strict=True))
        return {
            (step, i): _numbers(after, before.dtype)
            for i, (before, after) in pairs
            if before is not None and not _same_bits(before, after)
        }

    def _look_again(self, step: int, given: list[Array | None], returned: Any) -> None:
        """Whether gradients or parameters have changed since the step was over."""
        after = f"changed after step {step + 1} was over"
        changed = [place for place in self._changed(step, given) if place not in self.changed]
        self.late += [f"the gradient of parameter {i} {after}" for _, i in changed]
        held = getattr(self.session, "held_parameters", lambda: returned)()
        pairs = enumerate(zip(self.current, held, strict=True))
        self.late += [f"parameter {i} {after}" for i, (was, now) in pairs if not _same_bits(was, now)]

    def _state(self) -> tuple[Moments, ...]:
        moments = tuple(map(_as_moments, self.session.state()))
        if wrong := wrong_state(self.case, moments):
            raise TargetError(wrong)
        return moments

    def _checked(self, returned: Any, step: int) -> tuple[Array, ...]:
        """Copies, at once: what was returned may be changed later, and may be no plain array."""
        arrays = list(map(_plain, returned)) if isinstance(returned, list | tuple) else returned
        if wrong := wrong_parameters(self.case, step, arrays):
            raise TargetError(wrong)
        return tuple(arrays)

    def _call(self, what: str, function: Any) -> Any:
        self.doing = what
        try:
            return function()
        except TargetError:
            raise
        except (Exception, SystemExit) as error:
            raise TargetError(f"{what} {raised(error)}") from error

    def trajectory(self) -> Trajectory:
        """What was seen."""
        return Trajectory(
            tuple(self.parameters),
            tuple(self.moments),
            tuple(self.changed),
            tuple(self.shared),
            tuple(self.noticed),
            self.refused,
            tuple(self.late),
            tuple(self._sentences("disturbed")) if self.case.pause else (),
            tuple(self.became),
        )


def _as_moments(given: Any) -> Moments:
    if not isinstance(given, Moments | Mapping):
        raise TargetError(f"state gave {type(given).__name__}; Moments or mappings of m, v, v_max, step are expected")
    held = given if isinstance(given, Mapping) else vars(given)
    arrays = {k: None if held.get(k) is None else _plain(held[k]) for k in ("m", "v", "v_max")}
    step = held.get("step")
    return Moments(**arrays, step=None if step is None else float(step))


def _numbers(held: Any, dtype: np.dtype[Any]) -> Array:
    """A gradient as an array of its dtype; an empty one where it is gone, or is none of numbers of that dtype."""
    array = np.zeros(0, dtype) if held is None else _plain(held)
    return array if array.dtype == dtype else np.zeros(0, dtype)


def _plain(given: Any) -> Array:
    """A new array of NumPy's own class with the numbers of `given`."""
    return np.array(given, subok=False)


def _same_bits(a: Array, b: Any) -> bool:
    other = np.asarray(b)
    return bool(a.dtype == other.dtype and a.shape == other.shape and a.tobytes() == other.tobytes())
