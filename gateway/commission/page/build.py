"""The report as one page: one file, no other host, English and Chinese in it, to be read on a screen or printed and signed."""

from html import escape
from importlib.resources import files

from gateway.commission.acceptance import Verdict, Whole, count, whole
from gateway.commission.page.assets import asset_part
from gateway.commission.page.devices import device_table, reading_tables
from gateway.commission.page.drills import drills
from gateway.commission.page.glance import glance
from gateway.commission.page.rows import list_of, skipped_table
from gateway.commission.record import Record
from gateway.insight.page.build import DEFS, digest
from gateway.insight.page.tongues import TAGS, both, said

SIGNERS = ("technician", "owner", "vpp")
HEADS: dict[Whole, str] = {Whole.PASSED: "ok", Whole.PASSED_IN_PART: "part", Whole.FAILED: "bad"}


def page(record: Record, *, digest: str, fingerprint: str, language: str) -> str:
    """The whole page; `digest` is the SHA-256 of commission.json, `language` the one that shows first."""
    parts = [
        _banner(record),
        _of(record, Verdict.FAILED, "failed"),
        _of(record, Verdict.NOTED, "noted"),
        _part("glance", glance(record)),
        _part("assets", "".join(asset_part(record, line) for line in record.assets)),
        _part("drills", drills(record)),
        _part("devices", device_table(record)),
        _skipped(record),
        _signatures(record, digest, fingerprint),
        f'<section class="appendix"><h2>{both("commission.page.readings")}</h2>{reading_tables(record)}</section>',
    ]
    return _document(record, "".join(parts), language)


def _banner(record: Record) -> str:
    result, counted, about = whole(record.checks), count(record.checks), record.about
    figures = "".join(
        f"<div><dt>{both(f'commission.verdict.{verdict.value}')}</dt><dd>{counted[verdict]}</dd></div>"
        for verdict in Verdict
    )
    told = both(
        "commission.page.about",
        began=about.began,
        ended=about.ended,
        zone=about.timezone,
        by=about.by,
        host=about.host,
        version=about.version,
    )
    return (
        f'<section class="banner {HEADS[result]}"><p class="result">{both("commission.page.failed_result" if result is Whole.FAILED else f"commission.page.{result.value}")}</p>'
        f'<dl class="heroes">{figures}</dl><p class="lead">{both(f"commission.page.means.{result.value}")}</p>'
        f'<p class="quiet">{told} {both(f"commission.page.manner.{about.manner}")}</p></section>'
    )


def _of(record: Record, verdict: Verdict, key: str) -> str:
    """The rows of one verdict."""
    found = [check for check in record.checks if check.verdict is verdict]
    return _part(key, list_of(found)) if found else ""


def _skipped(record: Record) -> str:
    skipped = [check for check in record.checks if check.verdict is Verdict.SKIPPED]
    return _part("skipped", skipped_table(skipped)) if skipped else ""


def _signatures(record: Record, json_digest: str, fingerprint: str) -> str:
    lines = "".join(
        f'<div class="sign"><p>{both(f"commission.page.sign.{who}")}</p><dl>'
        + "".join(
            f"<div><dt>{both(f'commission.page.sign.{what}')}</dt><dd></dd></div>" for what in ("name", "date", "hand")
        )
        + "</dl></div>"
        for who in SIGNERS
    )
    seal = (
        f'<table class="narrow"><tbody><tr><td>{both("commission.page.key")}</td><td><code>{escape(fingerprint)}</code></td></tr>'
        f"<tr><td>{both('commission.page.digest')}</td><td><code>{escape(json_digest)}</code></td></tr>"
        f"<tr><td>{both('commission.page.site_digest')}</td><td><code>{escape(record.about.site_digest)}</code></td></tr>"
        f"<tr><td>{both('commission.page.check')}</td><td><code>gateway commission --verify DIR</code></td></tr></tbody></table>"
    )
    body = f'<p>{both("commission.page.declared")}</p><div class="signs">{lines}</div>{seal}'
    return f'<section class="signatures"><h2>{both("commission.page.signatures")}</h2>{body}</section>'


def _part(key: str, body: str) -> str:
    return f"<section><h2>{both(f'commission.page.{key}')}</h2>{body}</section>" if body else ""


def _document(record: Record, body: str, language: str) -> str:
    shared = files("gateway.insight.page")
    css = (shared / "page.css").read_text(encoding="utf-8")
    css += (files(__package__) / "commission.css").read_text(encoding="utf-8")
    script = (shared / "page.js").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{digest(css)}'; script-src '{digest(script)}'; base-uri 'none'; form-action 'none'"
    titles = {of: said("commission.page.title", of, name=record.about.site) for of in TAGS}
    return (
        f'<!doctype html>\n<html lang="{TAGS[language]}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{titles[language]}</title>\n<style>{css}</style>\n</head>\n<body>\n{DEFS}"
        f'<a class="skip" href="#main">{both("page.skip")}</a>'
        f"<header><h1>{both('commission.page.title', name=record.about.site)}</h1>"
        f'<span class="sub">{escape(record.about.ended)} {escape(record.about.timezone)}</span>'
        f'<button id="tongue" hidden data-en="{titles["en"]}" data-zh="{titles["zh"]}"><span lang="en">中文</span>'
        f'<span lang="zh-CN">English</span></button><button id="theme" hidden>{both("page.theme")}</button></header>\n'
        f'<main id="main">{body}</main>\n<footer>{both("commission.page.footer")}</footer>\n<script>{script}</script>\n</body>\n</html>\n'
    )
