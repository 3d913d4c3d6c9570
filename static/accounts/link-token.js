/**
 * The token of a link. It stands in the address after the "#", which browsers send to nobody; on the page it leaves the
 * address at once, and this tab keeps it for a reload, until somebody has come in.
 */
const KEY = 'workroom.link';

/**
 * @param {string} hash
 * @returns {string} Empty where there is none.
 */
export function findToken(hash) {
  return new URLSearchParams(hash.slice(1)).get('token') ?? '';
}

/** @returns {string} The token of the link that was opened last in this tab; empty where there is none. */
export function takeToken() {
  const token = findToken(location.hash);
  if (!token) return sessionStorage.getItem(KEY) ?? '';
  history.replaceState(null, '', location.pathname);
  keep(token);
  return token;
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/** @param {string} token */
function keep(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch (error) {
    // A full storage costs the reload, not the page.
    if (!(error instanceof DOMException)) throw error;
  }
}
