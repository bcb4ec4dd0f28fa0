"""Security schemes of an OpenAPI document as credentials that a user has, their secrets in environment variables."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from loadtest.scaffolding.python_text import encoded, identifier
from loadtest.scaffolding.schemas import Document
from loadtest.scaffolding.service import Credential, Proof

PREFIX = "SCENARIO_"  # variables with this prefix reach a scenario


class SecuritySchemes:
    """The security schemes of an OpenAPI document, and the variables that their credentials come from."""

    def __init__(self, document: Document, taken: set[str]) -> None:
        self._document = document
        self._known: dict[str, Credential | None] = {}
        self._taken = taken

    def of(self, operation: dict[str, Any]) -> tuple[Credential, ...]:
        """What an operation wants: the first of its alternatives that can be had; nothing where it may be asked without."""
        wanted = operation.get("security", self._document.data.get("security"))
        alternatives = [item for item in wanted if isinstance(item, dict)] if isinstance(wanted, list) else []
        if not alternatives or {} in alternatives:
            return ()
        for alternative in alternatives:
            credentials = [self._credential(str(name)) for name in alternative]
            known = tuple(credential for credential in credentials if credential is not None)
            if len(known) == len(credentials):
                return known
        return ()

    def _credential(self, name: str) -> Credential | None:
        if name not in self._known:
            schemes = self._document.resolved(self._document.data.get("components")).get("securitySchemes")
            scheme = self._document.resolved(schemes.get(name)) if isinstance(schemes, dict) else {}
            self._known[name] = self._made(name, scheme)
        return self._known[name]

    def _made(self, name: str, scheme: dict[str, Any]) -> Credential | None:
        kind = str(scheme.get("type", "")).lower()
        proof, key, token_path = None, "", ""
        if kind == "apikey" and isinstance(scheme.get("name"), str):
            proof = {"header": Proof.HEADER, "query": Proof.QUERY, "cookie": Proof.COOKIE}.get(str(scheme.get("in")))
            key = scheme["name"]
        elif kind == "http":
            proof = Proof.BASIC if str(scheme.get("scheme", "")).lower() == "basic" else Proof.BEARER
        elif kind == "oauth2":
            proof, token_path = self._flow(scheme.get("flows"))
        elif kind == "openidconnect":
            proof = Proof.BEARER
        if proof is None or not key.isprintable() or not key.isascii():
            return None
        attribute = identifier(name, self._taken, "credential")
        self._taken.add(attribute)
        return Credential(attribute, proof, PREFIX + attribute.upper().strip("_"), key, token_path)

    def _flow(self, flows: Any) -> tuple[Proof, str]:
        """Flows that a program can go through by itself; for the others somebody puts a token into a variable."""
        flows = flows if isinstance(flows, dict) else {}
        for name, proof in (("password", Proof.PASSWORD_FLOW), ("clientCredentials", Proof.CLIENT_CREDENTIALS)):
            url = flows[name].get("tokenUrl") if isinstance(flows.get(name), dict) else None
            if isinstance(url, str) and (path := self._on_this_host(url)):
                return proof, path
        return Proof.BEARER, ""

    def _on_this_host(self, url: str) -> str:
        """The path of a token URL on the service itself; empty for a foreign host, to which no load goes."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        if parts.netloc:
            servers = self._document.data.get("servers")
            own = [str(item.get("url")) for item in servers if isinstance(item, dict)] if isinstance(servers, list) else []
            if not any(parts.netloc == urlsplit(server).netloc for server in own):
                return ""
        return encoded(parts.path if parts.path.startswith("/") else f"/{parts.path}")
