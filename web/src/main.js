// The page at /: an operator's view of one batchsync service. It asks nothing
// of any other machine.

import { render } from 'preact';
import '../style/page.css';
import { Shell } from './shell.js';
import { html } from './html.js';
import { listen } from './stream.js';

listen();
render(html`<${Shell} />`, document.getElementById('page'));
