"""Makes `github_openapi.json` from GitHub's OpenAPI description: the operations that we use, references resolved.

npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
python -m tests.notifications.github.update_github_openapi package/generated/api.github.com.json 23.0.2
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OPERATIONS = {
    "/repos/{owner}/{repo}": ["get"],
    "/repos/{owner}/{repo}/commits/{ref}": ["get"],
    "/repos/{owner}/{repo}/statuses/{sha}": ["post"],
    "/repos/{owner}/{repo}/issues": ["get", "post"],
    "/repos/{owner}/{repo}/issues/{issue_number}": ["get", "patch"],
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ["get", "patch"],
    "/repos/{owner}/{repo}/pulls": ["get", "post"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["patch"],
    "/repos/{owner}/{repo}/contents/{path}": ["get", "put"],
    "/repos/{owner}/{repo}/git/refs": ["post"],
    "/repos/{owner}/{repo}/git/ref/{ref}": ["get"],
}
TARGET = Path(__file__).with_name("github_openapi.json")


def main(description: str, version: str) -> None:
    document = json.loads(Path(description).read_text())

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            found = document
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return resolved(found)
        # a property may itself be called "description": then its value is a schema
        prose = {key for key in ("description", "example") if not isinstance(value.get(key), dict)} | {"examples"}
        return {key: resolved(inner) for key, inner in value.items() if key not in prose}

    paths: dict[str, Any] = {}
    for path, methods in OPERATIONS.items():
        for method in methods:
            operation = document["paths"][path][method]
            paths.setdefault(path, {})[method] = {
                "parameters": resolved(operation.get("parameters", [])),
                "requestBody": resolved(operation.get("requestBody")),
                "success": min(code for code in operation["responses"] if code.startswith("2")),
            }
    result = {"source": f"npm @octokit/openapi {version}, api.github.com.json (MIT)", "paths": paths}
    TARGET.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
