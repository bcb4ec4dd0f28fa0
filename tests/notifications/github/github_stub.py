"""GitHub as far as we use it, with state. Each request is validated against GitHub's own OpenAPI description
(`github_openapi.json`): path, method, query parameters, body; an unknown name in a body is refused too."""

from __future__ import annotations

import base64
import itertools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from openapi_schema_validator import OAS30WriteValidator

from tests.notifications.http_server import Answer, Request, Server

DESCRIPTION = json.loads(Path(__file__).with_name("github_openapi.json").read_text())
REPOSITORY = "example-org/example-app"
MOST_BODY = 65_536
NOT_FOUND = Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})


class GitHubStub(Server):
    def __init__(self, token: str = "ghp_test", *, assignable: tuple[str, ...] = ("ada",), page_size: int = 30) -> None:
        super().__init__(self._handle)
        self._token, self._assignable, self._page_size = token, assignable, page_size
        self._ids = itertools.count(1001)
        self.issues: dict[int, dict[str, Any]] = {
            7: {"number": 7, "title": "A pull request", "pull_request": {"url": "x"}, "state": "open"}
        }
        self.comments: dict[int, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.refs = {"heads/main": "a" * 40}
        self.files: dict[tuple[str, str], str] = {}
        self.problems: list[str] = []

    def issue_comments(self, number: int) -> list[dict[str, Any]]:
        return [one for one in self.comments.values() if one["issue"] == number]

    @property
    def regression_issues(self) -> list[dict[str, Any]]:
        return [one for one in self.issues.values() if "pull_request" not in one]

    def _handle(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"token {self._token}":
            return Answer(401, {"message": "Bad credentials"})
        problem, operation = check_request(request)
        if problem:
            self.problems.append(problem)
            return Answer(422, {"message": "Validation Failed", "errors": [problem]})
        if not request.path.startswith(f"/repos/{REPOSITORY}"):
            return NOT_FOUND
        path = request.path.removeprefix(f"/repos/{REPOSITORY}")
        for pattern, handle in self._routes():
            if found := re.fullmatch(pattern, f"{request.method} {path}"):
                return handle(request, *(unquote(part) for part in found.groups()))
        raise AssertionError(f"no stub for {operation}")

    def _routes(self) -> list[tuple[str, Any]]:
        return [
            ("GET ", lambda r: Answer(200, {"full_name": REPOSITORY, "default_branch": "main"})),
            (r"GET /commits/(\w+)", lambda r, sha: Answer(200, {"sha": sha, "url": f"{self.url}{r.path}"})),
            (r"POST /statuses/(\w+)", self._create_status),
            ("GET /issues", self._list_issues),
            ("POST /issues", self._create_issue),
            (r"GET /issues/(\d+)", lambda r, n: self._one(self.issues, n)),
            (r"PATCH /issues/(\d+)", self._edit_issue),
            (r"GET /issues/(\d+)/comments", lambda r, n: self._page(r, self.issue_comments(int(n)))),
            (r"POST /issues/(\d+)/comments", self._create_comment),
            (r"GET /issues/comments/(\d+)", lambda r, n: self._one(self.comments, n)),
            (r"PATCH /issues/comments/(\d+)", self._edit_comment),
            (r"GET /git/ref/(.+)", self._ref),
            ("POST /git/refs", self._create_ref),
            (r"GET /contents/(.+)", self._file),
            (r"PUT /contents/(.+)", self._put_file),
            ("GET /pulls", lambda r: self._page(r, [one for one in self.pulls if one["head_name"] == r.query.get("head")])),
            ("POST /pulls", self._create_pull),
            (r"PATCH /pulls/(\d+)", lambda r, n: Answer(200, self.pulls[0] | r.body)),
        ]

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Answer:
        size, page = min(self._page_size, int(request.query.get("per_page", 30))), int(request.query.get("page", 1))
        more = len(entries) > page * size
        query = urlencode(request.query | {"page": page + 1, "per_page": size})
        link = {"Link": f'<{self.url}{request.path}?{query}>; rel="next"'} if more else {}
        return Answer(200, entries[(page - 1) * size : page * size], link)

    @staticmethod
    def _one(entries: dict[int, dict[str, Any]], number: str) -> Answer:
        return Answer(200, entries[int(number)]) if int(number) in entries else NOT_FOUND

    def _create_status(self, request: Request, sha: str) -> Answer:
        if len(request.body["description"]) > 140:
            return Answer(422, {"message": "Validation Failed"})
        self.statuses.append(request.body | {"sha": sha})
        return Answer(201, request.body | {"id": next(self._ids)})

    def _list_issues(self, request: Request) -> Answer:
        wanted = set(filter(None, request.query.get("labels", "").split(",")))
        state = request.query.get("state", "open")
        found = [
            one
            for one in self.issues.values()
            if wanted <= {label["name"] for label in one.get("labels", [])} and state in ("all", one["state"])
        ]
        return self._page(request, found[::-1])

    def _create_issue(self, request: Request) -> Answer:
        body = request.body
        if (
            len(body.get("body", "")) > MOST_BODY
            or len(body["title"]) > 256
            or set(body.get("assignees", [])) - set(self._assignable)
        ):
            return Answer(422, {"message": "Validation Failed"})
        number = max(self.issues) + 1
        self.issues[number] = {
            "number": number,
            "state": "open",
            "title": body["title"],
            "body": body.get("body"),
            "labels": [{"name": name} for name in body.get("labels", [])],
            "assignees": [{"login": name} for name in body.get("assignees", [])],
            "url": f"{self.url}/repos/{REPOSITORY}/issues/{number}",
        }
        return Answer(201, self.issues[number])

    def _edit_issue(self, request: Request, number: str) -> Answer:
        if int(number) not in self.issues:
            return NOT_FOUND
        self.issues[int(number)] |= request.body
        return Answer(200, self.issues[int(number)])

    def _create_comment(self, request: Request, number: str) -> Answer:
        if int(number) not in self.issues:
            return NOT_FOUND
        if len(request.body["body"]) > MOST_BODY:
            return Answer(422, {"message": "Validation Failed"})
        identifier = next(self._ids)
        url = f"{self.url}/repos/{REPOSITORY}/issues/comments/{identifier}"
        self.comments[identifier] = {"id": identifier, "issue": int(number), "body": request.body["body"], "url": url}
        return Answer(201, self.comments[identifier])

    def _edit_comment(self, request: Request, number: str) -> Answer:
        if int(number) not in self.comments:
            return NOT_FOUND
        self.comments[int(number)] |= request.body
        return Answer(200, self.comments[int(number)])

    def _ref(self, request: Request, ref: str) -> Answer:
        if ref not in self.refs:
            return NOT_FOUND
        return Answer(200, {"ref": f"refs/{ref}", "object": {"sha": self.refs[ref], "type": "commit"}})

    def _create_ref(self, request: Request) -> Answer:
        name = request.body["ref"].removeprefix("refs/")
        if name in self.refs:
            return Answer(422, {"message": "Reference already exists"})
        self.refs[name] = request.body["sha"]
        return Answer(201, {"ref": request.body["ref"], "object": {"sha": request.body["sha"]}})

    def _file(self, request: Request, path: str) -> Answer:
        key = (request.query.get("ref", "main"), path)
        if key not in self.files:
            return NOT_FOUND
        content = base64.b64encode(self.files[key].encode()).decode()
        return Answer(200, {"type": "file", "path": path, "sha": "b" * 40, "content": content, "encoding": "base64"})

    def _put_file(self, request: Request, path: str) -> Answer:
        key = (request.body["branch"], path)
        if key in self.files and "sha" not in request.body:
            return Answer(409, {"message": "sha is missing"})
        self.files[key] = base64.b64decode(request.body["content"]).decode()
        return Answer(201, {"content": {"path": path, "sha": "c" * 40}, "commit": {"sha": "d" * 40}})

    def _create_pull(self, request: Request) -> Answer:
        number = 8 + len(self.pulls)
        self.pulls.append(
            request.body
            | {
                "number": number,
                "head_name": f"{REPOSITORY.split('/')[0]}:{request.body['head']}",
                "head": {"ref": request.body["head"]},
                "base": {"ref": request.body["base"]},
                "html_url": f"https://github.example/{REPOSITORY}/pull/{number}",
                "url": f"{self.url}/repos/{REPOSITORY}/pulls/{number}",
            }
        )
        return Answer(201, self.pulls[-1])


def check_request(request: Request) -> tuple[str, str]:
    """(what is wrong with it or "", the operation it is)."""
    for template, methods in DESCRIPTION["paths"].items():
        # {path} and {ref} take slashes
        pattern = re.sub(r"\\\{(path|ref)\\\}", "(?P<x>.+)", re.escape(template))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        if not re.fullmatch(pattern, request.path) or request.method.lower() not in methods:
            continue
        name = f"{request.method} {template}"
        operation = methods[request.method.lower()]
        return (_check_query(request, operation) or _check_body(request, operation)), name
    return f"{request.method} {quote(request.path)} is no operation of GitHub", ""


def _check_query(request: Request, operation: dict[str, Any]) -> str:
    known = {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == "query"}
    for name, value in request.query.items():
        if name not in known:
            return f"{request.path}: unknown query parameter {name}"
        allowed = known[name].get("enum")
        if (allowed and value not in allowed) or (known[name].get("type") == "integer" and not value.isdigit()):
            return f"{request.path}: {name}={value} is not allowed"
    return ""


def _check_body(request: Request, operation: dict[str, Any]) -> str:
    if not operation["requestBody"]:
        return f"{request.path}: takes no body" if request.raw else ""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    problems = [error.message for error in OAS30WriteValidator(schema).iter_errors(request.body)]
    unknown = set(request.body) - set(schema["properties"])
    return "; ".join(problems) or (f"{request.path}: unknown in the body: {unknown}" if unknown else "")
