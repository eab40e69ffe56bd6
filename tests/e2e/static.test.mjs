// Static models: vectors computed in the process, from the files of a model.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderWith, modelOf, randomOf, safetensorsOf, tokenizerOf }
  from './rig/static_model.mjs';
import { countsOf, itemsOf, pagesOf, world } from './support/world.mjs';

/* ---- the same vectors as the publisher's own tokenizer gives ---- */

/** The letters of twenty scripts, some with marks, some without a case. */
const SCRIPTS = [
  'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', // Latin
  'àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÉÎÕÜŽŠČžščğışőűİŁłđħ', // with marks
  'αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώΑΒΓΔΣΩΆΈ', // Greek
  'абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґАБВЙЁ', // Cyrillic
  'אבגדהוזחטיכלמנסעפצקרשתםןףץך\u05B0\u05B4\u05B8\u05BC', // Hebrew
  'ابتثجحخدذرزسشصضطظعغفقكلمنهويآأؤإئ\u064B\u0651', // Arabic
  'अआइईउऊएऐओकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह\u093E\u093F\u094D', // Devanagari
  'অআইঈউএঐওঔকখগঘচছজঝটঠডঢণতথদধনপফবভমযরলশষসহ\u09BE\u09BF', // Bengali
  'กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวศษสหอฮ\u0E31\u0E34\u0E48', // Thai
  '的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年', // Han
  'あいうえおかきくけこがぎぐげごさしすせそ', // Hiragana
  'アイウエオカキクケコガギグゲゴサシスセソヴパ', // Katakana
  '가나다라마바사아자차카타파하각난닫랄맘밥산한글', // Hangul
  'ერთისამოცდაათიბგვზკლნპჟრტუფქღყშჩცძწჭხჯჰ', // Georgian
  'աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆԱԲԳ', // Armenian
  'ሀሁሂሃሄህሆለሉሊላሌልሎሐሑሒሓመሙሚማሜም', // Ethiopic
  'கஙசஞடணதநபமயரலவழளறன\u0BBE\u0BBF', // Tamil
  'ಕಖಗಘಙಚಛಜಝಞಟಠಡಢಣತಥದಧನಪಫಬಭಮ\u0CBE', // Kannada
  'កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភម', // Khmer
  'ཀཁགངཅཆཇཉཏཐདནཔཕབམཙཚཛཝཞཟའཡརལཤསཧཨ\u0F71\u0F72', // Tibetan
];

/** What stands between words, and what must not disturb. */
const BETWEEN = [' ', ' ', ' ', ' ', '  ', '\u00A0', '\u3000', '\t', '\n', ', ',
  '. ', '-', '—', '…', '«', '»', '। ', '、', '。', '؟', '/', '(', ')', '$', '+',
  '\u200B', '\u200D', '\u00AD', '\u0085', '\u2028', '\uFEFF', '\uE000', '🙂',
  '🇮🇱', '\u0301', '1', '٣', '½', 'Ⅷ', '²', 'ﬁ', '\u{20000}', '\u{2F800}', '\uF900',
  '\u037E', '\u1FEF', '\u0344', '\u01C5', 'x'.repeat(101)];

const pick = (random, list) => list[Math.floor(random() * list.length)];

function wordOf(random) {
  const letters = [...pick(random, SCRIPTS)];
  return Array.from({ length: 1 + Math.floor(random() * 7) },
    () => pick(random, letters)).join('');
}

function textOf(random) {
  let text = '';
  for (let n = 1 + Math.floor(random() * 30); n > 0; n--) {
    text += wordOf(random) + pick(random, BETWEEN);
  }
  return text;
}

/** Most letters, many pairs; some letters are missing on purpose. */
function tokensOf(random) {
  const tokens = new Set();
  for (const script of SCRIPTS) {
    const letters = [...script.normalize('NFD').toLowerCase()];
    for (const letter of letters) {
      if (random() < 0.9) tokens.add(letter);
      if (random() < 0.9) tokens.add(`##${letter}`);
    }
    for (let i = 0; i < 60; i++) {
      tokens.add(pick(random, letters) + pick(random, letters));
      tokens.add(`##${pick(random, letters)}${pick(random, letters)}`);
    }
  }
  for (const mark of ',.-—…«»।、。/()$+1x:') tokens.add(mark);
  for (const word of ['name', 'body', 'of', 'the', 'thing', 'text', 'id']) {
    tokens.add(word);
  }
  tokens.delete('[UNK]');
  return [...tokens];
}

const envOf = (folder, more = {}) => ({ EMBEDDING_PROVIDER: 'static',
  EMBEDDING_MODEL_PATH: folder, OPENAI_API_URL: undefined, ...more });

/** Every row has the vector of the reference, within a millionth. */
async function checkReference(w, vectorOf, n) {
  const rows = await w.db.vectors();
  assert.equal(rows.length, n);
  for (const { contentId, text, vector } of rows) {
    const expected = vectorOf(text);
    assert.equal(vector.length, expected.length);
    vector.forEach((x, i) => assert.ok(Math.abs(x - expected[i]) <= 1e-6,
      `${contentId}: ${x} instead of ${expected[i]} in ${i}: `
      + JSON.stringify(text)));
  }
}

for (const [what, n, options] of [
  ['10,000 texts in 20 scripts', 10_000, { dimensions: 40 }],
  ['weights, shared rows, half precision', 1_000,
    { dtype: 'F16', weights: true, shared: true, seed: 2, dimensions: 33 }],
  ['bytes, with case and accents', 1_000, { dtype: 'I8', seed: 3,
    tokenizer: { normalizer: { type: 'BertNormalizer', clean_text: true,
      handle_chinese_chars: false, strip_accents: false,
      lowercase: false } } }],
  ['lower case with its accents', 1_000, { dtype: 'F64', seed: 4,
    tokenizer: { normalizer: { type: 'BertNormalizer', clean_text: false,
      handle_chinese_chars: true, strip_accents: false,
      lowercase: true } } }],
]) {
  test(`vectors as the publisher's tokenizer has them: ${what}`, async (t) => {
    const random = randomOf(99);
    const { files, vectorOf } = modelOf(tokensOf(random), options);
    const items = itemsOf(n).map((item) => ({ ...item,
      name: textOf(random), body: textOf(random) }));
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: envOf(folderWith(t, files)) });
    const result = await w.good();
    assert.equal(result.services[0].embedded, n);
    assert.equal(w.embedder.requests.length, 0);
    await checkReference(w, vectorOf, n);
    assert.equal((await w.good()).services[0].unchanged, n);
  });
}

/* ---- what a model is to a store ---- */

const WORDS = ['name', 'body', 'text', 'of', 'the', 'thing', 'item', 'ends',
  'id', ...'0123456789:.,'];

test('another model of the same shape embeds anew', async (t) => {
  const items = itemsOf(20);
  const w = await world(t, { services: { alpha: pagesOf(items) } });
  const one = modelOf(WORDS);
  const two = modelOf(WORDS, { seed: 5 });
  const folder = folderWith(t, one.files);
  assert.equal((await w.good({ env: envOf(folder) })).services[0].embedded, 20);
  await checkReference(w, one.vectorOf, 20);
  // The same files elsewhere are the same model.
  const moved = folderWith(t, one.files);
  assert.equal((await w.good({ env: envOf(moved) })).services[0].unchanged, 20);
  writeFileSync(join(folder, 'model.safetensors'),
    two.files['model.safetensors']);
  assert.equal((await w.good({ env: envOf(folder) })).services[0].embedded, 20);
  await checkReference(w, two.vectorOf, 20);
});

test('a text in a language that the model does not know', async (t) => {
  const { files, vectorOf } = modelOf(['שלום', 'עולם', ':']);
  const w = await world(t, { services: { alpha: pagesOf([
    { id: 'a', name: 'שלום עולם' }, { id: 'b', name: 'good morning' }]) },
  schemas: [{ service_name: 'alpha', data_structure: { id: 'string',
    name: 'string' }, fields: { name: { label: '' } } }],
  env: envOf(folderWith(t, files)) });
  const { result } = await w.sync();
  const { stored, failed } = countsOf(result);
  const known = (await w.db.vectors()).map((row) => row.contentId);
  for (const { text, vector } of await w.db.vectors()) {
    assert.ok(vectorOf(text), text);
    assert.ok(vector.some((x) => x !== 0));
  }
  assert.deepEqual({ stored, failed }, { stored: known.length,
    failed: 2 - known.length });
});

test('a search finds by the same model', async (t) => {
  const { files } = modelOf([...WORDS, 'water', 'fire']);
  const w = await world(t, { services: { alpha: pagesOf([
    { id: 'a', name: 'water water' }, { id: 'b', name: 'fire fire' }]) },
  env: envOf(folderWith(t, files)) });
  await w.good();
  const found = await w.run(['search', '--json', 'fire']);
  assert.equal(found.code, 0, found.stderr);
  assert.match(found.stdout, /"b"/);
  assert.ok(found.stdout.indexOf('"b"') < found.stdout.indexOf('"a"'));
});

/* ---- files that are not what they should be ---- */

const bare = (changes) => JSON.stringify(tokenizerOf(WORDS, changes));
const table = (shape, dtype = 'F32') => safetensorsOf({ embeddings: { dtype,
  shape, values: new Array(shape.reduce((a, b) => a * b)).fill(1) } });

for (const [what, changes, message] of [
  ['another model', { 'tokenizer.json': bare({ model: { type: 'Unigram' } }) },
    /tokenizer\.json: its model is "Unigram"; handled is WordPiece/],
  ['another normaliser', { 'tokenizer.json': bare({
    normalizer: { type: 'Precompiled' } }) },
  /tokenizer\.json: its normalizer is "Precompiled"; .* BertNormalizer/],
  ['another pre-tokenizer', { 'tokenizer.json': bare({
    pre_tokenizer: { type: 'Metaspace' } }) },
  /its pre_tokenizer is "Metaspace"; handled is BertPreTokenizer/],
  ['tokens of its own', { 'tokenizer.json': bare({ added_tokens: [
    { id: 1, content: 'foo', special: false }] }) },
  /its added token is "foo"; handled is none but special ones/],
  ['no JSON', { 'tokenizer.json': '{"model":' }, /tokenizer\.json: /],
  ['no vocabulary', { 'tokenizer.json': bare({ model: { type: 'WordPiece',
    vocab: {} } }) }, /its vocabulary has 0 tokens/],
  ['no table', { 'model.safetensors': safetensorsOf({ weight: { dtype: 'F32',
    shape: [1, 1], values: [1] } }) },
  /model\.safetensors: no tensor "embeddings"; there are: weight/],
  ['another type', { 'model.safetensors': Buffer.from(
    table([WORDS.length + 1, 4]).toString('latin1').replace('F32', 'U32'),
    'latin1') }, /"embeddings" has elements of type U32; F64, F32/],
  ['too few rows', { 'model.safetensors': table([WORDS.length, 4]) },
    /"embeddings" has \d+ rows where the tokenizer has \d+ tokens/],
  ['half a file', { 'model.safetensors':
    table([WORDS.length + 1, 4]).subarray(0, 200) },
  /the data of tensor "embeddings" is not where its header says/],
  ['an empty file', { 'model.safetensors': '' },
    /model\.safetensors: not a safetensors file: 0 bytes/],
]) {
  test(`a model that cannot be used: ${what}`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
    const folder = folderWith(t, { ...modelOf(WORDS).files, ...changes });
    const { code, stderr } = await w.run(['sync'], envOf(folder));
    assert.equal(code, 78, stderr);
    assert.match(stderr, message);
    assert.ok(stderr.includes(folder), stderr);
  });
}

test('settings that do not go with a model', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  const folder = folderWith(t, modelOf(WORDS).files);
  for (const [env, message] of [
    [envOf(undefined), /EMBEDDING_MODEL_PATH is not set/],
    [envOf('/nowhere'), /the model in \/nowhere: config\.json: No such file/],
    [envOf(folder, { EMBEDDING_DIMENSIONS: '1536' }),
      /EMBEDDING_DIMENSIONS is 1536, but the model in .* has 32/],
  ]) {
    const { code, stderr } = await w.run(['sync'], env);
    assert.equal(code, 78, stderr);
    assert.match(stderr, message);
  }
});
