// The views, in the order of their tabs.

import { Now } from './now.js';

export const VIEWS = [
  { name: 'now', component: Now },
];
