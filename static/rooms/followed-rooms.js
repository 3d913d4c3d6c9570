/**
 * Which streams are listened to, where an account has more rooms than one line may listen to: those that are open, then
 * those that spoke last. The others are fetched with the list now and then.
 *
 * @import { RoomLine } from '../connection/protocol-shapes.js'
 *
 * @typedef {{stream: string, seq: number}} Position
 */

/**
 * @param {readonly RoomLine[]} lines The one that spoke last first.
 * @param {(roomId: string) => boolean} isOpen
 * @param {number} most
 * @returns {{positions: Position[], isComplete: boolean}} A room is listened to wholly or not at all.
 */
export function streamsToFollow(lines, isOpen, most) {
  const inOrder = [...lines.filter((line) => isOpen(line.room_id)), ...lines.filter((line) => !isOpen(line.room_id))];
  /** @type {Position[]} */
  const positions = [];
  for (const line of inOrder) {
    const streams = positionsOf(line);
    if (positions.length + streams.length > most) return { positions, isComplete: false };
    positions.push(...streams);
  }
  return { positions, isComplete: true };
}

/**
 * @param {RoomLine} line
 * @returns {Position[]}
 */
function positionsOf({ stream, seq, staff_stream, staff_seq = 0 }) {
  return staff_stream ? [{ stream, seq }, { stream: staff_stream, seq: staff_seq }] : [{ stream, seq }];
}
