// The program as of an earlier commit, built once (tests/previous.sh).

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../previous.sh', import.meta.url));
const NO_HISTORY = 3;

const { status, stdout, stderr } = spawnSync(SCRIPT, { encoding: 'utf8' });
if (status !== 0 && status !== NO_HISTORY) {
  throw new Error(`the previous version was not built: ${stderr}`);
}

/** For `skip`: false, or why there is no such program. */
export const missing = status === NO_HISTORY && stdout.trim();

/** Its path. */
export const previous = stdout.trim();
