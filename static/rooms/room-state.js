/**
 * An open room as plain data (name, members, who is there), and how events change it: (room, what came) -> room.
 *
 * @import { Person, Room, RoomEvent } from '../connection/protocol-shapes.js'
 */

/**
 * @param {Room} room
 * @param {RoomEvent} event An event of the room's shared stream.
 * @returns {Room}
 */
export function roomEventApplied(room, event) {
  switch (event.kind) {
    case 'room_renamed':
      return { ...room, name: event.name ?? room.name };
    case 'room_archived':
      return { ...room, archived_at: event.at };
    case 'room_reopened':
      return { ...room, archived_at: null };
    case 'member_joined':
      return event.member ? memberJoined(room, event.member) : room;
    case 'member_changed':
      return event.member ? memberChanged(room, event.member) : room;
    case 'member_left':
    case 'member_removed':
      return memberGone(room, event.account_id ?? event.actor_id);
    default:
      return room;
  }
}

/**
 * @param {Room} room
 * @param {{online?: string[], offline?: string[]}} hint
 * @returns {Room}
 */
export function presenceChanged(room, { online = [], offline = [] }) {
  const there = new Set([...room.online, ...online]);
  for (const accountId of offline) there.delete(accountId);
  return { ...room, online: [...there] };
}

/**
 * @param {Room} room
 * @param {string} accountId
 * @returns {boolean}
 */
export function isOnline(room, accountId) {
  return room.online.includes(accountId);
}

/**
 * @param {Room} room
 * @param {Person} member
 * @returns {Room}
 */
function memberJoined(room, member) {
  const customers = withCustomerOf(room, member);
  return { ...room, customers, members: [...without(room.members, member.account_id), member] };
}

/**
 * @param {Room} room
 * @param {Person} member
 * @returns {Room}
 */
function memberChanged(room, member) {
  const change = (/** @type {Person} */ one) => (one.account_id === member.account_id ? { ...one, ...member } : one);
  return { ...room, members: room.members.map(change), people: room.people.map(change) };
}

/**
 * Whoever leaves stays known, because their messages stay.
 *
 * @param {Room} room
 * @param {string} accountId
 * @returns {Room}
 */
function memberGone(room, accountId) {
  const gone = room.members.filter((member) => member.account_id === accountId);
  return {
    ...room,
    members: without(room.members, accountId),
    people: [...without(room.people, accountId), ...gone],
    online: room.online.filter((id) => id !== accountId),
  };
}

/**
 * @param {Room} room
 * @param {Person} member
 */
function withCustomerOf(room, { customer_id, customer_name }) {
  const isKnown = !customer_id || room.customers.some((customer) => customer.customer_id === customer_id);
  return isKnown ? room.customers : [...room.customers, { customer_id: customer_id ?? '', name: customer_name ?? '' }];
}

/**
 * @param {readonly Person[]} people
 * @param {string} accountId
 */
function without(people, accountId) {
  return people.filter((person) => person.account_id !== accountId);
}
