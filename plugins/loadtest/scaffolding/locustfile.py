"""Writes the Locust file of a service, as a person would: one task per request, values that may change at the top."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from loadtest.scaffolding.python_text import encoded_value, literal, sentence, string, telling_words
from loadtest.scaffolding.service import Body, BodyKind, Call, Choice, Constant, Credential, FormPart, Part, Pool, Proof, Service

MOST_LEFT_OUT = 30  # named in the file

VALUES_OF = '''

def values_of(response, field: str, *way: str) -> list:
    """What the items of an answer's list have as `field`; empty where the answer is none or has no such list."""
    try:
        items = response.json()
        for key in way:
            items = items[key]
        return [item[field] for item in items if item.get(field) is not None][:1000]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
'''
SOME = '''

def some(values: list) -> str:
    """One of the values, as it goes into a URL."""
    return quote(str(random.choice(values)), safe="")
'''


def write_locustfile(service: Service, base_url: str = "http://127.0.0.1:8000") -> str:
    """The source of the file; every text from outside went through `python_text`. `base_url`: a checked one."""
    lines = [*_head(service, base_url), *_constants(service), *_user(service)]
    text = "\n".join(lines) + "\n"
    text += VALUES_OF if any(call.fills for call in service.calls) else ""
    return text + (SOME if service.pools else "")


def _head(service: Service, base_url: str) -> Iterator[str]:
    yield f'"""What users of {sentence(service.title, 60)} do. Written by `loadtest init`; yours to change.'
    yield ""
    yield f"Plain Locust: `locust -f locustfile.py --host {sentence(base_url, 200)}` runs it alone."
    if service.left_out:
        yield from ("", "Left out:")
        yield from (f"  {sentence(one.endpoint, 70)}: {sentence(one.reason, 100)}" for one in service.left_out[:MOST_LEFT_OUT])
        if len(service.left_out) > MOST_LEFT_OUT:
            yield f"  and {len(service.left_out) - MOST_LEFT_OUT} more"
    yield '"""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    has_basic = any(credential.proof is Proof.BASIC for credential in service.credentials)
    standard = (
        ["import base64"] * has_basic
        + ["import os"] * bool(service.credentials)
        + ["import random"] * bool(service.pools or service.choices)
    )
    standard += ["from urllib.parse import quote"] if service.pools or _quotes(service.credentials) else []
    yield from [*standard, ""] if standard else []
    yield "from locust import FastHttpUser, between, task"


def _constants(service: Service) -> Iterator[str]:
    if service.constants:
        yield ""
        yield "# Values in paths that no answer names: put in those that exist on your service."
        yield from (f"{constant.name} = {string(constant.value)}" for constant in service.constants)
    for choice in service.choices:
        yield ""
        yield f"{choice.name} = {literal(list(choice.urls), 0, len(choice.name) + 3)}"
    if service.credentials:
        yield ""
        yield "# Secrets come from variables, never from this file."
        for credential in service.credentials:
            yield from (f'{_short(name)} = os.environ.get("{name}", "")' for name in credential.variables)


def _user(service: Service) -> Iterator[str]:
    yield from ("", "", f"class {_class_name(service)}(FastHttpUser):", "    wait_time = between(0.5, 1.5)")
    start = [line for credential in service.credentials for line in _credential(credential)]
    for pool in service.pools:
        start.append(f"        self.{pool.attribute}: list = [{literal(pool.first)}]  # until an answer names some")
    start += [f"        self.{call.task}()" for call in service.calls if call.fills]
    if start:
        yield from ("", "    def on_start(self) -> None:", *start)
    if not service.calls:
        yield from ("", "    @task", "    def nothing_yet(self) -> None:", '        """Replace this by what your users do."""')
    for group, calls in groupby(service.calls, key=lambda call: call.group):
        if group and len({call.group for call in service.calls}) > 1:
            yield from ("", f"    # --- {group}")
        for call in calls:
            yield from _task(call)


def _task(call: Call) -> Iterator[str]:
    yield ""
    yield f"    @task({call.weight})" if call.weight != 1 else "    @task"
    yield f"    def {call.task}(self) -> None:"
    if call.title:
        yield f'        """{_docstring(call.title)}"""'
    arguments = [_url(call)]
    if call.name and any(not isinstance(part, str) for part in call.url):
        arguments.append(f"name={string(call.name)}")
    headers = _headers(call)
    arguments += [f"headers={headers}"] if headers else []
    arguments += _body(call.body) if call.body else []
    request = f"self.client.{call.method.lower()}"
    if call.fills:
        request = f"response = {request}"
    flat = f"        {request}({', '.join(arguments)})"
    if len(flat) <= 120 and "\n" not in flat:
        yield flat
    else:
        yield f"        {request}("
        yield from (f"            {argument}," for argument in arguments)
        yield "        )"
    for pool in call.fills:
        way = "".join(f", {string(key)}" for key in pool.way)
        yield f"        self.{pool.attribute} = values_of(response, {string(pool.field)}{way}) or self.{pool.attribute}"


def _url(call: Call) -> str:
    if isinstance(call.url[0], Choice):
        return f"random.choice({call.url[0].name})"
    query = [credential for credential in call.credentials if credential.proof is Proof.QUERY]
    parts: list[str] = [_part(part) for part in call.url]
    for credential in query:
        text = "".join(parts)
        parts.append(f"{'&' if '?' in text else '?'}{encoded_value(credential.key)}={{quote({_short(credential.variable)})}}")
    text = "".join(parts)
    is_formatted = "{" in text
    return f'{"f" if is_formatted else ""}"{text}"'


def _part(part: Part) -> str:
    if isinstance(part, Constant):
        return "{" + part.name + "}"
    if isinstance(part, Pool):
        return "{some(self." + part.attribute + ")}"
    assert isinstance(part, str) and not set(part) & set("{}\"'\\\n\r")  # python_text.encoded leaves none of them
    return part


def _headers(call: Call) -> str:
    """The user's dicts of headers, and those of this request, as one expression."""
    own = literal(call.headers) if call.headers else ""
    theirs = [f"self.{one.attribute}" for one in call.credentials if one.proof is not Proof.QUERY]
    return " | ".join([*theirs, own] if own else theirs)


def _body(body: Body) -> list[str]:
    if body.kind is BodyKind.JSON:
        return [f"json={literal(body.value, 12, 6)}"]
    if body.kind is BodyKind.MULTIPART:
        return [f"files=[{', '.join(map(_form_part, body.value))}]"]
    return [f"data={literal(body.value, 12, 6)}"]


def _form_part(part: FormPart) -> str:
    return f"({string(part.name)}, ({literal(part.file_name)}, {string(part.text)}))"


def _credential(credential: Credential) -> Iterator[str]:
    """How a user gets the headers that prove who it is."""
    values = [_short(name) for name in credential.variables]
    target = f"        self.{credential.attribute} ="
    if credential.proof is Proof.HEADER:
        yield f"{target} {{{string(credential.key)}: {values[0]}}}"
    elif credential.proof is Proof.COOKIE:
        yield f'{target} {{"Cookie": f"{encoded_value(credential.key)}={{quote({values[0]})}}"}}'
    elif credential.proof is Proof.BEARER:
        yield f'{target} {{"Authorization": f"Bearer {{{values[0]}}}"}}'
    elif credential.proof is Proof.BASIC:
        yield f'        basic = base64.b64encode(f"{{{values[0]}}}:{{{values[1]}}}".encode()).decode()'
        yield f'{target} {{"Authorization": f"Basic {{basic}}"}}'
    elif credential.proof in (Proof.PASSWORD_FLOW, Proof.CLIENT_CREDENTIALS):
        names = ("username", "password") if credential.proof is Proof.PASSWORD_FLOW else ("client_id", "client_secret")
        grant = "password" if credential.proof is Proof.PASSWORD_FLOW else "client_credentials"
        form = f'{{"grant_type": "{grant}", "{names[0]}": {values[0]}, "{names[1]}": {values[1]}}}'
        yield f'        answer = self.client.post("{credential.token_path}", data={form})'
        yield '        token = answer.json().get("access_token") if answer.status_code == 200 else None'
        yield f'{target} {{"Authorization": f"Bearer {{token}}"}}'


def _quotes(credentials: list[Credential]) -> bool:
    return any(credential.proof in (Proof.QUERY, Proof.COOKIE) for credential in credentials)


def _short(variable: str) -> str:
    return variable.removeprefix("SCENARIO_")


def _class_name(service: Service) -> str:
    return "".join(word.capitalize() for word in telling_words(service.title)) + "User"


def _docstring(title: str) -> str:
    return title if title.endswith((".", "…", "!", "?")) else f"{title}."
