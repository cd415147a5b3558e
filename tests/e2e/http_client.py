"""A JSON client of a server in another process."""

import json
import urllib.error
import urllib.request
from typing import Any


class HttpClient:
    """Sends requests with its token, and keeps the bodies of those that were refused."""

    def __init__(self, port: int, *, token: str = "") -> None:
        self.port, self.token = port, token
        self.refusals: list[str] = []

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the document, or an error's text if it is not JSON; `headers` have underscores for hyphens."""
        own = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method, headers=own | sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            text = refused.read().decode()
            self.refusals.append(text)
            return refused.code, json.loads(text) if "json" in refused.headers.get("Content-Type", "") else text

    def sign_in(self, email: str, password: str) -> None:
        status, tokens = self.call("POST", "/api/v1/auth/token", {"email": email, "password": password})
        assert status == 200, tokens
        self.token = tokens["access"]
