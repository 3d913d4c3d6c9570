/**
 * Every word that people read, in one place. The server sends codes and parameters; sentences are made here. Another
 * language is another file of this shape.
 */
import { errorWords } from './english-errors.js';
import { fileWords } from './english-files.js';

const plural = new Intl.PluralRules('en');
const lists = new Intl.ListFormat('en', { type: 'conjunction' });

/**
 * @param {number} count
 * @param {string} one
 * @param {string} other
 */
function counted(count, one, other) {
  return `${count} ${plural.select(count) === 'one' ? one : other}`;
}

/** @param {readonly string[]} names */
function listed(names) {
  return lists.format(names);
}

export const words = {
  language: 'en',
  product: 'Workroom',
  errors: errorWords,
  files: fileWords,
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back to the rooms',
  skip: 'Skip to the main part',
  somebody: 'Somebody',
  you: 'You',
  loading: 'Loading…',
  copy: 'Copy',
  copied: 'Copied',

  kinds: { customer: 'Customer', staff: 'Staff', compliance: 'Compliance', admin: 'Administrator' },
  roomKinds: { private: 'Private room', shared: 'Shared room' },

  connection: {
    connecting: 'Connecting…',
    lost: 'No connection. You can go on reading and writing: what you write is kept and sent when the line is back.',
    tryNow: 'Try now',
    stopped: 'This window is no longer connected.',
    reload: 'Connect again',
    back: 'The connection is back.',
  },

  signIn: {
    title: 'Sign in',
    lead: 'Good to see you.',
    email: 'E-mail',
    password: 'Password',
    submit: 'Sign in',
    register: 'New here? Register as a customer',
    ended: {
      signed_out: 'You were signed out. Sign in again to go on.',
      account_deactivated: 'This account was deactivated. If that is a mistake, ask your provider.',
      sign_in_required: 'Your session has ended. Sign in again to go on.',
    },
  },

  registration: {
    title: 'Register',
    lead: 'Open a place where you and your provider talk.',
    name: 'Your name',
    customerName: 'Your company or household',
    customerHint: 'The name your provider knows you by.',
    passwordHint: 'At least 12 characters. A few words in a row work well.',
    submit: 'Register',
    signIn: 'You have an account? Sign in',
  },

  firstAdmin: {
    title: 'Welcome to your Workroom',
    lead: 'This makes the first administrator, who then invites everybody else.',
    submit: 'Begin',
  },

  setPassword: {
    title: 'Choose a password',
    lead: 'Then you can sign in with it.',
    password: 'New password',
    submit: 'Set the password',
  },

  invitation: {
    /** @param {string} room */
    title: (room) => `You are invited to “${room}”`,
    /** @param {string} name */
    by: (name) => `${name} invites you to take part in this room.`,
    withHistory: 'You will see everything that was written there.',
    withoutHistory: 'You will see what is written there from the moment you join.',
    accept: 'Join the room',
    /** @param {string} name */
    as: (name) => `You are signed in as ${name}.`,
    haveAccount: 'I have an account: sign in',
    expired: 'This invitation does not work any more',
    expiredLead: 'It was used, it was taken back, or its time is over. Ask whoever invited you for a new link.',
    home: 'To the start page',
  },

  rooms: {
    title: 'Rooms',
    create: 'New room',
    empty: 'No rooms yet',
    emptyCustomer: 'Open one to write to your provider. They are told that you are there.',
    emptyProvider: 'Rooms you join stand here. Look at the desk: somebody may be waiting.',
    nothingOpen: 'Pick a room',
    nothingOpenLead: 'The conversation opens here.',
    noMessage: 'Nothing written yet',
    deleted: 'Message deleted',
    archived: 'Archived',
    waiting: 'Waiting',
    /** @param {string} since */
    waitingSince: (since) => `waiting for an answer since ${since}`,
    /** @param {number} count */
    unread: (count) => (count >= 100 ? '99+ unread' : `${count} unread`),
    /** @param {number} count */
    unreadNotes: (count) => counted(count, 'new internal note', 'new internal notes'),
    mentioned: 'you are mentioned',
    /** @param {number} count */
    online: (count) => `${count} here`,
    gone: 'This room is not there, or not for you',
    goneLead: 'You may have left it, or been removed from it.',
    left: 'You are no longer in this room.',
  },

  newRoom: {
    title: 'Open a room',
    lead: 'A room is a conversation that stays.',
    leadCustomer: 'You and your provider will be in it. They see that you are waiting.',
    name: 'What is it about?',
    nameHint: 'For example: Annual accounts 2026',
    kind: 'Who is it for?',
    private: 'One customer',
    shared: 'Several customers',
    customers: 'Customers',
    customersNone: 'There are no customers yet. They appear here when they register.',
    customersChoose: 'Choose at least one customer.',
    submit: 'Open the room',
  },

  room: {
    conversation: 'Conversation',
    notes: 'Internal notes',
    notesLabel: 'Internal notes: seen only by the provider’s people, never by a customer.',
    details: 'Details',
    /** @param {number} count */
    members: (count) => counted(count, 'member', 'members'),
    archived: 'This room is archived: it can be read, not written.',
  },

  messages: {
    list: 'Messages',
    notesList: 'Internal notes',
    today: 'Today',
    yesterday: 'Yesterday',
    new: 'New messages',
    jump: 'Jump to the latest',
    /** @param {number} count */
    jumpNew: (count) => counted(Math.min(count, 99), 'new message', 'new messages'),
    beginning: 'This is where it begins.',
    /** @param {string} date */
    expired: (date) => `Messages before ${date} were removed after the agreed period.`,
    beginningFor: 'This is where it begins for you.',
    emptyFor: 'You see what is written from here on.',
    empty: 'Nothing written yet',
    emptyLead: 'Say what it is about. A good morning is a good start.',
    emptyNotes: 'No internal notes yet',
    emptyNotesLead: 'What you write here stays among colleagues.',
    edited: 'edited',
    /** @param {string} at */
    editedAt: (at) => `Edited ${at}`,
    deleted: 'This message was deleted.',
    deletedByOther: 'This message was taken back by the provider.',
    sending: 'Sending…',
    waiting: 'Waits for the connection',
    failed: 'Not sent.',
    retry: 'Send again',
    discard: 'Discard',
    unsaved: {
      elsewhere: 'About a message that is not in sight',
      edit_message: { sending: 'Saving the edit…', waiting: 'The edit waits for the connection', failed: 'The edit was not saved.' },
      delete_message: {
        sending: 'Deleting…',
        waiting: 'The deletion waits for the connection',
        failed: 'The message was not deleted.',
      },
      add_reaction: {
        sending: 'Saving the reaction…',
        waiting: 'The reaction waits for the connection',
        failed: 'The reaction was not saved.',
      },
      remove_reaction: {
        sending: 'Taking the reaction back…',
        waiting: 'Taking the reaction back waits for the connection',
        failed: 'The reaction was not taken back.',
      },
      retry: 'Try again',
    },
    quoteUnknown: 'an earlier message',
    inReplyTo: 'In reply to',
    actions: 'What you can do with this message',
    reply: 'Reply',
    edit: 'Edit',
    delete: 'Delete',
    react: 'React',
    more: 'More reactions',
    deleteTitle: 'Delete this message?',
    deleteLead: 'Its text and its files disappear for everybody. That there was a message stays visible.',
    /** @param {readonly string[]} names */
    by: (names) => `by ${listed(names)}`,
    /** @param {readonly string[]} names */
    readBy: (names) => (names.length > 4 ? `Read by ${names.length}` : `Read by ${listed(names)}`),
    readByAll: 'Read by everybody',
    /** @param {readonly string[]} names */
    typing: (names) => {
      if (names.length > 2) return 'Several people are writing…';
      return `${listed(names)} ${names.length === 1 ? 'is' : 'are'} writing…`;
    },
    /**
     * @param {string} name
     * @param {string} text
     */
    announced: (name, text) => `${name}: ${text}`,
    /** @param {number} count */
    announcedMany: (count) => counted(count, 'new message', 'new messages'),
  },

  labels: {
    set: 'Set a label',
    title: 'How long is this message kept?',
    lead: 'A label gives this message a retention class of its own. The audit trail has it; the room does not see it.',
    leadFiles: 'A label gives this message, or one of its files, a retention class of its own. The audit trail has it; the room does not see it.',
    noClasses: 'There is no retention class yet: compliance makes them.',
    class: 'Label',
    /** @param {string} name */
    ofFile: (name) => `Label of ${name}`,
    none: 'Like the room',
    submit: 'Set the label',
  },

  composer: {
    label: 'Message',
    placeholder: 'Write a message',
    notesLabel: 'Internal note',
    notesPlaceholder: 'Write an internal note',
    send: 'Send',
    addNote: 'Add note',
    save: 'Save',
    editing: 'You are editing your message',
    /** @param {string} name */
    replying: (name) => `Reply to ${name}`,
    cancelEdit: 'Stop editing',
    cancelReply: 'Do not reply',
    /** @param {number} left */
    left: (left) => (left >= 0 ? `${left} characters left` : `${-left} characters too many`),
    mentions: 'People you can mention',
    hint: 'Enter sends, Shift+Enter begins a new line',
  },

  details: {
    title: 'Room details',
    members: 'Members',
    here: 'here',
    away: 'away',
    rename: 'Rename',
    renameTitle: 'Rename this room',
    renameLabel: 'Name',
    renameSubmit: 'Rename',
    addMember: 'Add a member',
    addTitle: 'Add a member',
    addNobody: 'Everybody you could add is in the room already.',
    addPerson: 'Person',
    addSubmit: 'Add',
    history: 'May see what was written before',
    /** @param {string} name */
    remove: (name) => `Remove ${name}`,
    removeShort: 'Remove',
    /** @param {string} name */
    removeTitle: (name) => `Remove ${name}?`,
    removeLead: 'They stop seeing this room at once. What they wrote stays.',
    invitations: 'Invitation links',
    invite: 'Invite by link',
    inviteTitle: 'Invite by link',
    inviteLead: 'One person can join this room with the link. It works once.',
    inviteExpires: 'Works for',
    inviteHours: { 24: 'one day', 72: 'three days', 168: 'one week', 720: 'thirty days' },
    inviteSubmit: 'Make the link',
    inviteReady: 'Send this link to the person you invite. It is shown only now.',
    /** @param {string} until */
    inviteUntil: (until) => `works until ${until}`,
    inviteHistory: 'with what was written before',
    revoke: 'Revoke',
    noInvitations: 'No link is open.',
    leave: 'Leave the room',
    leaveTitle: 'Leave this room?',
    leaveLead: 'You stop seeing what is written here, also what was written before.',
    archive: 'Archive the room',
    archiveTitle: 'Archive this room?',
    archiveLead: 'Nobody can write in it any more. It can still be read, and opened again.',
    reopen: 'Open the room again',
  },

  desk: {
    title: 'Desk',
    lead: 'Rooms where a customer waits for an answer.',
    empty: 'Nobody is waiting',
    emptyLead: 'When a customer writes and nobody has answered yet, the room stands here.',
    join: 'Join',
    open: 'Open',
    /** @param {string} name */
    joinRoom: (name) => `Join ${name}`,
    /** @param {string} name */
    openRoom: (name) => `Open ${name}`,
    /** @param {number} count */
    waiting: (count) => counted(count, 'room is waiting', 'rooms are waiting'),
    /** @param {string} time */
    since: (time) => `waiting ${time}`,
    justNow: 'since just now',
  },

  people: {
    title: 'People',
    lead: 'Everybody who has an account here.',
    create: 'New account',
    createLead: 'The person gets a link to set a password.',
    name: 'Name',
    email: 'E-mail',
    kind: 'Kind',
    customer: 'Customer',
    newCustomer: 'A new customer…',
    customerName: 'Name of the customer',
    submit: 'Make the account',
    /** @param {string} name */
    linkReady: (name) => `Send this link to ${name}. It sets a password, works once, and is shown only now.`,
    linkTitle: 'A link to set a password',
    newLink: 'New password link',
    deactivate: 'Deactivate',
    reactivate: 'Reactivate',
    deactivated: 'Deactivated',
    /** @param {string} name */
    deactivateTitle: (name) => `Deactivate ${name}?`,
    deactivateLead: 'They are signed out everywhere at once and cannot sign in again until you reactivate them.',
    /** @param {string} name */
    kindOf: (name) => `Kind of account of ${name}`,
    change: 'Change',
    /**
     * @param {string} name
     * @param {string} kind
     */
    kindTitle: (name, kind) => `Make ${name} ${kind === 'admin' ? 'an administrator' : `part of ${kind}`}?`,
    kindLead: 'They are signed out everywhere, and sign in again with their new rights.',
    /** @param {string} name */
    actionsFor: (name) => `Actions for ${name}`,
    you: 'you',
  },

  settings: {
    title: 'Settings',
    you: 'You',
    name: 'Name',
    saveName: 'Save the name',
    nameSaved: 'Your name is saved.',
    password: 'Password',
    currentPassword: 'Current password',
    newPassword: 'New password',
    savePassword: 'Change the password',
    passwordSaved: 'Your password is changed. Other devices have to sign in again.',
    theme: 'Appearance',
    themes: { system: 'Like the system', light: 'Light', dark: 'Dark' },
    session: 'Signing out',
    signOut: 'Sign out',
    signOutLead: 'Signing out removes drafts, unsent messages and unsent files from this browser.',
    /** @param {import('../messages/unsaved-changes.js').UnsentCounts} counts */
    unsent: ({ messages, edits, deletions, reactions }) => {
      const parts = [
        messages && counted(messages, 'message', 'messages'),
        edits && counted(edits, 'edit', 'edits'),
        deletions && counted(deletions, 'deletion', 'deletions'),
        reactions && counted(reactions, 'reaction', 'reactions'),
      ];
      const isOne = messages + edits + deletions + reactions === 1;
      return `${listed(parts.filter((part) => part !== 0))} ${isOne ? 'has' : 'have'} not arrived and would be lost.`;
    },
    signOutTitle: 'Sign out and lose what is not sent?',
    signOutEverywhere: 'Sign out everywhere',
    signOutEverywhereTitle: 'Sign out on every device?',
    signOutEverywhereLead: 'This browser and all others have to sign in again. What was not sent from the others stays in them for you.',
  },

  listed,
};
