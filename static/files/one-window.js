/**
 * What one window of the browser does at a time. Without locks (a page that came over plain HTTP has none) several may do
 * it at once: the service takes bytes from one of them, and the others ask where it stands.
 *
 * @param {string} name
 * @param {AbortSignal} signal Stops waiting for the other window.
 * @param {() => Promise<void>} act
 */
export async function inOneWindow(name, signal, act) {
  if (!navigator.locks) return act();
  try {
    await navigator.locks.request(name, { signal }, act);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
