"""The names of a run's files, in one place. A run folder is `<runs root>/<scenario>/<environment>/<profile>/<run_id>/`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.planning.quantities import slug_pattern, slugify

CONFIRMATIONS = 2  # how often a suspicious run is measured again
# Only at the end: a branch named fix-confirm-dialog is part of a run id too.
_BELONGS = re.compile(r"-(?:confirm-\d+|against-base)$")


@dataclass(frozen=True)
class Attempt:
    """One try to send the load: `attempts/<n>/` of the run folder."""

    path: UPath
    number: int

    @property
    def load(self) -> UPath:
        return self.path / "load.json"

    @property
    def samples(self) -> UPath:
        return self.path / "samples.parquet"

    @property
    def exemplars(self) -> UPath:
        return self.path / "exemplars.json"

    @property
    def progress(self) -> UPath:
        return self.path / "progress.json"

    @property
    def locust_log(self) -> UPath:
        return self.path / "locust.log"


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run's files; creates and reads nothing by itself."""

    path: UPath

    @classmethod
    def of(cls, runs_root: UPath | str, scenario: str, environment: str, profile: str, run_id: str) -> RunFolder:
        for part in (scenario, environment, profile, run_id):
            if not re.fullmatch(slug_pattern, part):
                raise ConfigurationError(
                    f"{part!r} cannot be part of a run's path; use lower-case letters, digits, '.', '_' and '-'."
                )
        return cls(UPath(runs_root) / scenario / environment / profile / run_id)

    @classmethod
    def refused(cls, runs_root: UPath | str, run_id: str) -> RunFolder:
        """Where a refused request is kept: its id is made safe, no path is built from bad input."""
        return cls(UPath(runs_root) / "_refused" / slugify(run_id))

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def runs_root(self) -> UPath:
        """`<runs root>/<scenario>/<environment>/<profile>/<run id>`, or `<runs root>/_refused/<run id>`."""
        return self.path.parents[1] if self.path.parent.name == "_refused" else self.path.parents[3]

    def confirmation(self, number: int) -> RunFolder:
        """Where the `number`-th confirmation of this run is measured: beside it."""
        return RunFolder(self.path.parent / f"{self.run_id}-confirm-{number}")

    @property
    def base(self) -> RunFolder:
        """Where the base of a comparison side by side is measured: beside this run, which is the candidate."""
        return RunFolder(self.path.parent / f"{self.run_id}-against-base")

    @property
    def turns(self) -> UPath:
        """Which side had its turn when, in a comparison side by side."""
        return self.path / "turns.json"

    @property
    def is_confirmation(self) -> bool:
        """Whether it belongs to another run: as a confirmation, or as the base of its comparison."""
        return _BELONGS.search(self.run_id) is not None

    @property
    def owner(self) -> RunFolder:
        """The run that it belongs to: itself, or the one beside it that it confirms or is the base of."""
        return RunFolder(self.path.parent / _BELONGS.sub("", self.run_id))

    @property
    def plan(self) -> UPath:
        return self.path / "plan.json"

    @property
    def request(self) -> UPath:
        return self.path / "request.json"

    @property
    def imported(self) -> UPath:
        """Of a run that another tool measured: which tool, and what it left."""
        return self.path / "import.json"

    @property
    def samples(self) -> UPath:
        return self.path / "samples.parquet"

    @property
    def load(self) -> UPath:
        return self.path / "load.json"

    @property
    def exemplars(self) -> UPath:
        return self.path / "exemplars.json"

    @property
    def backend_state(self) -> UPath:
        return self.path / "backend.json"

    @property
    def service_down(self) -> UPath:
        return self.path / "service_down.json"

    @property
    def backend_log(self) -> UPath:
        return self.path / "backend.log"

    @property
    def locust_log(self) -> UPath:
        return self.path / "locust.log"

    @property
    def stats_csv(self) -> UPath:
        return self.path / "loadtest_stats.csv"

    @property
    def failures_csv(self) -> UPath:
        return self.path / "loadtest_failures.csv"

    @property
    def metrics(self) -> UPath:
        return self.path / "metrics.json"

    @property
    def analysis(self) -> UPath:
        return self.path / "analysis.json"

    @property
    def prometheus(self) -> UPath:
        return self.path / "metrics.prom"

    @property
    def regression_report(self) -> UPath:
        return self.path / "regression_report.json"

    @property
    def data_contract(self) -> UPath:
        return self.path / "data_contract.json"

    @property
    def data_docs(self) -> UPath:
        return self.path / "data_docs"

    @property
    def verdict(self) -> UPath:
        return self.path / "verdict.json"

    @property
    def report(self) -> UPath:
        return self.path / "report.html"

    @property
    def locust_style_report(self) -> UPath:
        """The same report under the name that Locust users and CI upload steps look for."""
        return self.path / "loadtest_report.html"

    @property
    def summary(self) -> UPath:
        return self.path / "summary.md"

    @property
    def junit(self) -> UPath:
        return self.path / "junit.xml"

    @property
    def deliveries(self) -> UPath:
        """What was sent to whom (Slack, GitHub), so that a retry posts nothing twice."""
        return self.path / "deliveries.json"

    def attempt(self, number: int) -> Attempt:
        return Attempt(self.path / "attempts" / str(number), number)

    def attempts(self) -> list[Attempt]:
        """All attempts so far, oldest first."""
        try:  # listed, not asked for: a storage that cannot answer must not look as if there were none
            numbers = sorted(int(entry.name) for entry in (self.path / "attempts").iterdir() if entry.name.isdecimal())
        except (FileNotFoundError, NotADirectoryError):  # fsspec has both for what is not there
            return []
        return [self.attempt(number) for number in numbers]
