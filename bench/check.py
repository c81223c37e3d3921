"""Before anything is measured: a peer that does not do the same job is an error, not a row."""

import json
import ssl

from bench.http1 import Connection

# What a client must not be able to say of itself.
FORGED = [(name, "forged") for name in (
    "X-WX-OPENID", "X-WX-APPID", "X-WX-UNIONID", "X-WX-SOURCE", "X-WX-PHONE", "X-WX-PHONE-COUNTRY", "X-WX-ASSERTION",
)]


def trusting():
    """A context that takes the run's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shown(openid, phone):
    """What the service must be shown of a user, and nothing else."""
    return {
        "openid": openid, "appid": "wx0123456789abcdef", "unionid": "", "source": "wx_client", "phone": phone,
        "phone_country": "86", "assertion": "",
    }


def does_its_job(running, users):
    """Raises unless strangers are refused, and users named, whatever they say of themselves."""
    peer = running.peer
    if peer.h2 and not peer.tls and peer.kind == "nginx":
        # Of this nginx a port speaks either HTTP/2 or HTTP/1.1; h2load's counts of answers are checked later.
        return
    with Connection(running.port, trusting() if peer.tls else None) as connection:
        if peer.authenticates:
            token = users.rows[0][0]
            wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
            for name, headers in (("no token", []), ("a wrong token", [("Authorization", f"Bearer {wrong}")])):
                status = ask(running, headers)[0]
                expect(peer, name, status, 401)
            rows = users.rows
            for token, openid, phone in (rows[0], rows[len(rows) // 2], rows[-1]):
                headers = [*FORGED, ("Authorization", f"Bearer {token}")]
                status, body = connection.call("GET", "/echo", headers)
                expect(peer, "a user", status, 200)
                expect(peer, "what the service is shown", json.loads(body), shown(openid, phone))
        else:
            status, body = connection.call("GET", "/")
            expect(peer, "anybody", (status, json.loads(body)), (200, {"message": "hello"}))


def ask(running, headers):
    """On a connection of its own: a refusal may end it."""
    with Connection(running.port, trusting() if running.peer.tls else None) as connection:
        return connection.call("GET", "/echo", headers)


def expect(peer, what, found, wanted):
    if found != wanted:
        raise RuntimeError(f"{peer.name} does another job: {what}: {found!r}, not {wanted!r}")
