// Asking the service. Addresses are relative to the page's own, so that it works
// below any path that a proxy gives it.

import { readOnly, refused, token } from './session.js';

export const ADMIN = 'admin/batch-sync';

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Numbers that a double cannot hold stay exact, as BigInt. */
function exact(key, value, context) {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return /^-?\d+$/.test(context?.source ?? '') ? BigInt(context.source) : value;
}

function noteRefusal(status) {
  if (status === 401) refused.value = 'token';
  else if (status === 403 && token.value) readOnly.value = true;
  else if (status === 403) refused.value = 'address';
}

function headersOf(given, body) {
  return {
    ...token.value && { Authorization: `Bearer ${token.value}` },
    ...body !== undefined && { 'Content-Type': 'application/json' },
    ...given,
  };
}

/**
 * The JSON of an answer. Fails with an ApiError that carries the service's own
 * words; status 0: there was no answer. `also` are further statuses to accept.
 */
export async function ask(path, { method = 'GET', body, headers, signal,
  also = [] } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, signal, cache: 'no-store',
      headers: headersOf(headers, body),
      body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, '');
  }
  const text = await answer.text();
  if (answer.ok || also.includes(answer.status)) {
    return JSON.parse(text, exact);
  }
  noteRefusal(answer.status);
  throw new ApiError(answer.status, messageOf(text) ?? answer.statusText);
}

function messageOf(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return undefined;
  }
}

export const post = (path, body, options) =>
  ask(path, { method: 'POST', body, ...options });
