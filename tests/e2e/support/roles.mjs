// Two roles of PostgreSQL: one that owns the tables, and one that runs with
// the rights of schema/grants.sql.

import { readFileSync } from 'node:fs';
import * as databases from '../rig/database.mjs';

const TEMPLATE = new URL('../../../schema/grants.sql', import.meta.url);

/** The template's statements for a role: its grants, or all but those. */
function template(role, keep) {
  return readFileSync(TEMPLATE, 'utf8').replaceAll(/^-- ?/gm, '')
    .replaceAll('batchsync_app', role).split(/\n(?=[A-Z]+ )|\n\n/)
    .filter((s) => /^(GRANT|ALTER|CREATE POLICY)\b[^]*;\s*$/.test(s))
    .filter((s) => s.startsWith('GRANT') === keep).join('\n');
}

export const grants = (role) => template(role, true);
export const policies = (role) => template(role, false);

export async function roles(t, w) {
  const [owner, app] = ['owner', 'app'].map((r) => `${w.db.name}_${r}`);
  await w.db.script(`CREATE ROLE ${owner} LOGIN; CREATE ROLE ${app} LOGIN;
    GRANT USAGE, CREATE ON SCHEMA public TO ${owner};`);
  const other = await databases.start(); // w.db is gone by then
  t.after(async () => {
    await other.script(`DROP ROLE ${owner}, ${app}`);
    await other.close();
  });
  const urlOf = (role) => {
    const url = new URL(w.db.url);
    url.username = role;
    return { DATABASE_URL: url.href };
  };
  return { owner, app, asOwner: urlOf(owner), asApp: urlOf(app) };
}
