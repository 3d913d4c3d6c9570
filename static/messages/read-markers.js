/**
 * Who has read how far, as plain data: account id -> seq. Markers only move up.
 *
 * @typedef {Readonly<Record<string, number>>} ReadMarkers
 */

/**
 * @param {{account_id: string, seq: number}[]} markers
 * @returns {ReadMarkers}
 */
export function readMarkersOf(markers) {
  return Object.fromEntries(markers.map(({ account_id, seq }) => [account_id, seq]));
}

/**
 * @param {ReadMarkers} markers
 * @param {string} accountId
 * @param {number} seq
 * @returns {ReadMarkers}
 */
export function readMarkerMoved(markers, accountId, seq) {
  return seq > (markers[accountId] ?? 0) ? { ...markers, [accountId]: seq } : markers;
}

/**
 * At which message each reader stands: message id -> account ids. Somebody who wrote stands at least at what they wrote.
 * Readers whose message is outside the stretch are left out.
 *
 * @param {ReadMarkers} markers
 * @param {readonly {message_id: string, seq: number, author_id: string}[]} messages In order.
 * @param {readonly string[]} readers
 * @returns {Map<string, string[]>}
 */
export function readersByMessage(markers, messages, readers) {
  /** @type {Map<string, string[]>} */
  const standing = new Map();
  for (const reader of readers) {
    const marker = markers[reader] ?? 0;
    const message = messages.findLast(({ seq, author_id }) => seq <= marker || author_id === reader);
    if (!message || message.author_id === reader) continue;
    standing.set(message.message_id, [...(standing.get(message.message_id) ?? []), reader]);
  }
  return standing;
}

/**
 * After which message the divider stands above what is new: where reading stopped when somebody stopped watching. It moves
 * on once they have read what it stood above, and more came while they looked elsewhere.
 *
 * @param {number|null} newAfterSeq Where it stands; null where there is none.
 * @param {{isWatching: boolean, readSeq: number, lastMessageSeq: number}} reading
 * @returns {number|null}
 */
export function dividerMoved(newAfterSeq, { isWatching, readSeq, lastMessageSeq }) {
  const hasMore = lastMessageSeq > readSeq && readSeq > (newAfterSeq ?? 0);
  return hasMore && !isWatching ? readSeq : newAfterSeq;
}
