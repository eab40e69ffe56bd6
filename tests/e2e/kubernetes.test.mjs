// The manifests of deploy/kubernetes against the schemas of the Kubernetes API.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import yaml from 'yaml';

const require = createRequire(import.meta.url);
const FOLDER = new URL('../../deploy/kubernetes/', import.meta.url);
// Of kustomize, which ships none.
const WITHOUT_SCHEMA = ['Kustomization'];
// Of the Prometheus Operator, in a package of its own.
const PACKAGES = { 'monitoring.coreos.com/v1':
  '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1' };

const documentsOf = (file) =>
  yaml.parseAllDocuments(readFileSync(new URL(file, FOLDER), 'utf8'),
    { uniqueKeys: true }).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return document.toJS();
  });

const manifests = readdirSync(FOLDER).flatMap(documentsOf);
const of = (kind) => manifests.find((m) => m.kind === kind);
const podOf = (kind) => kind === 'CronJob'
  ? of(kind).spec.jobTemplate.spec.template : of(kind).spec.template;

const check = (manifest) => {
  const { apiVersion, kind } = manifest;
  const { [kind]: Model } = require(
    `${PACKAGES[apiVersion] ?? `kubernetes-models/${apiVersion}`}/${kind}`);
  assert.ok(Model, `${apiVersion} ${kind}`);
  new Model(manifest).validate();
};

test('every manifest is what the API accepts', () => {
  const known = manifests.filter((m) => !WITHOUT_SCHEMA.includes(m.kind));
  assert.deepEqual(known.map((m) => m.kind).sort(), ['ConfigMap', 'CronJob',
    'Deployment', 'NetworkPolicy', 'PodMonitor', 'Service']);
  for (const manifest of known) check(manifest);
  const wrong = structuredClone(of('Deployment'));
  wrong.spec.template.spec.containers[0].livenessProbe.httpGet.port = {};
  assert.throws(() => check(wrong), 'the schema checks nothing');
  const monitor = structuredClone(of('PodMonitor'));
  monitor.spec.podMetricsEndpoints[0].interval = 'often';
  assert.throws(() => check(monitor), 'the schema checks nothing');
});

for (const kind of ['Deployment', 'CronJob']) {
  test(`the ${kind}'s container may do nothing that it does not need`, () => {
    const { spec } = podOf(kind);
    const [{ securityContext, resources }] = spec.containers;
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.equal(spec.automountServiceAccountToken, false);
    assert.equal(securityContext.readOnlyRootFilesystem, true);
    assert.equal(securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(securityContext.capabilities.drop, ['ALL']);
    assert.ok(resources.limits.memory);
    assert.ok(spec.terminationGracePeriodSeconds > 8);
  });
}

test('what selects the pods by label finds them', () => {
  const { labels } = podOf('Deployment').metadata;
  const selectors = [of('Deployment').spec.selector.matchLabels,
    of('Service').spec.selector, of('PodMonitor').spec.selector.matchLabels,
    of('NetworkPolicy').spec.podSelector.matchLabels];
  for (const selector of selectors) assert.deepEqual(selector, labels);
  assert.deepEqual(podOf('CronJob').metadata.labels, labels);
  const [{ ports, livenessProbe, readinessProbe }] =
    podOf('Deployment').spec.containers;
  assert.equal(livenessProbe.httpGet.path, '/livez');
  assert.equal(readinessProbe.httpGet.path, '/readyz');
  assert.equal(of('PodMonitor').spec.podMetricsEndpoints[0].port,
    ports[0].name);
});

test('the CronJob syncs once, the Deployment is probed all along', () => {
  const [job] = podOf('CronJob').spec.containers;
  assert.deepEqual(job.args, ['sync']);
  assert.equal(of('CronJob').spec.concurrencyPolicy, 'Forbid');
  const [{ args, startupProbe, livenessProbe, readinessProbe }] =
    podOf('Deployment').spec.containers;
  assert.deepEqual(args, ['serve']);
  assert.deepEqual([startupProbe, livenessProbe, readinessProbe]
    .map(({ httpGet }) => httpGet.path), ['/livez', '/livez', '/readyz']);
});

test('what kustomize applies exists', () => {
  const files = readdirSync(FOLDER);
  for (const file of of('Kustomization').resources) {
    assert.ok(files.includes(file), file);
  }
});
