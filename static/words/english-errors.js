/**
 * What went wrong and what to do, by the error's code. Each takes the error's parameters.
 *
 * @typedef {Record<string, string|number>} ErrorParams
 */

import { fileSize } from './sizes.js';

const DO_AGAIN = 'Try again in a moment.';

/** @type {Record<string, (params: ErrorParams) => string>} */
export const errorWords = {
  internal_error: () => `Something went wrong on our side. ${DO_AGAIN}`,
  not_found: () => 'That is not there any more, or it is not for you.',
  forbidden: () => 'You may not do that here.',
  sign_in_required: () => 'Your session has ended. Sign in again.',
  sign_in_refused: () => 'E-mail and password do not fit together. Check both and try again.',
  origin_refused: () => 'This page was opened under an address the service does not know. Open it under its usual address.',
  invalid_input: (params) => fieldProblem(params),
  malformed_request: () => 'The service did not understand this page. Reload it.',
  unknown_command: () => 'The service was changed meanwhile. Reload the page.',
  too_large: ({ limit }) =>
    limit
      ? `That is larger than ${fileSize(Number(limit))}, which is the most. Make it smaller, or send it in parts.`
      : 'That is too large. Make it shorter and try again.',
  conflict: (params) => CONFLICTS[params.problem] ?? CONFLICTS[params.field] ?? 'That does not fit with how things stand. Look again and repeat it.',
  command_id_reused: () => 'This was sent before with other words. Send it again.',
  room_archived: () => 'The room is archived: it can be read, not written.',
  link_expired: () => 'This link does not work any more. Ask for a new one.',
  offset_mismatch: () => 'The service has another part of this file than was thought. It goes on from there.',
  not_received: () => 'The file is not whole yet. It is sent when it is.',
  file_checking: () => `The file is still being checked for viruses. ${DO_AGAIN}`,
  tus_version: () => 'The service was changed meanwhile. Reload the page.',
  quota_exceeded: ({ quota, free }) =>
    quota === 'room'
      ? `There is no room for it here: ${fileSize(Number(free))} are free in this room. Delete messages with files that nobody needs, or use another room.`
      : `There is no room for it: ${fileSize(Number(free))} are free in the whole service. Ask your provider to make room.`,
  media_type: () => 'The service did not understand this page. Reload it.',
  upload_locked: () => 'It is being sent from another window. It goes on by itself.',
  checksum_mismatch: () => 'A part of it was damaged on its way, and is sent again.',
  file_damaged: ({ reference }) => `The file was damaged where it is kept. Tell your provider${reference ? ` (${reference})` : ''}.`,
  storage_full: () => 'The service has no space left at the moment. It goes on by itself when there is some; tell your provider if this lasts.',
  proxy_too_large: () => 'Something on the way takes no parts of this size. Smaller ones are tried.',
  file_unreadable: () => 'The file cannot be read: it was changed, moved or taken away. Remove it, and add it again.',
  reset: () => 'The service was restored meanwhile. Reload the page.',
  limit_reached: ({ limit, value }) =>
    LIMITS[limit] ?? `A limit is reached${value ? ` (${value})` : ''}. Remove something first.`,
  rate_exceeded: ({ retry_after_seconds }) =>
    retry_after_seconds ? `That was too often. Try again in ${retry_after_seconds} seconds.` : `That was too often. ${DO_AGAIN}`,
  try_again: () => `It is not certain that this was done. ${DO_AGAIN}`,
  unavailable: () => `The service is not available right now. ${DO_AGAIN}`,
  not_connected: () => 'There is no connection to the service. Check your network and try again.',
  connection_lost: () => 'The connection broke off, so it is not certain that this was done. Look, and try again.',
  timed_out: () => 'The service did not answer in time, so it is not certain that this was done. Look, and try again.',
  too_many_connections: () => 'You have Workroom open in too many windows. Close some, then connect again.',
  protocol_error: () => 'This page and the service did not understand each other. Reload the page.',
  invalid_data: () => 'This page and the service did not understand each other. Reload the page.',
  malformed_frame: () => 'This page and the service did not understand each other. Reload the page.',
  too_big: () => 'What was sent is too large. Reload the page and make it shorter.',
};

/** @type {Record<string, string>} */
const CONFLICTS = {
  email: 'There is an account with this e-mail already. Sign in instead, or use another address.',
  account_id: 'This person is in the room already.',
  kind: 'The account of a customer’s person stays one.',
  claimed: 'This file was sent in another message already. Add it again to send it once more.',
  last_admin: 'This is the last administrator: make somebody else one first.',
};

/** @type {Record<string, string>} */
const LIMITS = {
  uploads_per_account: 'Other files are being sent. It goes on when some of them are done.',
  waiting_rooms: 'Many of your rooms wait for an answer already. Write in one of them, or open another when they were answered.',
};

/** @type {Record<string, string>} */
const FIELDS = {
  email: 'Check the e-mail address.',
  password: 'Choose a longer password: at least 12 characters, and none that is widely known.',
  current_password: 'The current password is not right.',
  display_name: 'Give a name of 1 to 100 characters.',
  customer_name: 'Give the name of a company or household.',
  customer_id: 'Choose a customer.',
  customer_ids: 'Choose the customers this room is for.',
  name: 'Give a name of 1 to 120 characters.',
  text: 'A message has 1 to 20,000 characters.',
  mentions: 'Mention people who are in this room.',
};

/** @param {ErrorParams} params */
function fieldProblem(params) {
  if (params.problem === 'too_guessable') return 'This password is easy to guess. A few words that do not belong together work well.';
  const field = String(params.field ?? '');
  const named = FIELDS[field] ?? FIELDS[field.slice(field.lastIndexOf('.') + 1)];
  return named ?? 'Something is missing or not as it should be. Check what you entered.';
}

/**
 * Words for what only a part of the application meets: that part brings them along.
 *
 * @param {{conflicts: Record<string, string>, fields: Record<string, string>}} more
 */
export function learnErrorWords({ conflicts, fields }) {
  Object.assign(CONFLICTS, conflicts);
  Object.assign(FIELDS, fields);
}
