"""A small OpenID provider on a loopback port: discovery, authorization code with PKCE, nonce, keys; lies if told to."""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode
from urllib.parse import unquote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from werkzeug.serving import make_server

CLIENT, SECRET = "yunju", "a client's secret of the tests"


class Provider:
    """The organisation's sign-in. `user` is who signs in there at the moment; `lie` alters what is told."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.other = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.port}"
        self.user: dict[str, object] = {"sub": "1001"}
        self.lie: dict[str, object] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self._routes()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _routes(self) -> None:
        self.app.add_url_rule("/.well-known/openid-configuration", view_func=self.discovery)
        self.app.add_url_rule("/authorize", view_func=self.authorize)
        self.app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        self.app.add_url_rule("/keys", view_func=self.keys)

    def discovery(self) -> Response:
        return jsonify(
            issuer=self.lie.get("metadata", self.issuer),
            authorization_endpoint=f"{self.issuer}/authorize",
            token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/keys",
            response_types_supported=["code"],
            id_token_signing_alg_values_supported=["ES256", "none", "HS256"],
            code_challenge_methods_supported=["S256"],
        )

    def authorize(self) -> Response:
        asked = request.args.to_dict()
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": self.lie.get("state", asked["state"])}
        return redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

    def token(self) -> tuple[Response, int] | Response:
        name, _, secret = b64decode(request.headers["Authorization"].partition(" ")[2]).decode().partition(":")
        asked = self.codes.pop(request.form["code"], None)
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET) or asked is None:
            return jsonify(error="invalid_grant"), 400
        if create_s256_code_challenge(request.form.get("code_verifier", "")) != asked.get("code_challenge"):
            return jsonify(error="invalid_grant"), 400
        return jsonify(access_token=secrets.token_urlsafe(8), token_type="Bearer", id_token=self.id_token(asked))

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.user}
        claims = {name: value for name, value in {**claims, **self.lie.get("claims", {})}.items() if value is not None}
        if self.lie.get("alg") == "none":
            from edge.encoding import b64u

            header = b'{"alg":"none"}'
            return f"{b64u(header)}.{b64u(json.dumps(claims).encode())}."
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, self.other if "key" in self.lie else self.key)

    def keys(self) -> Response:
        return jsonify(KeySet([self.key]).as_dict(private=False))
