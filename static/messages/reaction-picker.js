/**
 * A small choice of reactions, enough for an office.
 */
import { build } from '../elements/build.js';
import { openDialog } from '../elements/dialogs.js';
import { words } from '../words/english.js';

const CHOICE = ['👍', '👎', '🙏', '🎉', '❤️', '😀', '😂', '😮', '😢', '🤔', '👀', '✅', '❌', '⏳', '📎', '☎️', '💡', '🔥', '👏', '🙌'];

/** @param {(emoji: string) => void} onChosen */
export function openReactionPicker(onChosen) {
  const buttons = CHOICE.map((emoji) =>
    build('button', { type: 'button', class: 'action emoji', 'aria-label': `${words.messages.react} ${emoji}` }, emoji),
  );
  const dialog = openDialog(words.messages.react, build('div', { class: 'reaction-picker' }, ...buttons));
  dialog.classList.add('is-small');
  for (const button of buttons) {
    button.addEventListener('click', () => {
      dialog.close();
      onChosen(button.textContent ?? '');
    });
  }
  buttons[0].focus();
}
