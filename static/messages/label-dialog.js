/**
 * A label: a retention class of its own for one message. Staff set it in their rooms, compliance on what it has opened.
 * Whoever sees the message sees nothing of it.
 */
import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { ask, openDialog } from '../elements/dialogs.js';
import { choiceField } from '../elements/fields.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

/**
 * @param {string} messageId
 * @param {(name: string|null) => void} [onLabelled] Called with the name of the label's class.
 */
export async function askForLabel(messageId, onLabelled = () => {}) {
  const door = `/api/labels/messages/${messageId}`;
  try {
    openLabels(door, await request('GET', door), onLabelled);
  } catch (error) {
    openDialog(words.labels.title, build('p', { class: 'problem', role: 'alert' }, sentenceFor(error)));
  }
}

/**
 * @param {string} door
 * @param {{class_id: string|null, classes: {class_id: string, name: string}[]}} label
 * @param {(name: string|null) => void} onLabelled
 */
function openLabels(door, { class_id: chosen, classes }, onLabelled) {
  const { labels } = words;
  const options = classes.map(({ class_id, name }) => /** @type {const} */ ([class_id, name]));
  ask({
    title: labels.title,
    lead: classes.length > 0 ? labels.lead : labels.noClasses,
    fields: [choiceField(labels.class, { name: 'class_id' }, [['', labels.none], ...options], chosen ?? '')],
    submit: labels.submit,
    act: async (answers) => {
      const classId = String(answers.get('class_id')) || null;
      await request('PATCH', door, { class_id: classId });
      onLabelled(classes.find(({ class_id }) => class_id === classId)?.name ?? null);
    },
  });
}
