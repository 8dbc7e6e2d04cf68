"""HTTP in its plainest form, on requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import requests

from cachi2ish.errors import NetworkError
from cachi2ish.http.interface import Response


class PlainHttp:
    """No retries; 5xx is a network error, as the interface says. Sends the user information of the URL."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        try:
            answer = self._session.get(url, headers=dict(headers or {}), timeout=10)
        except requests.RequestException as error:
            raise NetworkError("the server cannot be reached") from error
        if answer.status_code >= 500:
            raise NetworkError(f"the server answers {answer.status_code}")
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, url=answer.url, headers=names, body=answer.content)
