"""The library `websockets` at both ends: what an independent client sees of the gateway.

Says `listening URL`, reads a line of JSON that says where the gateway is and whose tokens there are, and says
a line for each thing that was right. The first that is not ends it.
"""

import asyncio
import json
import sys
import urllib.request

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30
seen = []


async def service(socket):
    seen.append(socket.request)
    async for message in socket:
        if message == "close me":
            return await socket.close(4001, "as you like")
        await socket.send(message)


def choose(_, offered):
    return "chat" if "chat" in offered else None


async def main():
    async with serve(service, "127.0.0.1", 0, select_subprotocol=choose, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening http://127.0.0.1:{port}", flush=True)
        given = json.loads(await asyncio.to_thread(sys.stdin.readline))
        for check in (signed_in, compressed, refused, by_subprotocol, by_query, closed, pinged, logged_out):
            await asyncio.wait_for(check(given, f"ws://{given['gateway']}"), PATIENCE)
            print(f"ok {check.__name__}", flush=True)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def signed_in(given, url):
    async with connect(f"{url}/live", additional_headers=bearer(given["token"])) as socket:
        for message in ["hello", "", "你好", b"\x00\xff", "x" * 1_000_000]:
            await socket.send(message)
            assert await socket.recv() == message
    assert seen[-1].headers["X-WX-OPENID"] == given["openid"]
    assert "Authorization" not in seen[-1].headers


async def compressed(given, url):
    async with connect(f"{url}/live", additional_headers=bearer(given["token"]), max_size=None) as socket:
        assert socket.protocol.extensions, "nothing was agreed on"
        for size in [10, 100_000, 3_000_000]:
            message = "compress me " * (size // 12)
            await socket.send(message)
            assert await socket.recv() == message


async def refused(given, url):
    try:
        async with connect(f"{url}/live"):
            raise AssertionError("a stranger came in")
    except InvalidStatus as answer:
        assert answer.response.status_code == 401
        assert json.loads(answer.response.body)["code"] == "session_missing"


async def by_subprotocol(given, url):
    ours = f"wxgate.bearer.{given['token']}"
    for offered, chosen in [([ours, "chat"], "chat"), (["wxgate", ours], "wxgate"), ([ours], None)]:
        async with connect(f"{url}/any", subprotocols=offered) as socket:
            assert socket.subprotocol == chosen, socket.subprotocol
            await socket.send("hello")
            assert await socket.recv() == "hello"
        assert seen[-1].headers["X-WX-OPENID"] == given["openid"]
        assert given["token"] not in str(seen[-1].headers)


async def by_query(given, url):
    async with connect(f"{url}/any?a=1&token={given['token']}") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
    assert seen[-1].path == "/any?a=1", seen[-1].path


async def closed(given, url):
    async with connect(f"{url}/live", additional_headers=bearer(given["token"])) as socket:
        await socket.send("close me")
        try:
            await socket.recv()
            raise AssertionError("it is open")
        except ConnectionClosed as end:
            assert (end.rcvd.code, end.rcvd.reason) == (4001, "as you like")


async def pinged(given, url):
    async with connect(f"{url}/live", additional_headers=bearer(given["token"])) as socket:
        await (await socket.ping(b"there?"))


async def logged_out(given, url):
    async with connect(f"{url}/live", additional_headers=bearer(given["token"])) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        logout = urllib.request.Request(
            f"http://{given['gateway']}/wxgate/logout", method="POST", headers=bearer(given["token"])
        )
        answer = await asyncio.to_thread(urllib.request.urlopen, logout)
        assert answer.status == 204
        try:
            await socket.recv()
            raise AssertionError("it is open")
        except ConnectionClosed as end:
            assert (end.rcvd.code, end.rcvd.reason) == (1008, "the session has ended: sign in again")
            assert end.sent.code == 1008, "the client has answered, and so the end was clean"


asyncio.run(main())
