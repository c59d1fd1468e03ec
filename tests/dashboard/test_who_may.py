"""Who may ask what: every route against every role, other sites' pages, foreign names, forged forms."""

import asyncio
import ssl
from contextlib import suppress
from itertools import product

import pytest
from aiohttp import ClientError

from gateway.clock import SystemClock
from gateway.dashboard.certificate import context, fingerprint, make
from gateway.dashboard.roles import Role
from gateway.dashboard.server import ROUTES
from gateway.errors import StoreError
from gateway.model.listen import Listen
from tests.dashboard.rig import PASSWORD, T0_MS, serving

WINDOW = f"from={T0_MS}&to={T0_MS + 60_000}"
PATHS = {
    "/api/v1/points/{device}/{quantity}": "/api/v1/points/pcc/power.active",
    "/api/v1/history": f"/api/v1/history?point=pcc/power.active&{WINDOW}",
    "/api/v1/energy": f"/api/v1/energy?{WINDOW}",
    "/api/v1/events/evidence": "/api/v1/events/evidence?issuer=vpp&id=e0",
    "/api/v1/history.csv": f"/api/v1/history.csv?point=pcc/power.active&{WINDOW}",
}
BODIES = {
    "/api/v1/override": {"asset": "battery", "power_w": 1000.0, "for_s": 600.0, "why": "a try"},
    "/api/v1/stop": {"why": "a try"},
    "/api/v1/stop/release": {"why": "a try"},
    "/api/v1/cancel": {"id": "e1", "why": "a try"},
    "/api/v1/alarms/acknowledge": {"key": "device_offline:battery"},
    "/api/v1/alarms/shelve": {"key": "device_offline:battery", "for_s": 3600.0, "why": "a try"},
    "/api/v1/alarms/unshelve": {"key": "device_offline:battery"},
    "/api/v1/users": {"user": "new", "role": "viewer", "password": "nothing to guess"},
    "/api/v1/users/drop": {"user": "nobody"},
    "/api/v1/tokens": {"name": "scraper", "role": "viewer"},
    "/api/v1/tokens/drop": {"id": "gw00000000"},
    "/api/v1/password": {"old": "x", "password": "nothing to guess"},
}
CLOSED = [route for route in ROUTES if route.role is not None and not route.machine]


async def send(client, route):
    path = PATHS.get(route.path, route.path)
    return await (client.get(path) if route.method == "GET" else client.post(path, BODIES.get(route.path)))


@pytest.mark.fault("A-025")
async def test_no_route_answers_who_is_not_logged_in_nor_a_weaker_role(tmp_path):
    async with serving(tmp_path) as bench:
        nobody = bench.client()
        people = {role: await bench.user(role.word, role) for role in Role}
        for route in CLOSED:
            assert (await send(nobody, route))[0] in (401, 403), route.path
            for role, client in people.items():
                if role < route.role:
                    status, told = await send(client, route)
                    assert (status, told["error"]) == (403, "role"), (route.path, role)
        assert bench.asks.did == []
        assert [kind for kind, _ in bench.asks.chain] == ["login"] * len(Role)
        for token in ("", "gw00000000.nothing", "x" * 5000):
            assert (await nobody.get("/api/v1/now", Authorization=f"Bearer {token}"))[0] in (400, 401)


@pytest.mark.parametrize(
    "route", [route for route in CLOSED if route.role <= Role.OPERATOR], ids=lambda route: route.path
)
async def test_an_operator_is_answered_by_every_route_of_his(tmp_path, route):
    async with serving(tmp_path) as bench:
        status, _ = await send(await bench.user("li", Role.OPERATOR), route)
        assert status == (401 if route.path == "/api/v1/password" else 200)


FORGED = [
    ({"Content-Type": "text/plain"}, 415, "not_json"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "not_json"),
    ({"X-Gateway-Token": ""}, 403, "no_token"),
    ({"X-Gateway-Token": "guess"}, 403, "no_token"),
    ({"Origin": "https://attacker.example"}, 403, "foreign_origin"),
    ({"Origin": "null"}, 403, "foreign_origin"),
    ({"Sec-Fetch-Site": "cross-site"}, 403, "foreign_origin"),
    ({"Sec-Fetch-Site": "same-site"}, 403, "foreign_origin"),
]


@pytest.mark.fault("A-027")
async def test_a_forged_change_has_no_effect(tmp_path):
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.OPERATOR)
        for headers, status, error in FORGED:
            found, told = await client.post("/api/v1/stop", {"why": "a try"}, **headers)
            assert (found, told["error"]) == (status, error), headers
        assert bench.asks.did == []
        assert (await client.post("/api/v1/stop", {"why": "a try"}))[0] == 200


@pytest.mark.fault("A-027")
async def test_a_get_changes_nothing_and_a_cookie_without_an_origin_is_not_enough(tmp_path):
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.OPERATOR)
        for path in BODIES:
            assert (await client.get(path))[0] == 405
        async with client.session.post(
            bench.base + "/api/v1/stop", json={"why": "a try"}, headers={"X-Gateway-Token": client.token}
        ) as answer:
            assert answer.status == 403
        assert bench.asks.did == []


LOOKED_AT = ("/api/v1/now", "/api/v1/stream", "/metrics", "/", "/api/v1/session")
FOREIGN = ("https://attacker.example", "null", "http://127.0.0.1.attacker.example", "http://localhost:1")


@pytest.mark.fault("A-028", "A-030")
async def test_another_sites_page_is_told_nothing(tmp_path):
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.OPERATOR)
        for path, origin, method in product(LOOKED_AT, FOREIGN, ("GET", "OPTIONS")):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            async with client.session.request(method, bench.base + path, headers=asked) as answer:
                assert not [name for name in answer.headers if name.lower().startswith("access-control")]
                assert answer.status == (405 if method == "OPTIONS" else 200 if path == "/" else 403)
                if answer.status == 403:
                    assert (await answer.json())["error"] == "foreign_origin"


@pytest.mark.fault("A-030")
async def test_a_stream_without_a_login_gives_not_a_byte(tmp_path):
    async with serving(tmp_path) as bench:
        status, told = await bench.client().get("/api/v1/stream")
        assert (status, told["error"]) == (401, "not_logged_in")
        assert bench.server._room.hub.clients == 0


STRANGERS = (
    "attacker.example", "127.0.0.1.attacker.example", "localhost.", "attacker.example@127.0.0.1", "127.0.0.1:port", "127.0.0.1:80/x",
)  # fmt: skip


@pytest.mark.fault("A-029")
async def test_only_our_own_names_are_answered(tmp_path):
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.OPERATOR)
        for path in ("/healthz", "/", "/api/v1/now", "/static/index.html"):
            for host in STRANGERS:
                assert (await client.get(path, Host=host))[0] == 421, (path, host)
            for host in ("127.0.0.1", "LOCALHOST:9999", "[::1]:8080"):
                assert (await client.get(path, Host=host))[0] == 200, (path, host)


@pytest.mark.fault("A-032")
async def test_a_fresh_gateway_has_no_secret_anybody_could_know(tmp_path):
    codes = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with serving(tmp_path / name) as bench:
            codes.add(bench.setup_code())
            client = bench.client()
            assert ((bench.state / "setup-code").stat().st_mode & 0o777) == 0o600
            for user in ("admin", "root", "owner", "gateway"):
                assert (await client.post("/api/v1/login", {"user": user, "password": user}))[0] == 401
            assert (await client.post("/api/v1/stop", {"why": "a try"}))[0] == 401
            assert (await client.post("/api/v1/setup", {"code": "0000", "user": "a", "password": PASSWORD}))[0] == 401
    assert len(codes) == 2


async def test_the_set_up_code_makes_the_owner_once(tmp_path):
    async with serving(tmp_path) as bench:
        client, code = bench.client(), bench.setup_code()
        weak = await client.post("/api/v1/setup", {"code": code, "user": "owner", "password": "ownerowner1"})
        assert (weak[0], weak[1]["error"]) == (422, "password_guessable")
        status, told = await client.post("/api/v1/setup", {"code": code.lower(), "user": "owner", "password": PASSWORD})
        assert (status, told["user"], told["role"], told["setup"]) == (200, "owner", "admin", False)
        assert not (bench.state / "setup-code").exists()
        again = await bench.client().post("/api/v1/setup", {"code": code, "user": "thief", "password": PASSWORD})
        assert again[0] == 409
        assert (bench.state / "access.json").stat().st_mode & 0o777 == 0o600
        assert PASSWORD not in (bench.state / "access.json").read_text()


@pytest.mark.fault("A-037")
async def test_a_login_ends_with_logout_password_role_and_removal_and_its_stream_with_it(tmp_path):
    async with serving(tmp_path) as bench:
        await bench.access.put_user("owner", Role.ADMIN, PASSWORD)
        admin = bench.client()
        assert await admin.login("owner") == 200
        for end in ("logout", "role", "password", "removal"):
            await bench.access.put_user("li", Role.OPERATOR, PASSWORD)
            client = bench.client()
            assert await client.login("li") == 200
            bench.clock.now_s += 61.0
            async with client.session.get(bench.base + "/api/v1/stream") as stream:
                assert (await stream.content.readline()).startswith(b"event: now")
                match end:
                    case "logout":
                        assert (await client.post("/api/v1/logout"))[0] == 200
                    case "role":
                        body = {"user": "li", "role": "viewer", "password": None}
                        assert (await admin.post("/api/v1/users", body))[0] == 200
                    case "password":
                        body = {"user": "li", "role": "operator", "password": "something else again"}
                        assert (await admin.post("/api/v1/users", body))[0] == 200
                    case _:
                        assert (await admin.post("/api/v1/users/drop", {"user": "li"}))[0] == 200
                began_s = asyncio.get_running_loop().time()
                with suppress(ClientError, ConnectionError):
                    while await stream.content.readline():
                        pass
                assert asyncio.get_running_loop().time() - began_s < 5.0
            assert (await client.get("/api/v1/now"))[0] == 401


@pytest.mark.fault("A-037")
async def test_a_session_nobody_was_given_is_none_and_logins_are_bounded(tmp_path):
    async with serving(tmp_path) as bench:
        await bench.access.put_user("li", Role.OPERATOR, PASSWORD)
        fixed = bench.client()
        fixed.session.cookie_jar.update_cookies({f"gateway_session_{bench.port}": "chosen by somebody"})
        assert await fixed.login("li") == 200
        given = {cookie.key: cookie for cookie in fixed.session.cookie_jar}[f"gateway_session_{bench.port}"]
        assert given.value != "chosen by somebody"
        assert (given["httponly"], given["samesite"]) == (True, "Strict")
        many = [bench.client(f"127.0.1.{number}") for number in range(1, 51)]
        found = await asyncio.gather(*(client.login("li") for client in many))
        assert set(found) <= {200, 429}
        assert 1 <= found.count(200) <= 10
        held = [user for user in bench.access.users() if user[0].name == "li"]
        assert held[0][2] <= 10


async def test_a_token_is_told_once_kept_as_a_hash_and_can_be_taken_back(tmp_path):
    async with serving(tmp_path) as bench:
        admin = await bench.user("owner", Role.ADMIN)
        _, made = await admin.post("/api/v1/tokens", {"name": "prometheus", "role": "viewer"})
        bearer = {"Authorization": f"Bearer {made['secret']}"}
        machine = bench.client()
        assert (await machine.get("/api/v1/now", **bearer))[0] == 200
        assert (await machine.get("/api/v1/audit", **bearer))[0] == 403
        _, listed = await admin.get("/api/v1/access")
        assert [token["secret"] for token in listed["tokens"]] == [None]
        assert made["secret"].partition(".")[2] not in (bench.state / "access.json").read_text()
        assert (await admin.post("/api/v1/tokens/drop", {"id": made["id"]}))[0] == 200
        assert (await machine.get("/api/v1/now", **bearer))[0] == 401


async def test_the_last_admin_stays(tmp_path):
    async with serving(tmp_path) as bench:
        await bench.access.put_user("owner", Role.ADMIN, PASSWORD)
        admin = await bench.user("owner", Role.ADMIN)
        assert (await admin.post("/api/v1/users/drop", {"user": "owner"}))[1]["error"] == "last_admin"
        body = {"user": "owner", "role": "viewer", "password": None}
        assert (await admin.post("/api/v1/users", body))[1]["error"] == "last_admin"


async def test_beyond_loopback_it_speaks_tls_with_a_certificate_of_its_own_and_tells_machines_nothing(tmp_path):
    listen = Listen("127.0.0.1", 0, frozenset({"gateway.example"}), *own_certificate(tmp_path))
    async with serving(tmp_path, listen=listen, tls=context(listen, tmp_path, utc_ms=T0_MS)) as bench:
        assert bench.base.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(listen.cert_file))
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", bench.port, ssl=trusted, server_hostname="gateway.example"
        )
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in await reader.read()
        writer.close()
        client = await bench.user("li", Role.VIEWER)
        cookie = next(iter(client.session.cookie_jar))
        assert cookie["secure"]
        plain, plain_writer = await asyncio.open_connection("127.0.0.1", bench.port)
        plain_writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        with suppress(ConnectionError):
            assert b"200" not in await plain.read()
        plain_writer.close()


async def test_elsewhere_machines_need_a_token(tmp_path):
    async with serving(tmp_path, listen=Listen("0.0.0.0", 0, frozenset({"gateway.example"}))) as bench:
        bench.server.url = f"http://127.0.0.1:{bench.port}/"
        client = bench.client()
        for path in ("/metrics", "/healthz", "/readyz"):
            assert (await client.get(path))[0] == 401
            machine, secret = await bench.access.make_token("prometheus", Role.VIEWER)
            assert machine.role is Role.VIEWER
            assert (await client.get(path, Authorization=f"Bearer {secret}"))[0] == 200


def own_certificate(folder):
    cert, key = folder / "own.crt", folder / "own.key"
    make(cert, key, names=frozenset({"gateway.example", "127.0.0.1"}), utc_ms=SystemClock().utc_ms())
    return cert, key


def test_a_certificate_is_made_once_renewed_in_time_and_a_key_that_is_open_is_refused(tmp_path):
    listen = Listen("192.0.2.1", 8443, frozenset({"gateway.example"}))
    assert listen.encrypted
    assert not listen.local
    day_ms = 86_400_000
    context(listen, tmp_path, utc_ms=T0_MS)
    first = fingerprint(tmp_path / "dashboard.crt")
    context(listen, tmp_path, utc_ms=T0_MS + 600 * day_ms)
    assert fingerprint(tmp_path / "dashboard.crt") == first
    context(listen, tmp_path, utc_ms=T0_MS + 710 * day_ms)
    assert fingerprint(tmp_path / "dashboard.crt") != first
    (tmp_path / "dashboard.key").chmod(0o640)
    with pytest.raises(StoreError, match="others may read it"):
        context(listen, tmp_path, utc_ms=T0_MS + 710 * day_ms)
