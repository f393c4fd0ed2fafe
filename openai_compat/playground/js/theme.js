// Runs before the first paint, so that the page never flashes in the wrong colours.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("helix-theme");
  } catch {
    // storage may be forbidden; the system's choice holds then
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
