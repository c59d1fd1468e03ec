"""An OPC UA server in a process of its own: nodes in namespaces given in the order of the command line, which may
differ between starts. Lines on stdin change nodes: `name type value [status]`; every write of a client is printed."""

import asyncio
import logging
import sys

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

URI = "urn:tests:thing"
NODES = {
    "Power": (12.5, ua.VariantType.Double),
    "State": (3, ua.VariantType.UInt16),
    "Running": (True, ua.VariantType.Boolean),
    "Limit": (50.0, ua.VariantType.Float),
    "Broken": (21.5, ua.VariantType.Double),
    "Word": (7, ua.VariantType.UInt16),
}


async def serve(port: int, uris: list[str]) -> None:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    spaces = [await server.register_namespace(uri) for uri in uris]
    nodes = {}
    for space, uri in zip(spaces, uris, strict=True):
        thing = await server.nodes.objects.add_object(space, "Thing")
        for name, (value, variant) in NODES.items():
            node = await thing.add_variable(space, name, value if uri == URI else variant_zero(variant), variant)
            await node.set_writable()
            if uri == URI:
                nodes[name] = node
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
    await asyncio.Event().wait()


def variant_zero(variant):
    return (
        False
        if variant is ua.VariantType.Boolean
        else 0.0
        if variant in (ua.VariantType.Double, ua.VariantType.Float)
        else 0
    )


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2:]))
