/**
 * The doors the console asks, and the addresses of its own pages.
 */
export const DOORS = '/api/compliance';

/**
 * An address under the doors, with what is asked for. What is empty is left out.
 *
 * @param {string} path
 * @param {Record<string, string|number|null|undefined>} [query]
 */
export function door(path, query = {}) {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return `${DOORS}/${path}${search && `?${search}`}`;
}

export const addresses = {
  overview: '#/compliance',
  matters: '#/compliance/matters',
  rooms: '#/compliance/rooms',
  retention: '#/compliance/retention',
  audit: '#/compliance/audit',
  /** @param {string} matterId */
  matter: (matterId) => `#/compliance/matters/${matterId}`,
  /**
   * @param {string} matterId
   * @param {string} [roomId] Chosen already.
   */
  place: (matterId, roomId = '') => `#/compliance/matters/${matterId}/place${roomId && `/${roomId}`}`,
  /** @param {string} holdId */
  hold: (holdId) => `#/compliance/holds/${holdId}`,
  /** @param {string} holdId */
  widen: (holdId) => `#/compliance/holds/${holdId}/widen`,
  /** @param {string} roomId */
  room: (roomId) => `#/compliance/rooms/${roomId}`,
  /** @param {string} roomId */
  open: (roomId) => `#/compliance/rooms/${roomId}/open`,
  /**
   * @param {string} kind Of the change.
   * @param {string} [about] The class, the room or the kind of room it is about.
   */
  change: (kind, about = '') => `#/compliance/retention/${kind}${about && `/${about}`}`,
  /** @param {string} simulationId */
  simulation: (simulationId) => `#/compliance/retention/simulations/${simulationId}`,
  /** @param {Record<string, string>} filter */
  trail: (filter) => `#/compliance/audit/${new URLSearchParams(filter)}`,
};
