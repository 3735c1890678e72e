"""How an agent with `web.auth` and `web.tls` lets one in: the token, and the authority of its certificate."""

from __future__ import annotations

import os
import re
import ssl
import urllib.request
from typing import Any

TOKEN_VARIABLE = "FISHERWATCH_TOKEN"

_HEADER = re.compile(r"[!-~]+")


class Door:
    """Opens an agent's pages. The token goes to the address asked for only, wherever that redirects."""

    def __init__(self, direct: bool, token: str | None, ca: str | os.PathLike[str] | None) -> None:
        """Reads the authority's file.

        Args:
            direct: whether to pass by the proxies of the environment
            token: the bearer token; by default the variable FISHERWATCH_TOKEN, if it is set; none if empty
            ca: a file of PEM certificates, one of which signed the agent's; by default those of the system
        Raises:
            ValueError: the token cannot be sent, or the file holds no certificate
        """
        self._token = (os.environ.get(TOKEN_VARIABLE, "") if token is None else token).strip()
        if self._token and not _HEADER.fullmatch(self._token):
            raise ValueError("token holds a space or a character that is not ASCII, which no header takes")
        try:
            context = None if ca is None else ssl.create_default_context(cafile=os.fspath(ca))
        except OSError as e:
            raise ValueError(f"ca is {os.fspath(ca)!r}, which should be a file of PEM certificates: {e}") from e  # type: ignore[arg-type]
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})] if direct else []
        self._opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))

    def open(self, url: str, timeout: float) -> Any:
        """The answer.

        Raises:
            OSError: as urllib raises
        """
        request = urllib.request.Request(url)
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return self._opener.open(request, timeout=timeout)
