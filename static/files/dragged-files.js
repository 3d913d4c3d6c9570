/**
 * Files that were dragged here or pasted: which of them can be sent, and what they are called.
 */

/**
 * @param {DataTransfer|null} transfer
 * @returns {boolean} Whether files are being dragged, and not a text or a link.
 */
export function bringsFiles(transfer) {
  return transfer?.types.includes('Files') ?? false;
}

/**
 * What was dropped. A folder looks like a file, and cannot be read as one.
 *
 * @param {DataTransfer} transfer
 * @returns {{files: File[], hasFolders: boolean}}
 */
export function droppedFiles(transfer) {
  const dropped = [...transfer.items].filter(({ kind }) => kind === 'file');
  const isFolder = (/** @type {DataTransferItem} */ one) => one.webkitGetAsEntry?.()?.isDirectory ?? false;
  const files = dropped.filter((one) => !isFolder(one)).flatMap((one) => one.getAsFile() ?? []);
  return { files, hasFolders: dropped.some(isFolder) };
}

/**
 * What was pasted, where it is files and no text: programs put a picture of what was copied beside its text.
 *
 * @param {DataTransfer|null} transfer
 * @param {(at: Date) => string} nameFor A name for a picture that has none of its own.
 * @returns {File[]}
 */
export function pastedFiles(transfer, nameFor) {
  if (!transfer || transfer.getData('text/plain')) return [];
  return [...transfer.files].map((file) => named(file, nameFor));
}

/**
 * @param {File} file
 * @param {(at: Date) => string} nameFor
 */
function named(file, nameFor) {
  // What is in the clipboard without ever having been a file is called so by every browser.
  if (!/^image\.\w+$/.test(file.name)) return file;
  const name = `${nameFor(new Date())}.${file.name.split('.').at(-1)}`;
  return new File([file], name, { type: file.type, lastModified: file.lastModified });
}
