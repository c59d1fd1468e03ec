"""The course of a commissioning on the lines: who is there, what is read, what moves, what falls back; one row a check."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.cli.commission_cut import cut_power
from gateway.cli.commission_identity import Said, said_by
from gateway.cli.commission_lines import Lines
from gateway.cli.commission_losses import LOSSES, lose
from gateway.cli.commission_nudge import OTHERS, moved_controls, nudge, others
from gateway.cli.commission_station import Times
from gateway.cli.commission_trial import Place, hold_s_of, try_asset
from gateway.cli.commission_words import with_order
from gateway.clock import Clock
from gateway.commission import readings, trials, whoisit
from gateway.commission.acceptance import Check, Part, Picture, Verdict
from gateway.commission.drills import left_out, silence_s
from gateway.commission.readings import Expected, Watch
from gateway.control.watched import control_points
from gateway.field.bus import Member
from gateway.model.point import PointId, point_id
from gateway.model.site import Asset, Site
from gateway.oneshot import asset_of, moved_by
from gateway.texts import text

LOOK_S = 0.2
HOLDS, QUICK_HOLDS = 7, 2
"""Steps of a whole trial and of a quick one, the rest before included."""
GIVE_BACK_S, DRILL_S = 5.0, 25.0
"""About how long it takes to give an asset back; to make one drill."""
Explain = Callable[[Member, Sequence[Check], float], Awaitable[Sequence[Check]]]
"""From a device, its rows and its rating to the rows with what absurd values are made of."""
DRILLS = ("power_cut", "device_lost", "meter_lost", "upstream_lost")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants of it."""

    writes: bool
    watch_s: float
    hold_s: float | None
    quick: bool
    left_out: Mapping[str, str]
    """Assets and drills that are not tried, each with the reason's code."""
    times: Times = field(default_factory=Times)


@dataclass(slots=True)
class Course:
    """What has come of it so far; complete as far as it got, whatever ends it."""

    tell: Callable[[str], None]
    checks: list[Check] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    said: dict[PointId, str] = field(default_factory=dict)
    """What the devices say in words."""
    moved: list[Asset] = field(default_factory=list)
    """The assets that followed their step: those that drills may use."""
    trying: str = ""
    """The asset that is tried now."""

    def add(self, checks: Sequence[Check], picture: Picture | None = None) -> None:
        """Take over rows and a picture."""
        self.checks += checks
        if picture is not None:
            self.pictures.append(picture)


async def look(
    place: Place, course: Course, *, watch_s: float, identities: Mapping[str, Said] | None, explain: Explain | None
) -> None:
    """Identity and readings of every device, by reads alone; `explain` asks again what an absurd value is made of.

    `identities` None: nobody may ask the devices who they are.
    """
    site = place.site
    points = [
        point_id(member.id, point.name)
        for member in place.members.values()
        for point in member.profile.points.values()
        if point.readable and not point.is_text
    ]
    watch = Watch(points)
    begin_s = place.now_s()
    while place.now_s() < begin_s + watch_s:
        await place.pass_time(LOOK_S)
        watch.look(place.snapshot())
    snapshot, needed = place.snapshot(), frozenset(control_points(site))
    course.said.update(place.texts())
    for member in place.members.values():
        said = (identities or {}).get(member.id, Said())
        seen = whoisit.seen_of(
            member.id, member.profile, snapshot, texts=course.said, fc43=said.fc43, sunspec=said.sunspec
        )
        nodes = whoisit.nodes_of(member.id, member.profile, snapshot)
        course.add([whoisit.judge(member.id, member.profile, seen, nodes=nodes, asked=identities is not None)])
        expected = Expected(rating_w(site, member.id), needed)
        rows = readings.judge(member, watch, snapshot, expected=expected, texts=course.said)
        course.add(rows if explain is None else await explain(member, rows, expected.rating_w))


def rating_w(site: Site, device: str) -> float:
    """The most a device can draw or give, as the site file states it; inf where it does not."""
    asset = asset_of(site, device)
    if asset is not None:
        return max(abs(asset.min_w), abs(asset.max_w))
    return max(site.limits.max_import_w, site.limits.max_export_w)


async def move(place: Place, course: Course, wishes: Wishes) -> None:
    """Every asset tried, the controls that steer none named."""
    site = place.site
    for asset in site.assets.values():
        if (why := wishes.left_out.get(asset.id)) is not None:
            course.add([Check(Part.COMMAND, asset.id, "trial", Verdict.SKIPPED, why)])
            continue
        hold_s = hold_s_of(asset) if wishes.hold_s is None else wishes.hold_s
        course.trying = asset.id
        tried = await try_asset(
            site,
            asset,
            place,
            hold_s=hold_s,
            quick=wishes.quick,
            tell=lambda what, number, of: course.tell(f"{number}/{of}  {what}"),
        )
        course.add(tried.checks, tried.picture)
        course.trying = ""
        if any(one.reason == "followed" for one in tried.checks):
            course.moved.append(asset)


async def course_of(lines: Lines, course: Course, wishes: Wishes, *, clock: Clock) -> None:
    """All of it on our own lines, in order."""

    async def explain(member: Member, rows: Sequence[Check], rating_w: float) -> Sequence[Check]:
        return await with_order(lines, member, rows, rating_w=rating_w)

    _tell_look(lines, course, wishes)
    identities = await said_by(lines.site, lines.members.values())
    await lines.open()
    await look(lines, course, watch_s=wishes.watch_s, identities=identities, explain=explain)
    if not wishes.writes:
        course.add(unwritten(lines))
        return
    await move(lines, course, wishes)
    await nudge_others(lines, course, wishes)
    await drill(lines, course, wishes, clock=clock)


async def course_through(place: Place, course: Course, wishes: Wishes) -> None:
    """What can be done through the gateway that runs; the drills would take its lines from it."""
    _tell_look(place, course, wishes)
    await look(place, course, watch_s=wishes.watch_s, identities=None, explain=None)
    if not wishes.writes:
        course.add(unwritten(place))
        return
    await move(place, course, wishes)
    for member in place.members.values():
        found = asset_of(place.site, member.id)
        course.add(trials.untried(member.id, member.profile, () if found is None else moved_by(found)[:1]))
    course.add([left_out(place.site.id, name, wishes.left_out.get(name, "daemon_runs")) for name in DRILLS])


def takes_s(place: Place, wishes: Wishes) -> float:
    """About how long it will take."""
    seconds = wishes.watch_s
    if not wishes.writes:
        return seconds
    for asset in place.site.assets.values():
        if asset.id not in wishes.left_out:
            seconds += (QUICK_HOLDS if wishes.quick else HOLDS) * (wishes.hold_s or hold_s_of(asset)) + GIVE_BACK_S
    if "power_cut" not in wishes.left_out and place.exact:
        controls = [one for member in place.members.values() for one in member.profile.controls.values()]
        seconds += silence_s([one.keepalive.timeout_s for one in controls if one.keepalive], extra_s=DRILL_S)
    return seconds + DRILL_S * sum(name not in wishes.left_out for name in LOSSES if place.exact)


def _tell_look(place: Place, course: Course, wishes: Wishes) -> None:
    course.tell(text("commission.tell.takes", minutes=f"{max(1.0, takes_s(place, wishes) / 60.0):.0f}"))
    course.tell(text("commission.tell.look", devices=len(place.members), s=f"{wishes.watch_s:.0f}"))


async def nudge_others(lines: Lines, course: Course, wishes: Wishes) -> None:
    """The controls that steer no asset, those that may be tried."""
    for member, control, why in others(list(lines.members.values()), moved_controls(lines)):
        reason = why or wishes.left_out.get(OTHERS, "")
        if reason:
            course.add([Check(Part.COMMAND, member.id, control.name, Verdict.SKIPPED, reason)])
        else:
            course.tell(f"{member.id} {control.name}")
            course.add(await nudge(lines, member, control))


async def drill(lines: Lines, course: Course, wishes: Wishes, *, clock: Clock) -> None:
    """Every drill, or why it is left out."""
    site = lines.site
    for name in DRILLS:
        if (why := wishes.left_out.get(name)) is not None:
            course.add([left_out(site.id, name, why)])
    wanted = [name for name in DRILLS if name not in wishes.left_out]
    if "power_cut" in wanted and not course.moved:
        course.add([left_out(site.id, "power_cut", "nothing_follows")])
    elif "power_cut" in wanted:

        def tell(name: str, seconds: float) -> None:
            course.tell(text("commission.tell.silent", name=name, s=f"{seconds:.0f}"))

        checks, pictures = await cut_power(site, course.moved, lines, times=wishes.times, tell=tell)
        course.add(checks)
        course.pictures += pictures
    losses = [name for name in LOSSES if name in wanted]

    def say(name: str) -> None:
        course.tell(text("commission.tell.drill", name=name))

    course.add(await lose(lines, clock, losses, course.moved, times=wishes.times, tell=say))


def unwritten(place: Place) -> list[Check]:
    """The rows of a commissioning that writes nothing: every control and every drill by name."""
    rows = [
        Check(Part.COMMAND, member.id, name, Verdict.SKIPPED, "read_only")
        for member in place.members.values()
        for name in member.profile.controls
    ]
    return rows + [Check(Part.DRILL, place.site.id, name, Verdict.SKIPPED, "read_only") for name in DRILLS]
