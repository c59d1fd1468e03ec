"""Backup and restore: what was there comes back whole, and nothing of a doctored archive is ever used."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import backup
from gateway.cli.backup import backup as write_backup
from gateway.cli.restore import restore
from gateway.cli.support import support
from gateway.clock import VirtualClock
from gateway.errors import StoreError
from gateway.store import archive
from gateway.store.archive import MANIFEST, SIGNATURE, BadArchive
from gateway.store.audit import Audit, verify

SITE = """site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "192.0.2.20:502"}}
devices: {pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}}
links: {vpp: {mqtt: "mqtts://vpp.example:8883", user: tower, password_file: secrets/vpp}}
"""
SECRETS = {
    "password": "S3CR3T-link-password",
    "token": "S3CR3T-bearer-token",
    "hash": "scrypt$1$S3CR3T-hash",
}
UTC_MS = 1_795_000_000_000


@pytest.fixture
def box(tmp_path):
    """A site and its state, with secrets planted."""
    folder, state = tmp_path / "etc", tmp_path / "state"
    (folder / "secrets").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE)
    (folder / "secrets" / "vpp").write_text(SECRETS["password"])
    (folder / "secrets" / "vpp").chmod(0o600)
    audit = Audit(state / "audit", VirtualClock(1.0, UTC_MS))
    for number in range(20):
        audit.append("command", {"id": f"r{number}"})
    audit.close()
    users = [{"name": "owner", "role": "admin", "password": SECRETS["hash"]}]
    (state / "access.json").write_text(json.dumps({"format": 1, "users": users, "tokens": []}))
    (state / "access.json").chmod(0o600)
    (state / "gateway.sock").write_text("")
    return tmp_path


def made(box):
    out = box / "tower.backup"
    _, key = backup.make(box / "etc" / "site.yaml", box / "state", out, utc_ms=UTC_MS)
    return out, frozenset({key})


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def brought_back(box, path, *, state="state2", folder="etc2", trust=frozenset(), older=False):
    return backup.restore(path, box / state, box / folder, trust=trust, older=older, utc_ms=UTC_MS + 1)


def test_what_was_backed_up_comes_back_on_another_box(box):
    out, trust = made(box)
    assert out.stat().st_mode & 0o777 == 0o600
    manifest, aside = brought_back(box, out, trust=trust)
    assert (manifest.site, aside) == ("tower", [])
    assert tree(box / "etc2") == tree(box / "etc")
    assert (box / "etc2" / "secrets" / "vpp").stat().st_mode & 0o777 == 0o600
    assert verify(box / "state2" / "audit") is None
    assert set(tree(box / "state2")) == {"access.json", "audit/audit-000001.jsonl", "audit/audit.head"}


def test_on_the_same_box_its_own_key_is_trusted_and_what_was_there_is_put_aside(box):
    out, _ = made(box)
    before = tree(box / "state")
    (box / "etc" / "site.yaml").write_text("broken")
    _, aside = brought_back(box, out, state="state", folder="etc")
    assert (box / "etc" / "site.yaml").read_text() == SITE
    assert [path.name for path in aside] == [f"state.before-{UTC_MS + 1}", f"etc.before-{UTC_MS + 1}"]
    assert tree(aside[0]) == before
    assert (box / "state" / "backup.key").exists()


def packed(path, members):
    """An archive of any members: (TarInfo, data)."""
    with gzip.open(path, "wb") as raw, tarfile.open(fileobj=raw, mode="w|") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data) if data is not None else None)


def plain(name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member, data


def odd(name, kind, **more):
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in more.items():
        setattr(member, key, value)
    return member, None


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = archive._raw(KEY.public_key()).hex()
TRUST = frozenset({archive.fingerprint(KEY.public_key())})


def signed(files, *, key=KEY, **about):
    given = {"format": 1, "version": "0.0.0", "made_ms": 1, "site": "tower", "key": PUBLIC, "files": files} | about
    raw = json.dumps(given).encode()
    return [plain(MANIFEST, raw), plain(SIGNATURE, key.sign(raw))]


def listed(data):
    return [len(data), hashlib.sha256(data).hexdigest()]


GOOD = {"site/site.yaml": listed(SITE.encode())}
OUT = "../../escaped"
CASES = {
    "dot dot": ([*signed({OUT: listed(b"x")}), plain(OUT, b"x")], "bad_name"),
    "absolute": ([*signed({"/tmp/escaped": listed(b"x")}), plain("/tmp/escaped", b"x")], "bad_name"),
    "unlisted dot dot": ([*signed(GOOD), plain(OUT, b"x")], "not_as_listed"),
    "symlink": ([*signed(GOOD), odd("site/site.yaml", tarfile.SYMTYPE, linkname="/etc/passwd")], "not_as_listed"),
    "hard link": ([*signed(GOOD), odd("site/site.yaml", tarfile.LNKTYPE, linkname="/etc/passwd")], "not_as_listed"),
    "device": ([*signed(GOOD), odd("site/site.yaml", tarfile.CHRTYPE, devmajor=1, devminor=5)], "not_as_listed"),
    "another size": ([*signed(GOOD), plain("site/site.yaml", b"x" * 5)], "not_as_listed"),
    "another content": ([*signed(GOOD), plain("site/site.yaml", SITE.encode()[::-1])], "not_as_listed"),
    "missing": (signed(GOOD), "not_as_listed"),
    "one more": ([*signed(GOOD), plain("site/site.yaml", SITE.encode()), plain("more", b"x")], "not_as_listed"),
    "a terabyte": (signed({"site/site.yaml": [2**40, "00"]}), "too_large"),
    "no manifest": ([plain("site/site.yaml", SITE.encode())], "not_an_archive"),
    "wrong signature": (signed(GOOD, key=Ed25519PrivateKey.from_private_bytes(bytes(32))), "wrong_signature"),
    "newer format": (signed(GOOD, format=2), "newer_version"),
    "newer version": ([*signed(GOOD, version="99.0.0"), plain("site/site.yaml", SITE.encode())], "newer_version"),
    "older version": ([*signed(GOOD), plain("site/site.yaml", SITE.encode())], "older_version"),
    "nonsense": (signed([]), "not_an_archive"),
}  # fmt: skip


@pytest.mark.fault("A-056")
@pytest.mark.parametrize("name", CASES)
def test_a_doctored_archive_is_refused_whole(box, name):
    members, code = CASES[name]
    path = box / "doctored"
    packed(path, members)
    before = tree(box)
    with pytest.raises(BadArchive) as refused:
        brought_back(box, path, state="state", folder="etc", trust=TRUST)
    assert refused.value.code == code
    assert {name: sum_ for name, sum_ in tree(box).items() if name != "state/backup.key"} == before
    assert not Path("/tmp/escaped").exists()
    assert not (box.parent / "escaped").exists()


@pytest.mark.fault("A-056")
def test_an_archive_of_a_stranger_or_cut_or_of_zeros_is_refused(box):
    out, trust = made(box)
    with pytest.raises(BadArchive, match="nobody said to trust"):
        brought_back(box, out)
    whole = out.read_bytes()
    for cut in (0, 10, len(whole) // 2):
        out.write_bytes(whole[:cut])
        with pytest.raises(BadArchive):
            brought_back(box, out, trust=trust)
    with gzip.open(out, "wb", compresslevel=1) as zeros:
        for _ in range(64):
            zeros.write(bytes(2**20))
    with pytest.raises(BadArchive):
        brought_back(box, out, trust=trust)
    assert not (box / "state2").exists()


def test_an_older_one_needs_the_named_option(box):
    path = box / "older"
    packed(path, [*signed(GOOD), plain("site/site.yaml", SITE.replace("links", "# links").encode())])
    data = SITE.split("links", maxsplit=1)[0].encode()
    packed(path, [*signed({"site/site.yaml": listed(data)}), plain("site/site.yaml", data)])
    manifest, _ = brought_back(box, path, trust=TRUST, older=True)
    assert manifest.version == "0.0.0"


def test_a_key_that_others_may_read_signs_nothing(box):
    made(box)
    (box / "state" / "backup.key").chmod(0o644)
    with pytest.raises(StoreError, match="others may read it"):
        made(box)


@pytest.mark.fault("A-051")
def test_the_support_bundle_holds_no_secret_and_the_commands_work(box, capsys):
    bundle, archived = box / "support.tgz", box / "tower.backup"
    site, state = box / "etc" / "site.yaml", box / "state"

    support(site, bundle, state)
    with tarfile.open(bundle) as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar}
    assert {"support/about.json", "support/site.json", "support/audit.json"} <= set(parts)
    told = "".join(capsys.readouterr())
    for secret in SECRETS.values():
        assert not [name for name, data in parts.items() if secret.encode() in data]
        assert secret not in told
    write_backup(site, archived, state)
    with pytest.raises(typer.Exit) as refused:
        restore(archived, box / "etc3", box / "state3")
    assert refused.value.exit_code == 1
    assert "unknown_key" in capsys.readouterr().err
    restore(archived, box / "etc", state)
    assert f"{state}.before-" in capsys.readouterr().out
