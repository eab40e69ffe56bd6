// Markup in template strings; no build step of its own, and no eval.

import { h } from 'preact';
import htm from 'htm';

export const html = htm.bind(h);
