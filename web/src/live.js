// What is shown is asked for again and again, unless the reader has paused it
// or nobody looks at the page.

import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { token } from './session.js';

export const paused = signal(false);
export const visible = signal(!document.hidden);

/** The time, once a second while someone looks. */
export const now = signal(Date.now());

document.addEventListener('visibilitychange', () => {
  visible.value = !document.hidden;
  now.value = Date.now();
});
setInterval(() => {
  if (visible.value && !paused.value) now.value = Date.now();
}, 1000);

/** Bumped to ask at once, for example after a button was pressed. */
const nudges = signal(0);
export const refresh = () => { nudges.value++; };

/**
 * { data, error } of load(signal), which is repeated `every` ms (a number, or a
 * function of the data). `key` names what is asked for: with another one it
 * begins anew.
 */
export function useLive(load, every, key = '') {
  const [state, setState] = useState({});
  const latest = useRef();
  latest.current = { load, every };
  const asked = useRef('');
  const rests = paused.value || !visible.value;

  useEffect(() => setState({}), [key]);
  useEffect(() => {
    const controller = new AbortController();
    let timer;
    const again = async () => {
      let data;
      try {
        data = await latest.current.load(controller.signal);
        if (controller.signal.aborted) return;
        now.value = Date.now();
        setState({ data });
      } catch (error) {
        if (controller.signal.aborted) return;
        setState((old) => ({ data: old.data, error }));
      }
      const { every: ms } = latest.current;
      if (!controller.signal.aborted && !rests) {
        timer = setTimeout(again, typeof ms === 'function' ? ms(data) : ms);
      }
    };
    // A pause by itself is no reason to ask once more.
    const wanted = JSON.stringify([key, nudges.value, token.value]);
    if (visible.value && !(rests && asked.current === wanted)) again();
    asked.current = wanted;
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [key, rests, nudges.value, token.value]);
  return state;
}
