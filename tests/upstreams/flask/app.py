"""A Python service as it is written for WeChat Cloud Hosting: it believes ``X-WX-OPENID``.

It knows nothing of the gateway. ``/seen`` says what reached it, for the tests.

    gunicorn --bind 127.0.0.1:0 --header-map dangerous app:app

``--header-map dangerous`` is what WSGI servers did for twenty years: ``X_WX_OPENID`` and ``X-WX-OPENID``
are one name to them. gunicorn itself drops the first since version 22; others still do not.
"""

import re

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/")
def who():
    openid = request.headers.get("X-WX-OPENID")
    if not openid or "X-WX-SOURCE" not in request.headers:
        return jsonify(error="not through WeChat"), 401
    return jsonify(openid=openid)


@app.route("/seen", methods=["GET", "POST", "PUT", "DELETE"])
def seen():
    # Every name that any reader could take for an identity header, as WSGI has it.
    names = re.compile(r"HTTP_(X_WX_|X_FORWARDED_|X_REAL_IP$|FORWARDED$|AUTHORIZATION$|CONNECTION$)")
    folded = lambda name: re.sub("[^A-Z0-9]", "_", name.upper())
    environ = {name: value for name, value in request.environ.items() if names.match(folded(name))}
    return jsonify(
        openid=request.headers.get("X-WX-OPENID"),
        appid=request.headers.get("X-WX-APPID"),
        unionid=request.headers.get("X-WX-UNIONID"),
        source=request.headers.get("X-WX-SOURCE"),
        phone=request.headers.get("X-WX-PHONE"),
        path=request.full_path.rstrip("?"),
        environ=environ,
    )
