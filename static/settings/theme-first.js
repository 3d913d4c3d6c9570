// Before the first paint: a chosen appearance, so that a dark room does not flash white. A classic script, because
// modules run too late for that; settings/theme.js does the rest.
(() => {
  try {
    const theme = localStorage.getItem('workroom.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing has nothing chosen.
  }
})();
