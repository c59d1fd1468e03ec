"use strict";
(function () {
  const SVG = document.querySelector("svg").namespaceURI;
  const root = document.documentElement;
  const tongue = document.getElementById("tongue");
  const theme = document.getElementById("theme");
  tongue.addEventListener("click", function () {
    root.lang = root.lang === "en" ? "zh-CN" : "en";
    document.title = tongue.dataset[root.lang === "en" ? "en" : "zh"];
  });
  theme.addEventListener("click", function () {
    const night = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (night ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
  tongue.hidden = theme.hidden = false;

  function two(number) { return String(Math.floor(number)).padStart(2, "0"); }

  function moment(group, part) {
    const t = Number(group.dataset.begin) + part * (group.dataset.end - group.dataset.begin);
    if (group.dataset.clock === "") { return Math.floor(t / 60) + ":" + two(t % 60); }
    const day = (t + Number(group.dataset.clock)) % 86400;
    return two(day / 3600) + ":" + two((day / 60) % 60) + ":" + two(day % 60);
  }

  document.querySelectorAll(".group").forEach(function (group) {
    const lanes = Array.from(group.querySelectorAll("figure")).map(function (figure) {
      const line = document.createElementNS(SVG, "line");
      line.setAttribute("class", "cursor");
      line.setAttribute("y1", "0");
      line.setAttribute("y2", "100%");
      return {area: figure.querySelector(".area"), line: line, values: JSON.parse(figure.dataset.values),
              at: figure.querySelectorAll(".at")};
    });
    const axis = group.querySelector(".x");
    const label = document.createElementNS(SVG, "text");
    label.setAttribute("class", "moment");
    label.setAttribute("y", "14");
    label.setAttribute("text-anchor", "middle");

    function show(part) {
      const x = (100 * part).toFixed(2) + "%";
      lanes.forEach(function (lane) {
        lane.line.setAttribute("x1", x);
        lane.line.setAttribute("x2", x);
        lane.area.append(lane.line);
        lane.values.forEach(function (row, curve) {
          const value = row[Math.min(row.length - 1, Math.floor(part * row.length))];
          lane.at[curve].textContent = value === null ? "\u2013" : String(value).replace("-", "\u2212");
        });
      });
      label.textContent = moment(group, part);
      label.setAttribute("x", x);
      axis.append(label);
    }

    function hide() {
      label.remove();
      lanes.forEach(function (lane) {
        lane.line.remove();
        lane.at.forEach(function (at) { at.textContent = ""; });
      });
    }

    group.addEventListener("pointermove", function (event) {
      if (!lanes.length) { return; }
      const box = lanes[0].area.getBoundingClientRect();
      const part = (event.clientX - box.left) / box.width;
      if (part >= 0 && part <= 1) { show(part); } else { hide(); }
    });
    group.addEventListener("pointerleave", hide);
  });
})();
