"""The bucket of LOADTEST_RUNS_ROOT, made where it is not there yet: `python -m loadtest.deployment.bucket`.

A runs root that is a folder needs nothing. A bucket that is there already is left alone, as Amazon's should be.
"""

from __future__ import annotations

import sys

from loadtest.errors import LoadTestError
from loadtest.settings import settings
from loadtest.storage import StoredPath


def main() -> int:
    root = settings().runs_root
    if not isinstance(root, StoredPath):
        return 0
    bucket = root.path.split("/", 1)[0]
    try:
        if not root.asked(lambda fs: fs.exists(bucket)):
            root.asked(lambda fs: fs.mkdir(bucket))
    except (OSError, LoadTestError) as error:
        print(f"The bucket of {root} cannot be made: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
