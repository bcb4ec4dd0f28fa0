"""Apache Otava run online over series: after each new run, is there a change point to the worse?

Runs in an environment of its own (Otava pins other versions of numpy and scipy than we do): reads {"series": [[...]],
"first": n} from standard input, writes for each series the index of the run after which Otava first reports a slow-down
in runs from `first` on, or null. Otava's defaults: window 50, p 0.001, no least magnitude.
"""

import json
import sys

from otava.analysis import compute_change_points


def first_alarm(series: list[float], first: int) -> int | None:
    for end in range(first, len(series)):
        points, _ = compute_change_points(series[: end + 1], window_len=50, max_pvalue=0.001)
        if any(point.index >= first and point.stats.mean_2 > point.stats.mean_1 for point in points):
            return end
    return None


def main() -> None:
    request = json.load(sys.stdin)
    json.dump([first_alarm(series, request["first"]) for series in request["series"]], sys.stdout)


if __name__ == "__main__":
    main()
