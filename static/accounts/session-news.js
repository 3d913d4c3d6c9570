/**
 * Tells the other tabs of this browser who has just come in: signing in in one of them gives all of them the same
 * session, and a line that was opened before may stand for long.
 */
const NAME = 'workroom.session';

/** @param {string} accountId */
export function tellTabs(accountId) {
  const channel = new BroadcastChannel(NAME);
  channel.postMessage(accountId);
  channel.close();
}

/** @returns {BroadcastChannel} Each `message` has an account's id. Whoever listens closes it. */
export function hearTabs() {
  return new BroadcastChannel(NAME);
}
