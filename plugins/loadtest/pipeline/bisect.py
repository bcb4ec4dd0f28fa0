"""Finds the commit that made a service slower, by comparisons side by side with the commit that was still good."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest import wording
from loadtest.builds.bisection import Bisection, Step, bounds, most_comparisons, next_commit
from loadtest.builds.worktrees import CommitInfo, commit_info, commit_of, commits_between
from loadtest.errors import ConfigurationError, InfrastructureError, NotRunError
from loadtest.gate.records.verdicts import Verdict
from loadtest.pipeline.stages import Watcher, run_once
from loadtest.planning.build import Builds
from loadtest.planning.config import load_environment, load_profile
from loadtest.planning.models import Trigger
from loadtest.planning.request import Request
from loadtest.settings import Settings
from loadtest.vocabulary import Criterion, Outcome

Say = Callable[[str], None]
SAID = {True: "slower", False: "not slower", None: "cannot be measured"}
SLOWER = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS)


@dataclass(frozen=True)
class Found:
    """`commit`: the one that made it slower; None where the search says only between which ones. `check`: its comparison with the
    commit before it. `left`: commits that remain, oldest first; of them none could be measured but the last."""

    commit: CommitInfo | None
    check: Step | None
    left: tuple[CommitInfo, ...] = ()


class Search:
    """One search, kept in a file after each comparison: asked again, it goes on where it stopped."""

    def __init__(
        self, request: Request, good: str, bad: str, endpoint: str | None, settings: Settings, watcher: Watcher, say: Say
    ) -> None:
        environment = load_environment(settings, request.environment)
        if environment.builds is None or not environment.starts_backend:
            raise ConfigurationError(
                f"Environment {environment.name!r} makes no builds, so its commits cannot be compared; give it a backend and a "
                "`builds:` section."
            )
        self._request, self._settings, self._watcher, self._say = request, settings, watcher, say
        self._builds: Builds = environment.builds
        self.good, self.bad = (commit_of(self._builds, name) for name in (good, bad))
        self.commits = commits_between(self._builds, self.good, self.bad)
        self._duration_s = request.duration_s or load_profile(settings, request.profile).duration_s
        self._path = _state_path(settings, request, self.good, self.bad, endpoint)
        fresh = Bisection(good=self.good, bad=self.bad, endpoint=endpoint)
        self._state = Bisection.read(self._path) if self._path.exists() else fresh

    @property
    def announcement(self) -> str:
        """How much there is to do, before it is begun."""
        most = most_comparisons(len(self.commits))
        load = wording.duration(self._duration_s * (most + 1))
        known = f"; {len(self._state.steps)} of them are known from before" if self._state.steps else ""
        return (
            f"{wording.plural(len(self.commits), 'commit')} between {self.good[:10]} and {self.bad[:10]}: at most "
            f"{wording.plural(most, 'comparison')} and a check, {load} of load{known}."
        )

    def forget(self) -> None:
        """Begin anew, whatever is known."""
        self._path.unlink(missing_ok=True)
        self._state = self._state.model_copy(update={"steps": ()})

    def run(self) -> Found:
        """Compare until it is known. Raises InfrastructureError for a comparison that cannot be trusted; what is known stays."""
        while commit := next_commit(self.commits, self._slower()):
            self._compared(commit, self.good)
        low, high = bounds(self.commits, self._slower())
        if high - low > 1:
            return Found(None, None, tuple(commit_info(self._builds, one) for one in self.commits[low + 1 : high + 1]))
        before = self.commits[high - 1] if high else self.good
        check = self._compared(self.commits[high], before)
        return Found(commit_info(self._builds, self.commits[high]) if check.slower else None, check)

    def _slower(self) -> dict[str, bool | None]:
        return {step.commit: step.slower for step in self._state.steps if step.against == self.good}

    def _compared(self, commit: str, against: str) -> Step:
        if (known := self._state.step(commit, against)) is not None:
            return known
        info = commit_info(self._builds, commit)
        self._say(f"{info.commit[:10]} against {against[:10]}: {info.subject[:80]}")
        step = self._measured(commit, against)
        self._say(f"  {SAID[step.slower]}: {step.sentence}")
        self._state = self._state.model_copy(update={"steps": (*self._state.steps, step)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._state.write(self._path)
        return step

    def _measured(self, commit: str, against: str) -> Step:
        reason = f"looking for what slowed it down between {self.good[:10]} and {self.bad[:10]}"
        trigger = Trigger(**self._request.trigger.model_dump() | {"commit": commit, "reason": reason})
        request = self._request.model_copy(update={"trigger": trigger, "against": against})
        try:
            outcome = run_once(request, self._settings, watcher=self._watcher)
        except NotRunError as error:
            return Step(commit=commit, against=against, slower=None, sentence=str(error))
        verdict = outcome.verdict
        if verdict.comparison is None or not verdict.comparison.compared:
            if outcome.folder.attempts():
                raise InfrastructureError(
                    f"Commit {commit[:10]} could not be compared: {verdict.sentence}; the same command goes on from here."
                )
            return Step(commit=commit, against=against, slower=None, sentence=verdict.sentence, run_id=verdict.run_id)
        return _judged(verdict, commit, against, self._state.endpoint)


def _judged(verdict: Verdict, commit: str, against: str, endpoint: str | None) -> Step:
    findings = [one for one in verdict.findings if one.criterion in SLOWER and endpoint in (None, one.endpoint)]
    flagged = [one for one in findings if one.outcome in (Outcome.FAIL, Outcome.WARN)]
    shown = next(iter(flagged or findings), None)
    return Step(
        commit=commit,
        against=against,
        slower=bool(flagged),
        effect=shown.effect if shown else None,
        sentence=shown.sentence if shown else verdict.sentence,
        run_id=verdict.run_id,
    )


def _state_path(settings: Settings, request: Request, good: str, bad: str, endpoint: str | None) -> Path:
    asked = (good, bad, endpoint, request.scenario, request.environment, request.profile, request.users, request.duration_s)
    return settings.scratch / "bisections" / f"{hashlib.sha256(repr(asked).encode()).hexdigest()[:16]}.json"
