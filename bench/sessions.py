"""Signs users in for real: codes minted at the mock, logged in at wxgate, a phone number each.

They are signed in once; wxgate keeps them in its snapshot, and each wxgate of the run starts with a copy. The
peers get the same users as a file of lines `token openid phone`.
"""

import multiprocessing
import os
import random
import shutil
import signal

from bench.http1 import Connection, said

SECRETS = {
    "WX_SECRET": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "WX_SESSION_SECRET": "of the benchmark, more than 32 bytes",
}

# Who signs them in, at once.
HANDS = 4


class Users:
    """All that signed in, in an order that has nothing to do with that of their logins."""

    def __init__(self, rows, folder, snapshot):
        self.rows, self.snapshot = rows, snapshot
        self.file = os.path.join(folder, "users")
        with open(self.file, "w") as file:
            file.writelines(f"{token} {openid} {phone}\n" for token, openid, phone in rows)

    @property
    def token(self):
        """Of the one who asks where only one does."""
        return self.rows[len(self.rows) // 2][0]

    def hand_over(self, folder):
        """A copy of the snapshot for a wxgate that is about to start there."""
        shutil.copy(self.snapshot, os.path.join(folder, "sessions"))


def sign_in(count, gateway, mock, folder):
    """Signs `count` people in at a running gateway; their rows, shuffled the same each time."""
    parts = [range(hand, count, HANDS) for hand in range(HANDS)]
    with multiprocessing.get_context("fork").Pool(HANDS, lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)) as pool:
        rows = sum(pool.starmap(sign_in_part, [(part, gateway, mock) for part in parts]), [])
    random.Random(1).shuffle(rows)
    return rows


def sign_in_part(numbers, gateway, mock):
    with Connection(gateway) as street, Connection(mock) as wechat:
        return [sign_in_one(number, street, wechat) for number in numbers]


def sign_in_one(number, street, wechat):
    """The phone comes as encrypted data: of numbers by code only 20,000 are kept in five minutes."""
    openid = f"o6_bmjrPTlm6_2sgVt7h{number:08d}"
    code = said(*wechat.call("POST", "/mock/login-code", body={"openid": openid}))["code"]
    token = said(*street.call("POST", "/wxgate/login", body={"code": code}))["token"]
    sealed = said(*wechat.call("POST", "/mock/open-data", body={"openid": openid, "kind": "phone"}))
    bearer = [("Authorization", f"Bearer {token}")]
    phone = said(*street.call("POST", "/wxgate/phone", bearer, sealed))["purePhoneNumber"]
    return token, openid, phone
