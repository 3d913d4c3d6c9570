/**
 * Light, dark, or like the system: chosen once for this browser.
 *
 * @typedef {'system'|'light'|'dark'} Theme
 */
const KEY = 'workroom.theme';

/** @returns {Theme} */
export function chosenTheme() {
  const theme = localStorage.getItem(KEY);
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

/** @param {Theme} theme */
export function chooseTheme(theme) {
  if (theme === 'system') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, theme);
    document.documentElement.dataset.theme = theme;
  }
}
