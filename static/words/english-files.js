/**
 * The words about files: choosing, sending, showing and finding them.
 */
import { partOfSize, shortSpan } from './sizes.js';

const plural = new Intl.PluralRules('en');

/** @param {number} count */
function counted(count) {
  return `${count} ${plural.select(count) === 'one' ? 'file' : 'files'}`;
}

/** @type {Readonly<Record<string, string>>} */
const KINDS = {
  picture: 'Picture',
  document: 'Document',
  audio: 'Audio',
  video: 'Video',
  text: 'Text',
  archive: 'Archive',
  other: 'File',
};

export const fileWords = {
  counted,
  kinds: KINDS,
  add: 'Add files',
  camera: 'Take a picture',
  /** @param {string} room */
  drop: (room) => `Drop files here to send them to “${room}”`,
  tray: 'Files to send',
  /** @param {number} most @param {number} left */
  tooMany: (most, left) => `A message takes up to ${counted(most)}: ${left} ${left === 1 ? 'was' : 'were'} left out.`,
  noFolders: 'Folders cannot be sent. Put them into an archive, or choose the files in them.',
  unsent: 'One of the files cannot be sent as it is. Try it again or remove it, then send the message.',
  /** @param {string} at */
  pasted: (at) => `Pasted ${at}`,

  queued: 'Waits for its turn',
  /**
   * @param {number} sent
   * @param {number} bytes
   */
  sentOf: (sent, bytes) => partOfSize(sent, bytes),
  /** @param {number} seconds */
  left: (seconds) => `${shortSpan(seconds)} left`,
  /** @param {string} sent */
  paused: (sent) => `Paused at ${sent}`,
  finishing: 'Almost there…',
  missing: 'Choose this file again: it goes on where it stopped.',
  otherFile: 'That is another file, or it was changed meanwhile. Choose the same one, or remove this one and add it anew.',
  /** @param {string} name */
  progress: (name) => `Sending ${name}`,
  /** @param {string} name */
  pause: (name) => `Pause ${name}`,
  /** @param {string} name */
  resume: (name) => `Go on with ${name}`,
  /** @param {string} name */
  retry: (name) => `Try ${name} again`,
  /** @param {string} name */
  choose: (name) => `Choose ${name} again`,
  /** @param {string} name */
  remove: (name) => `Remove ${name}`,
  /** @param {string} name */
  ready: (name) => `${name} is ready to be sent.`,
  /** @param {string} name @param {string} standing */
  stands: (name, standing) => `${name}: ${standing}`,
  describeShort: 'Describe',
  described: 'Described',
  /** @param {string} name */
  describe: (name) => `Describe ${name}`,
  describeLead: 'For people who cannot see the picture. A sentence is enough.',
  describeLabel: 'What does the picture show?',
  describeSubmit: 'Save',

  waitsForFiles: 'Sending the files…',
  waitsForPerson: 'Not sent: a file needs you.',
  waitsForOthers: 'Waits for the files before it.',
  sendAhead: 'Send now',

  /** @param {string} name */
  picture: (name) => `Picture: ${name}`,
  /** @param {string} name */
  firstPage: (name) => `Open ${name}`,
  /** @param {string} name */
  download: (name) => `Download ${name}`,
  preparing: 'Being prepared…',
  checking: 'Being checked for viruses…',
  infected: 'A virus was found in it. It cannot be opened.',
  unplayable: 'This browser cannot play it. Download it instead.',

  lightBox: 'Pictures',
  next: 'Next picture',
  previous: 'Previous picture',
  downloadShort: 'Download',
  actualSize: 'Actual size',
  /**
   * @param {number} number
   * @param {number} count
   */
  place: (number, count) => `${number} of ${count}`,
  notShown: 'The picture cannot be shown. Download it instead.',

  list: 'Files',
  notesList: 'Files in internal notes',
  none: 'No files yet',
  noneFound: 'No file fits.',
  filterKind: 'Kind',
  anyKind: 'Any kind',
  filterName: 'Name contains',
  more: 'Show more',
  /**
   * @param {string} name
   * @param {string} at
   */
  from: (name, at) => `${name}, ${at}`,
  /** @param {string} name */
  showMessage: (name) => `Show ${name} in the conversation`,
};
