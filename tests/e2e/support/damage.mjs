// What another program, or a person with psql, may do to a store: each kind of
// damage once, with what verify has to say of a row and what mending it costs.

import { TENANT } from './world.mjs';

/** Items that nothing happens to; their vectors are put elsewhere. */
export const SOUND = ['item-00001', 'item-00002'];

const OTHER = `(SELECT o.embedding FROM vector_embeddings o
  WHERE o.tenant_id = '${TENANT}' AND o.content_id = '${SOUND[0]}')`;
const DIMENSIONS = 64;
const all = (value) => `array_fill(${value}::real, ARRAY[${DIMENSIONS}])::vector`;

/** No input function lets a NaN in; a disk, or an old program, does. */
const NAN = `decode('40000000' || repeat('0000c07f', ${DIMENSIONS}), 'hex')::vector`;
export const NAN_SQL = 'CREATE CAST (bytea AS vector) WITHOUT FUNCTION';

const mine = (piece) => `tenant_id = '${TENANT}' AND content_id = ANY ($1)`
  + (piece === undefined ? '' : ` AND chunk_index = ${piece}`);
const set = (change, piece) =>
  `UPDATE vector_embeddings SET ${change} WHERE ${mine(piece)}`;
const without = (piece) => `DELETE FROM vector_embeddings WHERE ${mine(piece)}`;
const NODES = "(SELECT 'content:' || id FROM unnest($1::text[]) u (id))";
const withoutNode =
  `DELETE FROM knowledge_graph_nodes WHERE node_id IN ${NODES}`;
const withoutEdges = `DELETE FROM knowledge_graph_edges
  WHERE source_node_id IN ${NODES} OR target_node_id IN ${NODES}`;

/** A further row, made of another one. */
const copy = (piece, hash, older, of = 0) => `INSERT INTO vector_embeddings (id,
    tenant_id, microservice_id, content_id, content_type, embedding,
    content_text, chunk_index, metadata, embed_hash, row_hash, vector_hash,
    written_at, created_at, updated_at)
  SELECT gen_random_uuid()::text, tenant_id, microservice_id, content_id,
    content_type, embedding, content_text, ${piece}, metadata, ${hash},
    row_hash, vector_hash, written_at, created_at,
    updated_at - interval '${older} s' FROM vector_embeddings
  WHERE ${mine(of)}`;

const unique = (yes) => `UPDATE pg_index SET indisunique = ${yes}
  WHERE indexrelid = 'vector_embeddings_item_key'::regclass`;

const TEXT = "content_text = content_text || ' edited'";
const VECTOR = `embedding = ${OTHER}`;
const ANOTHER_HASH = "decode(repeat('ab', 32), 'hex')";

/**
 * of      the service whose items it happens to: beta's have three pieces
 * sql     statements, with the items' ids as $1
 * found   [kind, piece] for each item; pieces as verify tells them
 * repair  texts that --repair pays for an item
 * source  and those that --source --repair pays then
 * run     a run mends it by itself, or cannot store the item
 * unsized, keyless   only where the column takes vectors of any size, where no
 *         foreign keys are
 */
export const DAMAGE = {
  text: { of: 'alpha', sql: [set(TEXT)], found: [['text_changed', 0]],
    source: 1 },
  vector: { of: 'alpha', sql: [set(VECTOR)], found: [['vector_changed', 0]],
    repair: 1 },
  vectorALittle: { of: 'alpha', sql: [set(`embedding = embedding + ${all(0.001)}`)],
    found: [['vector_changed', 0]], repair: 1 },
  vectorAndClock: { of: 'alpha', run: true, found: [['vector_changed', 0]], repair: 1,
    sql: [set(`${VECTOR}, updated_at = updated_at + interval '1 s'`)] },
  vectorLost: { of: 'alpha', sql: [set('embedding = NULL')],
    found: [['vector_missing', 0]], repair: 1 },
  vectorZero: { of: 'alpha', sql: [set(`embedding = ${all(0)}`)],
    found: [['vector_zero', 0]], repair: 1 },
  vectorNaN: { of: 'alpha', sql: [set(`embedding = ${NAN}`)],
    found: [['vector_zero', 0]], repair: 1 },
  vectorSize: { of: 'alpha', sql: [set("embedding = '[1,2,3]'")],
    found: [['vector_size', 0]], repair: 1, unsized: true },
  textAndVector: { of: 'alpha', sql: [set(`${TEXT}, ${VECTOR}`)],
    found: [['text_changed', 0], ['vector_changed', 0]], source: 1 },
  row: { of: 'alpha', run: true, sql: [without()], found: [], source: 1 },
  rowAndNode: { of: 'alpha', run: true, sql: [without(), withoutEdges, withoutNode],
    found: [], source: 1 },
  node: { of: 'alpha', sql: [withoutEdges, withoutNode], found: [] },
  nodeAlone: { of: 'alpha', sql: [withoutNode], found: [], keyless: true },
  metadata: { of: 'alpha', found: [],
    sql: [set(`metadata = metadata || '{"theirs": 1}'`)] },
  before: { of: 'alpha', found: [],
    sql: [set('vector_hash = NULL, written_at = NULL')] },
  surplus: { of: 'alpha', run: true, sql: [copy(1, ANOTHER_HASH, 0)],
    found: [['piece_surplus', 1]] },
  surplusOfOthers: { of: 'alpha', run: true, sql: [copy(4, 'NULL', 0)],
    found: [['piece_surplus', 4]] },
  surplusAlike: { of: 'alpha', run: true, sql: [copy(1, 'embed_hash', 0)],
    found: [['piece_surplus', 1]] },
  pieceVector: { of: 'beta', sql: [set(VECTOR, 1)],
    found: [['vector_changed', 1]], repair: 1 },
  pieceText: { of: 'beta', sql: [set(TEXT, 2)], found: [['text_changed', 2]],
    source: 1 },
  pieceTextAndVector: { of: 'beta', sql: [set(TEXT, 0), set(VECTOR, 2)],
    found: [['text_changed', 0], ['vector_changed', 2]], source: 2 },
  pieceFirst: { of: 'beta', run: true, sql: [without(0)], found: [['piece_missing']],
    source: 3 },
  pieceMiddle: { of: 'beta', run: true, sql: [without(1)], found: [['piece_missing']],
    source: 3 },
  pieceLast: { of: 'beta', run: true, sql: [without(2)], found: [['piece_missing']],
    source: 3 },
  pieceLostAndVector: { of: 'beta', run: true, sql: [without(2), set(VECTOR, 0)],
    found: [['piece_missing'], ['vector_changed', 0]], source: 3 },
  duplicate: { of: 'beta', run: true, found: [['duplicate', 1]],
    sql: [unique(false), copy(1, 'embed_hash', 1, 1), unique(true)] },
  twin: { of: 'beta', run: true, found: [['duplicate', 1]],
    sql: [unique(false), copy(1, 'embed_hash', 0, 1), unique(true)] },
  pieceSurplus: { of: 'beta', run: true, sql: [copy(3, 'embed_hash', 0)],
    found: [['piece_surplus', 3]] },
  pieceSurplusFar: { of: 'beta', run: true, sql: [copy(9, 'embed_hash', 0)],
    found: [['piece_surplus', 9]] },
};

const sample = (from) => `id IN (SELECT id FROM knowledge_graph_edges
  WHERE tenant_id = '${TENANT}' AND ${from} ORDER BY md5(id || $1) LIMIT $2)`;
const COMPUTED = "edge_type IN ('related', 'strongly_related')";
const NEW_EDGE = `INSERT INTO knowledge_graph_edges (id, tenant_id,
  source_node_id, target_node_id, edge_type, weight, properties, updated_at)`;
const NEW_NODES = `INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,
    node_type, properties, updated_at)
  SELECT gen_random_uuid()::text, '${TENANT}', 'content:orphan-' || i, 'alpha',
    '{"batch_processed": true}', now() FROM generate_series(1, $1::int) i`;

/** To the graph: each takes a salt and how many. What verify has to say of it
 * follows from the tables (inspect.mjs). */
export const GRAPH_DAMAGE = {
  cut: (salt, n) => [[`DELETE FROM knowledge_graph_edges WHERE ${
    sample(COMPUTED)}`, [salt, 5 * n]]],
  weight: (salt, n) => [[`UPDATE knowledge_graph_edges SET weight =
    CASE WHEN weight > 0.85 THEN 0.75 ELSE 0.99 END WHERE ${
    sample(COMPUTED)}`, [salt, n]]],
  type: (salt, n) => [[`UPDATE knowledge_graph_edges SET edge_type =
    CASE edge_type WHEN 'related' THEN 'strongly_related' ELSE 'related' END
    WHERE ${sample(COMPUTED)}`, [salt, n]]],
  declared: (salt, n) => [[`DELETE FROM knowledge_graph_edges WHERE ${
    sample("edge_type = 'leads_to'")}`, [salt, n]]],
  orphans: (salt, n) => [[NEW_NODES, [n]], [`${NEW_EDGE}
    SELECT gen_random_uuid()::text, '${TENANT}', 'content:orphan-' || i,
      CASE i WHEN 1 THEN 'content:${SOUND[0]}' ELSE 'content:orphan-1' END,
      'related', 0.9, '{}', now() FROM generate_series(1, $1::int) i`, [n]]],
  loose: (salt, n) => [[`${NEW_EDGE} SELECT gen_random_uuid()::text,
    '${TENANT}', 'content:nowhere-' || i, 'content:${SOUND[0]}', 'related', 0.9,
    '{}', now() FROM generate_series(1, $1::int) i`, [n]]],
};

/** Rows of services that no schema knows, and of none. */
export const STRANGERS = [`INSERT INTO microservices (id, tenant_id, name,
    service_id, display_name, updated_at) VALUES ('ghost-id', '${TENANT}',
    'ghost', 'ghost-${TENANT}', 'Ghost', now())`,
  ...['\'ghost-id\'', 'NULL'].map((service) => `INSERT INTO vector_embeddings
    (id, tenant_id, microservice_id, content_id, content_type, content_text,
      chunk_index, metadata, updated_at) SELECT gen_random_uuid()::text,
    '${TENANT}', ${service}, 'stranger', 'microservice_data', 'strange', 0,
    '{}', now()`)];
