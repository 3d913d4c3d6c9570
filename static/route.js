/**
 * Which part of the application an address shows. Signed in, it stands after the "#", so that going back is the
 * browser's own.
 *
 * @typedef {object} Route
 * @property {'rooms'|'room'|'desk'|'people'|'settings'|'new-room'|'compliance'} page
 * @property {string} [roomId]
 * @property {string[]} [path] Which page of the compliance console.
 * @property {boolean} [isNotes]
 */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [first, second, third, ...rest] = hash.replace(/^#\/?/, '').split('/');
  if (first === 'rooms' && second) return { page: 'room', roomId: second, isNotes: third === 'notes' };
  if (first === 'compliance') return { page: 'compliance', path: [second, third, ...rest].filter(Boolean) };
  if (first === 'desk' || first === 'people' || first === 'settings' || first === 'new-room') return { page: first };
  return { page: 'rooms' };
}

/**
 * @param {string} roomId
 * @param {boolean} [isNotes]
 */
export function roomAddress(roomId, isNotes = false) {
  return `#/rooms/${roomId}${isNotes ? '/notes' : ''}`;
}

/** @param {string} hash */
export function go(hash) {
  location.hash = hash;
}
