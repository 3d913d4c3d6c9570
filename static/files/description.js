/**
 * Asks what a picture shows, for people who cannot see it.
 *
 * @import { Thumbnails } from './thumbnails.js'
 * @import { Upload } from './upload.js'
 */
import { build } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { words } from '../words/english.js';
import { drawThumbnail } from './thumbnails.js';

const MOST_CHARACTERS = 1_000;

/**
 * @param {Upload} upload
 * @param {Pick<Thumbnails, 'find'>} thumbnails
 */
export function askDescription(upload, thumbnails) {
  const { name, alt_text } = upload.record;
  const thumbnail = thumbnails.find(upload.id);
  const field = build('textarea', { class: 'input', name: 'description', rows: 3, maxlength: MOST_CHARACTERS, dir: 'auto' });
  field.value = alt_text;
  ask({
    title: words.files.describe(name),
    lead: words.files.describeLead,
    fields: [
      thumbnail && build('div', { class: 'described-picture' }, drawThumbnail(thumbnail, '')),
      build('label', { class: 'field' }, build('span', {}, words.files.describeLabel), field),
    ],
    submit: words.files.describeSubmit,
    act: async (answers) => upload.change({ alt_text: String(answers.get('description')).trim() }),
  });
  field.focus();
}
