"""A service behind wxgate, in Python: who calls, by the headers or by the signed assertion."""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt  # pip install 'pyjwt[crypto]'

# Asked once, and again for a key that it has not seen.
KEYS = jwt.PyJWKClient(os.environ["GATEWAY"] + "/wxgate/jwks.json")


def by_headers(headers):
    """Who calls, where nobody but the gateway can reach this service."""
    openid = headers.get("X-WX-OPENID")  # absent: nobody is signed in
    return openid and {"openid": openid, "phone": headers.get("X-WX-PHONE")}


def by_assertion(headers, audience):
    """Who calls, as the gateway has signed it: nothing else of the request is believed."""
    token = headers.get("X-WX-ASSERTION", "")
    try:
        claims = jwt.decode(
            token,
            KEYS.get_signing_key_from_jwt(token),
            algorithms=["ES256", "EdDSA"],
            issuer="wxgate",
            audience=audience,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise  # the keys cannot be had: that is not the caller's fault
    except jwt.PyJWTError:
        return None
    return {"openid": claims["sub"], "phone": claims.get("phone")}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            if self.path == "/headers":
                caller = by_headers(self.headers)
            else:
                caller = by_assertion(self.headers, self.server.audience)
            status, answer = (200, caller) if caller else (401, {"error": "sign in"})
        except jwt.PyJWKClientConnectionError:
            status, answer = 503, {"error": "no keys"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Service)
address = f"http://127.0.0.1:{server.server_port}"
# `to` of the route in gateway.toml, without a path.
server.audience = os.environ.get("AUDIENCE", address)
print("listening", address, flush=True)
server.serve_forever()
