"""`loadtest init`: a project folder for somebody's own service, up to a scenario that ran and targets to go by."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from loadtest.cli.printing import print_plain
from loadtest.errors import ConfigurationError

if TYPE_CHECKING:
    from loadtest.scaffolding.probing import Found
    from loadtest.scaffolding.project import Project
    from loadtest.scaffolding.service import Call, Service

DEFAULT_URL = "http://127.0.0.1:8000"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make, such as my-load-tests.")],
    base_url: Annotated[str | None, typer.Option(help="Where the service is, such as http://127.0.0.1:8000.")] = None,
    openapi: Annotated[str | None, typer.Option(help="Its OpenAPI document: a file or an address.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these paths ('/pets/*') or tags; may be repeated.")] = None,
    writes: Annotated[bool, typer.Option("--writes", help="Also requests that write (never those that delete).")] = False,
    name: Annotated[str | None, typer.Option(help="Of the scenario; default: from the service's title.")] = None,
    smoke: Annotated[
        bool | None, typer.Option("--smoke/--no-smoke", help="Try it with 5 users for 15 s; default: ask.", show_default=False)
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; load goes to this machine only.")] = False,
) -> None:
    """Make a project folder for a service: what its users do, where it is, what is fast enough.

    loadtest init my-load-tests --base-url http://127.0.0.1:8000 --openapi openapi.yaml
    """
    from loadtest.planning.resolve import checked_url
    from loadtest.scaffolding.probing import find_health_path, look_at
    from loadtest.scaffolding.project import Project, require_empty

    require_empty(folder)
    asks = not no_input and sys.stdin.isatty()
    given = base_url or (None if openapi else _ask("Where is the service?", DEFAULT_URL, asks))
    url = checked_url(given, "--base-url") if given else None
    found = look_at(url, for_document=openapi is None) if url else None
    service = _service(url, found, openapi, tuple(only or ()), asks)
    url = url or _url_of_document(service)
    service = service.without(lambda call: left_out_because(call, writes))
    own_paths = [str(call.url[0]) for call in service.calls if call.reads and len(call.url) == 1]
    health_path = find_health_path(url, own_paths) if found and found.is_up else None
    project = Project(
        folder=folder.resolve(),
        name=_scenario_name(name, service, folder),
        environment="local" if urlsplit(url).hostname in LOOPBACK else "service",
        base_url=url,
        health_path=health_path or "/",
        service=service,
    )
    project.write()
    print_plain(f"Written: {project.folder}\n  {len(service.calls)} tasks in {_relative(project)}")
    if service.left_out:
        print_plain(f"  {len(service.left_out)} operations left out; the file's first lines say why")
    if found and not found.is_up:
        print_plain(f"The service does not answer at {url}, so nothing was tried.")
    elif found and _wants_smoke(smoke, url, asks):
        _try_it(project)
    print_plain(f"Next:\n  cd {folder}\n  loadtest run")


def _service(url: str | None, found: Found | None, openapi: str | None, only: tuple[str, ...], asks: bool) -> Service:
    """What the scenario is made from: a document, or an example to change."""
    from loadtest.scaffolding.documents import read_document
    from loadtest.scaffolding.openapi import read_service

    source = openapi
    if source is None and found and found.document_url and _confirm(f"Use its document at {found.document_url}?", asks):
        source = found.document_url
    if source is not None:
        return read_service(read_document(source), source, only=only, prefix=not (url and urlsplit(url).path.strip("/")))
    return _example()


def _example() -> Service:
    from loadtest.scaffolding.service import Call, Service

    call = Call("GET", ("/",), None, "read_start_page", "An example. Put in what your users ask for.")
    return Service("the service", "", (call,))


def left_out_because(call: Call, writes: bool) -> str | None:
    if call.reads:
        return None
    if call.method == "DELETE":
        return "it deletes; write it by hand for what the scenario itself made"
    return None if writes else "it writes; run init with --writes to have it"


def _url_of_document(service: Service) -> str:
    from loadtest.planning.resolve import checked_url

    server = service.server
    if not server or urlsplit(server).scheme not in ("http", "https"):
        return DEFAULT_URL
    parts = urlsplit(server)
    return checked_url(f"{parts.scheme}://{parts.netloc}", "the document's first server")


def _scenario_name(name: str | None, service: Service, folder: Path) -> str:
    import re

    from loadtest.planning.quantities import slug_pattern, slugify
    from loadtest.scaffolding.python_text import telling_words

    if name is not None:
        if not re.fullmatch(slug_pattern, name):
            raise ConfigurationError(f"--name is {name[:60]!r}; a name is lower-case letters, digits, and . _ - between them.")
        return name
    title = " ".join(telling_words(service.title)) if service.source else folder.resolve().name
    return slugify(title)[:40].strip("-")


def _wants_smoke(smoke: bool | None, url: str, asks: bool) -> bool:
    if smoke is not None:
        return smoke
    if asks:
        return typer.confirm(f"Try it now? It sends load of 5 users for 15 s to {url}.", default=True, err=True)
    return urlsplit(url).hostname in LOOPBACK


def _try_it(project: Project) -> None:
    """A smoke run; what never succeeded leaves the scenario, what did proposes targets."""
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.reporting.terminal import print_run
    from loadtest.scaffolding.trial import try_scenario

    with TerminalWatcher() as watcher:
        trial = try_scenario(project, watcher)
    print_run(trial.folder)
    for left_out in trial.useless:
        print_plain(f"Left out, it never succeeded: {left_out.endpoint} ({left_out.reason})")
    if trial.has_targets:
        print_plain(f"Proposed targets: {_relative(project, 'targets.yaml')}; replace them by what your users need.")


def _relative(project: Project, name: str = "locustfile.py") -> str:
    return str((project.scenario_folder / name).relative_to(project.folder))


def _ask(question: str, default: str, asks: bool) -> str:
    return typer.prompt(question, default=default, err=True) if asks else default


def _confirm(question: str, asks: bool) -> bool:
    return typer.confirm(question, default=True, err=True) if asks else True
