"""Which user class an arrival of an open load goes to. Asked in a process of its own, because Locust patches the one it is in."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from locust import User
from loadtest.load.inside_locust.open_loop import shares_of

classes = [type("User", (User,), {"abstract": True} | options) for options in json.loads(sys.argv[1])]
shares = shares_of(classes, int(sys.argv[2]))
print(json.dumps([share / sum(shares) for share in shares]))
"""


@pytest.mark.parametrize(
    ("classes", "most_users", "expected"),
    [
        ([{"weight": 3}, {"weight": 1}], 10, [0.75, 0.25]),
        ([{"weight": 3}, {"weight": 1}, {"fixed_count": 2}], 10, [0.6, 0.2, 0.2]),
        ([{"weight": 0.5}, {"fixed_count": 1}], 1000, [0.999, 0.001]),
        ([{"fixed_count": 1}, {"fixed_count": 3}], 1000, [0.25, 0.75]),
        ([{"weight": 1}, {"fixed_count": 20}], 10, [0, 1]),
    ],
)
def test_a_fixed_count_is_that_share_of_the_most_users(
    classes: list[dict[str, float]], most_users: int, expected: list[float]
) -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps(classes), str(most_users)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == pytest.approx(expected, abs=1e-6)
