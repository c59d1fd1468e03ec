/* Runs before the first paint: the theme chosen here, else the system's; `?view=wall` takes rail and tools away. */
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let chosen = null;
    try { chosen = localStorage.getItem("theme"); } catch { /* storage is closed: follow the system */ }
    root.dataset.theme = chosen ?? (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  if (new URLSearchParams(location.search).get("view") === "wall") root.dataset.view = "wall";
})();
