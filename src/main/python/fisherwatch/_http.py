"""Requests to an agent, with the standard library only; what goes wrong is said in an agent's terms."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.parse
from typing import IO, Any

from ._door import TOKEN_VARIABLE, Door
from ._errors import FisherwatchError

DEFAULT_AGENT = "http://127.0.0.1:8088"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_JSON = 2**28
_CHUNK = 2**20


class AgentError(FisherwatchError):
    """An agent refused a request, or answered what cannot be used."""


class AgentUnreachableError(AgentError):
    """No agent answers at the address."""


class UnknownRunError(AgentError):
    """The agent knows no run of that name."""


class AgentClient:
    """One agent's HTTP interface.

    Args:
        address: ``http://host:port``, where ``web.host`` and ``web.port`` of the agent say that it listens.
        timeout: seconds to wait for a connection, and for each piece of an answer.
        token: the bearer token of an agent with ``web.auth``; by default the variable FISHERWATCH_TOKEN.
        ca: a file of PEM certificates, one of which signed that of an agent with ``web.tls``.
    """

    def __init__(
        self, address: str, timeout: float, token: str | None = None, ca: str | os.PathLike[str] | None = None
    ) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"agent is {address!r}; right would be an address like {DEFAULT_AGENT}")
        self._address = address.rstrip("/")
        self._timeout = timeout
        self._door = Door(parts.hostname in _LOOPBACK, token, ca)  # no proxy reaches this machine

    def json(self, path: str) -> Any:
        """The JSON at a path."""
        with self._open(path) as answer:
            body = self._read(answer, _MOST_JSON + 1)
        if len(body) > _MOST_JSON:
            raise AgentError(f"{self._address}{path} answered more than {_MOST_JSON:,} bytes")
        try:
            return json.loads(body)
        except ValueError as e:
            raise self._stranger(path, "no JSON") from e

    def run_json(self, run: str, rest: str = "") -> Any:
        """The JSON beneath a run.

        Raises:
            UnknownRunError: with the runs that there are.
        """
        try:
            return self.json(run_path(run) + rest)
        except _NotFoundError as e:
            raise self.not_found(run, e) from None

    def download(self, run: str, rest: str, into: IO[bytes], most: int) -> None:
        """Writes what is beneath a run to a file, at most so many bytes."""
        path, written = run_path(run) + rest, 0
        try:
            with self._open(path) as answer:
                while piece := self._read(answer, _CHUNK):
                    written += len(piece)
                    if written > most:
                        raise AgentError(
                            f"{self._address}{path} answered more than the {most:,} bytes that it may have"
                        )
                    into.write(piece)
        except _NotFoundError as e:
            raise self.not_found(run, e) from None

    def not_found(self, run: str, problem: AgentError) -> AgentError:
        """What a missing page beneath a run means: no such run, or none of that about it."""
        runs = [entry["run"] for entry in self.json("/api/runs")]
        if run in runs:
            return AgentError(str(problem))
        known = f"it knows {', '.join(runs)}" if runs else "it knows none yet"
        return UnknownRunError(f"the agent at {self._address} knows no run {run!r}; {known}")

    def _open(self, path: str) -> Any:
        try:
            return self._door.open(self._address + path, self._timeout)
        except urllib.error.HTTPError as e:
            with e:
                detail = self._detail(e)
            kind = _NotFoundError if e.code == 404 else AgentError
            if e.code == 401:
                detail += f"; give the token of its web.auth as token='…', or set {TOKEN_VARIABLE}"
            raise kind(f"{self._address}{path}: {detail}") from None
        except (OSError, http.client.HTTPException) as e:
            raise self._unreachable(e) from None

    def _read(self, answer: Any, size: int) -> bytes:
        try:
            piece: bytes = answer.read(size)
            if len(piece) < size and answer.length:  # a read of a given size does not tell by itself
                raise http.client.IncompleteRead(piece, answer.length)
        except (OSError, http.client.HTTPException) as e:
            raise AgentUnreachableError(f"the agent at {self._address} broke off its answer ({e!r})") from e
        return piece

    def _detail(self, error: urllib.error.HTTPError) -> str:
        body = error.read(_CHUNK).decode("utf-8", "replace")
        if error.headers.get_content_type() == "application/problem+json":
            problem = json.loads(body)
            return str(problem.get("detail") or problem.get("title"))
        return f"{error.code} {error.reason}"

    def _unreachable(self, cause: Exception) -> AgentUnreachableError:
        reason = cause.reason if isinstance(cause, urllib.error.URLError) else cause
        if isinstance(reason, ssl.SSLCertVerificationError):
            return AgentUnreachableError(
                f"the certificate of the agent at {self._address} is not trusted ({reason.verify_message}); "
                "give the file of the authority that signed it as ca='…'"
            )
        return AgentUnreachableError(
            f"no agent answers at {self._address} ({reason}); "
            "start one (java -jar fisherwatch.jar agent), or give its web.host and web.port as agent='http://host:port'"
        )

    def _stranger(self, path: str, what: str) -> AgentError:
        return AgentError(f"{self._address}{path} answered {what}; is it an agent of Fisherwatch?")


class _NotFoundError(AgentError):
    pass


def run_path(run: str) -> str:
    """Where a run's figures are."""
    return "/api/runs/" + urllib.parse.quote(run, safe="")
