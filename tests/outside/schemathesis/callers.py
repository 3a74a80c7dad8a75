"""Signs a caller in anew whenever a call of the run has ended the session: who may end sessions ends their own before long."""

import json
import os
import urllib.error
import urllib.request

import schemathesis

BASE = os.environ["STAGEDOOR_BASE"]
FACTS = json.load(open(os.environ["STAGEDOOR_FACTS"], encoding="utf-8"))
ROLE = os.environ["STAGEDOOR_ROLE"]
# Who sells or scans does so on a device; who keeps house does not.
KIND = {"box_office": "pos", "scanner": "scanner"}.get(ROLE)


def post(path, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(BASE + path, json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=10))


def device_token():
    """The first device of the kind; its code works once, so its token is kept for the run."""
    kept = os.environ["STAGEDOOR_FACTS"] + f".{KIND}"
    if not os.path.exists(kept):
        code = next(device["enrolment_code"] for device in FACTS["devices"] if device["kind"] == KIND)
        with open(kept, "w", encoding="utf-8") as file:
            file.write(post("/v1/devices/enrol", {"enrolment_code": code})["device_token"])
    return open(kept, encoding="utf-8").read()


def still_live(token):
    request = urllib.request.Request(BASE + "/v1/sessions/current", headers={"Authorization": f"Bearer {token}"})
    try:
        return urllib.request.urlopen(request, timeout=10).status == 200
    except urllib.error.HTTPError:
        return False


@schemathesis.auth(refresh_interval=1)
class SignIn:
    def __init__(self):
        self.token = None

    def get(self, case, context):
        if self.token is None or not still_live(self.token):
            user = next(user for user in FACTS["users"] if user["role"] == ROLE)
            body = {"organisation": FACTS["organisation"], "username": user["username"], "password": user["password"]}
            self.token = post("/v1/sessions", body, device_token() if KIND else None)["session_token"]
        return self.token

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
