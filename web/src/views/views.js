// The views, in the order of their tabs; `name` is their address.

import { Advice } from './advice.js';
import { Letters } from './letters.js';
import { Now } from './now.js';
import { Record } from './record.js';
import { Runs } from './runs.js';
import { Search } from './search.js';
import { Services } from './services.js';

export const VIEWS = [
  { name: 'now', component: Now },
  { name: 'runs', component: Runs },
  { name: 'services', component: Services },
  { name: 'letters', component: Letters },
  { name: 'search', component: Search },
  { name: 'advice', component: Advice },
  { name: 'record', component: Record, within: 'search' },
];

/** The view of that name, else the first. */
export const viewOf = (name) =>
  VIEWS.find((view) => view.name === name) ?? VIEWS[0];
