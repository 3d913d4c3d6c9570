/**
 * A stretch of one stream's messages as plain data, and how pages and events change it: (state, what came) -> state.
 * Nothing here fetches, draws or knows the time.
 *
 * The rule everything serves: old state + the events received = the state fetched afresh. A page says of which position
 * it is; events up to there are in it already (`as_of`), later ones that were applied meanwhile are applied to it again.
 *
 * @import { Message, MessagePage, RoomEvent } from '../connection/protocol-shapes.js'
 * @import { Expiry } from './expiry.js'
 *
 * @typedef {object} ConversationState
 * @property {Message[]} messages A stretch without holes, in order of seq.
 * @property {Record<string, Message>} quoted Messages that are quoted by those, by id.
 * @property {boolean} moreBefore
 * @property {boolean} moreAfter
 * @property {number} seq The position up to which events were applied.
 * @property {number} lastMessageSeq The highest number a message has, inside the stretch or after it.
 * @property {Expiry|null} expiry How far up messages were removed after the agreed period.
 */
import { expiryApplied, isExpiry } from './expiry.js';
import { appliedToMessage, messageFromEvent, messageFromPage } from './message-changes.js';

/** @type {ConversationState} */
export const EMPTY_CONVERSATION = Object.freeze({
  messages: [],
  quoted: {},
  moreBefore: false,
  moreAfter: false,
  seq: 0,
  lastMessageSeq: 0,
  expiry: null,
});

/**
 * Begin with a page: what was there before is forgotten.
 *
 * @param {MessagePage} page
 * @param {RoomEvent[]} [meanwhile] Events that were applied since the page was asked for, in order.
 * @returns {ConversationState}
 */
export function openedWithPage(page, meanwhile = []) {
  const messages = page.messages.map((message) => messageFromPage(message, page.seq));
  /** @type {ConversationState} */
  const state = {
    messages,
    quoted: quotedOf(page),
    moreBefore: page.more_before,
    moreAfter: page.more_after,
    seq: page.seq,
    lastMessageSeq: messages[messages.length - 1]?.seq ?? 0,
    expiry: null,
  };
  return eventsApplied(state, meanwhile.filter((event) => event.seq > page.seq));
}

/**
 * Put a page of older or newer messages at its end of the stretch.
 *
 * @param {ConversationState} state
 * @param {'before'|'after'} side
 * @param {MessagePage} page
 * @param {RoomEvent[]} [meanwhile]
 * @returns {ConversationState}
 */
export function extendedWithPage(state, side, page, meanwhile = []) {
  const known = new Set(state.messages.map((message) => message.message_id));
  const missed = meanwhile.filter((event) => event.seq > page.seq);
  const fresh = page.messages.filter((message) => !known.has(message.message_id));
  const added = fresh.map((message) => messageFromPage(message, page.seq));
  const quoted = { ...quotedOf(page), ...state.quoted };
  if (side === 'before') {
    const today = added.map((message) => missed.reduce(appliedToMessage, message));
    const grown = { ...state, messages: [...today, ...state.messages], quoted, moreBefore: page.more_before };
    return missed.filter(isExpiry).reduce(expiryApplied, grown);
  }
  const messages = [...state.messages, ...added];
  const lastMessageSeq = Math.max(state.lastMessageSeq, messages[messages.length - 1]?.seq ?? 0);
  // Posts that came while the newest page was on its way were not kept, because the stretch did not reach so far.
  return eventsApplied({ ...state, messages, quoted, moreAfter: page.more_after, lastMessageSeq }, missed);
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent[]} events
 * @returns {ConversationState}
 */
export function eventsApplied(state, events) {
  return events.reduce(eventApplied, state);
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent} event
 * @returns {ConversationState}
 */
export function eventApplied(state, event) {
  const seq = Math.max(state.seq, event.seq);
  if (event.kind === 'message_posted') return { ...posted(state, event), seq };
  if (isExpiry(event)) return { ...expiryApplied(state, event), seq };
  if (event.withheld || !event.message_id) return { ...state, seq };
  const index = state.messages.findIndex((message) => message.message_id === event.message_id);
  const messages = index < 0 ? state.messages : state.messages.with(index, appliedToMessage(state.messages[index], event));
  const quotedMessage = state.quoted[event.message_id];
  const quoted = quotedMessage
    ? { ...state.quoted, [event.message_id]: appliedToMessage(quotedMessage, event) }
    : state.quoted;
  return { ...state, messages, quoted, seq };
}

/**
 * What a page quotes, fetched for a reply that came as an event.
 *
 * @param {ConversationState} state
 * @param {MessagePage} page
 * @param {RoomEvent[]} [meanwhile]
 * @returns {ConversationState}
 */
export function quotedLearned(state, page, meanwhile = []) {
  const missed = meanwhile.filter((event) => event.seq > page.seq);
  const today = Object.values(quotedOf(page)).map((message) => missed.reduce(appliedToMessage, message));
  const grown = { ...state, quoted: { ...byId(today), ...state.quoted } };
  return missed.filter(isExpiry).reduce(expiryApplied, grown);
}

/**
 * Let go of what is far from the eye, so that a room of a million messages costs the page no more than a small one. What
 * others quote of it stays known.
 *
 * @param {ConversationState} state
 * @param {'before'|'after'} side Which end to cut.
 * @param {number} most
 * @returns {ConversationState}
 */
export function trimmed(state, side, most) {
  if (state.messages.length <= most) return state;
  if (side === 'after') return { ...state, messages: state.messages.slice(0, most), moreAfter: true };
  const messages = state.messages.slice(-most);
  const replied = new Set(messages.map(({ reply_to }) => reply_to));
  const quoted = state.messages.slice(0, -most).filter(({ message_id }) => replied.has(message_id));
  return { ...state, messages, quoted: { ...state.quoted, ...byId(quoted) }, moreBefore: true };
}

/**
 * The message with this id, in the stretch or quoted by it.
 *
 * @param {ConversationState} state
 * @param {string} messageId
 * @returns {Message|undefined}
 */
export function findMessage(state, messageId) {
  return state.messages.find((message) => message.message_id === messageId) ?? state.quoted[messageId];
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent} event
 * @returns {ConversationState}
 */
function posted(state, event) {
  if (event.kind !== 'message_posted' || event.withheld || !event.message_id) return state;
  const lastMessageSeq = Math.max(state.lastMessageSeq, event.seq);
  const last = state.messages[state.messages.length - 1];
  if (state.moreAfter || (last && last.seq >= event.seq)) return { ...state, lastMessageSeq };
  return { ...state, lastMessageSeq, messages: [...state.messages, messageFromEvent(event)] };
}

/** @param {MessagePage} page */
function quotedOf(page) {
  return byId(page.quoted.map((message) => messageFromPage(message, page.seq)));
}

/** @param {Message[]} messages */
function byId(messages) {
  return Object.fromEntries(messages.map((message) => [message.message_id, message]));
}
