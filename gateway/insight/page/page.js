"use strict";
(function () {
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
})();
