/**
 * @import { Attachment } from '../connection/protocol-shapes.js'
 */
import { build, fill, say } from '../elements/build.js';
import { words } from '../words/english.js';
import { fileAddress, fileCard } from './file-card.js';

/** Sound or a film in the browser's own player, with the card to download it. It lets go of the file when it leaves. */
export class FilePlayer extends HTMLElement {
  #file;
  #form;

  /**
   * @param {Attachment} file
   * @param {'audio'|'video'} form
   */
  constructor(file, form) {
    super();
    this.#file = file;
    this.#form = form;
  }

  connectedCallback() {
    const { file_id, name, alt_text } = this.#file;
    const problem = build('p', { class: 'file-facts', role: 'status' });
    const player = build(this.#form, { controls: true, preload: 'metadata', 'aria-label': alt_text || name });
    player.addEventListener('error', () => {
      player.hidden = true;
      say(problem, words.files.unplayable);
    });
    player.src = fileAddress(file_id, true);
    this.className = `is-${this.#form}`;
    fill(this, this.#form === 'video' && player, fileCard(this.#file), this.#form === 'audio' && player, problem);
  }

  disconnectedCallback() {
    const player = this.querySelector('audio, video');
    if (!(player instanceof HTMLMediaElement)) return;
    player.pause();
    player.removeAttribute('src');
    player.load();
  }
}

customElements.define('file-player', FilePlayer);
