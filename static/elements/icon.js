/**
 * Small line drawings for buttons, made as SVG elements. They say nothing to a screen reader: the button's name does.
 */
const SVG = 'http://www.w3.org/2000/svg';

/** @type {Record<string, string>} Paths in a square of 24. */
const PATHS = {
  back: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  close: 'M6 6l12 12M18 6L6 18',
  reply: 'M10 7L5 12l5 5M5 12h9a5 5 0 015 5v1',
  edit: 'M4 20l1-4L16 5l3 3L8 19l-4 1zM14 7l3 3',
  delete: 'M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13M10 11v5M14 11v5',
  react: 'M12 21a9 9 0 110-18 9 9 0 010 18zM8.5 14.5a4.5 4.5 0 007 0M9 9.5v.5M15 9.5v.5',
  details: 'M4 5h16v14H4zM14 5v14',
  desk: 'M4 13l3-8h10l3 8v6H4zM4 13h5l1 2h4l1-2h5',
  people: 'M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20a6.5 6.5 0 0113 0M16 4.5a3.5 3.5 0 010 6M18 14a6.5 6.5 0 013.5 6',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3',
  label: 'M4 5h9l7 7-8 8-8-8zM8.5 9v.5',
  room: 'M4 5h16v11h-9l-4 4v-4H4z',
  clock: 'M12 21a9 9 0 110-18 9 9 0 010 18zM12 7v5l3.5 2',
  trail: 'M8 6h12M8 12h12M8 18h12M4 6h.5M4 12h.5M4 18h.5',
  clip: 'M17 8v7.5a5 5 0 01-10 0V7a3.5 3.5 0 017 0v8a2 2 0 01-4 0V8',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.5 3.5 0 100-7 3.5 3.5 0 000 7z',
  pause: 'M8.5 6v12M15.5 6v12',
  resume: 'M8 5.5v13l10-6.5z',
  retry: 'M19 12a7 7 0 11-2.2-5.1M19 4v4.5h-4.5',
  download: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  zoom: 'M10.5 17a6.5 6.5 0 110-13 6.5 6.5 0 010 13zM15.5 15.5L20 20M10.5 7.5v6M7.5 10.5h6',
  picture: 'M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5v.1',
  document: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h6M9 15.5h6',
  text: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h4M9 15.5h6',
  audio: 'M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0zM19 15.5a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0z',
  video: 'M4 6h11v12H4zM15 10.5l5-3v9l-5-3',
  archive: 'M6 3.5h12v17H6zM12 3.5v2M12 7.5v2M12 11.5v2M10.5 15.5h3v2.5h-3z',
  other: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4',
  message: 'M4 5h16v11h-8l-5 4v-4H4z',
  note: 'M5 4h14v10l-5 6H5zM14 20v-6h5',
};

/**
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', '0 0 24 24');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  drawing.append(path);
  return drawing;
}
