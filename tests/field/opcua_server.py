"""An OPC UA server in a process of its own: nodes in namespaces given in the order of the command line, which may
differ between starts. A line on stdin changes a node: `name value [status]`, `name first count` very often, `name gone`
and `name anew [type]` as if a program were loaded; every write of a client and every user that came is printed. With `--papers` it is secured, and says it is somewhere else.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

URI = "urn:tests:thing"
APPLICATION = "urn:tests:server"
ELSEWHERE = "opc.tcp://169.254.169.254:4840/"
NODES = {
    "Power": (12.5, ua.VariantType.Double),
    "State": (3, ua.VariantType.UInt16),
    "Running": (True, ua.VariantType.Boolean),
    "Limit": (50.0, ua.VariantType.Float),
    "Broken": (21.5, ua.VariantType.Double),
    "Word": (7, ua.VariantType.UInt16),
    "Small": (5, ua.VariantType.Byte),
}


class Door:
    """Lets in the user `tower` with the password `s3cret`, whoever has a certificate, and nobody else."""

    def get_user(self, iserver, username=None, password=None, certificate=None):  # noqa: ARG002 - the library's names
        right = (username, password) == ("tower", "s3cret") if username else certificate is not None
        print("USER", username or "by certificate", "in" if right else "out", flush=True)
        return User(role=UserRole.User, name=username or "certificate") if right else None


async def serve(port: int, uris: list[str], papers: Path | None) -> None:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    server = Server(user_manager=Door() if papers else None)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    if papers is not None:
        await secure(server, papers, port)
    spaces = [await server.register_namespace(uri) for uri in uris]
    nodes = {}
    for space, uri in zip(spaces, uris, strict=True):
        thing = await server.nodes.objects.add_object(space, "Thing")
        for name, (value, variant) in NODES.items():
            node = await thing.add_variable(space, name, value if uri == URI else variant_zero(variant), variant)
            await node.set_writable()
            if uri == URI:
                nodes[name] = node
        if uri == URI:
            await methods(thing, space, nodes)
    bad = ua.DataValue(ua.Variant(21.5, ua.VariantType.Double), ua.StatusCode(ua.UInt32(StatusCodes.BadSensorFailure)))
    await nodes["Broken"].write_value(bad)
    uncertain = ua.StatusCode(ua.UInt32(StatusCodes.UncertainLastUsableValue))
    await nodes["Power"].write_value(ua.DataValue(ua.Variant(12.5, ua.VariantType.Double), uncertain))

    async def written(event, _service):
        if event.is_external:
            for item in event.request_params.NodesToWrite:
                print("WROTE", item.Value.Value.VariantType.name, item.Value.SourceTimestamp, flush=True)

    server.subscribe_server_callback(CallbackType.PostWrite, written)
    await server.start()
    print("READY", flush=True)
    thing = await server.nodes.objects.get_child(f"{spaces[uris.index(URI)]}:Thing")
    await obey(nodes, thing, spaces[uris.index(URI)])
    await asyncio.Event().wait()  # nobody has anything to say any more


async def methods(thing, space: int, nodes) -> None:
    """What can be called: one argument, none, two; every call is printed, those of SetLimit beyond 100 are refused."""

    def called(name: str, node: str, value=None):
        async def call(_parent, *given):
            print("CALLED", name, *(f"{one.VariantType.name}:{one.Value:g}" for one in given), flush=True)
            wanted = given[0].Value if given else value
            if wanted is not True and wanted is not False and wanted > 100.0:
                return ua.StatusCode(ua.UInt32(StatusCodes.BadOutOfRange))
            await nodes[node].write_value(ua.DataValue(ua.Variant(wanted, NODES[node][1])))
            return []

        return call

    await thing.add_method(space, "SetLimit", called("SetLimit", "Limit"), [ua.VariantType.Float], [])
    await thing.add_method(
        space, "SetBoth", called("SetBoth", "Limit"), [ua.VariantType.Float, ua.VariantType.Float], []
    )
    await thing.add_method(space, "Start", called("Start", "Running", value=True), [], [])
    await thing.add_method(space, "Stop", called("Stop", "Running", value=False), [], [])


async def secure(server: Server, papers: Path, port: int) -> None:
    """All three policies in both modes, beside the open one; named users only; endpoints of a host that is not ours."""
    server.socket_address = ("127.0.0.1", port)
    server.set_endpoint(ELSEWHERE)
    server.set_match_discovery_endpoint_url(False)
    server.set_match_discovery_client_ip(False)
    await server.set_application_uri(APPLICATION)
    await server.load_certificate(papers / "server.der")
    await server.load_private_key(papers / "server.pem")
    policies = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    secured = [
        getattr(ua.SecurityPolicyType, f"{name}_{mode}") for name in policies for mode in ("Sign", "SignAndEncrypt")
    ]
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity, *secured])
    server.set_identity_tokens([ua.UserNameIdentityToken, ua.X509IdentityToken])


async def obey(nodes, thing, space: int) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, value, *more = line.split()
        kind = NODES[name][1]
        if value == "gone":
            await nodes[name].delete()
            continue
        if value == "anew":
            number, kind = NODES[name][0], ua.VariantType[more[0]] if more else kind
            made = {ua.VariantType.Double: float, ua.VariantType.Boolean: bool}.get(kind, int)
            number = made(number)
            nodes[name] = await thing.add_variable(space, name, number, kind)
            await nodes[name].set_writable()
            continue
        if value == "first":
            for number in range(int(more[0])):
                await nodes[name].write_value(ua.DataValue(ua.Variant(type(NODES[name][0])(number), kind)))
            continue
        status = ua.StatusCode(ua.UInt32(getattr(StatusCodes, more[0]) if more else 0))
        await nodes[name].write_value(ua.DataValue(ua.Variant(type(NODES[name][0])(float(value)), kind), status))


def variant_zero(variant):
    return (
        False
        if variant is ua.VariantType.Boolean
        else 0.0
        if variant in (ua.VariantType.Double, ua.VariantType.Float)
        else 0
    )


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("port", type=int)
    given.add_argument("uris", nargs="+")
    given.add_argument("--papers", type=Path)
    asked = given.parse_args()
    asyncio.run(serve(asked.port, asked.uris, asked.papers))
