/**
 * What a hold covers, as five figures; where they grow while one looks, by how much since the first look.
 *
 * @import { Coverage } from './shapes.js'
 */
import { build, fill } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { byteSize, FIGURES, number } from './figures.js';

export class CoverageFigures {
  element = build('dl', { class: 'figures' });
  /** @type {Coverage|null} */
  #first = null;
  #grows;

  /** @param {boolean} grows Whether to say what was added since the first look. */
  constructor(grows) {
    this.#grows = grows;
  }

  /** @param {Coverage|null} coverage Null while nothing is known. */
  show(coverage) {
    if (this.#grows) this.#first ??= coverage;
    fill(this.element, ...FIGURES.map((name) => this.#figure(name, coverage)));
  }

  /**
   * @param {keyof Coverage} name
   * @param {Coverage|null} coverage
   */
  #figure(name, coverage) {
    const { figures } = complianceWords;
    const count = coverage?.[name];
    const words = name === 'byte_size' ? byteSize : number;
    const added = (count ?? 0) - (this.#first?.[name] ?? count ?? 0);
    return build(
      'div',
      { class: 'figure', 'data-figure': name },
      build('dt', {}, figures[name](count ?? 0)),
      build(
        'dd',
        {},
        count === undefined ? '–' : words(count),
        added > 0 && name !== 'byte_size' && build('span', { class: 'grew' }, figures.grew(added), build('span', { class: 'unseen' }, ` ${figures.grewSpoken}`)),
      ),
    );
  }
}
