/**
 * How many messages of others stand unread in a room's stream, kept up to date by what comes. The server stops counting
 * at a hundred, and so do we: from there on a change cannot be told from the events, and the list is fetched afresh.
 *
 * @import { RoomEntry } from './room-list-state.js'
 *
 * @typedef {{room: RoomEntry, stale: boolean}} Counted
 */

export const MOST_UNREAD = 100;

/**
 * @param {RoomEntry} room
 * @param {string} stream
 * @param {number} seq
 * @param {boolean} mentions
 * @returns {Counted}
 */
export function countedPost(room, stream, seq, mentions) {
  if (room.stream !== stream) {
    const staffUnread = Math.min(MOST_UNREAD, (room.staff_unread ?? 0) + 1);
    return { room: { ...room, staff_unread: staffUnread, staffPosts: [...room.staffPosts, { seq, mentions }] }, stale: false };
  }
  if (seq <= room.read_seq) return { room, stale: false };
  const unread = Math.min(MOST_UNREAD, room.unread + 1);
  const posts = [...room.posts, { seq, mentions }];
  return { room: { ...room, unread, posts, mentioned: room.mentioned || mentions }, stale: false };
}

/**
 * A message was given a new text, which mentions the reader. That it ever did so counts, as long as it is unread.
 *
 * @param {RoomEntry} room
 * @param {string} stream
 * @param {number} seq
 * @returns {Counted}
 */
export function mentionedByEdit(room, stream, seq) {
  if (room.stream !== stream || seq <= room.read_seq || room.unread === 0) return { room, stale: false };
  const posts = room.posts.map((post) => (post.seq === seq ? { ...post, mentions: true } : post));
  // Of a message from before we listened only the server knows whether it counts as unread.
  return { room: { ...room, posts, mentioned: true }, stale: !posts.some((post) => post.seq === seq) };
}

/**
 * A message was taken back: if it was an unread one of somebody else, one less is unread.
 *
 * @param {RoomEntry} room
 * @param {string} stream
 * @param {number} seq
 * @returns {Counted}
 */
export function deletedPost(room, stream, seq) {
  const isShared = room.stream === stream;
  const unread = isShared ? room.unread : (room.staff_unread ?? 0);
  if (unread === 0 || (isShared && seq <= room.read_seq)) return { room, stale: false };
  const known = isShared ? room.posts : room.staffPosts;
  if (!known.some((post) => post.seq === seq) || unread >= MOST_UNREAD) return { room, stale: true };
  const left = known.filter((post) => post.seq !== seq);
  if (!isShared) return { room: { ...room, staff_unread: unread - 1, staffPosts: left }, stale: false };
  // Whether an older unread message still mentions the reader, only the server knows.
  const stale = room.mentioned && left.length < unread - 1;
  const mentioned = room.mentioned && (stale || left.some((post) => post.mentions));
  return { room: { ...room, unread: unread - 1, posts: left, mentioned }, stale };
}

/**
 * @param {RoomEntry} room
 * @param {string} stream
 * @param {number} seq
 * @returns {Counted}
 */
export function markedRead(room, stream, seq) {
  const isShared = room.stream === stream;
  if (isShared && seq <= room.read_seq) return { room, stale: false };
  const known = isShared ? room.posts : room.staffPosts;
  const left = known.filter((post) => post.seq > seq);
  const before = isShared ? room.unread : (room.staff_unread ?? 0);
  const last = (isShared ? room.seq : room.staff_seq) ?? 0;
  // Unread messages from before we listened: where none after them was read, only the server knows which of them were.
  const stale = seq < last && before > known.length && left.length === known.length;
  const unread = seq >= last ? 0 : Math.min(MOST_UNREAD, stale ? before : left.length);
  if (!isShared) return { room: { ...room, staff_unread: unread, staffPosts: left }, stale };
  const mentioned = stale ? room.mentioned : left.some((post) => post.mentions);
  return { room: { ...room, read_seq: seq, unread, mentioned, posts: left }, stale };
}
