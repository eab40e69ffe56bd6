// Keys and certificates for one test run.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A P-256 key pair as PEM: the private half in both of its encodings. */
export function signingKeys() {
  const { privateKey, publicKey } =
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const pem = (key, type) => key.export({ type, format: 'pem' });
  return {
    pkcs8: pem(privateKey, 'pkcs8'),
    sec1: pem(privateKey, 'sec1'),
    publicKey: pem(publicKey, 'spki'),
  };
}

/** A self-signed certificate for localhost, as { key, certificate } in PEM. */
export function selfSigned() {
  const folder = mkdtempSync(join(tmpdir(), 'batchsync-cert-'));
  const key = join(folder, 'key.pem');
  const certificate = join(folder, 'cert.pem');
  try {
    execFileSync('openssl', [
      'req', '-x509', '-nodes', '-days', '2',
      '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
      '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', key, '-out', certificate,
    ], { stdio: 'pipe' });
    return {
      key: readFileSync(key, 'utf8'),
      certificate: readFileSync(certificate, 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
