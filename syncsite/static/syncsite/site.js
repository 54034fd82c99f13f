// What pages ask for by attributes:
//   data-theme-switch          changes between light and dark
//   data-confirm="Sure?"       asks before a form is sent or a link followed
//   data-copy="#id"            copies the text of an element
//   data-submit-on-change      sends the form when the field changes
(() => {
  const year = 365 * 24 * 3600;

  document.addEventListener("click", (event) => {
    const clicked = event.target.closest("[data-theme-switch], [data-copy], a[data-confirm]");
    if (!clicked) return;
    if (clicked.matches("[data-theme-switch]")) {
      const root = document.documentElement;
      root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      document.cookie = `theme=${root.dataset.bsTheme};path=/;max-age=${year};samesite=lax`;
    } else if (clicked.matches("[data-copy]")) {
      const source = document.querySelector(clicked.dataset.copy);
      navigator.clipboard.writeText(source.value ?? source.textContent.trim()).then(() => {
        clicked.classList.add("is-copied");
        setTimeout(() => clicked.classList.remove("is-copied"), 1500);
      });
    } else if (!window.confirm(clicked.dataset.confirm)) {
      event.preventDefault();
    }
  });

  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
})();
