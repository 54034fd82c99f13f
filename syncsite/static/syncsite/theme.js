// Chosen by the switch in the header (a cookie, so that the server sends the page in it), else the system's.
// In the head and not deferred: the page must not flash in the other one.
(() => {
  const root = document.documentElement;
  if (!root.dataset.bsTheme) {
    root.dataset.bsTheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
})();
