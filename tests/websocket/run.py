"""Asks all cases through the gateway, once with the client driving and once with the server.

Says `listening URL`, reads where the gateway is, runs, and says a line for each case. The other end is
wsproto's; neither end knows of the gateway, and both look at what came out of it.
"""

import asyncio
import base64
import hashlib
import os
import sys

from wsproto.connection import CLIENT, SERVER, Connection
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.utilities import RemoteProtocolError

from cases import BINARY, CLOSE, ENDS, GATEWAY, PING, PONG, TEXT, Frame, Half, cases

PATIENCE = 30
# Cases at once.
WIDTH = 16
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# What the gateway says to both ends when it stops a frame.
REASON = b"a frame breaks the protocol"


async def main():
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"listening http://127.0.0.1:{port}", flush=True)
    gateway = (await asyncio.to_thread(sys.stdin.readline)).split(":")
    turn = asyncio.Semaphore(WIDTH)

    async def ask(case, driver):
        async with turn:
            try:
                await asyncio.wait_for(run(service, gateway, case, driver), PATIENCE)
                return f"ok {case.name} {driver}"
            except Exception as why:  # Whatever it was, the case has failed.
                return f"FAILED {case.name} {driver}: {type(why).__name__} {why}"

    asked = [ask(case, driver) for driver in ("client", "server") for case in cases()]
    for line in await asyncio.gather(*asked):
        print(line, flush=True)
    print("done", flush=True)


class Service:
    """The server behind the gateway: the part that it plays is in the path."""

    def __init__(self):
        self.parts = {}

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines[1:] if line)
        digest = hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()
        accept = base64.b64encode(digest).decode()
        writer.write(
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        part, done = self.parts.pop(lines[0].split(" ")[1])
        try:
            done.set_result(await part(reader, writer))
        except Exception as why:
            done.set_exception(why)
        finally:
            writer.close()


async def run(service, gateway, case, driver):
    """One case: both ends play their parts, and then what they saw is judged."""
    path = f"/{driver}/{case.name}"
    is_client = driver == "client"
    theirs = asyncio.get_running_loop().create_future()

    async def drives(reader, writer):
        return await drive(reader, writer, case, is_client)

    async def echoes(reader, writer):
        return await echo(reader, writer, CLIENT if not is_client else SERVER)

    service.parts[path] = (echoes if is_client else drives, theirs)
    reader, writer = await asyncio.open_connection(*gateway)
    try:
        await shake(reader, writer, path)
        ours = await (drives if is_client else echoes)(reader, writer)
    finally:
        writer.close()
    theirs = await theirs
    seen, heard = (ours, theirs) if is_client else (theirs, ours)
    judge(case, seen, heard)


async def shake(reader, writer, path):
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head


def judge(case, seen, heard):
    """`seen`: frames that the driver got. `heard`: events that the other end had, and its complaint."""
    assert seen and seen[-1][0] == CLOSE, f"no close frame: {short(seen)}"
    payload = seen[-1][1]
    code = int.from_bytes(payload[:2], "big") if payload else None
    assert code == case.code, f"closed by {code}, not {case.code}: {payload}"
    events, complaint = heard
    if case.by == GATEWAY:
        assert payload[2:] == REASON, f"the gateway did not say this: {payload}"
        # What was right before may be on its way still; nothing else may come.
        assert seen[:-1] == case.echoes[: len(seen) - 1], short(seen)
        assert complaint is None, f"a wrong frame reached the other end: {complaint}"
        assert events[-1] == (CLOSE, 1002), f"the other end was not told: {short(events)}"
    else:
        assert payload[2:] != REASON, "the gateway judged what is the ends'"
        assert seen[:-1] == case.echoes, f"{short(seen)} for {short(case.echoes)}"


def short(frames):
    return [(opcode, payload[:20] if isinstance(payload, bytes) else payload) for opcode, payload in frames]


async def drive(reader, writer, case, is_client):
    """Sends the case's frames as they are, and reads frames until the end."""
    seen, came = [], asyncio.Event()

    async def listen():
        try:
            while True:
                seen.append(await frame(reader, masked=not is_client))
                came.set()
                if seen[-1][0] == CLOSE:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    listening = asyncio.create_task(listen())
    frames = case.frames + ([] if case.closes or case.code != 1000 else [Frame(CLOSE, b"\x03\xe8")])
    try:
        if case.chop:
            await write(writer, b"".join(bytes_of(part, is_client) for part in frames), case.chop)
        else:
            for part in frames:
                await write(writer, bytes_of(part, is_client), part.chop)
                if part.opcode == PING and part.pause:
                    await came.wait()
        await listening
        # Who gets a close frame answers it; a second one after our own goes nowhere.
        writer.write(bytes_of(Frame(CLOSE, seen[-1][1][:2] if seen else b""), is_client))
        await writer.drain()
        if is_client:
            # A server ends the connection first.
            assert await reader.read() == b"", "something came after the close frame"
    except ConnectionError:
        await listening
    return seen


async def write(writer, data, chop):
    if not chop:
        writer.write(data)
        return await writer.drain()
    for at in range(0, len(data), chop):
        writer.write(data[at : at + chop])
        await writer.drain()
        await asyncio.sleep(0)


def bytes_of(part, is_client):
    size = len(part.payload)
    head = bytes([part.fin << 7 | part.rsv << 4 | part.opcode])
    flag = 0x80 if is_client else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    payload = part.payload
    if is_client:
        mask = os.urandom(4)
        head += mask
        payload = masked_by(mask, payload)
    return head + (payload[: part.sent] if isinstance(part, Half) else payload)


def masked_by(mask, payload):
    size = len(payload)
    long = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(long, "big")).to_bytes(size, "big")


async def frame(reader, masked):
    first, second = await reader.readexactly(2)
    assert bool(second & 0x80) == masked, "a mask on the wrong side"
    assert first & 0xF0 == 0x80, f"an odd frame came: {first:#x}"
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4) if masked else bytes(4)
    payload = await reader.readexactly(size)
    return first & 0x0F, masked_by(mask, payload)


async def echo(reader, writer, side):
    """Sends messages back, answers pings, and says good-bye as the protocol has it."""
    connection, events, complaint, parts = Connection(side), [], None, []
    closed = False
    while True:
        data = await reader.read(65536)
        if not data or closed:
            if not data:
                break
            continue
        connection.receive_data(data)
        try:
            for event in connection.events():
                answer = b""
                if isinstance(event, Ping):
                    events.append((PING, bytes(event.payload)))
                    answer = connection.send(event.response())
                elif isinstance(event, Pong):
                    events.append((PONG, bytes(event.payload)))
                elif isinstance(event, CloseConnection):
                    events.append((CLOSE, int(event.code)))
                    answer = connection.send(event.response())
                    closed = True
                elif isinstance(event, (TextMessage, BytesMessage)):
                    parts.append(event.data)
                    if event.message_finished:
                        whole = parts[0][:0].join(parts)
                        events.append((TEXT if isinstance(whole, str) else BINARY, len(whole)))
                        answer = connection.send(Message(data=whole))
                        parts = []
                writer.write(answer)
        except RemoteProtocolError as wrong:
            complaint, closed = str(wrong), True
            writer.write(connection.send(CloseConnection(code=wrong.event_hint.code)))
        await writer.drain()
        if closed and side is SERVER:
            break
    return events, complaint


asyncio.run(main())
