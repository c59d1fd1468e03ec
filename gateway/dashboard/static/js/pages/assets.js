/* Assets: why not more, may I take over; a list of strips, and one of them in full. */

import { h } from "../dom.js";
import { empty, giveBack, title } from "../frame.js";
import { icon } from "../icons.js";
import { age, kw, power } from "../numbers.js";
import { shape } from "../quality.js";
import { may, show, store } from "../store.js";
import { below, direction, isAway, rangeBox, sentence, why } from "../strip.js";
import { named, t, word } from "../words.js";

/** The page. */
export function view() {
  const now = store.now;
  if (!now) return h("p", { class: "loading" }, t("loading"));
  if (!now.assets.length) return [title(t("nav.assets")), h("section", { class: "panel" }, empty("assets", t("assets.none"), t("assets.none.text")))];
  const sum = (name) => now.assets.reduce((total, asset) => total + (asset[name] ?? 0), 0);
  const asked = store.query.get("asset");
  const chosen = now.assets.find((asset) => asset.id === asked) ?? now.assets[0];
  return [title(t("nav.assets"), h("span", { class: "dim" }, t("assets.sub", { n: now.assets.length, less: kw(sum("headroom_w")), more: kw(sum("footroom_w")) }))),
    h("div", { class: `split${asked ? " picked" : ""}` }, h("nav", { class: "list", "aria-label": t("assets.pick") }, ...now.assets.map((asset) => card(asset, asset === chosen, now.shadow))), detail(chosen, now.shadow))];
}

function figure(w, asset, look = "") {
  const [value, unit] = power(w);
  return h("span", { class: look }, h("b", null, value), h("span", { class: "u" }, ` ${unit} ${asset ? direction(asset, w) : ""}`));
}

function card(asset, chosen, shadow) {
  const reason = why(asset);
  return h("a", { key: asset.id, class: "card", href: `/assets?asset=${encodeURIComponent(asset.id)}`, "aria-current": chosen ? "true" : null },
    h("span", { class: "head" }, icon(asset.kind), h("b", null, named(asset.id)), figure(asset.does_w, asset, "right")),
    h("span", { class: "head sub" }, h("span", null, below(asset)), h("span", { class: "right asked" }, t("asset.asked"), " ", kw(asset.asked_w))),
    rangeBox(asset, { shadow }), h("span", { class: "reason" }, icon(reason.icon), h("span", null, reason.tag && h("span", { class: `tag ${reason.tag[0]}` }, reason.tag[1]), " ", reason.text)));
}

function detail(asset, shadow) {
  const reason = why(asset);
  const operator = may("operator");
  const fig = (name, w, look) => h("div", { class: `fig ${look ?? ""}` }, h("div", { class: "lab" }, t(name)), h("div", { class: "val" }, ...power(w).map((text, i) => (i ? h("span", { class: "u" }, ` ${text} ${direction(asset, w)}`) : text))));
  return h("section", { class: "panel detail", key: asset.id }, h("a", { class: "back phone-only", href: "/assets" }, "← ", t("nav.assets")),
    h("div", { class: "title-row" }, icon(asset.kind), h("h2", { class: "page-title" }, named(asset.id)), h("span", { class: "q" }, shape(asset.answering === asset.devices.length ? "good" : "offline"), t("asset.answering", { n: asset.answering, of: asset.devices.length })),
      h("div", { class: "right" }, h("a", { class: "btn quiet", href: `/trends?points=${encodeURIComponent(`gateway/asset.${asset.id}.does`)}` }, icon("trends"), t("assets.trend")), take(asset, operator))),
    h("div", { class: "figures" }, fig("asset.asked", asset.asked_w, "asked"), fig("asset.does", asset.does_w), asset.operating_w !== null && fig("assets.rest", asset.operating_w)),
    h("p", { class: "vh" }, sentence(asset)), h("div", { class: "big" }, rangeBox(asset, { shadow })),
    h("p", { class: "reason" }, icon(reason.icon), h("span", null, reason.tag && h("span", { class: `tag ${reason.tag[0]}` }, reason.tag[1]), " ", isAway(asset) && h("b", { class: "q amber" }, t("asset.lags"), " "), reason.text)),
    h("dl", { class: "facts" }, ...facts(asset).map(([name, text]) => h("div", { key: name }, h("dt", null, t(name)), h("dd", null, text)))),
    h("h3", { class: "h2" }, t("assets.devices")), h("p", { class: "chips" }, ...asset.devices.map((device) => h("a", { class: "tag", href: `/devices?device=${encodeURIComponent(device)}` }, device))));
}

function take(asset, operator) {
  const title = operator ? null : t("needs_role", { role: word("role", "operator") });
  if (asset.hold?.source === "manual") return h("button", { class: "btn", disabled: !operator, title, onclick: () => giveBack(asset) }, icon("hand"), t("asset.give_back"));
  return h("button", { class: "btn", disabled: !operator, title, "aria-haspopup": "dialog", onclick: () => show({ name: "override", asset: asset.id }) }, icon("hand"), t("asset.take_over"));
}

function facts(asset) {
  return [["assets.nameplate", `${asset.min_w < 0 ? `${kw(asset.min_w)} ${t("asset.discharge")}` : kw(asset.min_w)} … ${kw(asset.max_w)} ${asset.min_w < 0 ? t("asset.charge") : ""}`],
    ["assets.can_less", kw(asset.headroom_w)], ["assets.can_more", kw(asset.footroom_w)],
    ["assets.safe", asset.safe_w === null ? t("asset.own") : kw(asset.safe_w)], ["assets.settles", age(asset.settles_s)]];
}
