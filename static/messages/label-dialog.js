/**
 * Labels: a retention class of its own for one message, and for each of its files. Staff set them in their rooms,
 * compliance on what it has opened. Whoever sees the message sees nothing of them.
 *
 * @typedef {object} Labelled What can be labelled: a message, and those of its files that have a name.
 * @property {string} message_id
 * @property {readonly {file_id: string, name: string|null}[]} [files]
 *
 * @typedef {object} Label
 * @property {string} door
 * @property {string} name Of the field.
 * @property {string} about What is labelled, in words.
 * @property {string|null} chosen The class it has.
 */
import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { ask, openDialog } from '../elements/dialogs.js';
import { choiceField } from '../elements/fields.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

const DOORS = '/api/labels';

/**
 * @param {Labelled} message
 * @param {() => void} [onLabelled] Called once all that was chosen is set.
 */
export async function askForLabel(message, onLabelled = () => {}) {
  const door = `${DOORS}/messages/${message.message_id}`;
  try {
    const { class_id: chosen, files, classes } = await request('GET', door);
    openLabels([{ door, name: 'message', about: words.labels.class, chosen }, ...fileLabels(message, files)], classes, onLabelled);
  } catch (error) {
    openDialog(words.labels.title, build('p', { class: 'problem', role: 'alert' }, sentenceFor(error)));
  }
}

/**
 * @param {Labelled} message
 * @param {{file_id: string, class_id: string|null}[]} labelled
 * @returns {Label[]} In the order of the message.
 */
function fileLabels({ files = [] }, labelled) {
  const chosen = new Map(labelled.map(({ file_id, class_id }) => [file_id, class_id]));
  return files.flatMap(({ file_id: id, name }) => {
    const label = { door: `${DOORS}/files/${id}`, name: id, about: words.labels.ofFile(name ?? ''), chosen: chosen.get(id) ?? null };
    return name !== null && chosen.has(id) ? [label] : [];
  });
}

/**
 * @param {Label[]} labels
 * @param {{class_id: string, name: string}[]} classes
 * @param {() => void} onLabelled
 */
function openLabels(labels, classes, onLabelled) {
  const { labels: said } = words;
  if (classes.length === 0) return openDialog(said.title, build('p', { class: 'quiet' }, said.noClasses));
  const offered = classes.map(({ class_id, name }) => /** @type {const} */ ([class_id, name]));
  ask({
    title: said.title,
    lead: labels.length > 1 ? said.leadFiles : said.lead,
    fields: labels.map(({ name, about, chosen }) => choiceField(about, { name }, [['', said.none], ...offered], chosen ?? '')),
    submit: said.submit,
    act: async (answers) => {
      for (const label of labels) {
        const classId = String(answers.get(label.name)) || null;
        if (classId === label.chosen) continue;
        await request('PATCH', label.door, { class_id: classId });
        // Where a later one fails, what is set is not set once more.
        label.chosen = classId;
      }
      onLabelled();
    },
  });
}
