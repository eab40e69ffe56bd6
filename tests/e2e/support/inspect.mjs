// The graph of a store against its rows, told a second time: read whole, judged
// in plain loops. What verify says of it has to be the same.

import { createHash } from 'node:crypto';
import { TENANT } from './world.mjs';

const MOST = 10;
const DIMENSIONS = 64;
const US = (column) => `(extract(epoch FROM ${column}) * 1000000)::float8`;

const ROWS = `SELECT m.name AS service, v.content_id AS id, v.chunk_index AS
    piece, v.content_text AS text, v.embedding::text AS vector,
    v.embed_hash IS NOT NULL AS ours, encode(v.vector_hash, 'hex') AS digest,
    ${US('coalesce(v.written_at, v.updated_at)')} AS written
  FROM vector_embeddings v LEFT JOIN microservices m ON m.id = v.microservice_id
    AND m.tenant_id = v.tenant_id
  WHERE v.tenant_id = $1 AND v.content_type = 'microservice_data'
  ORDER BY v.updated_at DESC, v.id`;
const NODES = `SELECT node_id AS id, node_type AS type, ${US('created_at')} AS
    created, properties @> '{"batch_processed": true}' AS ours,
    coalesce((properties->>'lost_neighbours')::int, 0) AS room
  FROM knowledge_graph_nodes WHERE tenant_id = $1`;
const EDGES = `SELECT id, source_node_id AS source, target_node_id AS target,
    edge_type AS type, weight::float8 AS weight, properties->>'method' AS method,
    ${US("(properties->>'linked_at')::timestamptz")} AS linked
  FROM knowledge_graph_edges WHERE tenant_id = $1`;
const LINKS = `SELECT m.name AS service, l.content_id AS id, target_service AS
    "toService", target_id AS "toId", link_type AS type
  FROM batch_sync_links l JOIN microservices m ON m.id = l.microservice_id
  WHERE l.tenant_id = $1 AND wanted AND linked AND NOT pending`;

/** As vector_send() writes it. */
function bytesOf(vector) {
  const bytes = Buffer.alloc(4 + 4 * vector.length);
  bytes.writeInt16BE(vector.length);
  vector.forEach((x, i) => bytes.writeFloatBE(x, 4 + 4 * i));
  return bytes;
}

const half = (data) =>
  createHash('sha256').update(data).digest('hex').slice(0, 16);

/** Is the vector what was written, and does it say anything? */
function judge(row) {
  const vector = row.vector?.slice(1, -1).split(',').map(Number);
  const norm = vector && Math.hypot(...vector);
  const intact = vector !== undefined
    && (row.digest === null || half(bytesOf(vector)) === row.digest.slice(16));
  const says = vector?.length === DIMENSIONS && norm >= 1e-6 && norm <= 1e6;
  return Object.assign(row, { vector, norm, intact, says,
    good: says && (intact || !row.ours) });
}

const similarity = (a, b) => a.vector.reduce(
  (sum, x, i) => sum + x * b.vector[i], 0) / a.norm / b.norm;

class Store {
  constructor(rows, nodes, edges, links) {
    this.rows = rows.map(judge);
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
    this.edges = edges;
    this.links = links;
    this.firsts = this.#firsts();
    this.byNode = new Map(this.firsts.filter((row) => row.node)
      .map((row) => [row.node.id, row]));
  }

  /** Of each item its first piece, the newest row of it. */
  #firsts() {
    const firsts = new Map();
    for (const row of this.rows) {
      const key = `${row.service} ${row.id}`;
      if (row.piece === 0 && row.service !== null && !firsts.has(key)) {
        firsts.set(key, Object.assign(row, { node: this.nodeOf(row) }));
      }
    }
    return [...firsts.values()];
  }

  ids({ service, id }) {
    return [`content:${id}`, `content:${TENANT}:${service}:${id}`];
  }

  nodeOf(row) {
    return this.ids(row).map((id) => this.nodes.get(id))
      .find((node) => node?.type === row.service);
  }

  computed(node) {
    return this.edges.filter(({ source, type }) => source === node.id
      && (type === 'related' || type === 'strongly_related'));
  }

  /** Nodes of these services' items that are not stored. */
  empty(services) {
    const stored = new Set(this.rows.flatMap((row) =>
      this.ids(row).map((id) => `${row.service} ${id}`)));
    return [...this.nodes.values()].filter(({ id, type, ours }) => ours
      && services.includes(type) && !stored.has(`${type} ${id}`));
  }

  /** Edges of ours that have lost an end, but for a node that linking makes. */
  dangling(services) {
    const empty = new Set(this.empty(services).map(({ id }) => id));
    const stored = new Set(this.rows.map(({ id }) => `content:${id}`));
    const lacks = (id) =>
      empty.has(id) || (!this.nodes.has(id) && !stored.has(id));
    return this.edges.filter((edge) => (/related$/.test(edge.type)
      || edge.method === 'declared') && (lacks(edge.source)
      || lacks(edge.target)));
  }

  outdated(row) {
    return this.computed(row.node).filter(({ target, type, weight }) => {
      const other = this.byNode.get(target);
      if (!other?.intact || !other.says) return false;
      const is = similarity(row, other);
      return Math.abs(weight - is) > 0.006 || is < 0.6999
        || (type === 'related') !== (is < 0.85);
    });
  }

  /** What linking it now would add of what was stored when it was linked. */
  missing(row) {
    const out = this.computed(row.node);
    const most = MOST - row.node.room - out.length;
    if (most <= 0) return [];
    const linked = Math.max(row.node.created, row.written,
      ...out.map((edge) => edge.linked));
    const has = new Set(out.map(({ target }) => target));
    return this.firsts.filter((other) => other !== row && other.says
      && other.intact && other.written <= linked).map((other) => ({ other, is: similarity(row, other) }))
      .sort((a, b) => b.is - a.is).slice(0, MOST)
      .filter(({ other, is }) => is > 0.7001
        && !has.has(other.node?.id ?? this.ids(other)[0]))
      .slice(0, most);
  }

  /** Declared links of stored items that had their edge once. */
  lost() {
    const stored = new Set(this.rows.map((row) => `${row.service} ${row.id}`));
    return this.links.filter(({ service, id, toService, toId, type }) =>
      stored.has(`${service} ${id}`) && !this.edges.some((edge) =>
        edge.source === this.nodeOf({ service, id })?.id && edge.type === type
        && edge.target === this.nodeOf({ service: toService, id: toId })?.id
        && edge.method === 'declared'));
  }
}

/** { kind: number } of the graph, of what is wrong in these services. */
export async function inspect(db, services) {
  const [rows, nodes, edges, links] = await Promise.all(
    [ROWS, NODES, EDGES, LINKS].map((sql) => db.rows(sql, [TENANT])));
  const store = new Store(rows, nodes, edges, links);
  const items = store.firsts.filter(({ service }) =>
    services.includes(service));
  const linked = items.filter(({ node, good }) => node && good);
  const sum = (list, each) => list.reduce((n, x) => n + each(x).length, 0);
  const found = {
    row_without_node: items.filter(({ node }) => !node).length,
    node_without_row: store.empty(services).length,
    edge_missing: sum(linked, (row) => store.missing(row)),
    edge_outdated: sum(linked, (row) => store.outdated(row)),
    edge_dangling: store.dangling(services).length,
    link_without_edge: store.lost().length,
  };
  return Object.fromEntries(Object.entries(found).filter(([, n]) => n > 0));
}
