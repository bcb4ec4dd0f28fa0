"""A promoted baseline as a pull request: the new baseline file on a branch of its own, for people to review as a diff."""

from __future__ import annotations

from pathlib import PurePosixPath

from github import Github, GithubException
from github.Repository import Repository

from loadtest.errors import ConfigurationError
from loadtest.notifications.github.delivery import REPOSITORY, GitHubSender
from loadtest.notifications.policy.retrying import RetryPolicy
from loadtest.planning.quantities import slugify
from loadtest.reporting.escape import markdown, plain

MARKER = "<!-- loadtest:baseline -->"


def propose_baseline(
    client: Github,
    repository: str,
    *,
    path: str,
    content: str,
    name: str,
    by: str,
    reason: str,
    base: str | None = None,
    policy: RetryPolicy = RetryPolicy(),
) -> str:
    """Open (or bring up to date) the pull request that puts `content` at `path`; returns its address.

    `name`: what the baseline is of, such as `student_api/staging/medium`; one branch and one pull request per name.
    `path` is relative to the repository's root. Safe to repeat. Raises DeliveryError, ConfigurationError for a bad path.
    """
    if not REPOSITORY.fullmatch(repository):
        raise ConfigurationError(f"{repository[:80]!r} is not a repository; it is written owner/name.")
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.name.endswith(".json"):
        raise ConfigurationError(f"{path!r} is not the path of a baseline file inside the repository.")
    title = f"Load test baseline: {name}"
    body = (
        f"{MARKER}\n\nThe new reference for {markdown(name)}.\n\n"
        f"Promoted by {markdown(by)}: {markdown(reason)}\n\n"
        "From the next run after the merge on, runs are compared with it, and drift is measured from it."
    )

    def propose() -> str:
        found = client.get_repo(repository)
        target = base or found.default_branch
        branch = f"loadtest-baseline/{slugify(name)}"
        _ensure_branch(found, branch, target)
        _put(found, path, content, branch, message=f"{title}\n\n{plain(by, 200)}: {plain(reason, 500)}")
        pulls = list(found.get_pulls(state="open", head=f"{repository.split('/')[0]}:{branch}", base=target))
        if pulls:
            pulls[0].edit(body=body)
            return pulls[0].html_url
        return found.create_pull(base=target, head=branch, title=title, body=body).html_url

    return GitHubSender(client, policy).repeated(propose)


def _ensure_branch(repository: Repository, branch: str, base: str) -> None:
    head = repository.get_git_ref(f"heads/{base}").object.sha
    try:
        repository.create_git_ref(ref=f"refs/heads/{branch}", sha=head)
    except GithubException as error:
        if error.status != 422:  # 422: it is there already
            raise


def _put(repository: Repository, path: str, content: str, branch: str, *, message: str) -> None:
    try:
        existing = repository.get_contents(path, ref=branch)
    except GithubException as error:
        if error.status != 404:
            raise
        repository.create_file(path, message, content, branch=branch)
        return
    if isinstance(existing, list):
        raise ConfigurationError(f"{path} is a folder in the repository.")
    if existing.decoded_content != content.encode():
        repository.update_file(path, message, content, existing.sha, branch=branch)
