"""What describes itself: the OpenAPI document, requests made from it, and the metrics page."""

import json
import math
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from prometheus_client.parser import text_string_to_metric_families

from gateway import fieldview, health
from gateway.clock import VirtualClock
from gateway.dashboard import metrics
from gateway.dashboard.openapi import description
from gateway.dashboard.roles import Role
from gateway.dashboard.server import ROUTES
from gateway.health import UNITS, units
from gateway.instruments import Instruments
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality, Reading
from tests.dashboard.rig import serving
from tests.needs import program

DESCRIPTION = description(ROUTES)
MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"


def test_every_route_is_described_with_its_role_and_every_reference_leads_somewhere():
    assert {(path, method.upper()) for path, found in DESCRIPTION["paths"].items() for method in found} == {
        (route.path, route.method) for route in ROUTES
    }
    text = json.dumps(DESCRIPTION)
    named = set(DESCRIPTION["components"]["schemas"])
    assert {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]} <= named
    for route in ROUTES:
        operation = DESCRIPTION["paths"][route.path][route.method.lower()]
        assert bool(operation["security"]) == (route.role is not None)


async def test_requests_made_from_the_description_never_break_the_server(tmp_path, soak):
    """Examples are drawn from the description and sent over the socket by an admin, right and wrong."""
    import schemathesis  # here: every worker collects this file, one of them runs this test

    async with serving(tmp_path) as bench:
        admin = await bench.user("owner", Role.ADMIN)
        drawn = 0
        for operation in (found.ok() for found in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()):
            for case in drawn_from(operation.as_strategy(), 200 if soak else 1):
                drawn += 1
                status = await sent(bench, admin, case)
                assert status < 500, case.as_curl_command()
        assert drawn >= len(ROUTES)


def drawn_from(strategy, count):
    found = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(case):
        found.append(case)

    take()
    return found


async def sent(bench, client, case):
    made = case.as_transport_kwargs(base_url=bench.base)
    headers = {"Origin": bench.base, "X-Gateway-Token": client.token} | {
        name: value for name, value in (made.get("headers") or {}).items() if value.isascii() and value.isprintable()
    }
    body = made.get("data", made.get("json"))
    data = body if isinstance(body, bytes | str | None) else json.dumps(body, default=str)
    asked = {"params": made.get("params"), "data": data, "headers": headers | {"Content-Type": "application/json"}}
    async with client.session.request(made["method"], made["url"], **asked) as answer:
        await answer.read()
        return answer.status


def every_kind(*, unknown=("outbox.oldest",)):
    """Every point of the device `gateway` of a small site, and what the page makes of them."""
    named = units(["battery", "fans"]) | {"odd.point": Unit.NONE}
    named |= {f"line.rtu0.{name}": unit for name, unit in fieldview.LINE_UNITS.items()}
    named |= {f"device.pcc.{name}": unit for name, unit in fieldview.DEVICE_UNITS.items()}
    values = [None if name in unknown else float(at) for at, name in enumerate(named)]
    page = metrics.Page(PointSpec(point_id("gateway", name), unit, 10.0) for name, unit in named.items())
    return "".join(page.families(values))


def test_the_metrics_page_is_what_prometheus_reads():
    page = every_kind()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert families["gateway_control_steps"].type == "counter"
    assert [sample.labels for sample in families["gateway_control_late_seconds"].samples] == [
        {"quantile": "0.50"},
        {"quantile": "0.99"},
    ]
    assert [sample.labels["asset"] for sample in families["gateway_asset_asked_watts"].samples] == ["battery", "fans"]
    assert families["gateway_line_load"].samples[0].labels == {"line": "rtu0"}
    assert all(family.documentation for family in families.values())
    assert len(families) >= len(UNITS) - 2


def test_promtool_finds_nothing_wrong_with_the_metrics_page():
    page = every_kind().encode()
    done = subprocess.run([program("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_promtool_takes_the_alert_rules():
    rules = str(MONITORING / "alerts.yaml")
    done = subprocess.run([program("promtool"), "check", "rules", rules], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_and_alert_rules_ask_for_metrics_there_are():
    there = set(re.findall(r"^# TYPE (\S+)", every_kind(unknown=()), re.MULTILINE))
    grafana = json.loads((MONITORING / "gateway.grafana.json").read_text())
    asked = [target["expr"] for panel in grafana["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    asked += [rule["expr"] for rule in rules]
    assert set(re.findall(r"gateway_\w+", " ".join(asked))) <= there
    assert all(rule["labels"]["severity"] in ("high", "medium", "low") for rule in rules)


@pytest.mark.parametrize(
    ("value", "age_s", "line"),
    [(5.0, 1.0, "gateway_polls_total 5.0"), (5.0, 11.0, None), (None, 1.0, None), (math.inf, 1.0, None)],
)
def test_what_is_not_known_has_no_line(value, age_s, line):
    clock = VirtualClock(1000.0)
    image = Image([*health.specs(), PointSpec(point_id("pcc", "power.active"), Unit.WATT, 5.0)])
    quality, cause = (Quality.GOOD, Cause.NONE) if value is not None else (Quality.INVALID, Cause.SOURCE)
    image.post(point_id("gateway", "polls"), Reading(value, quality, cause, clock.boot_s() - age_s))
    found = "".join(Instruments(None, {}, image, clock, {}).metrics()).splitlines()
    assert [one for one in found if not one.startswith("#")] == ([] if line is None else [line])


def test_the_metrics_page_follows_a_site_that_changes():
    clock, image = VirtualClock(1000.0), Image(health.specs())
    instruments = Instruments(None, {}, image, clock, {})
    assert list(instruments.metrics()) == []
    image.respec(health.specs(["battery"]))
    health.post(image, {"asset.battery.does": 7.0}, names=health.units(["battery"]), now_s=clock.boot_s())
    assert "".join(instruments.metrics()).splitlines()[-1] == 'gateway_asset_does_watts{asset="battery"} 7.0'
