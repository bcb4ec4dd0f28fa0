"""`loadtest init`: a project folder for somebody's own service, up to a scenario that ran and targets to go by."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from loadtest.cli.printing import print_plain
from loadtest.errors import ConfigurationError
from loadtest.wording import called_as

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
    har: Annotated[str | None, typer.Option(help="Requests recorded by a browser (HAR).")] = None,
    postman: Annotated[str | None, typer.Option(help="A Postman collection, exported as v2.1.")] = None,
    crawl: Annotated[
        bool | None, typer.Option("--crawl/--no-crawl", help="Follow the service's own links; default: ask.", show_default=False)
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these paths ('/pets/*') or tags; may be repeated.")] = None,
    writes: Annotated[bool, typer.Option("--writes", help="Also requests that write (never those that delete).")] = False,
    follow_references: Annotated[
        bool, typer.Option("--follow-references", help="Also read documents at other addresses that the document refers to.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the scenario; default: from the service's title.")] = None,
    smoke: Annotated[
        bool | None, typer.Option("--smoke/--no-smoke", help="Try it with 5 users, 15 to 60 s; default: ask.", show_default=False)
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; load goes to this machine only.")] = False,
) -> None:
    """Make a project folder for a service: what its users do, where it is, what is fast enough.

    Exits 0 also where nothing was tried; 1 where no request of the trial succeeded, 3 where the trial was invalid: the folder is
    there, without targets.

    Example: loadtest init my-load-tests --base-url http://127.0.0.1:8000 --openapi openapi.yaml
    """
    from loadtest.planning.resolve import checked_url
    from loadtest.scaffolding.probing import find_health_path, look_at
    from loadtest.scaffolding.project import Project, require_empty

    require_empty(folder)
    asks = not no_input and sys.stdin.isatty()
    if len([source for source in (openapi, har, postman) if source]) > 1:
        raise ConfigurationError("Give one of --openapi, --har and --postman: a scenario is made from one of them.")
    given = base_url or (None if openapi or har or postman else _ask("Where is the service?", DEFAULT_URL, asks))
    url = checked_url(given, "--base-url") if given else None
    found = look_at(url, for_document=not (openapi or har or postman)) if url else None
    service = _service(url, found, Sources(openapi, har, postman, crawl, tuple(only or ()), follow_references), asks)
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
    code = 0
    if found and not found.is_up:
        print_plain(f"The service does not answer at {url}, so nothing was tried.")
    elif found and _wants_smoke(smoke, project, asks):
        code = _try_it(project)
    if unset := [name for credential in service.credentials for name in credential.variables if not os.environ.get(name)]:
        print_plain(f"Not set, so the service does not know who asks: {', '.join(unset)} (see README.md there)")
    print_plain(f"Next:\n  cd {folder}\n  {called_as(elsewhere=True)} run")
    sys.exit(code)


@dataclass(frozen=True)
class Sources:
    """What somebody named to make the scenario from."""

    openapi: str | None
    har: str | None
    postman: str | None
    crawl: bool | None
    only: tuple[str, ...]
    follow_references: bool = False


def _service(url: str | None, found: Found | None, sources: Sources, asks: bool) -> Service:
    """What the scenario is made from: a document, a recording, the service's own links, or an example to change."""
    from loadtest.scaffolding.documents import read_document
    from loadtest.scaffolding.har import read_har
    from loadtest.scaffolding.openapi import read_service
    from loadtest.scaffolding.postman import read_postman
    from loadtest.scaffolding.recorded import service_of
    from loadtest.scaffolding.references import with_other_documents

    if sources.har:
        recorded = read_har(read_document(sources.har), sources.har)
        return service_of(recorded, _host(url), sources.har, url)
    if sources.postman:
        data = read_document(sources.postman)
        info = data.get("info")
        title = str(info.get("name", "")) if isinstance(info, dict) else ""
        return service_of(read_postman(data, sources.postman, url), title, sources.postman, url)
    document = sources.openapi
    if document is None and found and found.document_url and not sources.crawl:
        document = found.document_url if _confirm(f"Use its document at {found.document_url}?", asks) else None
    if document is not None:
        has_path = bool(url and urlsplit(url).path.strip("/"))
        whole, note = with_other_documents(read_document(document), document, follow_addresses=sources.follow_references)
        if note:
            print_plain(note)
        return read_service(whole, document, only=sources.only, prefix=not has_path)
    if url and found and found.is_up and _wants_crawl(sources.crawl, url, asks):
        return _crawled(url)
    return _example()


def _crawled(url: str) -> Service:
    from loadtest.scaffolding.crawl import crawl
    from loadtest.scaffolding.recorded import service_of

    pages = crawl(url)
    print_plain(f"Followed links of {url}: {len(pages)} pages answered.")
    return service_of(pages, pages[0].title, url, url) if pages else _example()


def _wants_crawl(crawl: bool | None, url: str, asks: bool) -> bool:
    if crawl is not None:
        return crawl
    from loadtest.scaffolding.crawl import MOST_PAGES

    question = f"No OpenAPI document was found. Follow its links, with at most {MOST_PAGES} GET requests, one after the other?"
    return _confirm(question, True) if asks else urlsplit(url).hostname in LOOPBACK


def _host(url: str | None) -> str:
    return str(urlsplit(url).hostname) if url else ""


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
    title = " ".join(telling_words(service.title)) if service.title != "the service" else folder.resolve().name
    return slugify(title)[:40].strip("-")


def _wants_smoke(smoke: bool | None, project: Project, asks: bool) -> bool:
    from loadtest.scaffolding.trial import USERS, duration_s

    if smoke is not None:
        return smoke
    if asks:
        question = f"Try it now? It sends load of {USERS} users for {duration_s(project)} s to {project.base_url}."
        return typer.confirm(question, default=True, err=True)
    return urlsplit(project.base_url).hostname in LOOPBACK


def _try_it(project: Project) -> int:
    """A smoke run; what never succeeded leaves the scenario, what did proposes targets. Returns the exit code: not 0 where there
    are no targets, because nothing succeeded or the measurement cannot be relied on."""
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.reporting.terminal import print_endpoints, print_run
    from loadtest.scaffolding.trial import try_scenario
    from loadtest.vocabulary import exit_code

    with TerminalWatcher() as watcher:
        trial = try_scenario(project, watcher)
    if trial.proposal is None:
        print_run(trial.folder)
        print_plain("So no targets are proposed. After a run that is sound: loadtest targets suggest RUN")
        return exit_code(trial.outcome, strict=False) or 1
    limits = trial.proposal.limits
    print_endpoints(trial.folder, {name: f"p95 ≤ {limit} ms" for name, limit in limits.items()})
    for left_out in trial.useless:
        print_plain(f"Left out, it never succeeded: {left_out.endpoint} ({left_out.reason})")
    print_plain(
        f"These targets are proposals, from what was seen: {_relative(project, 'targets.yaml')}; "
        "replace them by what your users need."
    )
    return 0


def _relative(project: Project, name: str = "locustfile.py") -> str:
    return str((project.scenario_folder / name).relative_to(project.folder))


def _ask(question: str, default: str, asks: bool) -> str:
    return typer.prompt(question, default=default, err=True) if asks else default


def _confirm(question: str, asks: bool) -> bool:
    return typer.confirm(question, default=True, err=True) if asks else True
