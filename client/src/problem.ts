// What the gateway refused or failed at, read from an answer.

import { WxgateError, type Action } from './error.js';
import { lookup, text } from './platform.js';
import type { Adapter, Headers } from './types.js';

/** On every answer that the gateway gave without asking the service, and on no other: it is taken off theirs. */
export const REFUSAL = 'X-Wxgate-Refusal';

/** An answer of any call: `uploadFile` gives text, `downloadFile` a file, and not every platform the headers. */
export interface Raw {
  statusCode: number;
  data?: unknown;
  tempFilePath?: string;
  filePath?: string;
  header?: Headers;
}

/** The gateway's error, if that is what this answer is; a service's own 404 is none. */
export function problem(on: Adapter, { statusCode: status, header, data, tempFilePath, filePath }: Raw): WxgateError | undefined {
  if (status < 400) return undefined;
  const body = data === undefined ? text(on, tempFilePath || filePath) : data;
  const { code, action, detail, request_id: requestId } = parsed(body);
  const retryAfter = Number(lookup(header, 'Retry-After')) || undefined;
  if (typeof code === 'string' && isAction(action)) {
    return new WxgateError(code, { action, status, requestId, retryAfter, detail });
  }
  // The file cannot be read here, or there is no body because it was a HEAD.
  const refusal = lookup(header, REFUSAL);
  return refusal ? new WxgateError(refusal, { action: usual(refusal, status), status, retryAfter }) : undefined;
}

/** The fields of a body, whichever way it was asked for. */
function parsed(data: unknown): Record<string, any> {
  try {
    // Our own words are ASCII, which is all that matters here.
    const text = data instanceof ArrayBuffer ? String.fromCharCode(...new Uint8Array(data)) : data;
    return (typeof text === 'string' ? JSON.parse(text) : text) || {};
  } catch {
    return {};
  }
}

const ACTIONS: readonly Action[] = ['login', 'login_then_tap', 'tap_again', 'phone', 'wait', 'retry', 'fix', 'stop'];

function isAction(word: unknown): word is Action {
  return ACTIONS.includes(word as Action);
}

/** What the contract says to do at a refusal of a forwarded path, of which only code and status are known. */
function usual(code: string, status: number): Action {
  if (code === 'phone_required') return 'phone';
  if (status >= 500 || status === 408) return 'retry';
  if (status === 401) return 'login';
  if (status === 429) return 'wait';
  return [403, 404, 421, 422].includes(status) ? 'stop' : 'fix';
}
